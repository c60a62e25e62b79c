"""Three levels, generalised least squares, shared arms and cluster-robust variance against R, and their refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.multilevel import marginal_covariance, multilevel
from hcckb.pooling.pairwise import pool
from hcckb.pooling.robust import CORRECTIONS, robust
from hcckb.pooling.shared_arms import arm_variance, constant_correlation, shared_arm_covariance

Y, V = np.array([0.1, 0.3, 0.8, 0.5, 0.2, -0.1]), np.array([0.02, 0.03, 0.05, 0.06, 0.01, 0.04])
STUDY = ["a", "a", "b", "b", "c", "c"]


@pytest.fixture(scope="module")
def found(reference):
    """What R made of the school and the BCG data."""
    return reference("moderators")


def three_level_case(found, key):
    """Return the arguments of one case of the reference file."""
    school, bcg = found["three_level"]["data"], found["bcg"]
    y, v, cluster = school["yi"], school["vi"], school["cluster"]
    if key.startswith("bcg"):
        y, v, cluster = bcg["yi"], bcg["vi"], found["robust"]["cluster"]
    if key in ("correlated", "bcg_ml"):
        v = constant_correlation(v, cluster, 0.6 if key == "correlated" else 0.5)
    x = np.column_stack([np.ones(len(y)), np.array(school["year"]) - 1989]) if key == "year" else None
    return y, v, cluster, x


@pytest.mark.parametrize("key", ["reml", "ml", "t", "year", "correlated", "bcg", "bcg_ml"])
def test_three_levels_match_metafor(found, key):
    expected = found["three_level"][key]
    y, v, cluster, x = three_level_case(found, key)
    names = ("intercept",) if x is None else ("intercept", "year")
    fit = multilevel(
        y,
        v,
        cluster,
        x,
        names=names,
        method="ML" if key.endswith("ml") and key != "reml" else "REML",
        test="t" if key in ("t", "year") else "wald",
        profile="profile" in expected,
    )
    for field, theirs in {"beta": "beta", "se": "se", "p_value": "p_value", "ci_lower": "ci_lower"}.items():
        assert getattr(fit, field) == pytest.approx(np.atleast_1d(expected[theirs]), rel=1e-8), field
    assert [c.sigma2 for c in fit.components] == pytest.approx(expected["sigma2"], rel=1e-8, abs=1e-12)
    assert [c.i2 for c in fit.components] == pytest.approx(expected["i2"], rel=1e-8, abs=1e-12)
    told = [fit.log_likelihood, fit.qe, fit.qe_p_value]
    assert told == pytest.approx([expected["loglik"], expected["qe"], expected["qe_p"]], rel=1e-10)
    if key in ("t", "year"):
        assert fit.df == pytest.approx(np.atleast_1d(expected["df"]))
    for component, limits in zip(fit.components, expected.get("profile", []), strict=False):
        for mine, theirs in zip((component.lower, component.upper), limits[1:], strict=True):
            if theirs != "NA":
                assert mine == pytest.approx(theirs, rel=1e-6, abs=1e-9)
    rows = np.ones((len(y), 1)) if x is None else x
    cr2 = robust(y, marginal_covariance(v, cluster, fit.components), rows, cluster)
    assert cr2.se == pytest.approx(np.atleast_1d(expected["CR2"]["se"]), rel=1e-9)
    assert cr2.df == pytest.approx(np.atleast_1d(expected["CR2"]["df"]), rel=1e-9)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("key", ["mean", "slope", "own"])
def test_cluster_robust_variance_matches_clubsandwich(found, key, correction):
    case, bcg = found["robust"][key], found["bcg"]
    expected = case[correction]
    x = np.array(case["design"]).reshape(13, -1)
    cluster = bcg["study"] if key == "own" else found["robust"]["cluster"]
    fit = robust(bcg["yi"], np.array(bcg["vi"]) + case["tau2"], x, cluster, correction=correction)
    for field in ("beta", "se", "df", "p_value"):
        assert getattr(fit, field) == pytest.approx(np.atleast_1d(expected[field]), rel=1e-9), field
    assert fit.covariance == pytest.approx(np.atleast_2d(expected["vcov"]), rel=1e-9)
    told = [fit.f, fit.f_df2, fit.f_p_value]
    assert told == pytest.approx([expected["f"], expected["df2"], expected["p_joint"]], rel=1e-8)


def test_shared_control_by_generalised_least_squares_matches_metafor(found):
    expected = found["gls"]
    own = arm_variance(expected["events"], expected["n"], "odds-ratio")
    v = shared_arm_covariance(
        [*(own[:2] + own[2]), 0.09], ["one", "two", "x"], ["control", "control", "y"], arm_variances={"control": own[2]}
    )
    assert v == pytest.approx(np.atleast_1d(expected["V"]), rel=1e-12)
    fit = multilevel(expected["yi"], v, ["s", "s", "u"], components=(), test="wald")
    told = [fit.beta[0], fit.se[0], fit.qe, fit.log_likelihood]
    assert told == pytest.approx([expected[f] for f in ("beta", "se", "qe", "loglik")], rel=1e-10)
    assert (fit.method, fit.prediction_lower, fit.i2) == (None, None, 0.0)
    assert fit.weights.sum() == pytest.approx(1.0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-20, 20), st.floats(-4, 4))
def test_order_shift_and_scale_do_not_matter(seed, shift, power):
    rng = np.random.default_rng(seed)
    y, v, cluster = rng.normal(size=9), rng.uniform(0.05, 1, 9), np.array(list("aabbbccdd"))
    order, scale = rng.permutation(9), 10.0**power
    one = multilevel(y, v, cluster, profile=False)
    other = multilevel(scale * (y[order] + shift), scale**2 * v[order], cluster[order], profile=False)
    assert other.beta / scale == pytest.approx(one.beta + shift, rel=1e-6, abs=1e-6)
    assert [c.sigma2 / scale**2 for c in other.components] == pytest.approx(
        [c.sigma2 for c in one.components], rel=1e-5, abs=1e-7
    )


def test_one_estimate_per_study_is_the_random_effects_model():
    names = list("abcdef")
    fit, plain = multilevel(Y, V, names, components=("cluster",), test="wald"), pool(Y, V, ci="wald")
    assert fit.components[0].sigma2 == pytest.approx(plain.tau2, rel=1e-9)
    assert [fit.beta[0], fit.se[0], fit.i2] == pytest.approx([plain.estimate, plain.se, plain.i2], rel=1e-9)
    common = multilevel(Y, V, STUDY, components=(), test="wald")
    assert common.beta[0] == pytest.approx(pool(Y, V, model="common").estimate, rel=1e-12)
    assert common.qe == pytest.approx(plain.q, rel=1e-12)


def test_doubling_a_study_with_high_correlation_adds_next_to_nothing():
    once = multilevel(Y[::2], V[::2], list("abc"), components=("cluster",), test="wald")
    v = constant_correlation(np.repeat(V[::2], 2), np.repeat(list("abc"), 2), 0.999999)
    twice = multilevel(np.repeat(Y[::2], 2), v, np.repeat(list("abc"), 2), components=("cluster",), test="wald")
    assert [twice.beta[0], twice.se[0]] == pytest.approx([once.beta[0], once.se[0]], rel=1e-4)


def test_no_other_components_are_likelier_than_those_found():
    rng = np.random.default_rng(11)
    for _ in range(8):
        y, v = rng.normal(size=7), np.exp(rng.uniform(-4, 1, 7))
        cluster = list("aabbccc")
        fit = multilevel(y, v, cluster, profile=False)
        same = np.array(cluster)[:, None] == np.array(cluster)[None, :]
        best = max(restricted(y, np.diag(v) + a * same + b * np.eye(7)) for a in GRID for b in GRID)
        assert fit.log_likelihood >= best - 1e-9


GRID = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def restricted(y, phi):
    one, weight = np.ones(len(y)), np.linalg.inv(phi)
    total = one @ weight @ one
    r = y - one @ weight @ y / total
    ll = np.linalg.slogdet(phi)[1] + np.log(total) - np.log(len(y)) + r @ weight @ r
    return -0.5 * (ll + (len(y) - 1) * np.log(2 * np.pi))


def test_signs_of_shared_arms():
    v = shared_arm_covariance([0.04, 0.04, 0.05], ["a", "b", "c"], ["b", "c", "d"])
    assert v[0, 1] == pytest.approx(-0.02)
    assert v[1, 2] == pytest.approx(-0.5 * np.sqrt(0.04 * 0.05))
    assert v[0, 2] == 0.0
    assert shared_arm_covariance([0.04, 0.09], ["", ""], ["", ""], rho=0.9)[0, 1] == 0.0
    assert arm_variance([10], [100], "risk-ratio") == pytest.approx([0.09])
    assert arm_variance([10], [100], "risk-difference") == pytest.approx([0.0009])


def test_what_dependence_cannot_do_is_refused():
    with pytest.raises(EmptySelectionError):
        multilevel([], [], [])
    with pytest.raises(PoolingError, match="cannot be told apart"):
        multilevel(Y, V, list("abcdef"))
    with pytest.raises(PoolingError, match="of one cluster"):
        multilevel(Y, V, ["a"] * 6)
    full = shared_arm_covariance([0.02, 0.02, 0.02], ["a", "b", "a"], ["c", "c", "b"])
    with pytest.raises(PoolingError, match="not positive definite"):
        multilevel(Y[:3], full, ["s"] * 3, components=(), test="wald")
    with pytest.raises(PoolingError, match="0 between clusters"):
        multilevel(Y, constant_correlation(V, ["a"] * 6), STUDY)
    with pytest.raises(PoolingError, match="variances positive"):
        multilevel(Y, [*V[:5], 0.0], STUDY)
    with pytest.raises(PoolingError, match="follows from the others"):
        multilevel(Y, V, STUDY, np.ones((6, 2)), names=("one", "two"))
    with pytest.raises(PoolingError, match="of 6 rows"):
        multilevel(Y, V[:5], STUDY)
    for wrong in ({"method": "MM"}, {"test": "z"}, {"components": ("level",)}):
        with pytest.raises(UnknownNameError):
            multilevel(Y, V, STUDY, **wrong)
    with pytest.raises(UnknownNameError):
        robust(Y, V, np.ones((6, 1)), STUDY, correction="CR9")
    with pytest.raises(PoolingError, match="two clusters"):
        robust(Y, V, np.ones((6, 1)), ["a"] * 6)
    with pytest.raises(PoolingError, match="different clusters"):
        robust(Y, constant_correlation(V, ["a"] * 6), np.ones((6, 1)), STUDY)
    with pytest.raises(PoolingError, match="rho must lie"):
        constant_correlation(V, STUDY, 1.0)
    with pytest.raises(PoolingError, match="more than a contrast"):
        shared_arm_covariance([0.04, 0.05], ["a", "b"], ["c", "c"], arm_variances={"c": 0.045})
    with pytest.raises(PoolingError, match="arm 1 has 0 events"):
        arm_variance([3, 0], [10, 10], "risk-ratio")
    with pytest.raises(UnknownNameError):
        arm_variance([3], [10], "hazard-ratio")


def test_few_degrees_of_freedom_are_flagged():
    fit = robust(Y, V, np.ones((6, 1)), STUDY)
    assert fit.few == (True,)
    assert fit.df[0] < 2
