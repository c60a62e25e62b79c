"""Rank and regression tests for small-study effects."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.bias import begg, egger

GENERIC = [
    "generic_bcg_rr",
    "generic_hcc_second_line_os",
    "generic_hcc_second_line_ttp",
    "generic_hine1989_rd",
]
Y, V = [0.1, 0.3, 0.8, 0.5, 0.2], [0.02, 0.03, 0.05, 0.06, 0.01]


@pytest.mark.parametrize("name", GENERIC)
def test_begg_matches_metafor_and_meta(reference, name):
    case = reference(name)
    small = case["output"]["small_study"]
    test = begg(case["input"]["yi"], case["input"]["vi"])
    assert test.tau == pytest.approx(small["begg_ranktest_metafor"]["tau"], rel=1e-10)
    if test.p_value_exact is not None:
        assert test.p_value_exact == pytest.approx(small["begg_ranktest_metafor"]["p"], rel=1e-10)
    assert test.score == small["meta_Begg"]["bias"]
    assert test.se == pytest.approx(small["meta_Begg"]["se_bias"], rel=1e-10)
    assert test.statistic == pytest.approx(small["meta_Begg"]["stat"], rel=1e-10)
    assert test.p_value == pytest.approx(small["meta_Begg"]["p"], rel=1e-10)
    assert abs(test.statistic_corrected) == pytest.approx(abs(small["meta_Begg_continuity"]["stat"]), rel=1e-10)
    assert test.p_value_corrected == pytest.approx(small["meta_Begg_continuity"]["p"], rel=1e-10)


@pytest.mark.parametrize("name", GENERIC)
@pytest.mark.parametrize(
    ("key", "model", "tau2"),
    [
        ("egger_lm_sei", "multiplicative", "REML"),
        ("egger_rma_EE_sei", "common", "REML"),
        ("egger_rma_DL_sei", "random", "DL"),
        ("egger_rma_REML_sei", "random", "REML"),
    ],
)
def test_egger_matches_metafor(reference, name, key, model, tau2):
    """regtest() keeps its default stop (1e-5 in tau2) under REML; the tight values are in the hard cases."""
    rel = 1e-4 if tau2 == "REML" and model == "random" else 1e-8
    case = reference(name)
    expected = case["output"]["small_study"][key]
    test = egger(case["input"]["yi"], case["input"]["vi"], model=model, tau2=tau2)
    assert test.statistic == pytest.approx(expected["stat"], rel=rel)
    assert test.p_value == pytest.approx(expected["p"], rel=rel)
    assert test.bias == pytest.approx(expected["slope"], rel=rel)
    limit = [test.limit_estimate, test.limit_lower, test.limit_upper]
    wanted = [expected["limit_estimate"], expected["limit_ci_lb"], expected["limit_ci_ub"]]
    assert limit == pytest.approx(wanted, rel=rel)
    assert test.df == (expected["df"] if expected["df"] is not None else np.inf)


def test_hard_cases_match_metafor(metafor_cases):
    for name, case in metafor_cases.items():
        y, v, expected = case["input"]["yi"], case["input"]["vi"], case["bias"]
        if not expected:
            continue
        rank = begg(y, v)
        p = rank.p_value if rank.p_value_exact is None else rank.p_value_exact
        assert [rank.tau, p] == pytest.approx(list(expected["rank"].values()), rel=1e-8), name
        classical = egger(y, v)
        assert classical.statistic == pytest.approx(expected["classical"]["statistic"], rel=1e-8), name
        assert classical.p_value == pytest.approx(expected["classical"]["p_value"], rel=1e-8), name
        for method in ("DL", "REML"):
            mixed, wanted = egger(y, v, model="random", tau2=method), expected[method]
            assert mixed.tau2 == pytest.approx(wanted["tau2"], rel=1e-8, abs=1e-12 * np.median(v)), name
            assert mixed.bias == pytest.approx(wanted["bias"], rel=1e-8), name
            assert mixed.statistic == pytest.approx(wanted["statistic"], rel=1e-8), name
            assert mixed.p_value == pytest.approx(wanted["p_value"], rel=1e-8), name


def test_exact_p_counts_permutations():
    test = begg(Y, V)
    ranks = list(itertools.permutations(range(5)))
    pairs = list(itertools.combinations(range(5), 2))
    scores = [sum(np.sign(p[j] - p[i]) for i, j in pairs) for p in ranks]
    expected = np.mean([s >= abs(test.score) for s in scores])
    assert test.p_value_exact_one_sided == pytest.approx(expected, rel=1e-12)
    assert test.p_value_exact == pytest.approx(min(1, 2 * expected), rel=1e-12)


def test_one_sided_p_values_are_half_of_two_sided_ones():
    rank, slope = begg(Y, V), egger(Y, V)
    assert rank.p_value_one_sided == rank.p_value / 2
    assert rank.p_value_corrected_one_sided == rank.p_value_corrected / 2
    assert slope.p_value_one_sided == slope.p_value / 2


def test_ties_rule_out_the_exact_p():
    """Ties in the variances; scipy.stats.kendalltau gives the corrected normal approximation."""
    from scipy.stats import kendalltau

    v = np.array([0.02, 0.02, 0.05, 0.06, 0.01])
    test = begg(Y, v)
    assert test.p_value_exact is None
    w = 1 / v
    deviate = (np.array(Y) - w @ Y / w.sum()) / np.sqrt(v - 1 / w.sum())
    expected = kendalltau(deviate, v, method="asymptotic")
    assert test.tau == pytest.approx(expected.statistic, rel=1e-12)
    assert test.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_swapped_arms_turn_the_sign():
    assert begg(np.negative(Y), V).score == -begg(Y, V).score
    assert egger(np.negative(Y), V).statistic == pytest.approx(-egger(Y, V).statistic, rel=1e-10)


def test_few_studies_carry_a_warning():
    assert "5 studies" in begg(Y, V).note
    assert "5 studies" in egger(Y, V).note
    rng = np.random.default_rng(0)
    assert "other causes" in egger(rng.normal(size=12), rng.uniform(0.1, 1, 12)).note


def test_what_cannot_be_tested_is_refused():
    for test in (begg, egger):
        with pytest.raises(PoolingError, match="at least 3"):
            test([0.1, 0.2], [0.1, 0.2])
    with pytest.raises(PoolingError, match="cannot be ranked"):
        begg([0.3, 0.3, 0.3], [0.1, 0.2, 0.3])
    with pytest.raises(PoolingError, match="cannot be ranked"):
        begg([0.1, 0.3, 0.2], [0.1, 0.1, 0.1])
    with pytest.raises(PoolingError, match="standard errors are equal"):
        egger([0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    with pytest.raises(PoolingError, match="lie on the fitted line"):
        egger([0.3, 0.3, 0.3], [0.1, 0.2, 0.3])
    with pytest.raises(UnknownNameError, match="random"):
        egger(Y, V, model="randm")
    with pytest.raises(UnknownNameError, match="REML"):
        egger(Y, V, model="random", tau2="PM")
