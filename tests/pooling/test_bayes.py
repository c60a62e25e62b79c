"""The Bayesian model: base R's integrals, what bayesmeta prints, limits that are known, and refusals."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.bayes import bayes_pool
from hcckb.pooling.mixtures import NormalMixture, mixture_interval, shortest_interval
from hcckb.pooling.pairwise import pool
from hcckb.pooling.priors import TURNER_COMPARISONS, TURNER_OUTCOMES, rhodes2015, tau_prior, turner2015

PUBLISHED = Path(__file__).parents[1] / "published" / "bayesmeta.toml"
CASES = (
    *("schools", "crins_half_normal", "crins_flat_mu", "crins_uniform", "crins_flat", "crins_exponential"),
    *("crins_turner", "crins_log_t", "bcg", "hcc_os", "two"),
)
Y, V = np.array([-0.46, -0.27, -0.34, 0.12]), np.array([0.0136, 0.0093, 0.0127, 0.04])
DATA = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 4)), min_size=2, max_size=4)


def refit(given):
    prior = tau_prior(given["prior"], *np.atleast_1d(given["parameters"]).tolist())
    mu_prior = tuple(given["mu_prior"]) if given["mu_prior"] else None
    return bayes_pool(given["yi"], given["vi"], prior=prior, mu_prior=mu_prior)


@pytest.mark.parametrize("name", CASES)
def test_posteriors_match_base_r_integrals(reference, name):
    case = reference("bayes_integrate")["cases"][name]
    found = refit(case["input"])
    parts = {"tau": found.tau, "mu": found.mu, "new": found.new, "study1": found.studies[0]}
    for part, summary in parts.items():
        for field in ("mean", "sd", "median", "ci_lower", "ci_upper"):
            assert getattr(summary, field) == pytest.approx(case[part][field], rel=1e-9), (part, field)
    assert found.mu_below_zero == pytest.approx(case["mu"]["below_zero"], rel=1e-9)
    assert found.new_below_zero == pytest.approx(case["new"]["below_zero"], rel=1e-9)
    assert found.tau_posterior.log_norm == pytest.approx(case["log_integral"], rel=1e-10)


@pytest.mark.parametrize("name", ["schools", "jeffreys"])
def test_bayesmeta_prints_the_same(name):
    case = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))[name]
    mu_prior = tuple(case["mu_prior"]) if "mu_prior" in case else None
    found = bayes_pool(case["y"], np.square(case["se"]), prior=tau_prior(*case["prior"]), mu_prior=mu_prior)
    for field, text in case["tau"].items():
        half = 0.55 * 10.0 ** -len(text.partition(".")[2])
        assert getattr(found.tau, field) == pytest.approx(float(text), rel=0, abs=max(half, 1e-6)), field
    numbers = [int(key.partition("_")[2]) for key in case if key.startswith("study_")]
    for key, summary in [("mu", found.mu), *((f"study_{i}", found.studies[i - 1]) for i in numbers)]:
        tolerance = 0.006 * (summary.shortest_upper - summary.shortest_lower) / 4
        for field, value in case[key].items():
            assert getattr(summary, field) == pytest.approx(value, rel=0, abs=tolerance), (key, field)
    if "mu_above_zero" in case:
        assert 1 - found.mu_below_zero == pytest.approx(case["mu_above_zero"], abs=5e-5)
    else:
        assert found.mu.sd is None
        assert found.tau.sd is None


def test_all_but_no_heterogeneity_is_the_common_effect():
    found = bayes_pool(Y, V, prior=tau_prior("half-normal", 1e-9))
    common = pool(Y, V, model="common")
    assert [found.mu.mean, found.mu.sd] == pytest.approx([common.estimate, common.se], rel=1e-8)
    assert [found.mu.ci_lower, found.mu.shortest_upper] == pytest.approx([common.ci_lower, common.ci_upper], rel=1e-7)
    assert found.weights == pytest.approx(common.weights, rel=1e-8)
    assert all(s.mean == pytest.approx(common.estimate, rel=1e-7) for s in found.studies)


def test_one_study_with_a_normal_prior_has_the_prior_of_tau_nearly_untouched():
    found = bayes_pool([0.3], [0.04], mu_prior=(0.0, 1e4))
    assert found.tau.mean == pytest.approx(0.5 * math.sqrt(2 / math.pi), rel=1e-6)
    assert found.mu.median == pytest.approx(0.3, rel=1e-6)


def test_bayes_factors_are_ratios_of_marginal_likelihoods():
    """Without and with mu = 0, and at tau all but 0, integrated apart."""
    prior, mu_prior = tau_prior("half-normal", 0.5), (0.0, 2.0)
    found = bayes_pool(Y, V, prior=prior, mu_prior=mu_prior)
    zero_mu = bayes_pool(Y, V, prior=prior, mu_prior=(0.0, 1e-8))
    zero_tau = bayes_pool(Y, V, prior=tau_prior("half-normal", 1e-8), mu_prior=mu_prior)
    ratio = math.exp(zero_mu.log_marginal_likelihood - found.log_marginal_likelihood)
    assert found.bayes_factor_mu_zero == pytest.approx(ratio, rel=1e-6)
    ratio = math.exp(zero_tau.log_marginal_likelihood - found.log_marginal_likelihood)
    assert found.bayes_factor_tau_zero == pytest.approx(ratio, rel=1e-6)


def test_what_is_improper_or_infinite_is_none():
    flat = bayes_pool(Y, V)
    assert flat.log_marginal_likelihood is None
    assert flat.bayes_factor_mu_zero is None
    assert flat.bayes_factor_tau_zero is not None
    heavy = bayes_pool(Y[:2], V[:2], prior=tau_prior("half-cauchy", 0.5))
    assert (heavy.tau.mean is None, heavy.tau.sd, heavy.mu.sd) == (False, None, None)
    assert bayes_pool(Y, V, prior=turner2015(), mu_prior=(0, 4)).bayes_factor_tau_zero is None
    assert bayes_pool(Y, V, prior=rhodes2015()).tau.mode == 0.0


def test_intervals_hold_their_probability_and_the_shortest_is_shortest():
    found = bayes_pool(Y, V, level=0.9)
    mu, tau = found.mu_posterior, found.tau_posterior
    for d, s in ((mu, found.mu), (found.new_posterior, found.new), (tau, found.tau)):
        assert d.below(s.ci_upper) - d.below(s.ci_lower) == pytest.approx(0.9, abs=1e-11)
        assert d.below(s.shortest_upper) - d.below(s.shortest_lower) == pytest.approx(0.9, abs=1e-11)
        assert s.shortest_upper - s.shortest_lower <= s.ci_upper - s.ci_lower
    assert mixture_interval(mu, 0.9) == pytest.approx(shortest_interval(mu, 0.9), abs=1e-9)


def test_two_hills_have_the_shortest_single_interval():
    hills = NormalMixture(np.array([0.6, 0.4]), np.array([0.0, 10.0]), np.array([1.0, 1.0]))
    lower, upper = mixture_interval(hills, 0.5)
    assert upper < 4
    assert hills.below(upper) - hills.below(lower) == pytest.approx(0.5, abs=1e-10)


@pytest.mark.parametrize(
    "variance", [np.full(4, 1e-12), np.full(4, 1e12), np.geomspace(1e-12, 1e12, 4), np.array([1e-8, 1, 1, 1])]
)
def test_hard_variances_give_finite_numbers(variance):
    found = bayes_pool(Y, variance)
    summaries = (found.mu, found.tau, found.new, *found.studies)
    assert np.isfinite([[s.median, s.mode, s.ci_lower, s.ci_upper, s.mean, s.sd] for s in summaries]).all()


def test_equal_studies_agree_with_themselves():
    found = bayes_pool(np.full(6, 0.3), np.full(6, 0.02))
    assert found.mu.mean == pytest.approx(0.3, rel=1e-12)
    assert found.tau.mode == 0.0
    assert found.weights == pytest.approx(np.full(6, 1 / 6))


@settings(deadline=None, max_examples=4)
@given(DATA, st.floats(-2, 2))
def test_a_shift_shifts_and_a_turned_sign_turns(rows, shift):
    y, v = (np.array(column) for column in zip(*rows, strict=True))
    here, there, turned = bayes_pool(y, v), bayes_pool(y + shift, v), bayes_pool(-y, v)
    assert there.mu.median == pytest.approx(here.mu.median + shift, abs=1e-8)
    assert there.tau.median == pytest.approx(here.tau.median, rel=1e-8)
    assert turned.mu.ci_lower == pytest.approx(-here.mu.ci_upper, abs=1e-8)
    assert turned.mu_below_zero == pytest.approx(1 - here.mu_below_zero, abs=1e-9)


@settings(deadline=None, max_examples=4)
@given(DATA, st.floats(0.01, 100))
def test_another_unit_changes_the_unit_only(rows, unit):
    y, v = (np.array(column) for column in zip(*rows, strict=True))
    here = bayes_pool(y, v)
    there = bayes_pool(y * unit, v * unit**2, prior=tau_prior("half-normal", 0.5 * unit))
    assert there.tau.ci_upper == pytest.approx(here.tau.ci_upper * unit, rel=1e-8)
    assert there.new.ci_lower == pytest.approx(here.new.ci_lower * unit, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", ["half-normal", "half-cauchy", "exponential", "uniform", "log-normal", "log-t"])
def test_priors_integrate_to_one(name):
    from scipy.integrate import quad

    prior = tau_prior(name, *{"log-normal": (-2.0, 1.0), "log-t": (-2.0, 1.0, 5.0)}.get(name, (0.7,)))
    u, _ = quad(lambda u: math.exp(u + prior.log_density(np.array([math.exp(u)]), V)[0]), -40, math.log(0.7), limit=500)
    w, _ = quad(lambda u: math.exp(u + prior.log_density(np.array([math.exp(u)]), V)[0]), math.log(0.7), 60, limit=500)
    assert u + w == pytest.approx(1, abs=1e-6)


def test_turner_2015_has_its_eighty_cells():
    assert turner2015("pain", "pharmacological-pharmacological").parameters == (-2.06, 1.58)
    assert turner2015().parameters == (-2.56, 1.74)
    cells = {turner2015(o, c).parameters for o in TURNER_OUTCOMES for c in TURNER_COMPARISONS}
    assert len(cells) > 70
    with pytest.raises(UnknownNameError, match="outcome of Turner"):
        turner2015("death", "pharmacological-placebo")
    with pytest.raises(UnknownNameError, match="comparison of Turner"):
        turner2015("pain", "drug")


def test_refusals_say_what_to_do():
    with pytest.raises(EmptySelectionError):
        bayes_pool([], [])
    with pytest.raises(PoolingError, match="no proper posterior"):
        bayes_pool([0.1], [0.1], prior=tau_prior("jeffreys"))
    with pytest.raises(PoolingError, match="no proper posterior"):
        bayes_pool(Y[:2], V[:2], prior=tau_prior("flat"))
    with pytest.raises(PoolingError, match="SD above 0"):
        bayes_pool(Y, V, mu_prior=(0, 0))
    with pytest.raises(PoolingError, match="threshold"):
        bayes_pool(Y, V, threshold=math.nan)
    with pytest.raises(PoolingError, match="takes scale; 0 numbers"):
        tau_prior("half-normal")
    with pytest.raises(PoolingError, match="must be above 0"):
        tau_prior("half-normal", -1)
    with pytest.raises(UnknownNameError, match="half-cauchy"):
        tau_prior("half-cauchi", 1)
