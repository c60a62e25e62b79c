"""Limit meta-analysis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.limit import limit_meta_analysis

NAMES = ("moore1998", "bcg_rr", "hackshaw1998", "simulated")
Y, V = np.array([-0.2, -0.3, -0.5, -0.9, -1.4]), np.array([0.01, 0.02, 0.05, 0.1, 0.2])


@pytest.mark.parametrize("name", NAMES)
def test_every_number_matches_lm_on_radial_plots(reference, name):
    case = reference("small_study")["effects"][name]
    wanted = case["limit"]
    found = limit_meta_analysis(case["input"]["yi"], case["input"]["vi"], tau2="DL")
    for field in ("tau2", "alpha", "beta", "beta0", "betalim", "mulim", "g2", "q", "q_residual"):
        assert getattr(found, field) == pytest.approx(wanted[field], rel=1e-9, abs=1e-12), field
    assert found.shrunken == pytest.approx(wanted["shrunken"], rel=1e-9)
    assert found.estimate == found.beta0
    for adjustment, error in (("beta0", "se_slope"), ("betalim", "se_slope"), ("mulim", "se_mulim")):
        other = limit_meta_analysis(case["input"]["yi"], case["input"]["vi"], tau2="DL", adjustment=adjustment)
        assert other.se == pytest.approx(wanted[error], rel=1e-10)
        assert other.estimate == getattr(found, adjustment)


def test_without_heterogeneity_all_studies_shrink_to_the_line():
    found = limit_meta_analysis([0.10, 0.11, 0.10, 0.12], [0.01, 0.02, 0.05, 0.1])
    assert found.tau2 == 0
    assert found.g2 == pytest.approx(0.0, abs=1e-12)
    assert found.shrunken == pytest.approx(np.full(4, found.beta0), rel=1e-12)
    assert found.betalim == pytest.approx(found.beta0, rel=1e-9)
    assert found.mulim == pytest.approx(found.beta0, rel=1e-9)


def test_residual_q_and_small_study_q_add_up():
    found = limit_meta_analysis(Y, V)
    assert found.q == pytest.approx(found.q_small + found.q_residual, rel=1e-12)
    assert found.q_small >= 0


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(5)), st.integers(-8, 8), st.floats(-3, 3))
def test_order_scale_and_shift_move_the_estimate_as_they_must(order, exponent, shift):
    found, unit = limit_meta_analysis(Y, V), 10.0**exponent
    moved = limit_meta_analysis(unit * (Y[order] + shift), unit**2 * V[order])
    assert moved.beta0 == pytest.approx(unit * (found.beta0 + shift), rel=1e-7, abs=1e-8 * unit)
    assert moved.q_small == pytest.approx(found.q_small, rel=1e-6)
    assert moved.se == pytest.approx(unit * found.se, rel=1e-9)


def test_equal_errors_and_unknown_names_are_refused():
    with pytest.raises(PoolingError, match="standard errors are equal"):
        limit_meta_analysis([0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    with pytest.raises(UnknownNameError, match="beta0"):
        limit_meta_analysis(Y, V, adjustment="beta")
    with pytest.raises(PoolingError, match="at least 3"):
        limit_meta_analysis(Y[:2], V[:2])
