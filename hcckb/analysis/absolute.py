"""A pooled relative effect as shares of patients, medians and numbers needed to treat, at chosen baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hcckb.analysis.baselines import Baseline
from hcckb.errors import PoolingError, UsageError
from hcckb.measures import event_is_good as good_by_name
from hcckb.pooling.absolute import MEASURES, corresponding_risk, median_under, number_needed
from hcckb.results import PooledResult

ASSUMPTIONS = {
    "hazard-ratio": "Hazards are taken as proportional; from a median the hazard is taken as constant.",
    "risk-ratio": "The risk ratio is taken to be the same at every baseline.",
    "odds-ratio": "The odds ratio is taken to be the same at every baseline.",
    "peto-odds-ratio": "The odds ratio is taken to be the same at every baseline.",
    "risk-difference": "The risk difference is taken to be the same at every baseline.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsoluteEffect:
    """A pooled effect at one baseline, and for a time to event at one time.

    Risks are proportions of patients who have the event (by `months`); `difference` is experimental minus comparator.
    Limits come from the limits of the pooled effect: the baseline is taken as known. Medians are in months and None
    unless the baseline is a median. The number needed is for one event less (positive) or more (negative), None where
    the difference is 0; `number_needed_crosses` says that its interval runs through infinity.
    """

    baseline: Baseline
    months: float | None
    risk_comparator: float
    risk_experimental: float
    risk_experimental_lower: float
    risk_experimental_upper: float
    difference: float
    difference_lower: float
    difference_upper: float
    number_needed: float | None
    number_needed_near: float | None
    number_needed_far: float | None
    number_needed_crosses: bool
    median_comparator: float | None = None
    median_experimental: float | None = None
    median_experimental_lower: float | None = None
    median_experimental_upper: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsoluteEffects:
    """What a pooled result means in absolute terms; `event_is_good` where the event is wanted (response)."""

    pooled: PooledResult
    rows: tuple[AbsoluteEffect, ...]
    event_is_good: bool
    notes: tuple[str, ...]


def absolute(
    result: PooledResult,
    baselines: Sequence[Baseline],
    *,
    months: Sequence[float] = (),
    event_is_good: bool | None = None,
) -> AbsoluteEffects:
    """Apply a pooled effect to baselines.

    Parameters
    ----------
    result : PooledResult
        A pooled ratio or risk difference.
    baselines : sequence of Baseline
        What happens under the comparator.
    months : sequence of float
        Times at which a median baseline is turned into a risk.
    event_is_good : bool, optional
        Whether the event is wanted; by default where the endpoint is a response or disease control.

    Raises
    ------
    UsageError
        If there is no baseline, a median comes without a time or with a measure that is no hazard ratio.
    PoolingError
        If the measure has no absolute effect, or a baseline cannot be.

    Notes
    -----
    Formulas in :func:`hcckb.pooling.absolute.corresponding_risk` and :func:`hcckb.pooling.absolute.median_under`.
    """
    if result.measure not in MEASURES:
        raise PoolingError(f"a {result.measure} has no absolute effect; these have: {', '.join(MEASURES)}.")
    if not baselines:
        raise UsageError("an absolute effect needs a baseline: --median, --survival with --at, or --risk.")
    rows = [_row(result, b, t) for b in baselines for t in _times(result, b, months)]
    good = good_by_name(result.measure, result.endpoint) if event_is_good is None else event_is_good
    notes = [
        ASSUMPTIONS[result.measure],
        "The limits come from the pooled effect alone: the baseline is taken as known.",
    ]
    if any(r.risk_experimental_upper >= 1 for r in rows):
        notes.append("A risk that the effect would carry beyond 0 to 1 is cut there.")
    return AbsoluteEffects(pooled=result, rows=tuple(rows), event_is_good=good, notes=tuple(notes))


def _times(result: PooledResult, baseline: Baseline, months: Sequence[float]) -> Sequence[float | None]:
    if baseline.kind != "median":
        return [baseline.months]
    if result.measure != "hazard-ratio":
        raise UsageError(f"a median goes with a hazard ratio, not with a {result.measure}. Give --risk.")
    if not months:
        raise UsageError("a median gives risks at a time only. Say when, in months, with --at.")
    return list(months)


def _row(result: PooledResult, baseline: Baseline, months: float | None) -> AbsoluteEffect:
    p0 = baseline.risk_at(months)
    effects = (result.estimate, result.ci_lower, result.ci_upper)
    p1, low, high = (float(p) for p in corresponding_risk(p0, effects, result.measure))
    number = number_needed(p1 - p0, low - p0, high - p0)
    medians: dict[str, float] = {}
    if baseline.kind == "median":
        m1, longest, shortest = (float(m) for m in median_under(baseline.value, effects))
        medians = {"median_comparator": baseline.value, "median_experimental": m1}
        medians |= {"median_experimental_lower": shortest, "median_experimental_upper": longest}
    return AbsoluteEffect(
        baseline=baseline,
        months=months,
        risk_comparator=p0,
        risk_experimental=p1,
        risk_experimental_lower=low,
        risk_experimental_upper=high,
        difference=p1 - p0,
        difference_lower=low - p0,
        difference_upper=high - p0,
        number_needed=_finite(number.value),
        number_needed_near=_finite(number.near),
        number_needed_far=_finite(number.far),
        number_needed_crosses=number.crosses,
        **medians,
    )


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None
