"""Intervals of the between-study variance: Q-profile, generalised Q, profile likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from hcckb.errors import ConvergenceError, PoolingError, UnknownNameError
from hcckb.pooling.batch import Batch, FloatArray, as_rows, checked_batch, moments
from hcckb.pooling.generalised_q import q_distribution
from hcckb.pooling.heterogeneity import checked_level, heterogeneity
from hcckb.pooling.likelihood import tau2_likelihood

TAU2_INTERVALS = ("q-profile", "generalised-q", "profile-likelihood")
MAX_DOUBLINGS = 1000
# The profile of the likelihood is searched at points of tau2 + min(v) that lie this ratio apart.
GRID_RATIO = 2.0**0.125
_NO_MORE = "Look for a misprinted estimate or variance."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tau2Interval:
    """An interval of tau2 on the scale of the variances, and how it came about.

    `at_boundary` is True where the data speak for less heterogeneity than tau2 = 0 does on average, so that the
    method leaves the single point 0.
    """

    method: str
    level: float
    lower: float
    upper: float
    at_boundary: bool


def tau2_interval(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    method: str = "q-profile",
    level: float = 0.95,
    tau2: str = "REML",
    weights: ArrayLike | None = None,
) -> Tau2Interval:
    r"""Confidence interval of the between-study variance of one meta-analysis.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances, k >= 2.
    method : {"q-profile", "generalised-q", "profile-likelihood"}
        How.
    level : float
        In (0, 1).
    tau2 : str
        For "profile-likelihood": "ML" profiles the likelihood, every other name the restricted one.
    weights : array_like, shape (k,), optional
        For "generalised-q": the fixed weights, 1 / variance by default, as the statistic of DerSimonian and Laird
        has them. 1 / sqrt(variance) does better where tau2 is large (Jackson 2013).

    Returns
    -------
    Tau2Interval
        With 0 <= lower <= upper.

    Raises
    ------
    EmptySelectionError, PoolingError
        As `hcckb.pooling.heterogeneity.heterogeneity_many`; or if there is one study only, or a weight is not positive.
    UnknownNameError
        If there is no such method.
    ConvergenceError
        If a bound is not found.

    Notes
    -----
    - q-profile: :math:`Q(\tau^2)`, with weights :math:`1 / (v_i + \tau^2)`, equal to the quantiles of
      :math:`\chi^2_{k-1}`.
    - generalised-q: the tau2 at which :math:`Q_a = \sum a_i (y_i - \bar y_a)^2`, with fixed weights, is exceeded with
      probability (1 - level)/2 below and above; its distribution by `hcckb.pooling.generalised_q.q_distribution`.
      The interval of metafor's ``confint`` after ``method="GENQ"``.
    - profile-likelihood: all tau2 with :math:`2 (l(\hat\tau^2) - l(\tau^2)) \le \chi^2_{1, level}`, from the lowest
      to the highest, mean profiled out.

    The first two are exact when the estimates are normal with known variances; the last one is asymptotic in k.

    Sources: Viechtbauer 2007, Stat Med 26:37-52, doi:10.1002/sim.2514; Jackson 2013, Res Synth Methods 4:220-229;
    Hardy & Thompson 1996, Stat Med 15:619-629,
    doi:10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A.

    Examples
    --------
    >>> y, v = [0.1, 0.3, 0.8, 0.2], [0.02, 0.03, 0.05, 0.04]
    >>> for method in TAU2_INTERVALS:
    ...     i = tau2_interval(y, v, method=method)
    ...     print(method, round(i.lower, 4), round(i.upper, 3))
    q-profile 0.0 1.301
    generalised-q 0.0 1.09
    profile-likelihood 0.0 0.735
    """
    if method not in TAU2_INTERVALS:
        raise UnknownNameError(method, "interval of tau2", TAU2_INTERVALS, ", ".join(TAU2_INTERVALS))
    level = checked_level(level)
    y, v = as_rows(estimate, variance)
    batch = checked_batch(y, v)
    if batch.k[0] < 2:
        raise PoolingError("one study tells nothing of tau2. Give two or more.")
    if method == "q-profile":
        found = heterogeneity(y[0], v[0], method="DL", level=level)
        bounds = found.tau2_lower or 0.0, found.tau2_upper or 0.0
        return _told(method, level, bounds)
    if method == "generalised-q":
        low, high = _generalised_q(batch, level, _sorted_weights(y[0], v[0], weights))
    else:
        low, high = _profile_likelihood(batch, level, restricted=tau2 != "ML")
    unit = batch.square(np.array([low, high]))
    return _told(method, level, (float(unit[0]), float(unit[1])))


def _told(method: str, level: float, bounds: tuple[float, float]) -> Tau2Interval:
    lower, upper = bounds
    return Tau2Interval(method=method, level=level, lower=lower, upper=upper, at_boundary=upper == 0.0)


def _sorted_weights(y: FloatArray, v: FloatArray, weights: ArrayLike | None) -> FloatArray | None:
    """Bring weights into the order of the batch, relative to the first."""
    if weights is None:
        return None
    a = np.asarray(weights, dtype=np.float64)
    if a.shape != v.shape or not (np.isfinite(a).all() and (a > 0).all()):
        raise PoolingError(f"weights must be {len(v)} positive numbers, one per study. Correct or omit them.")
    ordered = a[np.lexsort((y, v))]
    return np.asarray(ordered / ordered[0])


def _generalised_q(batch: Batch, level: float, weights: FloatArray | None) -> tuple[float, float]:
    """Bounds of tau2 in the batch's own units, (0, 0) where even tau2 = 0 makes Q surprisingly small."""
    d, v = batch.d[0], batch.v[0]
    a = 1.0 / v if weights is None else weights
    q = float(a @ (d - a @ d / a.sum()) ** 2)
    tail = (1.0 - level) / 2.0

    def exceeds(at: float) -> Callable[[float], float]:
        return lambda tau2: 1.0 - q_distribution(q, a, v + tau2) - at

    # The sums of many terms are good to so many digits only.
    rtol = 4e-15 * max(1.0, len(v) / 4.0)
    low, high = (_rising_root(exceeds(p), float(v[0]), rtol) for p in (tail, 1.0 - tail))
    return low, high


def _rising_root(rising: Callable[[float], float], unit: float, rtol: float) -> float:
    """Root of an increasing function of tau2, 0 where it starts at or above 0."""
    from scipy.optimize import brentq

    if rising(0.0) >= 0:
        return 0.0
    low, high = 0.0, unit
    for _ in range(MAX_DOUBLINGS):
        if rising(high) >= 0:
            return float(brentq(rising, low, high, xtol=1e-300, rtol=rtol, maxiter=500))
        low, high = high, 2.0 * high
    raise ConvergenceError(f"an interval of tau2 has no upper bound below {high:.3g} times the unit. {_NO_MORE}")


def _profile_likelihood(batch: Batch, level: float, *, restricted: bool) -> tuple[float, float]:
    """Lowest and highest tau2 within the drop of the likelihood, in the batch's own units."""
    from scipy.optimize import brentq

    best = float(tau2_likelihood(batch, restricted=restricted)[0])
    allowed = float(chdtri(1.0, 1.0 - level))

    def drop(tau2: FloatArray) -> FloatArray:
        rows = batch.take(np.zeros(len(tau2), dtype=np.int64))
        return np.asarray(2.0 * (top - _log_likelihood(rows, tau2, restricted=restricted)) - allowed)

    def drop_at(tau2: float) -> float:
        return float(drop(np.array([tau2]))[0])

    top = float(_log_likelihood(batch, np.array([best]), restricted=restricted)[0])
    grid = np.union1d(_grid(batch, drop, best), [best])
    inside = np.flatnonzero(drop(grid) <= 0)
    first, last = int(inside[0]), int(inside[-1])
    bounds = [(first - 1, first), (last, last + 1)]
    found = [
        0.0 if i < 0 else float(brentq(drop_at, grid[i], grid[j], xtol=1e-300, rtol=4e-15, maxiter=500))
        for i, j in bounds
    ]
    return found[0], found[1]


def _log_likelihood(batch: Batch, tau2: FloatArray, *, restricted: bool) -> FloatArray:
    """Log likelihood of tau2 with the mean profiled out, up to a constant of the row."""
    m = moments(batch, tau2)
    log_w = np.log(m.w, out=np.zeros_like(m.w), where=batch.present).sum(axis=1)
    return np.asarray(0.5 * (log_w - m.q - (np.log(m.total) if restricted else 0.0)))


def _grid(batch: Batch, drop: Callable[[FloatArray], FloatArray], best: float) -> FloatArray:
    """Points of tau2 from 0 to beyond the last at which the likelihood can be high enough."""
    low = float(batch.v[0, 0])
    # Beyond twice the squares about the mean the likelihood only falls, so the first point there that lies
    # outside is beyond all that lie inside.
    bound = max(2.0 * float(batch.d[0] @ batch.d[0]), best, low)
    while float(drop(np.array([bound]))[0]) <= 0:
        bound *= 4.0
        if bound > 1e250:
            raise ConvergenceError(f"the likelihood of tau2 does not fall off. {_NO_MORE}")
    points = int(np.ceil(np.log((bound + low) / low) / np.log(GRID_RATIO))) + 1
    return np.asarray(low * (GRID_RATIO ** np.arange(points) - 1.0))
