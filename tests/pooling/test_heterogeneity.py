"""Estimators of tau2, Q, I2, H2 and the Q-profile interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtrc

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.batch import checked_batch, moments
from hcckb.pooling.heterogeneity import (
    TAU2_METHODS,
    heterogeneity,
    heterogeneity_many,
    tau2,
    tau2_many,
)

GENERIC = [
    "generic_bcg_rr",
    "generic_hcc_second_line_os",
    "generic_hcc_second_line_ttp",
    "generic_hine1989_rd",
]


def q_at(y, v, t):
    """Q at one tau2, by its definition."""
    w = 1 / (np.asarray(v) + t)
    return float(w @ (np.asarray(y) - w @ np.asarray(y) / w.sum()) ** 2)


@pytest.mark.parametrize("name", GENERIC)
@pytest.mark.parametrize("method", [m for m in TAU2_METHODS if m != "DL2"])
def test_tau2_i2_and_h2_match_metafor(reference, name, method):
    case = reference(name)
    expected = case["output"]["random"][method]
    h = heterogeneity(case["input"]["yi"], case["input"]["vi"], method=method)
    assert h.tau2 == pytest.approx(expected["tau2"], rel=1e-10, abs=0)
    assert h.i2 == pytest.approx(expected["I2_pct"] / 100, rel=1e-10, abs=0)
    assert h.h2 == pytest.approx(expected["H2"], rel=1e-10)
    assert h.q == pytest.approx(expected["Q"], rel=1e-12)
    assert (h.df, h.k) == (expected["Q_df"], case["input"]["k"])
    assert h.q_p_value == pytest.approx(expected["Q_p"], rel=1e-10)


@pytest.mark.parametrize("name", GENERIC)
def test_the_interval_of_tau2_matches_metafor(reference, name):
    case = reference(name)
    _, lower, upper = case["output"]["heterogeneity_intervals"]["Q_profile_reml"]["tau2"]
    h = heterogeneity(case["input"]["yi"], case["input"]["vi"])
    assert h.tau2_lower == pytest.approx(lower, rel=1e-10, abs=0)
    assert h.tau2_upper == pytest.approx(upper, rel=1e-9)


def test_hard_cases_match_metafor(metafor_cases):
    """Converged to 1e-13 or better in units of the median variance, which bounds what can be asked."""
    for name, case in metafor_cases.items():
        y, v = case["input"]["yi"], case["input"]["vi"]
        for method, expected in case["random"].items():
            assert tau2(y, v, method=method) == pytest.approx(expected["tau2"], rel=1e-8, abs=1e-12 * np.median(v)), (
                f"{name} by {method}"
            )


def test_intervals_of_tau2_in_hard_cases_match_metafor(metafor_cases):
    for name, case in metafor_cases.items():
        y, v = case["input"]["yi"], case["input"]["vi"]
        h = heterogeneity(y, v, method="DL")
        expected = case["tau2_interval"]
        assert [h.tau2_lower, h.tau2_upper] == pytest.approx(expected, rel=1e-8, abs=1e-12 * min(v)), name


def test_common_effect_i2_and_h2_come_from_q(reference):
    for name in GENERIC:
        case = reference(name)
        expected = case["output"]["common"]
        h = heterogeneity(case["input"]["yi"], case["input"]["vi"])
        assert h.i2_q == pytest.approx(expected["I2_pct"] / 100, rel=1e-12)
        assert h.h2_q == pytest.approx(expected["H2"], rel=1e-12)


def test_dersimonian_laird_gives_one_i2():
    h = heterogeneity([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], method="DL")
    assert (h.i2, h.h2) == pytest.approx((h.i2_q, h.h2_q), rel=1e-12)


def test_the_q_profile_bounds_put_q_at_its_quantiles():
    y, v = [0.1, 0.9, 0.3, -0.4, 1.5], [0.02, 0.03, 0.05, 0.01, 0.2]
    h = heterogeneity(y, v, level=0.9)
    assert chdtrc(4, q_at(y, v, h.tau2_lower)) == pytest.approx(0.05, rel=1e-10)
    assert chdtrc(4, q_at(y, v, h.tau2_upper)) == pytest.approx(0.95, rel=1e-10)


def test_homogeneous_studies_give_an_exact_zero():
    y, v = [0.10, 0.11, 0.105, 0.098], [0.02, 0.03, 0.05, 0.01]
    for method in set(TAU2_METHODS) - {"SJ"}:
        assert tau2(y, v, method=method) == 0.0
    h = heterogeneity(y, v)
    assert (h.tau2_lower, h.tau2_upper, h.i2, h.h2) == (0.0, 0.0, 0.0, 1.0)


def test_sidik_jonkman_is_zero_only_for_equal_estimates():
    assert tau2([0.3, 0.3], [0.1, 0.2], method="SJ") == 0.0
    assert tau2([0.3, 0.31], [0.1, 0.2], method="SJ") > 0.0


def test_one_study_has_no_heterogeneity():
    for method in TAU2_METHODS:
        h = heterogeneity([0.4], [0.1], method=method)
        assert (h.tau2, h.q, h.df, h.q_p_value, h.i2, h.h2, h.i2_q, h.h2_q) == (0, 0, 0, 1, 0, 1, 0, 1)
        assert (h.tau2_lower, h.tau2_upper) == (None, None)


def test_one_study_among_others_leaves_the_others_alone():
    y, v = [[0.4, np.nan], [0.0, 1.0]], [[0.1, 0.0], [0.1, 0.2]]
    mask = [[True, False], [True, True]]
    for method in TAU2_METHODS:
        many = tau2_many(y, v, mask, method=method)
        assert many.tolist() == [0.0, tau2(y[1], v[1], method=method)]
    h = heterogeneity_many(y, v, mask)
    assert np.isnan(h.tau2_lower).tolist() == [True, False]


def test_the_paule_mandel_root_is_monotone_in_its_target():
    y, v = np.array([[0.1, 0.9, 0.3, -0.4, 1.5]]), np.array([[0.02, 0.03, 0.05, 0.01, 0.2]])
    batch = checked_batch(y, v)
    q = [float(moments(batch, np.array([t])).q[0]) for t in np.geomspace(1e-4, 1e4, 200)]
    assert np.all(np.diff(q) < 0)
    root = tau2(y[0], v[0], method="PM")
    assert q_at(y[0], v[0], root) == pytest.approx(4, rel=1e-12)


@settings(deadline=None, max_examples=60, database=None)
@given(
    st.lists(
        st.tuples(st.floats(-3, 3), st.floats(1e-3, 1e3)),
        min_size=2,
        max_size=12,
    )
)
def test_paule_mandel_solves_its_equation_and_empirical_bayes_agrees(rows):
    y, v = (np.array(column) for column in zip(*rows, strict=True))
    root = tau2(y, v, method="PM")
    assert root == tau2(y, v, method="EB")
    if root == 0.0:
        assert q_at(y, v, 0.0) <= (len(y) - 1) * (1 + 1e-9)
    else:
        assert q_at(y, v, root) == pytest.approx(len(y) - 1, rel=1e-9)


def test_unknown_names_and_levels_are_refused():
    with pytest.raises(UnknownNameError, match="'REML'"):
        tau2([0.1, 0.2], [0.1, 0.1], method="REMEL")
    for level in (0.0, 1.0, 95, float("nan")):
        with pytest.raises(PoolingError, match="level must lie between 0 and 1"):
            heterogeneity([0.1, 0.2], [0.1, 0.1], level=level)
    with pytest.raises(EmptySelectionError):
        heterogeneity([], [])
