"""Rows of single arms: proportions, incidence rates, medians."""

from __future__ import annotations

from hcckb.candidates import EvidenceRow
from hcckb.errors import TableError
from hcckb.pooling.medians import quantile_estimation
from hcckb.pooling.proportions import exact_interval, proportion_effects
from hcckb.pooling.rates import exact_rate_interval, rate_effects
from hcckb.usertable.effects import Read
from hcckb.usertable.rows import MedianRow, ProportionRow, RateRow
from hcckb.usertable.sheet import Z95, Sheet

PROPORTION = ("events", "n")
RATE = ("events", "time")
MEDIAN_INTERVAL = ("median", "ci_lower", "ci_upper")
MEDIAN_QUARTILES = ("median", "n", "q1", "q3")


def from_arms(sheet: Sheet, measure: str, transform: str | None, correction: str | None, add: float) -> Read:
    """Read rows of single arms as their measure has them."""
    if measure == "proportion":
        return from_proportions(sheet, transform or "logit", correction, add)
    if measure == "incidence-rate":
        return from_rates(sheet, transform or "log", correction, add)
    return from_medians(sheet)


def from_proportions(sheet: Sheet, transform: str, correction: str | None, add: float) -> Read:
    """Turn rows of one arm into proportions with exact 95 % intervals."""
    arms = [sheet.arm(number, record, *PROPORTION) for number, record in sheet.records]
    events, sizes = zip(*arms, strict=True)
    found = proportion_effects(events, sizes, transform, correction=correction, add=add, labels=sheet.labels)
    low, high = exact_interval(events, sizes)
    rows: list[EvidenceRow] = []
    for i, (number, record) in enumerate(sheet.records):
        x, n = arms[i]
        rows.append(
            ProportionRow(
                **sheet.common(number, record, "proportion", (x / n, float(low[i]), float(high[i]))),
                n_experimental=n,
                n_comparator=None,
                as_printed=f"{x}/{n}",
                events=x,
                transform=transform,
                correction=correction,
                add=add,
            )
        )
    return rows, (), found.warnings


def from_rates(sheet: Sheet, transform: str, correction: str | None, add: float) -> Read:
    """Turn rows of events in person-time into rates with exact 95 % intervals."""
    arms = [(sheet.count(n, "events", r), sheet.positive(n, "time", r)) for n, r in sheet.records]
    events, times = zip(*arms, strict=True)
    found = rate_effects(events, times, transform, correction=correction, add=add, labels=sheet.labels)
    low, high = exact_rate_interval(events, times)
    rows: list[EvidenceRow] = []
    for i, (number, record) in enumerate(sheet.records):
        x, t = arms[i]
        rows.append(
            RateRow(
                **sheet.common(number, record, "incidence-rate", (x / t, float(low[i]), float(high[i]))),
                n_experimental=sheet.whole(number, "n", record),
                n_comparator=None,
                as_printed=f"{x} in {record['time']}",
                events=x,
                time=t,
                transform=transform,
                correction=correction,
                add=add,
            )
        )
    return rows, (), found.warnings


def from_medians(sheet: Sheet) -> Read:
    """Take medians with their intervals, to be pooled as logs, or else with quartiles, on their own scale."""
    by_interval = set(MEDIAN_INTERVAL) <= set(sheet.header)
    rows = [_interval_row(sheet, i) if by_interval else _quartile_row(sheet, i) for i in range(len(sheet.records))]
    return rows, (), ()


def _interval_row(sheet: Sheet, i: int) -> EvidenceRow:
    number, record = sheet.records[i]
    interval = sheet.interval(number, record, MEDIAN_INTERVAL, ratio=True)
    level = sheet.level(number, record)
    common = sheet.common(number, record, "median", interval)
    return MedianRow(
        **{**common, "ci_level": level},
        n_experimental=sheet.whole(number, "n", record),
        n_comparator=None,
        as_printed=" ".join(record[c] for c in MEDIAN_INTERVAL),
        transform="log",
    )


def _quartile_row(sheet: Sheet, i: int) -> EvidenceRow:
    number, record = sheet.records[i]
    m, low, high = (sheet.number(number, column, record) for column in ("median", "q1", "q3"))
    n = sheet.size(number, "n", record, 2)
    if not low <= m <= high or low == high:
        raise TableError(
            f"{sheet.path}, row {number}: q1 {low:g}, median {m:g} and q3 {high:g} are no quartiles. Correct the row."
        )
    se = float(quantile_estimation(m, low, high, n).effects.se[0])
    return MedianRow(
        **sheet.common(number, record, "median", (m, m - Z95 * se, m + Z95 * se)),
        n_experimental=n,
        n_comparator=None,
        as_printed=f"{record['median']} ({record['q1']} to {record['q3']})",
        transform="none",
    )
