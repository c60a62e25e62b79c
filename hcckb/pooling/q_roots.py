"""Cochran's Q as a function of tau2: the root of Q(tau2) = target, and the Q-profile interval."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import Batch, FloatArray, moments
from hcckb.pooling.powers import BLOCK, OneSet, Powers

TOLERANCE = 1e-13
# Relative change that rounding may leave where variances lie many decades apart.
ROUNDING = 1e-10
MAX_STEPS = 200
# Stands for the change before the first step: nothing follows from it.
UNKNOWN = 1e-150


def squares_about_mean(batch: Batch) -> FloatArray:
    """Sum of squares about the plain mean, shape (m,)."""
    mean = batch.d.sum(axis=1) / batch.k
    squares = np.where(batch.present, (batch.d - mean[:, None]) ** 2, 0.0)
    total: FloatArray = squares.sum(axis=1)
    return total


def q_profile(batch: Batch, level: float) -> tuple[FloatArray, FloatArray]:
    r"""Interval of tau2 by the Q-profile method, (0, 0) where Q(0) lies below the lower quantile.

    The bounds solve :math:`Q(\tau^2) = \chi^2_{k-1}` at the quantiles :math:`(1 \pm level) / 2`.
    Source: Viechtbauer 2007, Stat Med 26:37-52, doi:10.1002/sim.2514.
    """
    # A quantile costs more than a root: one for each number of studies, not for each row.
    df, where = np.unique(np.maximum(batch.k - 1, 1), return_inverse=True)
    tail = (1.0 - level) / 2.0
    high, low = (np.asarray(chdtri(df, p), dtype=np.float64)[where] for p in (tail, 1.0 - tail))
    return solve_q(batch, high), solve_q(batch, low)


def solve_q(batch: Batch, target: FloatArray) -> FloatArray:
    """Solve Q(tau2) = target for each row; 0 where Q(0) <= target.

    Q = sum of c / (x + tau2) with positive c and x, so 1 / Q is a weighted harmonic mean of straight
    lines: increasing and concave. Newton's method on 1 / Q from 0 therefore climbs to the one root
    without overshooting and needs no bracket; a step that no longer climbs is rounding.
    """
    rows = len(batch.k)
    if rows == 1:
        data = OneSet(batch)
        return np.array([solve_q_of_one(data, data.powers(0.0), float(target[0]))])
    result = np.zeros(rows)
    size = max(1, BLOCK // batch.v.shape[1])
    for start in range(0, rows, size):
        place = np.arange(start, min(start + size, rows))
        result[place] = _solve_block(batch.take(place), target[place], start)
    return result


def _solve_block(batch: Batch, target: FloatArray, offset: int) -> FloatArray:
    """Solve Q(tau2) = target for rows few enough for the cache; `offset` is the first one's number."""
    result = np.zeros(len(batch.k))
    place, part, tau2 = np.arange(len(result)), batch, np.zeros(len(result))
    last = np.full(len(result), UNKNOWN)
    # Exact for equal variances; Newton's method comes back from the right in one step.
    guess = squares_about_mean(batch) / target - np.where(batch.present, batch.v, 0.0).sum(axis=1) / batch.k
    for attempt in range(MAX_STEPS):
        m = moments(part, tau2)
        climbs = m.q > target[place]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = np.where(climbs | (tau2 > 0), (m.q / target[place] - 1.0) * m.q / m.ypp, 0.0)
            change = np.abs(step) / (tau2 + part.v[:, 0])
            # Steps shrink as their square: what the next one would change.
            following = change * (step / last) * (step / last)
        tau2 = np.maximum(0.0, tau2 + step)
        result[place] = tau2
        open_ = ~((change <= TOLERANCE) | (following <= 0.01 * TOLERANCE) | (~climbs & (change <= ROUNDING)))
        if not open_.any():
            return result
        last = step
        if attempt == 0:
            tau2, last = np.where(open_, np.maximum(tau2, guess), tau2), np.full(len(result), UNKNOWN)
        if 2 * np.count_nonzero(open_) < len(place):
            place, part, tau2, last = place[open_], part.take(open_), tau2[open_], last[open_]
    worst = int(np.argmax(change))
    raise _unsolved(float(target[worst]), offset)


def solve_q_of_one(data: OneSet, zero: Powers, target: float) -> float:
    """Solve Q(tau2) = target for one meta-analysis, as `solve_q` does, given the sums at tau2 = 0."""
    if zero.q <= target:
        return 0.0
    tau2 = max(0.0, data.squares / target - data.typical, (zero.q / target - 1.0) * zero.q / zero.ypp)
    last, p = UNKNOWN, data.powers(tau2)
    for _ in range(MAX_STEPS):
        step = (p.q / target - 1.0) * p.q / p.ypp
        change = abs(step) / (tau2 + data.smallest)
        tau2 = max(0.0, tau2 + step)
        if change <= TOLERANCE or change * (step / last) * (step / last) <= 0.01 * TOLERANCE:
            return float(tau2)
        if p.q <= target and change <= ROUNDING:
            return float(tau2)
        last, p = step, data.powers(tau2)
    raise _unsolved(target, 0)


def _unsolved(target: float, row: int) -> ConvergenceError:
    return ConvergenceError(
        f"Q(tau2) = {target:.6g} was not solved in {MAX_STEPS} steps (meta-analysis {row}). "
        "Look for a misprinted estimate or variance, or take another estimator such as DL."
    )
