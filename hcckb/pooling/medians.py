"""Medians of single arms: their standard errors from quartiles, and pools of medians without any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv, gammaln

from hcckb.errors import EmptySelectionError
from hcckb.pooling.columns import READ_AGAIN, FloatArray, check, columns
from hcckb.pooling.effects import Effects
from hcckb.pooling.heterogeneity import checked_level

_Z75 = 0.6744897501960817
_Z = np.array([-_Z75, 0.0, _Z75])
_P = np.array([0.25, 0.5, 0.75])
_Unit = Callable[[float], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianFits:
    """Medians with standard errors by quantile estimation, and the distribution chosen for each, shape (k,)."""

    effects: Effects
    distribution: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianOfMedians:
    """A median of study medians.

    Attributes
    ----------
    weighted : bool
        Whether studies count by their participants.
    k, n : int
        Studies and participants.
    estimate : float
        In the unit of the medians.
    ci_lower, ci_upper : float or None
        Limits of the interval; None where so few studies tell no limit at this level.
    level : float
        Level that the interval has at least.
    """

    weighted: bool
    k: int
    n: int
    estimate: float
    ci_lower: float | None
    ci_upper: float | None
    level: float


def quantile_estimation(
    median: ArrayLike, q1: ArrayLike, q3: ArrayLike, n: ArrayLike, *, labels: Sequence[str] | None = None
) -> MedianFits:
    r"""Estimate the standard errors of medians from their quartiles.

    Parameters
    ----------
    median, q1, q3 : array_like, scalar or shape (k,)
        Median and quartiles of each arm, in one unit.
    n : array_like, scalar or shape (k,)
        Participants, 2 or more.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Returns
    -------
    MedianFits
        The medians as given, on their own scale, to be pooled like any additive measure.

    Raises
    ------
    PoolingError
        If a number is not finite, quartiles do not enclose the median, are equal, an n is not whole or below 2, or
        the shapes do not fit.

    Notes
    -----
    Of the normal, log-normal, gamma and Weibull distributions (the normal alone where q1 <= 0) the one whose quartiles
    come closest, :math:`\sum_p (F_\theta^{-1}(p) - q_p)^2` being least over its parameters, gives the density at the
    median in the large-sample variance :math:`1 / (4 n f(m)^2)`. No censoring: of survival times use the interval of
    the median instead.

    Source: McGrath et al. 2019, Stat Med 38:969-984, doi:10.1002/sim.8013; McGrath et al. 2020, Biom J 62:69-98,
    doi:10.1002/bimj.201900036.

    Examples
    --------
    >>> fit = quantile_estimation([6.1, 5.2], [2.0, 1.6], [10.2, 13.0], [100, 92])
    >>> fit.effects.se.round(3).tolist(), fit.distribution
    ([0.762, 1.036], ('normal', 'weibull'))
    """
    m, low, high, size = columns({"median": median, "q1": q1, "q3": q3, "n": n})
    named = {"q1": low, "median": m, "q3": high}
    for name, column in {**named, "n": size}.items():
        check(np.isfinite(column), labels, {name: column}, "is not a finite number", READ_AGAIN)
    check((low <= m) & (m <= high), labels, named, "are out of order", "Quartiles enclose the median.")
    check(low < high, labels, named, "leave no spread", READ_AGAIN)
    _check_sizes(size, labels)
    found = [_density(np.array(row)) for row in zip(low, m, high, strict=True)]
    se = 0.5 / (np.sqrt(size) * np.array([f for _, f in found]))
    return MedianFits(effects=Effects(m, se, se**2), distribution=tuple(name for name, _ in found))


def median_of_medians(
    median: ArrayLike,
    n: ArrayLike,
    *,
    weighted: bool = True,
    level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> MedianOfMedians:
    r"""Pool medians by their (weighted) median, which asks for no standard errors.

    Parameters
    ----------
    median : array_like, shape (k,)
        Median of each study, in one unit.
    n : array_like, shape (k,)
        Participants of each study.
    weighted : bool
        Count each study by its participants; otherwise all alike.
    level : float
        Level of the interval, in (0, 1).
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    EmptySelectionError
        If there is no study.
    PoolingError
        If a number is not finite, an n is not whole or below 2, the shapes do not fit, or `level` is not in (0, 1).

    Notes
    -----
    The estimate is the median at which the ordered weights first exceed one half of their sum, the mean of two
    where they meet it. The interval holds every value that the weighted sign test does not refuse: were the value
    true, each study's median would lie above it with probability 1/2, so that the weight above it is
    :math:`\sum n_i B_i` with independent :math:`B_i`; its distribution is exact, not normal. With equal weights this
    is the interval of the sign test, of order statistics. Below six studies of like size it has no 95 % limits.

    Source: McGrath et al. 2019, Stat Med 38:969-984, doi:10.1002/sim.8013.

    Examples
    --------
    >>> p = median_of_medians([6.1, 5.2, 3.1, 2.8, 4.5, 4.0, 3.6], [100, 92, 221, 81, 42, 60, 75])
    >>> p.estimate, p.ci_lower, p.ci_upper
    (3.6, 2.8, 6.1)
    """
    level = checked_level(level)
    m, size = columns({"median": median, "n": n})
    if not len(m):
        raise EmptySelectionError("there is no median to pool. Give at least one study.")
    check(np.isfinite(m), labels, {"median": m}, "is not a finite number", READ_AGAIN)
    _check_sizes(size, labels)
    order = np.argsort(m, kind="stable")
    m, size = m[order], size[order]
    weights = size.astype(np.int64) if weighted else np.ones(len(m), dtype=np.int64)
    below = np.concatenate([[0], np.cumsum(weights)])
    half = int(np.searchsorted(2 * below[1:], below[-1]))
    meets = 2 * int(below[half + 1]) == int(below[-1])
    estimate = (m[half] + m[half + 1]) / 2 if meets else m[half]
    at_least = _upper_tail(weights)
    above = below[-1] - below
    tail = (1 - level) / 2 * (1 + 1e-12)
    # Between the j-th and the next median the weight above is above[j], the weight below its mirror image.
    first = int(np.argmax(at_least[above] > tail))
    last = len(m) - int(np.argmax(at_least[below][::-1] > tail))
    return MedianOfMedians(
        weighted=weighted,
        k=len(m),
        n=int(size.sum()),
        estimate=float(estimate),
        ci_lower=float(m[first - 1]) if first > 0 else None,
        ci_upper=float(m[last]) if last < len(m) else None,
        level=level,
    )


def _check_sizes(size: FloatArray, labels: Sequence[str] | None) -> None:
    whole = (size >= 2) & (size == np.floor(size))
    check(whole, labels, {"n": size}, "is not a whole number from 2 on", "Give the participants.")


def _upper_tail(weights: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> FloatArray:
    """P(S >= s) for s = 0 ... sum of weights, S the sum of those that a fair coin picks."""
    mass = np.ones(1)
    for w in weights:
        longer = np.zeros(len(mass) + int(w))
        longer[: len(mass)] += mass / 2
        longer[int(w) :] += mass / 2
        mass = longer
    return np.asarray(np.cumsum(mass[::-1])[::-1])


def _density(quartiles: FloatArray) -> tuple[str, float]:
    """Distribution that fits the quartiles best, and its density at the median."""
    low, m, high = (float(x) for x in quartiles)
    sigma = (high - low) / (2 * _Z75)
    mu = float(quartiles.mean())
    misfit = float(np.sum((mu + sigma * _Z - quartiles) ** 2))
    best = ("normal", misfit, float(np.exp(-(((m - mu) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))))
    if low > 0:
        for name, (unit, density, shapes) in _FAMILIES.items():
            shape, misfit = _fitted_shape(unit, quartiles, shapes)
            if misfit < best[1]:
                best = (name, misfit, density(m, shape, _scale(unit(shape), quartiles)))
    return best[0], best[2]


def _scale(unit: FloatArray, quartiles: FloatArray) -> float:
    """Scale at which the quartiles of the unit distribution come closest."""
    return float(unit @ quartiles / (unit @ unit))


def _fitted_shape(unit: _Unit, quartiles: FloatArray, shapes: tuple[float, float]) -> tuple[float, float]:
    """Shape with the least misfit, and that misfit: a grid, then Brent's method between its neighbours."""
    from scipy.optimize import minimize_scalar

    def misfit(log_shape: float) -> float:
        q = unit(float(np.exp(log_shape)))
        return float(np.sum((_scale(q, quartiles) * q - quartiles) ** 2))

    grid = np.linspace(np.log(shapes[0]), np.log(shapes[1]), 60)
    i = int(np.argmin([misfit(x) for x in grid]))
    bounds = (grid[max(0, i - 1)], grid[min(len(grid) - 1, i + 1)])
    found = minimize_scalar(misfit, bounds=bounds, method="bounded", options={"xatol": 1e-12, "maxiter": 500})
    return float(np.exp(found.x)), float(found.fun)


def _lognormal_unit(sigma: float) -> FloatArray:
    return np.asarray(np.exp(sigma * _Z))


def _gamma_unit(shape: float) -> FloatArray:
    return np.asarray(gammaincinv(shape, _P))


def _weibull_unit(shape: float) -> FloatArray:
    return np.asarray((-np.log1p(-_P)) ** (1 / shape))


def _lognormal_density(x: float, sigma: float, scale: float) -> float:
    return float(np.exp(-((np.log(x / scale) / sigma) ** 2) / 2) / (x * sigma * np.sqrt(2 * np.pi)))


def _gamma_density(x: float, shape: float, scale: float) -> float:
    return float(np.exp((shape - 1) * np.log(x / scale) - x / scale - gammaln(shape)) / scale)


def _weibull_density(x: float, shape: float, scale: float) -> float:
    return float(shape / scale * (x / scale) ** (shape - 1) * np.exp(-((x / scale) ** shape)))


_FAMILIES: dict[str, tuple[_Unit, Callable[[float, float, float], float], tuple[float, float]]] = {
    "log-normal": (_lognormal_unit, _lognormal_density, (1e-3, 20.0)),
    "gamma": (_gamma_unit, _gamma_density, (0.02, 1e4)),
    "weibull": (_weibull_unit, _weibull_density, (0.05, 200.0)),
}
