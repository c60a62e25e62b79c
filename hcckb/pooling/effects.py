"""Printed numbers to estimates and standard errors on the analysis scale, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.columns import READ_AGAIN, check, columns

FloatArray = NDArray[np.float64]
SCALES = ("log", "identity")


@dataclass(frozen=True, slots=True)
class Effects:
    """Estimates of k studies on the analysis scale, arrays of shape (k,).

    `estimate` holds log ratios or whatever additive scale was given; `se` its standard errors;
    `variance` their squares.
    """

    estimate: FloatArray
    se: FloatArray
    variance: FloatArray

    def __len__(self) -> int:
        return len(self.estimate)


def log_ratio(
    value: ArrayLike,
    ci_lower: ArrayLike,
    ci_upper: ArrayLike,
    ci_level: ArrayLike = 0.95,
    *,
    labels: Sequence[str] | None = None,
) -> Effects:
    r"""Turn printed ratios with confidence intervals into log ratios with standard errors.

    Parameters
    ----------
    value, ci_lower, ci_upper : array_like, scalar or shape (k,)
        Hazard, odds or risk ratios and their limits, as printed; scalars broadcast.
    ci_level : array_like, scalar or shape (k,)
        Level of each interval, in (0, 1).
    labels : sequence of str, optional
        Names of the studies, for messages.

    Returns
    -------
    Effects
        Natural logs, shape (k,). The estimate is the log of the printed value, not the middle of the
        interval, which may be asymmetric from rounding.

    Raises
    ------
    PoolingError
        If a number is not finite, a value or limit not positive, limits are reversed or equal, a value
        lies outside its interval, a level outside (0, 1), or the shapes do not fit.

    Notes
    -----
    :math:`se = (\ln u - \ln l) / (2 z)` with :math:`z = \Phi^{-1}((1 + level) / 2)`.

    Source: Parmar, Torri & Stewart 1998, Stat Med 17:2815-2834,
    doi:10.1002/(SICI)1097-0258(19981230)17:24<2815::AID-SIM110>3.0.CO;2-8; Cochrane Handbook 6.3.2.

    Examples
    --------
    >>> e = log_ratio([0.63, 0.76], [0.50, 0.63], [0.79, 0.92], labels=["RESORCE", "CELESTIAL"])
    >>> e.estimate.round(4).tolist(), e.se.round(4).tolist()
    ([-0.462, -0.2744], [0.1167, 0.0966])
    """
    x, low, high, level = columns({"value": value, "ci_lower": ci_lower, "ci_upper": ci_upper, "ci_level": ci_level})
    named = {"value": x, "ci_lower": low, "ci_upper": high}
    for name, column in {**named, "ci_level": level}.items():
        check(np.isfinite(column), labels, {name: column}, "is not a finite number", READ_AGAIN)
    for name, column in named.items():
        check(column > 0, labels, {name: column}, "is not positive", "A ratio is above 0: is it a log?")
    check((level > 0) & (level < 1), labels, {"ci_level": level}, "is not in (0, 1)", "Write 0.95 for 95 %.")
    limits = {"ci_lower": low, "ci_upper": high}
    check(low <= high, labels, limits, "are reversed", "Swap the limits if that is how they are printed.")
    check(low < high, labels, limits, "leave no width", "Give limits with more digits, or se and generic().")
    check((low <= x) & (x <= high), labels, named, "has the value outside its interval", READ_AGAIN)
    se = (np.log(high) - np.log(low)) / (2.0 * ndtri((1.0 + level) / 2.0))
    return Effects(np.log(x), se, se**2)


def log_ratio_from_p(
    value: ArrayLike, p_value: ArrayLike, sides: ArrayLike = 2, *, labels: Sequence[str] | None = None
) -> Effects:
    r"""Turn printed ratios with P values into log ratios with standard errors.

    A P value printed with few digits, or from another test than Wald's, makes this rough: prefer
    `log_ratio` wherever an interval is printed.

    Parameters
    ----------
    value : array_like, scalar or shape (k,)
        Ratios, as printed, other than 1.
    p_value : array_like, scalar or shape (k,)
        P values of ratio = 1, in (0, 1).
    sides : array_like, scalar or shape (k,)
        2 for a two-sided, 1 for a one-sided P value. A one-sided P above 0.5 is that of the other direction.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If a number is not finite, a ratio not positive or 1, a P value not in (0, 1), a one-sided P value 0.5,
        `sides` neither 1 nor 2, or the shapes do not fit.

    Notes
    -----
    :math:`se = |\ln x| / \Phi^{-1}(1 - p / 2)`; a one-sided P counts as :math:`2 \min(p, 1 - p)`. Sources as in
    `log_ratio`.

    Examples
    --------
    >>> log_ratio_from_p(0.92, 0.0186).se.round(5).tolist()
    [0.03543]
    """
    x, p, side = columns({"value": value, "p_value": p_value, "sides": sides})
    for name, column in {"value": x, "p_value": p}.items():
        check(np.isfinite(column), labels, {name: column}, "is not a finite number", READ_AGAIN)
    check(x > 0, labels, {"value": x}, "is not positive", "A ratio is above 0: is it a log?")
    check(x != 1, labels, {"value": x}, "is 1, whence no standard error follows", "Give its interval.")
    check((p > 0) & (p < 1), labels, {"p_value": p}, "is not in (0, 1)", "Give the interval, or the exact P.")
    check((side == 1) | (side == 2), labels, {"sides": side}, "is neither 1 nor 2", "Say how many sides P has.")
    check((side == 2) | (p != 0.5), labels, {"p_value": p}, "one-sided leaves no standard error", "Give the interval.")
    estimate = np.log(x)
    se = np.abs(estimate) / -ndtri(np.where(side == 2, p / 2.0, np.minimum(p, 1.0 - p)))
    return Effects(estimate, se, se**2)


def generic(
    yi: ArrayLike,
    vi: ArrayLike | None = None,
    sei: ArrayLike | None = None,
    *,
    labels: Sequence[str] | None = None,
) -> Effects:
    """Take estimates that are on an additive scale already, with variances or standard errors.

    Parameters
    ----------
    yi : array_like, scalar or shape (k,)
        Estimates: log ratios, differences, ...
    vi, sei : array_like, scalar or shape (k,)
        Sampling variances (squared scale of `yi`) or standard errors; exactly one of them.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If not exactly one of `vi` and `sei` is given, a number is not finite, a variance or standard
        error not positive, or the shapes do not fit.

    Examples
    --------
    >>> generic([-0.46, -0.27], sei=[0.12, 0.10]).variance.round(4).tolist()
    [0.0144, 0.01]
    """
    if (vi is None) == (sei is None):
        raise PoolingError("give either vi (variances) or sei (standard errors), and not both.")
    name = "vi" if sei is None else "sei"
    y, spread = columns({"yi": yi, name: vi if sei is None else sei})
    for key, column in {"yi": y, name: spread}.items():
        check(np.isfinite(column), labels, {key: column}, "is not a finite number", READ_AGAIN)
    check(spread > 0, labels, {name: spread}, "is not positive", "A study without spread has no weight.")
    if sei is None:
        return Effects(y, np.sqrt(spread), spread)
    return Effects(y, spread, spread**2)


def back_transform(value: ArrayLike, scale: str = "log") -> FloatArray:
    """Turn numbers on the analysis scale into numbers on the scale of the measure.

    Parameters
    ----------
    value : array_like
        Estimates or limits on the analysis scale, any shape.
    scale : {"log", "identity"}
        "log" for ratios (returns the exponential), "identity" for additive measures.

    Raises
    ------
    UnknownNameError
        If there is no such scale.

    Examples
    --------
    >>> back_transform([-0.5, 0.0]).round(3).tolist()
    [0.607, 1.0]
    """
    if scale not in SCALES:
        raise UnknownNameError(scale, "analysis scale", SCALES, ", ".join(SCALES))
    array = np.asarray(value, dtype=np.float64)
    return np.exp(array) if scale == "log" else array.copy()
