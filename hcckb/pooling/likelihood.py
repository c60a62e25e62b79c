"""Between-study variance by (restricted) maximum likelihood, its global maximum for certain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import Batch, FloatArray, IntArray, Moments, moments

TOLERANCE = 1e-13
MAX_STEPS = 200
# Stationary points closer than this ratio of tau2 + min(v) are not looked for one by one.
GRID_RATIO = 2.0**0.25


@dataclass(frozen=True, slots=True)
class Bracket:
    """Interval of tau2 in which the score of one row turns from positive to negative."""

    row: IntArray
    lower: FloatArray
    upper: FloatArray


def tau2_likelihood(batch: Batch, *, restricted: bool) -> FloatArray:
    r"""Maximise the (restricted) likelihood of tau2 for each row.

    Parameters
    ----------
    batch : Batch
        Checked estimates of m meta-analyses.
    restricted : bool
        True for REML, False for ML.

    Returns
    -------
    ndarray, shape (m,)
        tau2 in the batch's own units; exactly 0 where the maximum lies on the boundary.

    Raises
    ------
    ConvergenceError
        If a maximum is not reached to a relative change of 1e-13.

    Notes
    -----
    With :math:`w_i = 1 / (v_i + \tau^2)` and :math:`P = W - W11'W / \sum w_i` twice the score is
    :math:`y'PPy - \mathrm{tr} P` for REML and :math:`y'PPy - \sum w_i` for ML. The likelihood may have
    several maxima, so the sign of the score is followed over a geometric grid of :math:`\tau^2 + \min v`
    up to a bound beyond which it is negative; each change from plus to minus is solved by Newton steps
    kept inside their bracket, and the highest maximum (0 included) wins.

    Source: Viechtbauer 2005, J Educ Behav Stat 30:261-293, doi:10.3102/10769986030003261.
    """
    zero = np.zeros(len(batch.k))
    at_zero = _score(moments(batch, zero), restricted=restricted)
    flat = np.flatnonzero(at_zero <= 0)
    bracket = _brackets(batch, at_zero, restricted=restricted)
    inner = batch.take(bracket.row)
    root = _root(inner, bracket, restricted=restricted)
    row = np.concatenate([flat, bracket.row])
    tau2 = np.concatenate([np.zeros(len(flat)), root])
    height = _log_likelihood(batch.take(row), tau2, restricted=restricted)
    best = np.lexsort((tau2, -height, row))
    found, first = np.unique(row[best], return_index=True)
    if len(found) < len(batch.k):
        lost = int(np.setdiff1d(np.arange(len(batch.k)), found)[0])
        raise ConvergenceError(
            f"the likelihood of tau2 has no maximum that could be found (meta-analysis {lost}). "
            "Look for a misprinted estimate or variance, or take another estimator such as DL."
        )
    return tau2[best[first]]


def _score(m: Moments, *, restricted: bool) -> FloatArray:
    """Twice the derivative of the log likelihood with respect to tau2."""
    return m.ypp - (m.trace if restricted else m.total)


def _slope(m: Moments, *, restricted: bool) -> FloatArray:
    """Slope of `_score` with respect to tau2."""
    squares = np.einsum("ij,ij->i", m.w, m.w)
    cubic = np.einsum("ij,ij,ij->i", m.w, m.u, m.u) - np.einsum("ij,ij->i", m.w, m.u) ** 2 / m.total
    if not restricted:
        return np.asarray(squares - 2.0 * cubic)
    cubes = np.einsum("ij,ij,ij->i", m.w, m.w, m.w)
    return np.asarray(squares - 2.0 * cubes / m.total + (squares / m.total) ** 2 - 2.0 * cubic)


def _brackets(batch: Batch, at_zero: FloatArray, *, restricted: bool) -> Bracket:
    """Follow the sign of the score upwards and note where it turns negative."""
    rows = np.arange(len(batch.k))
    # REML: the score is a sum of (c - x) / x**2 with sum(c) the sum of squares about the plain mean;
    # ML: residuals are bounded by the range. Beyond either bound every term is negative.
    mean = batch.d.sum(axis=1) / batch.k
    squares = np.where(batch.present, (batch.d - mean[:, None]) ** 2, 0.0).sum(axis=1)
    bound = 2.0 * np.maximum(squares, np.ptp(batch.d, axis=1) ** 2)
    lower, score = np.zeros(len(rows)), at_zero
    found: list[tuple[IntArray, FloatArray, FloatArray]] = []
    active, part = rows, batch
    while active.size:
        low = part.v[:, 0]
        upper = (lower + low) * GRID_RATIO - low
        after = _score(moments(part, upper), restricted=restricted)
        turn = (score > 0) & (after <= 0)
        found.append((active[turn], lower[turn], upper[turn]))
        on = upper < bound[active]
        if not on.all():
            active, part, upper, after = active[on], part.take(on), upper[on], after[on]
        lower, score = upper, after
    row, left, right = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Bracket(row, left, right)


def _root(batch: Batch, bracket: Bracket, *, restricted: bool) -> FloatArray:
    """Solve score = 0 inside each bracket by Newton steps, halving it where a step would leave or stall."""
    lower, upper = bracket.lower, bracket.upper
    tau2 = 0.5 * (lower + upper)
    last = upper - lower
    for _ in range(MAX_STEPS):
        m = moments(batch, tau2)
        score = _score(m, restricted=restricted)
        lower, upper = np.where(score > 0, tau2, lower), np.where(score > 0, upper, tau2)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = tau2 - score / _slope(m, restricted=restricted)
        good = (newton >= lower) & (newton <= upper) & (np.abs(newton - tau2) <= 0.5 * last)
        following = np.where(good, newton, 0.5 * (lower + upper))
        last = np.abs(following - tau2)
        tau2 = following
        change = last / (tau2 + batch.v[:, 0])
        if (change <= TOLERANCE).all():
            return tau2
    worst = int(bracket.row[int(np.argmax(change))])
    raise ConvergenceError(
        f"tau2 did not converge in {MAX_STEPS} steps (meta-analysis {worst}). "
        "Look for a misprinted estimate or variance, or take another estimator such as DL."
    )


def _log_likelihood(batch: Batch, tau2: FloatArray, *, restricted: bool) -> FloatArray:
    """Log likelihood of tau2 with the mean profiled out, up to a constant of the row."""
    m = moments(batch, tau2)
    log_w = np.log(m.w, out=np.zeros_like(m.w), where=batch.present).sum(axis=1)
    return np.asarray(0.5 * (log_w - m.q - (np.log(m.total) if restricted else 0.0)))
