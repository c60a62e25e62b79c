"""Pooling agrees with metafor, with itself under harmless changes, and never returns NaN."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri, stdtrit

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.heterogeneity import TAU2_METHODS
from hcckb.pooling.pairwise import CI_METHODS, pool, pool_many

GENERIC = [
    "generic_bcg_rr",
    "generic_hcc_second_line_os",
    "generic_hcc_second_line_ttp",
    "generic_hine1989_rd",
]
METAFOR_CI = {"wald": "wald", "hksj": "hksj", "hksj-guarded": "guarded"}
MEAN = ("estimate", "se", "ci_lower", "ci_upper", "statistic", "p_value")

studies = st.lists(
    st.tuples(st.floats(-2, 2).map(lambda x: round(x, 3)), st.floats(0.005, 2).map(lambda x: round(x, 3))),
    min_size=2,
    max_size=10,
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))
quick = settings(deadline=None, max_examples=40, database=None)


def numbers(expected):
    """metafor's names of a reference file as ours."""
    names = dict(zip(("estimate", "se", "ci_lb", "ci_ub", "stat", "p"), MEAN, strict=True))
    return {names[key]: value for key, value in expected.items() if key in names}


def assert_fields(result, expected, rel):
    for name, value in expected.items():
        assert getattr(result, name) == pytest.approx(value, rel=rel, abs=1e-300), name


def close(a, b, rel=1e-9):
    """Whether two results agree in every number."""
    for field in dataclasses.fields(a):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, float | np.ndarray):
            np.testing.assert_allclose(x, y, rtol=rel, atol=1e-9, err_msg=field.name)
        else:
            assert x == y, field.name


# --- against metafor -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GENERIC)
def test_the_common_effect_matches_metafor(reference, name):
    case = reference(name)
    expected = case["output"]["common"]
    p = pool(case["input"]["yi"], case["input"]["vi"], model="common")
    assert_fields(p, numbers(expected), 1e-10)
    assert p.i2 == pytest.approx(expected["I2_pct"] / 100, rel=1e-10)
    assert p.h2 == pytest.approx(expected["H2"], rel=1e-10)
    assert p.weights * 100 == pytest.approx(expected["weights_pct"], rel=1e-10)
    assert (p.tau2, p.tau2_method, p.ci_method, p.prediction_lower) == (0.0, None, "wald", None)


@pytest.mark.parametrize("name", GENERIC)
@pytest.mark.parametrize("method", [m for m in TAU2_METHODS if m != "DL2"])
def test_random_effects_match_metafor(reference, name, method):
    case = reference(name)
    y, v = case["input"]["yi"], case["input"]["vi"]
    expected = case["output"]["random"][method]
    wald = pool(y, v, tau2=method, ci="wald")
    assert_fields(wald, numbers(expected), 1e-9)
    assert wald.weights * 100 == pytest.approx(expected["weights_pct"], rel=1e-9)
    hts = expected["prediction_t_km2"]
    assert_fields(wald, {"prediction_lower": hts["pi_lb"], "prediction_upper": hts["pi_ub"]}, 1e-9)
    plain = pool(y, v, tau2=method, ci="wald", prediction="metafor")
    z = expected["prediction_z"]
    assert_fields(plain, {"prediction_lower": z["pi_lb"], "prediction_upper": z["pi_ub"]}, 1e-9)
    for ci, key in (("hksj", "knha"), ("hksj-guarded", "knha_adhoc")):
        p = pool(y, v, tau2=method, ci=ci, prediction="metafor")
        assert_fields(p, numbers(expected[key]), 1e-9)
        assert p.df_ci == expected[key]["df"]
        prediction = {"prediction_lower": expected[key]["pi_lb"], "prediction_upper": expected[key]["pi_ub"]}
        assert_fields(p, prediction, 1e-9)


def test_random_and_hard_cases_match_metafor(metafor_cases):
    """metafor stops 1e-13 or less from the root, in units of the median variance; k is 2 to 40."""
    for name, case in metafor_cases.items():
        y, v = case["input"]["yi"], case["input"]["vi"]
        for method, expected in case["random"].items():
            for ci, key in METAFOR_CI.items():
                p = pool(y, v, tau2=method, ci=ci)
                for field, value in expected[key].items():
                    assert getattr(p, field) == pytest.approx(value, rel=1e-8, abs=1e-200), (name, method)
            assert p.weights == pytest.approx(expected["weights"], rel=1e-8)
            if len(y) > 2:
                hts = [p.prediction_lower, p.prediction_upper]
                assert hts == pytest.approx(expected["prediction_hts"], rel=1e-8), (name, method)


def test_common_effects_of_hard_cases_match_metafor(metafor_cases):
    """metafor's Q loses digits where one study holds nearly all weight: 1e-10 there."""
    for name, case in metafor_cases.items():
        p = pool(case["input"]["yi"], case["input"]["vi"], model="common")
        for field, value in case["common"].items():
            assert getattr(p, field) == pytest.approx(value, rel=1e-10, abs=1e-13), (name, field)


# --- cases that need a decision --------------------------------------------------------------------


@pytest.mark.parametrize("model", ["random", "common"])
@pytest.mark.parametrize("ci", CI_METHODS)
def test_one_study_stands_for_itself(model, ci):
    p = pool([-0.46], [0.0136], model=model, ci=ci)
    half = ndtri(0.975) * np.sqrt(0.0136)
    assert (p.estimate, p.ci_lower, p.ci_upper) == pytest.approx((-0.46, -0.46 - half, -0.46 + half))
    assert (p.ci_method, p.df_ci, p.tau2, p.q, p.df, p.i2, p.h2) == ("wald", np.inf, 0, 0, 0, 0, 1)
    assert (p.tau2_lower, p.tau2_upper, p.prediction_lower, p.prediction_upper) == (None,) * 4
    assert p.weights.tolist() == [1.0]


def test_no_study_is_an_empty_selection():
    with pytest.raises(EmptySelectionError, match="no estimate to pool"):
        pool([], [])
    with pytest.raises(EmptySelectionError, match="meta-analysis 1"):
        pool_many(np.zeros((2, 2)), np.ones((2, 2)), [[True, True], [False, False]])


@pytest.mark.parametrize("shift", [0.0, -0.47, 1e3])
def test_equal_estimates_fall_back_to_the_guarded_interval(shift):
    p = pool(np.full(4, shift), [0.1, 0.2, 0.3, 0.4])
    guarded = pool(np.full(4, shift), [0.1, 0.2, 0.3, 0.4], ci="hksj-guarded")
    assert p.ci_method == "hksj-guarded"
    close(p, guarded)
    assert p.se == pytest.approx(pool(np.full(4, shift), [0.1, 0.2, 0.3, 0.4], ci="wald").se)


def test_two_studies_have_no_prediction_interval_and_one_degree_of_freedom():
    p = pool([0.1, 0.5], [0.02, 0.03])
    assert (p.prediction_lower, p.prediction_upper, p.df_ci) == (None, None, 1.0)
    assert p.tau2_upper > p.tau2 > 0


def test_the_guarded_interval_is_never_narrower_than_wald(metafor_cases):
    for case in metafor_cases.values():
        y, v = case["input"]["yi"], case["input"]["vi"]
        assert pool(y, v, ci="hksj-guarded").se >= pool(y, v, ci="wald").se


def test_equal_studies_have_the_textbook_interval():
    p = pool([0.3] * 5, [0.05] * 5, ci="hksj-guarded")
    assert p.estimate == 0.3
    assert p.se == pytest.approx(np.sqrt(0.05 / 5), rel=1e-14)
    assert p.ci_upper == pytest.approx(0.3 + stdtrit(4, 0.975) * 0.1, rel=1e-14)
    assert p.weights == pytest.approx([0.2] * 5, rel=1e-14)


def test_unknown_options_are_refused_by_name():
    for option in ({"model": "fixed"}, {"tau2": "MLE"}, {"ci": "hk"}, {"prediction": "t"}):
        with pytest.raises(UnknownNameError):
            pool([0.1, 0.2], [0.1, 0.1], **option)
    with pytest.raises(PoolingError, match="level"):
        pool([0.1, 0.2], [0.1, 0.1], level=95)


# --- properties ------------------------------------------------------------------------------------


@quick
@given(studies, st.sampled_from(sorted(TAU2_METHODS)), st.randoms(use_true_random=False))
def test_the_order_of_studies_changes_no_bit(data, method, random):
    y, v = data
    order = list(range(len(y)))
    random.shuffle(order)
    straight, turned = pool(y, v, tau2=method), pool(y[order], v[order], tau2=method)
    for field in dataclasses.fields(straight):
        if field.name != "weights":
            assert getattr(straight, field.name) == getattr(turned, field.name), field.name
    np.testing.assert_allclose(straight.weights[order], turned.weights, rtol=1e-14)


@quick
@given(studies, st.sampled_from(sorted(TAU2_METHODS)), st.floats(-50, 50))
def test_a_shift_moves_locations_only(data, method, shift):
    y, v = data
    a, b = pool(y, v, tau2=method, ci="hksj-guarded"), pool(y + shift, v, tau2=method, ci="hksj-guarded")
    for name in ("estimate", "ci_lower", "ci_upper"):
        assert getattr(b, name) == pytest.approx(getattr(a, name) + shift, abs=1e-7)
    for name in ("se", "q", "tau2", "tau2_lower", "tau2_upper", "i2", "h2"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-7, abs=1e-7), name


@quick
@given(studies, st.sampled_from(sorted(TAU2_METHODS)), st.integers(-20, 20))
def test_a_unit_scales_everything_by_its_power(data, method, exponent):
    y, v = data
    unit = 2.0**exponent
    a, b = pool(y, v, tau2=method), pool(y * unit, v * unit**2, tau2=method)
    for name in ("estimate", "se", "ci_lower", "ci_upper"):
        assert getattr(b, name) == pytest.approx(getattr(a, name) * unit, rel=1e-12, abs=0)
    for name in ("tau2", "tau2_lower", "tau2_upper"):
        assert getattr(b, name) == pytest.approx(getattr(a, name) * unit**2, rel=1e-12, abs=0)
    for name in ("statistic", "p_value", "q", "i2", "h2"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-12, abs=0)


@quick
@given(studies, st.sampled_from(sorted(TAU2_METHODS)), st.sampled_from(CI_METHODS))
def test_swapped_arms_mirror_the_result(data, method, ci):
    y, v = data
    a, b = pool(y, v, tau2=method, ci=ci), pool(-y, v, tau2=method, ci=ci)
    assert b.estimate == pytest.approx(-a.estimate, rel=1e-9, abs=1e-12)
    assert (b.ci_lower, b.ci_upper) == pytest.approx((-a.ci_upper, -a.ci_lower), rel=1e-9, abs=1e-12)
    assert (b.tau2, b.p_value, b.q) == pytest.approx((a.tau2, a.p_value, a.q), rel=1e-9, abs=1e-12)


@quick
@given(st.lists(studies, min_size=1, max_size=6), st.sampled_from(sorted(TAU2_METHODS)), st.sampled_from(CI_METHODS))
def test_many_at_once_are_pooled_row_by_row(sets, method, ci):
    width = max(len(y) for y, _ in sets)
    y, v, mask = (np.full((len(sets), width), fill) for fill in (np.nan, np.nan, 0.0))
    for i, (a, b) in enumerate(sets):
        y[i, : len(a)], v[i, : len(a)], mask[i, : len(a)] = a, b, 1.0
    many = pool_many(y, v, mask.astype(bool), tau2=method, ci=ci)
    assert len(many) == len(sets)
    for i, (a, b) in enumerate(sets):
        one = pool(a, b, tau2=method, ci=ci)
        for field in dataclasses.fields(one):
            alone, among = getattr(one, field.name), getattr(many, field.name)
            if field.name in ("model", "tau2_method", "level"):
                assert alone == among
            elif field.name == "weights":
                np.testing.assert_allclose(among[i], np.pad(alone, (0, width - len(a))), rtol=1e-12)
            elif field.name == "ci_method":
                assert alone == among[i]
            elif alone is None:
                assert np.isnan(among[i])
            else:
                assert among[i] == pytest.approx(alone, rel=1e-9, abs=1e-12), field.name


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_two_thousand_simulated_sets_all_converge(method):
    rng = np.random.default_rng(2017)
    variance = np.exp(rng.uniform(np.log(0.004), np.log(0.4), (2000, 10)))
    spread = rng.choice([0.0, 0.01, 0.1, 1.0], (2000, 1))
    estimate = rng.normal(-0.2, np.sqrt(variance + spread))
    many = pool_many(estimate, variance, tau2=method)
    for field in dataclasses.fields(many):
        values = getattr(many, field.name)
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            assert np.isfinite(values).all(), field.name
    assert (many.tau2 >= 0).all()
    assert (many.tau2_lower <= many.tau2_upper).all()
    np.testing.assert_allclose(many.weights.sum(axis=1), 1.0, rtol=1e-14)


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_variances_over_24_decades_give_finite_results(method):
    rng = np.random.default_rng(1)
    shape = (2000, 8)
    variance = 10 ** rng.uniform(-12, 12, shape)
    estimate = rng.normal(size=shape) * 10 ** rng.uniform(-6, 6, shape)
    mask = rng.random(shape) < 0.7
    mask[:, 0] = True
    many = pool_many(estimate, variance, mask, tau2=method)
    several = many.k > 1
    assert np.isfinite([many.estimate, many.se, many.tau2]).all()
    assert (many.se > 0).all()
    assert (many.tau2_lower[several] <= many.tau2_upper[several]).all()


def test_importing_loads_no_heavy_package():
    code = "import hcckb.pooling.pairwise, sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    assert not loaded & {"scipy.stats", "scipy.optimize", "pandas", "rdflib", "pyoxigraph", "networkx"}
