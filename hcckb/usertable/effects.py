"""Rows of two arms whose effect is printed, or follows from means, rates or log-rank totals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from hcckb.candidates import EvidenceRow
from hcckb.evidence import PassedOver
from hcckb.pooling.continuous import mean_effects
from hcckb.pooling.effects import Effects, log_ratio_from_p
from hcckb.pooling.hazard import log_hazard_from_logrank
from hcckb.pooling.rates import NO_EVENT_REASON, two_arm_rate_effects
from hcckb.usertable.rows import EffectRow
from hcckb.usertable.sheet import Z95, Record, Sheet, study

INTERVAL = ("value", "ci_lower", "ci_upper")
P_VALUE = ("value", "p_value")
LOGRANK = ("o_minus_e", "v")
MEANS = (
    *("mean_experimental", "sd_experimental", "n_experimental"),
    *("mean_comparator", "sd_comparator", "n_comparator"),
)
RATES = ("events_experimental", "time_experimental", "events_comparator", "time_comparator")
LOG_MEASURES = frozenset(
    {
        *("hazard-ratio", "odds-ratio", "risk-ratio", "peto-odds-ratio"),
        *("ratio-of-means", "incidence-rate-ratio"),
    }
)
Read = tuple[list[EvidenceRow], tuple[PassedOver, ...], tuple[str, ...]]


def printed(sheet: Sheet, measure: str) -> Read:
    """Read rows whose effect is printed: with an interval, else with P, else as log-rank totals."""
    return [_printed(sheet, number, record, measure) for number, record in sheet.records], (), ()


def generic(sheet: Sheet) -> Read:
    """Read rows on an additive scale with a variance or a standard error."""
    spread = "sei" if "sei" in sheet.header else "vi"
    rows = []
    for number, record in sheet.records:
        found = sheet.positive(number, spread, record)
        se = found if spread == "sei" else math.sqrt(found)
        y = sheet.number(number, "yi", record)
        said = f"{record['yi']} {record[spread]}"
        rows.append(effect_row(sheet, number, record, "generic", (y, se), said))
    return rows, (), ()


def from_means(sheet: Sheet, measure: str) -> Read:
    """Turn means and standard deviations of two arms into effects."""
    for number, record in sheet.records:
        for column in MEANS:
            if column.startswith("n_"):
                sheet.size(number, column, record, 2)
            elif sheet.number(number, column, record) < 0 and column.startswith("sd_"):
                raise sheet.refuse(number, column, f"{record[column]} is negative. Give the standard deviation.")
            elif measure == "ratio-of-means" and column.startswith("mean_") and float(record[column]) <= 0:
                raise sheet.refuse(number, column, f"{record[column]} must be above 0 for a ratio of means.")
    m1, s1, n1, m2, s2, n2 = ([float(record[c]) for _, record in sheet.records] for c in MEANS)
    found = mean_effects(m1, s1, n1, m2, s2, n2, measure, labels=_places(sheet))
    return _effect_rows(sheet, measure, found, [True] * len(sheet.records), _said_means), (), ()


def from_rates(sheet: Sheet, measure: str, correction: str | None, add: float, double_zero: str | None) -> Read:
    """Turn events in person-time of two arms into effects; rows that tell nothing are passed over."""
    for number, record in sheet.records:
        for column in RATES:
            if column.startswith("events"):
                sheet.count(number, column, record)
            else:
                sheet.positive(number, column, record)
    x1, t1, x2, t2 = ([float(record[c]) for _, record in sheet.records] for c in RATES)
    found = two_arm_rate_effects(
        x1, t1, x2, t2, measure, correction=correction, add=add, double_zero=double_zero, labels=sheet.labels
    )
    rows = _effect_rows(sheet, measure, found.effects, found.kept.tolist(), _said_rates)
    left = [pair for pair, kept in zip(sheet.records, found.kept, strict=True) if not kept]
    passed = tuple(passed_over(sheet, n, r, _said_rates(r), NO_EVENT_REASON) for n, r in left)
    return rows, passed, found.warnings


def passed_over(sheet: Sheet, number: int, record: Record, said: str, reason: str) -> PassedOver:
    """Say why a row was not taken."""
    return PassedOver(study(number, record), "", said, record.get("source", "") or sheet.path.name, reason)


def effect_row(
    sheet: Sheet, number: int, record: Record, measure: str, effect: tuple[float, float], said: str
) -> EvidenceRow:
    """Make a row of an effect on the analysis scale and its standard error, with its 95 % interval."""
    return EffectRow(
        **sheet.common(number, record, measure, with_interval(measure, *effect)),
        **sheet.sizes(number, record),
        as_printed=said,
        analysis_value=effect[0],
        se=effect[1],
    )


def with_interval(measure: str, y: float, se: float) -> tuple[float, float, float]:
    """Bring an effect and its 95 % limits to the scale of the measure."""
    limits = np.array([y, y - Z95 * se, y + Z95 * se])
    with np.errstate(over="ignore"):
        value, lower, upper = (float(x) for x in (np.exp(limits) if measure in LOG_MEASURES else limits))
    return value, lower, upper


def _printed(sheet: Sheet, number: int, record: Record, measure: str) -> EvidenceRow:
    bare = set(INTERVAL) <= set(sheet.header) and not (record.get("p_value") or record.get("o_minus_e"))
    if record.get("ci_lower") or record.get("ci_upper") or bare:
        interval = sheet.interval(number, record, INTERVAL, ratio=measure in LOG_MEASURES)
        common = sheet.common(number, record, measure, interval)
        level = sheet.level(number, record)
        said = " ".join(record[c] for c in INTERVAL)
        return EvidenceRow(**{**common, "ci_level": level}, **sheet.sizes(number, record), as_printed=said)
    place = [_place(sheet, number, record)]
    if record.get("p_value"):
        value, p = sheet.number(number, "value", record), sheet.number(number, "p_value", record)
        sides = sheet.number(number, "p_sides", record) if record.get("p_sides") else 2.0
        _refuse_no_p(sheet, number, record, value, p, sides)
        said = f"{record['value']} P {record['p_value']}" + (" (one-sided)" if sides == 1 else "")
        found = log_ratio_from_p(value, p, sides, labels=place)
        return effect_row(sheet, number, record, measure, _first(found), said)
    totals = (sheet.number(number, "o_minus_e", record), sheet.positive(number, "v", record))
    said = f"O - E {record['o_minus_e']}, V {record['v']}"
    found = log_hazard_from_logrank(*totals, labels=place)
    return effect_row(sheet, number, record, measure, _first(found), said)


def _refuse_no_p(sheet: Sheet, number: int, record: Record, value: float, p: float, sides: float) -> None:
    """Refuse a ratio with P from which no standard error follows."""
    if value <= 0:
        raise sheet.refuse(number, "value", f"{record['value']} is not positive. A ratio is above 0: is it a log?")
    if value == 1:
        raise sheet.refuse(
            number, "value", f"{record['value']} is 1, whence no standard error follows. Give its limits."
        )
    if not 0 < p < 1:
        raise sheet.refuse(number, "p_value", f"{record['p_value']} is not in (0, 1). Give the exact P, or the limits.")
    if sides not in (1, 2):
        raise sheet.refuse(number, "p_sides", f"{record['p_sides']} must be 1 or 2, the sides of the test.")


def _first(found: Effects) -> tuple[float, float]:
    return float(found.estimate[0]), float(found.se[0])


def _effect_rows(
    sheet: Sheet, measure: str, found: Effects, kept: Sequence[bool], said: Callable[[Record], str]
) -> list[EvidenceRow]:
    effects = iter(zip(found.estimate, found.se, strict=True))
    rows = []
    for (number, record), keep in zip(sheet.records, kept, strict=True):
        if keep:
            y, se = next(effects)
            rows.append(effect_row(sheet, number, record, measure, (float(y), float(se)), said(record)))
    return rows


def _said_means(record: Record) -> str:
    arms = ("experimental", "comparator")
    return " vs ".join(f"{record[f'mean_{a}']} (SD {record[f'sd_{a}']}, n {record[f'n_{a}']})" for a in arms)


def _said_rates(record: Record) -> str:
    arms = ("experimental", "comparator")
    return " vs ".join(f"{record[f'events_{a}']} in {record[f'time_{a}']}" for a in arms)


def _place(sheet: Sheet, number: int, record: Record) -> str:
    return f"{study(number, record)}, {sheet.path.name}, row {number}"


def _places(sheet: Sheet) -> list[str]:
    return [_place(sheet, number, record) for number, record in sheet.records]
