"""Intervals of tau2: metafor's numbers, what the bounds must fulfil, and hard inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtr

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.generalised_q import q_distribution
from hcckb.pooling.heterogeneity import heterogeneity, tau2
from hcckb.pooling.pairwise import pool
from hcckb.pooling.tau2_intervals import TAU2_INTERVALS, tau2_interval

EFFECTS = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 1)), min_size=2, max_size=8)


@pytest.fixture(scope="module")
def cases(reference):
    return reference("metafor_tau2")["cases"]


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("generalised_q", {"method": "generalised-q"}),
        ("generalised_q_inverse_se", {"method": "generalised-q"}),
        ("profile_reml", {"method": "profile-likelihood"}),
        ("profile_ml", {"method": "profile-likelihood", "tau2": "ML"}),
    ],
)
def test_intervals_match_the_reference(cases, key, options):
    for name, case in cases.items():
        v = np.array(case["vi"])
        weights = 1 / np.sqrt(v) if key.endswith("inverse_se") else None
        found = tau2_interval(case["yi"], v, weights=weights, **options)
        assert (found.lower, found.upper) == pytest.approx(case[key], rel=1e-10, abs=1e-12 * v.min()), name


def test_the_two_step_estimator_matches_metafor(cases):
    for name, case in cases.items():
        v = np.array(case["vi"])
        assert tau2(case["yi"], v, method="DL2") == pytest.approx(case["dl2"], rel=1e-9, abs=1e-12 * v.min()), name


def test_the_two_step_estimator_is_its_formula():
    y, v = np.array([0.1, 0.3, 0.8, -0.4]), np.array([0.02, 0.03, 0.05, 0.2])
    a = 1 / (v + tau2(y, v, method="DL"))
    q = a @ (y - a @ y / a.sum()) ** 2
    expected = (q - (a @ v - a**2 @ v / a.sum())) / (a.sum() - a @ a / a.sum())
    assert tau2(y, v, method="DL2") == pytest.approx(expected, rel=1e-13)


def test_the_distribution_is_that_of_chi_square_when_weights_are_inverse_variances():
    rng = np.random.default_rng(20)
    for k in (2, 3, 10, 200, 3000):
        for spread in (0.0, 2.0, 25.0):
            v = np.exp(rng.uniform(-spread, spread, k))
            for share in (0.01, 0.5, 1.0, 2.0):
                q = share * (k - 1)
                assert q_distribution(q, 1 / v, v) == pytest.approx(chdtr(k - 1, q), rel=0, abs=1e-11)
    assert q_distribution(0.0, np.ones(3), np.ones(3)) == 0.0


def test_the_distribution_of_pairs_of_equal_eigenvalues_is_closed():
    """Two groups of three with equal weights and variances: eigenvalues 1, 1, 5, 5 and one of the contrast."""
    a, v = np.ones(6), np.repeat([1.0, 5.0], 3)
    z = np.linspace(-9, 9, 20001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    left = np.maximum(0.0, 9.0 - 3.0 * z**2)
    inner = 1 + (1 * np.exp(-left / 2) - 5 * np.exp(-left / 10)) / 4
    assert q_distribution(9.0, a, v) == pytest.approx(float(np.trapezoid(density * inner, z)), abs=1e-7)


@pytest.mark.parametrize("method", TAU2_INTERVALS)
@settings(max_examples=25, deadline=None)
@given(effects=EFFECTS, scale=st.sampled_from([1e-6, 3.0, 1e6]))
def test_order_shift_and_scale_change_nothing(method, effects, scale):
    y, v = np.array(effects).T
    one = tau2_interval(y, v, method=method)
    other = tau2_interval(scale * (y[::-1] + 2), scale**2 * v[::-1], method=method)
    assert 0 <= one.lower <= one.upper
    assert (other.lower, other.upper) == pytest.approx(
        (scale**2 * one.lower, scale**2 * one.upper), rel=1e-6, abs=1e-9 * scale**2
    )


@settings(max_examples=20, deadline=None)
@given(effects=EFFECTS)
def test_a_wider_level_holds_the_narrower(effects):
    y, v = np.array(effects).T
    for method in ("generalised-q", "profile-likelihood"):
        wide, narrow = (tau2_interval(y, v, method=method, level=level) for level in (0.95, 0.8))
        assert wide.lower <= narrow.lower + 1e-9
        assert wide.upper >= narrow.upper - 1e-9


@settings(max_examples=25, deadline=None)
@given(effects=EFFECTS, method=st.sampled_from(["ML", "REML"]))
def test_the_profile_holds_the_maximum(effects, method):
    y, v = np.array(effects).T
    found = tau2_interval(y, v, method="profile-likelihood", tau2=method)
    assert found.lower <= tau2(y, v, method=method) <= found.upper


def test_weights_go_with_their_studies():
    y, v, a = np.array([0.1, 0.9, -0.5]), np.array([0.3, 0.1, 0.2]), np.array([1.0, 2.0, 5.0])
    one = tau2_interval(y, v, method="generalised-q", weights=a)
    other = tau2_interval(y[[2, 0, 1]], v[[2, 0, 1]], method="generalised-q", weights=7 * a[[2, 0, 1]])
    assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper), rel=1e-12)


@pytest.mark.parametrize("method", TAU2_INTERVALS)
def test_variances_of_many_decades_are_borne(method):
    v = 10.0 ** np.linspace(-12, 12, 9)
    found = tau2_interval(np.sin(np.arange(9)) * np.sqrt(v + 1e-3), v, method=method)
    assert 0 <= found.lower <= found.upper < np.inf


def test_too_much_agreement_leaves_zero_and_says_so():
    found = tau2_interval([0.10, 0.11, 0.105, 0.098], [0.02, 0.03, 0.05, 0.01], method="generalised-q")
    assert (found.lower, found.upper, found.at_boundary) == (0.0, 0.0, True)


def test_pooling_takes_the_interval_by_name():
    y, v = [0.1, 0.3, 0.8, 0.2], [0.02, 0.03, 0.05, 0.04]
    for name in TAU2_INTERVALS:
        pooled = pool(y, v, tau2_interval=name)
        alone = tau2_interval(y, v, method=name)
        assert (pooled.tau2_lower, pooled.tau2_upper) == (alone.lower, alone.upper)
    usual = heterogeneity(y, v)
    assert tau2_interval(y, v).upper == usual.tau2_upper
    ml = pool(y, v, tau2="ML", tau2_interval="profile-likelihood")
    assert ml.tau2_upper == tau2_interval(y, v, method="profile-likelihood", tau2="ML").upper
    assert ml.tau2_upper < pool(y, v, tau2_interval="profile-likelihood").tau2_upper
    assert pool([0.1], [0.2], tau2_interval="generalised-q").tau2_upper is None


def test_what_cannot_be_is_refused():
    with pytest.raises(UnknownNameError, match="no interval of tau2 is called 'wald'"):
        pool([0.1, 0.2], [0.1, 0.1], tau2_interval="wald")
    with pytest.raises(UnknownNameError, match="no interval of tau2"):
        tau2_interval([0.1, 0.2], [0.1, 0.1], method="q")
    with pytest.raises(PoolingError, match="one study tells nothing of tau2"):
        tau2_interval([0.1], [0.1])
    with pytest.raises(PoolingError, match="weights must be 2 positive numbers"):
        tau2_interval([0.1, 0.2], [0.1, 0.1], method="generalised-q", weights=[1.0, 0.0])
