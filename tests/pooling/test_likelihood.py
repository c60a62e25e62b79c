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


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_two_thousand_simulated_sets_converge_to_a_root_or_to_zero(method):
    rng = np.random.default_rng(20)
    variance = np.exp(rng.uniform(np.log(0.005), np.log(0.5), (2000, 10)))
    estimate = rng.normal(-0.2, np.sqrt(variance + rng.choice([0, 0.01, 0.1, 1], (2000, 1))))
    found = tau2_many(estimate, variance, method=method)
    assert (found == 0).sum() > 200
    w = 1 / (variance + found[:, None])
    mean = (w * estimate).sum(axis=1) / w.sum(axis=1)
    gain = (w**2 * (estimate - mean[:, None]) ** 2).sum(axis=1)
    loss = w.sum(axis=1) - (method == "REML") * (w**2).sum(axis=1) / w.sum(axis=1)
    # The score is 0 at a root, and turns within 1e-10 of it; at 0 it does not rise.
    assert np.abs((gain - loss) / loss)[found > 0].max() < 1e-10
    assert (gain <= loss)[found == 0].mean() > 0.99
    alone = [tau2(y, v, method=method) for y, v in zip(estimate[:200], variance[:200], strict=True)]
    assert found[:200] == pytest.approx(alone, rel=1e-11)


@pytest.mark.parametrize("k", [2, 3, 10_000])
def test_hard_inputs_end_where_the_definition_says(k):
    rng = np.random.default_rng(k)
    for spread in (1, 1e12):
        v = 0.01 * np.exp(rng.uniform(0, np.log(spread), k))
        y = rng.normal(0, np.sqrt(v + 0.05))
        found = tau2(y, v, method="REML")
        nearby = found * np.array([0.999, 1.001]) if found else np.array([1e-6, 1e-4])
        assert log_likelihood(y, v, found, True)[0] >= log_likelihood(y, v, nearby, True).max()
    assert tau2([0.3] * k, [0.1] * k, method="REML") == 0.0
