"""Mixed models on counts: metafor and lme4, Stijnen 2010, an independent likelihood, zeros, and refusals."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.counts import two_arms
from hcckb.pooling.glmm import FORMS, glmm_odds_ratio, glmm_proportion, glmm_rate, glmm_rate_ratio

PUBLISHED = Path(__file__).parents[1] / "published" / "stijnen2010.toml"
TABLES = ("bcg", "nielweise2007", "crins", "sparse")
COMPARED = ("um-fs", "um-fs-1", "cm-el", "cm-al")
ROWS = st.lists(
    st.tuples(st.integers(1, 15), st.integers(16, 90), st.integers(1, 15), st.integers(16, 90)), min_size=2, max_size=4
)


def tables(given):
    return two_arms(given["a"], given["n1"], given["c"], given["n2"])


def agrees(found, expected, rel=2e-6):
    """Hold us to what lme4 converges to: 1e-6 as a rule, 4e-6 and 3e-5 (se) for the large trials of BCG."""
    assert found.estimate == pytest.approx(expected["estimate"], rel=rel)
    assert found.se == pytest.approx(expected["se"], rel=max(rel, 1e-6))
    assert found.tau2 == pytest.approx(expected["tau2"], rel=max(rel, 2e-6), abs=1e-9)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", COMPARED)
def test_odds_ratios_match_metafor_with_many_nodes(reference, name, form):
    case = reference("glmm")["odds_ratios"][name]
    found = glmm_odds_ratio(tables(case["input"]), form.removesuffix("-1"), coding=1.0 if form[-1] == "1" else 0.5)
    agrees(found, case[form], 3e-5 if (name, form[:2]) == ("bcg", "um") else 2e-6)
    assert found.k == case[form]["k"]
    if form == "cm-el":
        assert found.log_likelihood == pytest.approx(case[form]["log_likelihood"], rel=1e-10)


@pytest.mark.parametrize("name", ["bcg", "crins"])
def test_two_random_effects_match_an_own_likelihood(reference, name):
    case = reference("glmm")["odds_ratios"][name]
    found, expected = glmm_odds_ratio(tables(case["input"]), "um-rs"), case["um-rs"]
    agrees(found, expected, 1e-7)
    assert found.sigma2 == pytest.approx(expected["sigma2"], rel=1e-6)
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], rel=1e-10)


@pytest.mark.parametrize("name", ["bcg", "crins"])
def test_two_random_effects_are_near_the_laplace_approximation(reference, name):
    """lme4 can do no better than Laplace with two random effects; the exact likelihood lies a little off."""
    case = reference("glmm")["odds_ratios"][name]
    found, expected = glmm_odds_ratio(tables(case["input"]), "um-rs"), case["um-rs-laplace"]
    assert found.estimate == pytest.approx(expected["estimate"], rel=2e-3)
    assert found.tau2 == pytest.approx(expected["tau2"], rel=0.1)
    assert found.k == expected["k"]


@pytest.mark.parametrize("name", ["pritz1997", "small"])
def test_proportions_match_metafor(reference, name):
    case = reference("glmm")["proportions"][name]
    agrees(glmm_proportion(**case["input"]), case)


@pytest.mark.parametrize("name", ["hart1999_control", "small"])
def test_rates_match_metafor(reference, name):
    case = reference("glmm")["rates"][name]
    agrees(glmm_rate(**case["input"]), case)


@pytest.mark.parametrize("form", ["um-fs", "cm-el", "um-rs"])
def test_rate_ratios_match_metafor(reference, form):
    case = reference("glmm")["rate_ratios"]["nielweise2008"]
    given = case["input"]
    agrees(glmm_rate_ratio(given["x1"], given["t1"], given["x2"], given["t2"], form), case[form])


def test_catheter_infections_pool_as_stijnen_2010_prints(reference):
    printed, given = tomllib.loads(PUBLISHED.read_text(encoding="utf-8")), reference("glmm")
    t = given["odds_ratios"]["nielweise2007"]["input"]
    r = given["rate_ratios"]["nielweise2008"]["input"]
    thousand = {key: np.array(r[key]) / (1000 if key[0] == "t" else 1) for key in r}
    fits = {
        "proportion-control": glmm_proportion(t["c"], t["n2"]),
        "proportion-treated": glmm_proportion(t["a"], t["n1"]),
        "cm-el": glmm_odds_ratio(tables(t), "cm-el"),
        "cm-al": glmm_odds_ratio(tables(t), "cm-al"),
        "rate-control": glmm_rate(thousand["x2"], thousand["t2"]),
        "rate-treated": glmm_rate(thousand["x1"], thousand["t1"]),
        "rate-ratio-cm-el": glmm_rate_ratio(r["x1"], r["t1"], r["x2"], r["t2"], "cm-el"),
    }
    for name, fit in fits.items():
        for field, text in printed[name].items():
            value = math.sqrt(fit.tau2) if field == "tau" else getattr(fit, field)
            assert value == pytest.approx(float(text), rel=0, abs=0.5 * 10.0 ** -len(text.partition(".")[2])), field


def test_the_exact_likelihood_is_that_of_scipy_and_highest_where_we_say():
    from scipy.integrate import quad
    from scipy.stats import nchypergeom_fisher, norm

    rows = [(2, 30, 6, 28), (0, 12, 3, 14), (7, 40, 5, 44)]

    def log_likelihood(mu, tau):
        total = 0.0
        for a, n1, c, n2 in rows:

            def height(u, a=a, n1=n1, c=c, n2=n2):
                return nchypergeom_fisher.pmf(a, n1 + n2, n1, a + c, math.exp(mu + tau * u)) * norm.pdf(u)

            total += math.log(quad(height, -9, 9, epsabs=1e-13, epsrel=1e-11)[0])
        return total

    found = glmm_odds_ratio(two_arms(*zip(*rows, strict=True)), "cm-el")
    top = log_likelihood(found.estimate, math.sqrt(found.tau2))
    assert found.log_likelihood == pytest.approx(top, rel=1e-9)
    assert top > log_likelihood(found.estimate + 0.01, math.sqrt(found.tau2))
    assert top >= log_likelihood(found.estimate, math.sqrt(found.tau2) + 0.01)


def test_one_large_zero_arm_defeats_gauss_hermite_but_not_us():
    """Three arms of four without an event: tau is large and each integrand half a normal, half a cliff."""
    found = glmm_proportion([0, 0, 6, 0], [52, 201, 17, 64])
    assert found.tau2 > 5
    assert found.nodes > 32
    assert np.isfinite([found.estimate, found.se, found.log_likelihood]).all()


def test_double_zeros_are_left_out_and_told_but_count_with_random_study_effects(reference):
    given = reference("glmm")["odds_ratios"]["sparse"]["input"]
    counts = two_arms(given["a"], given["n1"], given["c"], given["n2"], labels=list("ABCDEFG"))
    for form in ("cm-el", "cm-al", "um-fs"):
        found = glmm_odds_ratio(counts, form)
        assert found.k == 6
        assert found.kept.tolist() == [False] + [True] * 6
        assert found.warnings[0].endswith(": A.")
    assert glmm_odds_ratio(counts, "um-rs").k == 7


def test_without_heterogeneity_tau2_is_exactly_zero_and_the_tests_say_so():
    found = glmm_odds_ratio(two_arms([4, 8, 16], [100, 200, 400], [8, 16, 32], [100, 200, 400]))
    assert (found.tau2, found.lrt, found.lrt_p_value, found.nodes) == (0.0, 0.0, 1.0, 1)
    assert found.estimate == found.estimate_common
    assert found.log_likelihood == found.log_likelihood_common


def test_the_test_of_heterogeneity_halves_its_p(reference):
    found = glmm_odds_ratio(tables(reference("glmm")["odds_ratios"]["crins"]["input"]), "cm-al")
    assert found.lrt == pytest.approx(2 * (found.log_likelihood - found.log_likelihood_common), rel=1e-9)
    assert found.lrt_p_value == pytest.approx(0.5 * math.erfc(math.sqrt(found.lrt / 2)), rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_one_study_is_its_own_odds_ratio(form):
    if form == "um-rs":
        return
    found = glmm_odds_ratio(two_arms(10, 1000, 20, 1000), form)
    assert (found.k, found.tau2, found.prediction_lower) == (1, 0.0, None)
    assert math.exp(found.estimate) == pytest.approx(10 * 980 / (20 * 990), rel=0.02)


@settings(deadline=None, max_examples=5)
@given(ROWS, st.sampled_from(("cm-el", "cm-al", "um-fs")))
def test_swapped_arms_turn_the_sign(rows, form):
    a, n1, c, n2 = zip(*rows, strict=True)
    here, there = (glmm_odds_ratio(two_arms(*t), form) for t in ((a, n1, c, n2), (c, n2, a, n1)))
    assert here.estimate == pytest.approx(-there.estimate, rel=1e-6, abs=1e-7)
    assert here.tau2 == pytest.approx(there.tau2, rel=1e-4, abs=1e-6)


@settings(deadline=None, max_examples=5)
@given(ROWS, st.randoms())
def test_order_of_studies_does_not_matter(rows, random):
    turned = list(rows)
    random.shuffle(turned)
    here, there = (glmm_odds_ratio(two_arms(*zip(*r, strict=True))) for r in (rows, turned))
    assert here.log_likelihood == pytest.approx(there.log_likelihood, rel=1e-9)
    assert here.estimate == pytest.approx(there.estimate, rel=1e-6, abs=1e-8)


def test_refusals_say_why():
    with pytest.raises(UnknownNameError, match="form of the mixed model"):
        glmm_odds_ratio(two_arms(1, 10, 2, 10), "um-fx")
    with pytest.raises(PoolingError, match="coding"):
        glmm_odds_ratio(two_arms(1, 10, 2, 10), "um-fs", coding=0.3)
    with pytest.raises(PoolingError, match="double zero"):
        glmm_odds_ratio(two_arms([0, 0], [5, 5], [0, 0], [5, 6]))
    with pytest.raises(PoolingError, match="odds ratio is 0"):
        glmm_odds_ratio(two_arms([0, 0], [5, 5], [1, 2], [5, 6]))
    with pytest.raises(PoolingError, match="odds ratio is infinite"):
        glmm_odds_ratio(two_arms([2, 1], [5, 5], [0, 0], [5, 6]))
    with pytest.raises(PoolingError, match="rate ratio is 0"):
        glmm_rate_ratio([0, 0], [5, 5], [1, 2], [5, 6])
    with pytest.raises(PoolingError, match="no arm has an event"):
        glmm_proportion([0, 0], [5, 5])
    with pytest.raises(PoolingError, match="no arm has an event"):
        glmm_rate([0, 0], [5, 5])
    with pytest.raises(PoolingError, match="A: time 0"):
        glmm_rate([1], [0], labels=["A"])
    with pytest.raises(PoolingError, match=r"events 1\.5"):
        glmm_rate([1.5], [3])
    with pytest.raises(EmptySelectionError):
        glmm_proportion([], [])
