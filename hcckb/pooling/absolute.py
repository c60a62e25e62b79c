"""Relative effects made absolute at a chosen baseline, numbers needed to treat, and how much information would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray

MEASURES = ("hazard-ratio", "risk-ratio", "odds-ratio", "peto-odds-ratio", "risk-difference")


@dataclass(frozen=True, slots=True)
class NumberNeeded:
    """How many must be treated for one event more or less, with limits (Altman 1998).

    `value` is 1 over the risk difference: positive with fewer events than under the comparator, negative with more,
    infinite at no difference. `near` and `far` are 1 over the limits of the difference, the one at more benefit
    first. When the interval of the difference holds 0 (`crosses`), the numbers needed run from `near` through
    infinity to `far`, not between the two.
    """

    value: float
    near: float
    far: float
    crosses: bool


def corresponding_risk(baseline: ArrayLike, effect: ArrayLike, measure: str) -> FloatArray:
    r"""Risk under the experimental treatment, from the comparator's risk and a relative effect.

    Parameters
    ----------
    baseline : array_like
        Risk of the event under the comparator, in [0, 1].
    effect : array_like
        Hazard, risk or odds ratio, or risk difference; broadcast against `baseline`.
    measure : str
        One of :data:`MEASURES`.

    Returns
    -------
    ndarray
        In [0, 1]; a risk that a ratio or difference would carry beyond is cut there.

    Raises
    ------
    PoolingError
        If a baseline is outside [0, 1] or a ratio is not above 0 and finite.
    UnknownNameError
        If `measure` is no such name.

    Notes
    -----
    With :math:`p_0` the baseline: risk ratio :math:`p_0 RR`; odds ratio
    :math:`p_0 OR / (1 - p_0 + p_0 OR)`; hazard ratio :math:`1 - (1 - p_0)^{HR}`, which assumes proportional hazards;
    risk difference :math:`p_0 + RD`.

    Source: Cochrane Handbook for Systematic Reviews of Interventions, chapter 15.4.

    Examples
    --------
    >>> corresponding_risk(0.4, [0.8, 1.0], "hazard-ratio").round(4).tolist()
    [0.3355, 0.4]
    """
    p, x = np.asarray(baseline, dtype=np.float64), np.asarray(effect, dtype=np.float64)
    if measure not in MEASURES:
        raise UnknownNameError(measure, "measure with an absolute effect", MEASURES, ", ".join(MEASURES))
    if not ((p >= 0) & (p <= 1)).all():
        raise PoolingError(f"a baseline risk lies in 0 to 1, got {p}. Per cent are to be divided by 100.")
    if measure == "risk-difference":
        return np.clip(p + x, 0.0, 1.0)
    _refuse_ratio(x)
    if measure == "hazard-ratio":
        return np.asarray(1.0 - (1.0 - p) ** x)
    if measure == "risk-ratio":
        return np.minimum(p * x, 1.0)
    return np.asarray(p * x / (1.0 - p + p * x))


def exponential_survival(median: ArrayLike, at: ArrayLike) -> FloatArray:
    r"""Share free of the event at time `at` under a constant hazard, from the median time: :math:`2^{-t/m}`.

    Parameters
    ----------
    median, at : array_like
        Median time to the event and the time asked for, in one unit; they broadcast.

    Raises
    ------
    PoolingError
        If a median is not above 0, or a time is negative.

    Examples
    --------
    >>> exponential_survival(8.0, [0.0, 8.0, 16.0]).tolist()
    [1.0, 0.5, 0.25]
    """
    m, t = np.asarray(median, dtype=np.float64), np.asarray(at, dtype=np.float64)
    if not (np.isfinite(m) & (m > 0)).all() or not (t >= 0).all():
        raise PoolingError(f"a median time is above 0 and a time not negative, got {m} and {t}.")
    return np.asarray(0.5 ** (t / m))


def median_under(median: ArrayLike, hazard_ratio: ArrayLike) -> FloatArray:
    r"""Median time under the experimental treatment, :math:`m_0 / HR`, if both hazards are constant.

    Parameters
    ----------
    median : array_like
        Median time under the comparator.
    hazard_ratio : array_like
        Experimental over comparator; broadcast against `median`.

    Raises
    ------
    PoolingError
        If a median or a ratio is not above 0 and finite.
    """
    m, x = np.asarray(median, dtype=np.float64), np.asarray(hazard_ratio, dtype=np.float64)
    _refuse_ratio(x)
    if not (np.isfinite(m) & (m > 0)).all():
        raise PoolingError(f"a median time is above 0, got {m}.")
    return np.asarray(m / x)


def number_needed(difference: float, lower: float, upper: float) -> NumberNeeded:
    """Turn a difference in risk (experimental minus comparator) with its limits into a number needed to treat.

    Parameters
    ----------
    difference, lower, upper : float
        Risk difference and its limits; negative means fewer events.

    Raises
    ------
    PoolingError
        If they are not in the order lower, difference, upper, or not within -1 to 1.

    Notes
    -----
    Source: Altman 1998, BMJ 317:1309-1312, doi:10.1136/bmj.317.7168.1309.

    Examples
    --------
    >>> number_needed(-0.1, -0.25, 0.05)
    NumberNeeded(value=10.0, near=4.0, far=-20.0, crosses=True)
    """
    if not -1 <= lower <= difference <= upper <= 1:
        raise PoolingError(f"{lower:g}, {difference:g}, {upper:g} are no lower limit, difference and upper limit.")
    value, near, far = (np.inf if x == 0 else -1.0 / x for x in (difference, lower, upper))
    return NumberNeeded(float(value), float(near), float(far), bool(lower < 0 < upper))


def events_needed(hazard_ratio: float, *, alpha: float = 0.05, power: float = 0.8, share: float = 0.5) -> float:
    r"""Events with which one trial would show a hazard ratio (optimal information size for time to event).

    Parameters
    ----------
    hazard_ratio : float
        The ratio that is to be shown, not 1.
    alpha, power : float
        Two-sided level of the test, and its power.
    share : float
        Share of participants in the experimental arm.

    Raises
    ------
    PoolingError
        If the ratio is 1 or not above 0, or a share, level or power is not inside 0 to 1.

    Notes
    -----
    :math:`(z_{1-\alpha/2} + z_{power})^2 / (\pi (1 - \pi) (\ln HR)^2)`.

    Source: Schoenfeld 1983, Biometrics 39:499-503, doi:10.2307/2531021.

    Examples
    --------
    >>> round(events_needed(0.75))
    379
    """
    _refuse_ratio(np.asarray(hazard_ratio))
    _refuse_shares(alpha, power, share)
    if hazard_ratio == 1:
        raise PoolingError("no number of events shows a hazard ratio of 1. Give the smallest effect that matters.")
    return float(_z(alpha, power) ** 2 / (share * (1 - share) * np.log(hazard_ratio) ** 2))


def participants_needed(
    comparator_risk: float, experimental_risk: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    r"""Participants of both arms with which one trial would show a difference of two risks.

    Parameters
    ----------
    comparator_risk, experimental_risk : float
        Risks, inside 0 to 1 and not the same.
    alpha, power : float
        Two-sided level of the test, and its power.

    Raises
    ------
    PoolingError
        If the risks are the same, or a risk, level or power is not inside 0 to 1.

    Notes
    -----
    :math:`2 (z_{1-\alpha/2} + z_{power})^2 (p_0 (1 - p_0) + p_1 (1 - p_1)) / (p_0 - p_1)^2`, arms of equal size:
    the optimal information size of Pogue & Yusuf 1997, Control Clin Trials 18:580-593,
    doi:10.1016/S0197-2456(97)00051-2.

    Examples
    --------
    >>> round(participants_needed(0.5, 0.4))
    769
    """
    _refuse_shares(alpha, power, comparator_risk, experimental_risk)
    if comparator_risk == experimental_risk:
        raise PoolingError("no number of participants shows a difference of 0. Give the smallest one that matters.")
    spread = comparator_risk * (1 - comparator_risk) + experimental_risk * (1 - experimental_risk)
    return float(2 * _z(alpha, power) ** 2 * spread / (comparator_risk - experimental_risk) ** 2)


def _z(alpha: float, power: float) -> float:
    return float(ndtri(1 - alpha / 2) + ndtri(power))


def _refuse_ratio(ratio: FloatArray) -> None:
    if not (np.isfinite(ratio) & (ratio > 0)).all():
        raise PoolingError(f"a ratio is above 0 and finite, got {ratio}.")


def _refuse_shares(*shares: float) -> None:
    bad = [s for s in shares if not 0 < s < 1]
    if bad:
        raise PoolingError(f"{bad[0]:g} is not inside 0 to 1. Risks, levels and powers are proportions, not per cent.")
