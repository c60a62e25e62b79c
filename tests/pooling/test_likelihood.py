"""ML and REML reach the global maximum, however many maxima there are."""

from __future__ import annotations

import numpy as np
import pytest

from hcckb.errors import ConvergenceError
from hcckb.pooling import likelihood
from hcckb.pooling.heterogeneity import tau2, tau2_many

# Two maxima each; found by search, rounded to what a paper would print.
INTERIOR_WINS = ([0.13, 0.11, 0.97, -0.66], [0.0023, 0.0015, 0.194, 0.0463])
ZERO_WINS = ([0.20, -0.93, 0.20, 0.20], [0.0066, 0.0986, 0.0031, 0.0008])


def log_likelihood(y, v, t, restricted):
    """The profile log likelihood by its definition, for a vector of tau2."""
    y, v, t = np.asarray(y), np.asarray(v), np.atleast_1d(t)
    w = 1 / (v + t[:, None])
    mean = (w @ y) / w.sum(axis=1)
    r = y - mean[:, None]
    value = np.log(w).sum(axis=1) - (w * r**2).sum(axis=1)
    return (value - np.log(w.sum(axis=1)) if restricted else value) / 2


def test_an_interior_maximum_beats_a_local_one_at_zero():
    y, v = INTERIOR_WINS
    at_zero, nearby = log_likelihood(y, v, [0.0, 1e-5], restricted=True)
    assert at_zero > nearby
    found = tau2(y, v, method="REML")
    assert found == pytest.approx(0.2593130436, rel=1e-9)
    assert log_likelihood(y, v, found, restricted=True) > at_zero


def test_zero_beats_a_lower_interior_maximum():
    y, v = ZERO_WINS
    heights = log_likelihood(y, v, np.geomspace(1e-4, 10, 2000), restricted=True)
    turns = np.flatnonzero((np.diff(heights)[:-1] > 0) & (np.diff(heights)[1:] < 0))
    assert len(turns) == 1
    assert tau2(y, v, method="REML") == 0.0


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_no_point_of_a_fine_grid_is_higher(method):
    rng = np.random.default_rng(11)
    variance = 10 ** rng.uniform(-4, 0.5, (300, 4))
    estimate = rng.normal(0, 1, (300, 4)) * 10 ** rng.uniform(-1, 1, (300, 1)) * np.sqrt(variance)
    found = tau2_many(estimate, variance, method=method)
    grid = np.concatenate([[0.0], np.geomspace(1e-7, 1e4, 3000)])
    for y, v, t in zip(estimate, variance, found, strict=True):
        best = log_likelihood(y, v, grid, method == "REML").max()
        assert log_likelihood(y, v, t, method == "REML")[0] >= best - 1e-12 * max(1, abs(best))


def test_equal_variances_have_closed_forms():
    y, v = np.array([0.1, 0.5, -0.2, 0.9, 0.3]), 0.04
    squares = ((y - y.mean()) ** 2).sum()
    assert tau2(y, [v] * 5, method="REML") == pytest.approx(squares / 4 - v, rel=1e-12)
    assert tau2(y, [v] * 5, method="ML") == pytest.approx(squares / 5 - v, rel=1e-12)


def test_too_few_steps_raise_instead_of_returning_the_last_one(monkeypatch):
    monkeypatch.setattr(likelihood, "MAX_STEPS", 1)
    with pytest.raises(ConvergenceError, match="did not converge in 1 steps"):
        tau2(*INTERIOR_WINS, method="REML")
    with pytest.raises(ConvergenceError, match="did not converge in 1 steps"):
        tau2_many([INTERIOR_WINS[0]] * 2, [INTERIOR_WINS[1]] * 2, method="REML")
