"""E-values: how strong an unmeasured confounder would have to be to explain a ratio away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hcckb.errors import PoolingError, UnknownNameError

MEASURES = ("risk-ratio", "odds-ratio", "hazard-ratio", "standardised-mean-difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class EValue:
    """The E-value of an estimate and of the limit of its interval that lies nearer to no effect.

    `measure` and `rare` say how the ratio was turned into the risk ratio `risk_ratio` with its interval.
    `limit` is None without an interval, and 1 where the interval holds no effect.
    """

    measure: str
    rare: bool
    risk_ratio: float
    risk_ratio_lower: float | None
    risk_ratio_upper: float | None
    estimate: float
    limit: float | None
    note: str


def e_value(
    value: float,
    ci_lower: float | None = None,
    ci_upper: float | None = None,
    *,
    measure: str = "risk-ratio",
    rare: bool = False,
) -> EValue:
    r"""Compute the E-value of an estimate and of its interval.

    Parameters
    ----------
    value, ci_lower, ci_upper : float
        Estimate and limits on the scale of the measure: a ratio, or a standardised mean difference.
    measure : {"risk-ratio", "odds-ratio", "hazard-ratio", "standardised-mean-difference"}
        What is given.
    rare : bool
        Whether fewer than 15 % have had the event at the end of follow-up, so that odds and hazard ratios may
        stand for risk ratios. Deaths in advanced cancer are not rare.

    Raises
    ------
    UnknownNameError
        If there is no such measure.
    PoolingError
        If a number is not finite, a ratio not positive, one limit is given alone, or the value lies outside them.

    Notes
    -----
    :math:`E = RR + \sqrt{RR (RR - 1)}` for :math:`RR \ge 1`, of 1/RR below. A risk ratio is taken from a common
    outcome's odds ratio as :math:`\sqrt{OR}`, from its hazard ratio as
    :math:`(1 - 0.5^{\sqrt{HR}}) / (1 - 0.5^{\sqrt{1/HR}})`, from a standardised mean difference as
    :math:`\exp(0.91 d)`; the limits likewise. Made for observational studies: a randomised comparison is not
    confounded at its start.

    Source: VanderWeele & Ding 2017, Ann Intern Med 167:268-274, doi:10.7326/M16-2607.

    Examples
    --------
    >>> found = e_value(3.9, 1.8, 8.7)
    >>> round(found.estimate, 2), round(found.limit, 2)
    (7.26, 3.0)
    """
    if measure not in MEASURES:
        raise UnknownNameError(measure, "measure with an E-value", MEASURES, ", ".join(MEASURES))
    _check(value, ci_lower, ci_upper, measure)
    ratio = _risk_ratio(value, measure, rare=rare)
    lower = None if ci_lower is None else _risk_ratio(ci_lower, measure, rare=rare)
    upper = None if ci_upper is None else _risk_ratio(ci_upper, measure, rare=rare)
    limit = None
    if lower is not None and upper is not None:
        limit = 1.0 if lower <= 1.0 <= upper else _strength(lower if ratio > 1.0 else upper)
    return EValue(
        measure=measure,
        rare=rare,
        risk_ratio=ratio,
        risk_ratio_lower=lower,
        risk_ratio_upper=upper,
        estimate=_strength(ratio),
        limit=limit,
        note=_note(measure, rare=rare),
    )


def _check(value: float, lower: float | None, upper: float | None, measure: str) -> None:
    if (lower is None) != (upper is None):
        raise PoolingError("an interval has two limits. Give both ci_lower and ci_upper, or neither.")
    for name, number in {"value": value, "ci_lower": lower, "ci_upper": upper}.items():
        if number is None:
            continue
        if not math.isfinite(number) or (measure != MEASURES[3] and number <= 0):
            raise PoolingError(f"{name} {number} is no {measure.replace('-', ' ')}. Read it again in the report.")
    if lower is not None and upper is not None and not lower <= value <= upper:
        raise PoolingError(f"value {value} lies outside its interval {lower} to {upper}. Read it again in the report.")


def _risk_ratio(number: float, measure: str, *, rare: bool) -> float:
    if measure == "standardised-mean-difference":
        return math.exp(0.91 * number)
    if measure == "odds-ratio" and not rare:
        return math.sqrt(number)
    if measure == "hazard-ratio" and not rare:
        half = math.log(0.5)
        return math.expm1(half * math.sqrt(number)) / math.expm1(half * math.sqrt(1.0 / number))
    return number


def _strength(ratio: float) -> float:
    away = max(ratio, 1.0 / ratio)
    return away + math.sqrt(away * (away - 1.0))


def _note(measure: str, *, rare: bool) -> str:
    if measure == "risk-ratio":
        return "Association on the risk-ratio scale, of a confounder with both treatment and outcome."
    how = "taken for a risk ratio, as the outcome is rare" if rare else "turned into an approximate risk ratio"
    return f"The {measure.replace('-', ' ')} was {how}."
