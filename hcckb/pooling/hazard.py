"""Log hazard ratios from what trials report beside an interval: log-rank totals, events, medians."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from hcckb.pooling.columns import READ_AGAIN, FloatArray, check, columns
from hcckb.pooling.effects import Effects


def log_hazard_from_logrank(o_minus_e: ArrayLike, v: ArrayLike, *, labels: Sequence[str] | None = None) -> Effects:
    r"""Turn log-rank totals into log hazard ratios by the one-step (Peto) method.

    Parameters
    ----------
    o_minus_e : array_like, scalar or shape (k,)
        Observed minus expected events of the experimental arm; below 0 favours it.
    v : array_like, scalar or shape (k,)
        Log-rank (hypergeometric) variance of it, above 0.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If a number is not finite, a variance not positive, or the shapes do not fit.

    Notes
    -----
    :math:`\ln HR = (O - E) / V`, variance :math:`1 / V`.

    Sources: Yusuf et al. 1985, Prog Cardiovasc Dis 27:335-371, doi:10.1016/S0033-0620(85)80003-7; Tierney et al.
    2007, Trials 8:16, doi:10.1186/1745-6215-8-16.

    Examples
    --------
    >>> e = log_hazard_from_logrank(-11.4, 38.6)
    >>> e.estimate.round(4).tolist(), e.se.round(4).tolist()
    ([-0.2953], [0.161])
    """
    difference, variance = columns({"o_minus_e": o_minus_e, "v": v})
    for name, column in {"o_minus_e": difference, "v": variance}.items():
        check(np.isfinite(column), labels, {name: column}, "is not a finite number", READ_AGAIN)
    check(variance > 0, labels, {"v": variance}, "is not positive", "Give the variance of O - E.")
    return Effects(difference / variance, 1 / np.sqrt(variance), 1 / variance)


def logrank_variance(
    events_experimental: ArrayLike, events_comparator: ArrayLike, *, labels: Sequence[str] | None = None
) -> FloatArray:
    r"""Approximate the log-rank variance V from the events of two arms.

    Parameters
    ----------
    events_experimental, events_comparator : array_like, scalar or shape (k,)
        Events, above 0.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If a number is not positive and finite, or the shapes do not fit.

    Notes
    -----
    :math:`V \approx d_1 d_2 / (d_1 + d_2)`: Tierney et al. 2007, Trials 8:16, doi:10.1186/1745-6215-8-16; a
    quarter of all events where the arms have as many.

    Examples
    --------
    >>> logrank_variance(70, 84).round(2).tolist()
    [38.18]
    """
    one, two = _positive({"events_experimental": events_experimental, "events_comparator": events_comparator}, labels)
    return np.asarray(one / (one + two) * two)


def logrank_from_p(
    p_value: ArrayLike, v: ArrayLike, favours_experimental: ArrayLike = True, *, labels: Sequence[str] | None = None
) -> Effects:
    r"""Turn a two-sided log-rank P value and V into a log hazard ratio.

    Parameters
    ----------
    p_value : array_like, scalar or shape (k,)
        Two-sided P values of the log-rank test, in (0, 1).
    v : array_like, scalar or shape (k,)
        Variance of O - E, e.g. from `logrank_variance`.
    favours_experimental : array_like of bool, scalar or shape (k,)
        Whether the experimental arm had fewer events than expected: P does not say.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If a P value is not in (0, 1), a variance not positive and finite, or the shapes do not fit.

    Notes
    -----
    :math:`O - E = \mp \sqrt V \, \Phi^{-1}(1 - p/2)`; Tierney et al. 2007, Trials 8:16,
    doi:10.1186/1745-6215-8-16.

    Examples
    --------
    >>> logrank_from_p(0.066, 38.6).estimate.round(4).tolist()
    [-0.2959]
    """
    p, variance, favours = columns({"p_value": p_value, "v": v, "favours_experimental": favours_experimental})
    check((p > 0) & (p < 1), labels, {"p_value": p}, "is not in (0, 1)", "Give the exact P value.")
    sign = np.where(favours != 0, 1.0, -1.0)
    return log_hazard_from_logrank(sign * np.sqrt(np.maximum(variance, 0)) * ndtri(p / 2), variance, labels=labels)


def log_hazard_from_medians(
    median_experimental: ArrayLike,
    median_comparator: ArrayLike,
    events_experimental: ArrayLike,
    events_comparator: ArrayLike,
    *,
    labels: Sequence[str] | None = None,
) -> Effects:
    r"""Approximate log hazard ratios from medians, as if survival were exponential.

    Parameters
    ----------
    median_experimental, median_comparator : array_like, scalar or shape (k,)
        Median times, in one unit.
    events_experimental, events_comparator : array_like, scalar or shape (k,)
        Events of each arm.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If a number is not positive and finite, or the shapes do not fit.

    Notes
    -----
    :math:`\ln HR = \ln(m_2 / m_1)`, variance :math:`1 / d_1 + 1 / d_2`. A last resort: two curves with these
    medians may have quite another hazard ratio.

    Source: Parmar, Torri & Stewart 1998, Stat Med 17:2815-2834,
    doi:10.1002/(SICI)1097-0258(19981230)17:24<2815::AID-SIM110>3.0.CO;2-8.

    Examples
    --------
    >>> log_hazard_from_medians(10.6, 7.8, 233, 140).estimate.round(4).tolist()
    [-0.3067]
    """
    named = {
        "median_experimental": median_experimental,
        "median_comparator": median_comparator,
        "events_experimental": events_experimental,
        "events_comparator": events_comparator,
    }
    m1, m2, d1, d2 = _positive(named, labels)
    variance = 1 / d1 + 1 / d2
    return Effects(np.log(m2 / m1), np.sqrt(variance), variance)


def _positive(named: dict[str, ArrayLike], labels: Sequence[str] | None) -> list[FloatArray]:
    found = columns(named)
    for name, column in zip(named, found, strict=True):
        check(np.isfinite(column) & (column > 0), labels, {name: column}, "is not positive and finite", READ_AGAIN)
    return found
