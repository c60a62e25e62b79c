"""From one measure of effect to another: ratios and differences at a baseline risk, and standard errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from hcckb.errors import PoolingError
from hcckb.pooling.columns import FloatArray, columns
from hcckb.pooling.effects import Effects
from hcckb.pooling.heterogeneity import checked_level

# Standard deviation of the logistic distribution.
_LOGISTIC = np.pi / np.sqrt(3.0)


def odds_ratio_to_risk_ratio(odds_ratio: ArrayLike, baseline_risk: ArrayLike) -> FloatArray:
    r"""Risk ratio that an odds ratio means at a baseline risk.

    Parameters
    ----------
    odds_ratio : array_like, scalar or shape (k,)
        Odds ratios, or limits of their intervals: the conversion keeps order, so that limits convert alike.
    baseline_risk : array_like, scalar or shape (k,)
        Risk in the comparator arm, in (0, 1).

    Raises
    ------
    PoolingError
        If a ratio is not positive and finite, a risk not in (0, 1), or the shapes do not fit.

    Notes
    -----
    :math:`RR = OR / (1 - p_0 + p_0 OR)`. Converting limits takes the baseline risk as known; for an adjusted odds
    ratio it is an approximation.

    Sources: Zhang & Yu 1998, JAMA 280:1690-1691, doi:10.1001/jama.280.19.1690; Grant 2014, BMJ 348:f7450,
    doi:10.1136/bmj.f7450.

    Examples
    --------
    >>> odds_ratio_to_risk_ratio([0.5, 2.0], 0.3).round(4).tolist()
    [0.5882, 1.5385]
    """
    ratio, p0 = _ratio_and_risk("odds_ratio", odds_ratio, baseline_risk)
    return np.asarray(ratio / (1 - p0 + p0 * ratio))


def risk_ratio_to_odds_ratio(risk_ratio: ArrayLike, baseline_risk: ArrayLike) -> FloatArray:
    r"""Odds ratio that a risk ratio means at a baseline risk; the inverse of `odds_ratio_to_risk_ratio`.

    Parameters
    ----------
    risk_ratio : array_like, scalar or shape (k,)
        Risk ratios below 1 / baseline risk.
    baseline_risk : array_like, scalar or shape (k,)
        Risk in the comparator arm, in (0, 1).

    Raises
    ------
    PoolingError
        As `odds_ratio_to_risk_ratio`, or if the risk of the experimental arm would reach 1.

    Notes
    -----
    :math:`OR = RR (1 - p_0) / (1 - RR\, p_0)`.

    Examples
    --------
    >>> risk_ratio_to_odds_ratio([0.5, 2.0], 0.3).round(4).tolist()
    [0.4118, 3.5]
    """
    ratio, p0 = _ratio_and_risk("risk_ratio", risk_ratio, baseline_risk)
    _refuse_certain(ratio, p0)
    return np.asarray(ratio * (1 - p0) / (1 - ratio * p0))


def hazard_ratio_to_risk_ratio(hazard_ratio: ArrayLike, baseline_risk: ArrayLike) -> FloatArray:
    r"""Risk ratio at a time that a hazard ratio means, hazards being proportional.

    Parameters
    ----------
    hazard_ratio : array_like, scalar or shape (k,)
        Hazard ratios, or limits of their intervals.
    baseline_risk : array_like, scalar or shape (k,)
        Risk of the event by that time in the comparator arm, in (0, 1).

    Raises
    ------
    PoolingError
        As `odds_ratio_to_risk_ratio`.

    Notes
    -----
    :math:`RR = (1 - (1 - p_0)^{HR}) / p_0`, as the GRADE working group has it.

    Source: Skoetz et al. 2020, J Clin Epidemiol 118:124-131, doi:10.1016/j.jclinepi.2019.10.015.

    Examples
    --------
    >>> hazard_ratio_to_risk_ratio([0.5, 2.0], 0.3).round(4).tolist()
    [0.5445, 1.7]
    """
    ratio, p0 = _ratio_and_risk("hazard_ratio", hazard_ratio, baseline_risk)
    return np.asarray(-np.expm1(ratio * np.log1p(-p0)) / p0)


def risk_ratio_to_hazard_ratio(risk_ratio: ArrayLike, baseline_risk: ArrayLike) -> FloatArray:
    r"""Hazard ratio that a risk ratio at a time means; the inverse of `hazard_ratio_to_risk_ratio`.

    Parameters
    ----------
    risk_ratio : array_like, scalar or shape (k,)
        Risk ratios below 1 / baseline risk.
    baseline_risk : array_like, scalar or shape (k,)
        Risk of the event by that time in the comparator arm, in (0, 1).

    Raises
    ------
    PoolingError
        As `risk_ratio_to_odds_ratio`.

    Notes
    -----
    :math:`HR = \ln(1 - RR\, p_0) / \ln(1 - p_0)`.

    Examples
    --------
    >>> risk_ratio_to_hazard_ratio(1.7, 0.3).round(4).tolist()
    [2.0]
    """
    ratio, p0 = _ratio_and_risk("risk_ratio", risk_ratio, baseline_risk)
    _refuse_certain(ratio, p0)
    return np.asarray(np.log1p(-ratio * p0) / np.log1p(-p0))


def risk_difference_at(ratio: ArrayLike, baseline_risk: ArrayLike, measure: str) -> FloatArray:
    r"""Risk difference that a ratio means at a baseline risk.

    Parameters
    ----------
    ratio : array_like, scalar or shape (k,)
        Ratios, or limits of their intervals.
    baseline_risk : array_like, scalar or shape (k,)
        Risk in the comparator arm, in (0, 1).
    measure : {"risk-ratio", "odds-ratio", "peto-odds-ratio", "hazard-ratio"}
        What the ratio is of.

    Returns
    -------
    ndarray
        Risk in the experimental minus that in the comparator arm, within (-1, 1); 1 / its size is the number needed
        to treat.

    Raises
    ------
    PoolingError
        As `risk_ratio_to_odds_ratio`, or if the measure is none of these.

    Notes
    -----
    :math:`p_0 (RR - 1)`, with RR by the conversions above.

    Source: Schünemann et al., Cochrane Handbook 6.3, 14.1.5.

    Examples
    --------
    >>> risk_difference_at(0.5, 0.3, "odds-ratio").round(4).tolist()
    [-0.1235]
    """
    if measure == "risk-ratio":
        rr, p0 = _ratio_and_risk("ratio", ratio, baseline_risk)
        _refuse_certain(rr, p0)
    elif measure in ("odds-ratio", "peto-odds-ratio", "hazard-ratio"):
        convert = hazard_ratio_to_risk_ratio if measure == "hazard-ratio" else odds_ratio_to_risk_ratio
        _, p0 = _ratio_and_risk("ratio", ratio, baseline_risk)
        rr = convert(ratio, baseline_risk)
    else:
        raise PoolingError(f"{measure!r} is no ratio with a baseline risk: risk-ratio, odds-ratio, hazard-ratio.")
    return np.asarray(p0 * (rr - 1))


def log_odds_to_smd(log_odds_ratio: ArrayLike, se: ArrayLike) -> Effects:
    r"""Standardised mean difference that a log odds ratio means, an underlying logistic scale being cut in two.

    Parameters
    ----------
    log_odds_ratio, se : array_like, scalar or shape (k,)
        Log odds ratios and their standard errors.

    Raises
    ------
    PoolingError
        If a number is not finite, a standard error not positive, or the shapes do not fit.

    Notes
    -----
    :math:`d = \ln OR \sqrt 3 / \pi`, and so its standard error.

    Sources: Hasselblad & Hedges 1995, Psychol Bull 117:167-178, doi:10.1037/0033-2909.117.1.167; Chinn 2000, Stat
    Med 19:3127-3131, doi:10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M.

    Examples
    --------
    >>> log_odds_to_smd(np.log(2), 0.2).estimate.round(4).tolist()
    [0.3822]
    """
    y, s = _estimate_and_se(log_odds_ratio, se)
    return Effects(y / _LOGISTIC, s / _LOGISTIC, (s / _LOGISTIC) ** 2)


def smd_to_log_odds(smd: ArrayLike, se: ArrayLike) -> Effects:
    r"""Log odds ratio that a standardised mean difference means; the inverse of `log_odds_to_smd`.

    Parameters
    ----------
    smd, se : array_like, scalar or shape (k,)
        Standardised mean differences and their standard errors.

    Raises
    ------
    PoolingError
        As `log_odds_to_smd`.

    Examples
    --------
    >>> smd_to_log_odds(0.5, 0.2).estimate.round(4).tolist()
    [0.9069]
    """
    y, s = _estimate_and_se(smd, se)
    return Effects(y * _LOGISTIC, s * _LOGISTIC, (s * _LOGISTIC) ** 2)


def se_from_interval(ci_lower: ArrayLike, ci_upper: ArrayLike, level: float = 0.95) -> FloatArray:
    r"""Return the standard error behind a normal interval on an additive scale: of a ratio, give logs of its limits.

    Parameters
    ----------
    ci_lower, ci_upper : array_like, scalar or shape (k,)
        Limits.
    level : float
        In (0, 1).

    Raises
    ------
    PoolingError
        If a limit is not finite, the limits are equal or reversed, or `level` is not in (0, 1).

    Notes
    -----
    :math:`(u - l) / (2 \Phi^{-1}((1 + level) / 2))`; Cochrane Handbook 6.3, 6.5.2.2.

    Examples
    --------
    >>> se_from_interval(-0.2, 0.6).round(4).tolist()
    [0.2041]
    """
    low, high = columns({"ci_lower": ci_lower, "ci_upper": ci_upper})
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise PoolingError(f"limits {low} and {high} must be finite, the lower one first. Correct them.")
    return np.asarray((high - low) / (2 * ndtri((1 + checked_level(level)) / 2)))


def se_from_p(estimate: ArrayLike, p_value: ArrayLike, sides: ArrayLike = 2) -> FloatArray:
    r"""Return the standard error behind a Wald P value of an estimate on an additive scale.

    Parameters
    ----------
    estimate : array_like, scalar or shape (k,)
        Estimates other than 0.
    p_value : array_like, scalar or shape (k,)
        P values of estimate = 0, in (0, 1).
    sides : array_like, scalar or shape (k,)
        2 or 1.

    Raises
    ------
    PoolingError
        If an estimate is 0 or not finite, a P value not in (0, 1) or a one-sided one 0.5, `sides` neither 1 nor 2.

    Notes
    -----
    :math:`|y| / \Phi^{-1}(1 - p/2)`; a one-sided P counts as :math:`2 \min(p, 1 - p)`. Cochrane Handbook 6.3,
    6.5.2.3.

    Examples
    --------
    >>> se_from_p(-0.462, 0.0001).round(4).tolist()
    [0.1187]
    """
    y, p, side = columns({"estimate": estimate, "p_value": p_value, "sides": sides})
    if not (np.isfinite(y).all() and (y != 0).all()):
        raise PoolingError(f"estimates {y} must be finite and not 0. Give an interval instead.")
    one = side == 1
    if not (((p > 0) & (p < 1)).all() and (one | (side == 2)).all() and (p[one] != 0.5).all()):
        raise PoolingError(f"P values {p} must lie in (0, 1), a one-sided one not at 0.5, with sides 1 or 2.")
    return np.asarray(np.abs(y) / -ndtri(np.where(one, np.minimum(p, 1 - p), p / 2)))


def _ratio_and_risk(name: str, ratio: ArrayLike, baseline_risk: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, p0 = columns({name: ratio, "baseline_risk": baseline_risk})
    if not (np.isfinite(x).all() and (x > 0).all()):
        raise PoolingError(f"{name} {x} must be positive and finite: is it a log?")
    if not ((p0 > 0) & (p0 < 1)).all():
        raise PoolingError(f"baseline_risk {p0} must lie in (0, 1). Write 0.3 for 30 %.")
    return x, p0


def _refuse_certain(ratio: FloatArray, p0: FloatArray) -> None:
    if (ratio * p0 >= 1).any():
        i = int(np.argmax(ratio * p0 >= 1))
        raise PoolingError(
            f"risk ratio {ratio[i]:g} at baseline risk {p0[i]:g} makes a risk of 1 or more. Take a lower one."
        )


def _estimate_and_se(estimate: ArrayLike, se: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, s = columns({"estimate": estimate, "se": se})
    if not (np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all()):
        raise PoolingError(f"estimates {y} with standard errors {s}: all must be finite, standard errors above 0.")
    return y, s
