"""Rows of two arms with events and participants."""

from __future__ import annotations

from hcckb.candidates import EvidenceRow
from hcckb.pooling.counts import DOUBLE_ZERO_REASON, count_effects, two_arms
from hcckb.usertable.effects import Read, passed_over, with_interval
from hcckb.usertable.rows import CountsRow
from hcckb.usertable.sheet import Sheet

COUNTS = ("events_experimental", "n_experimental", "events_comparator", "n_comparator")


def from_counts(sheet: Sheet, measure: str, correction: str | None, add: float, double_zero: str | None) -> Read:
    """Turn rows of two arms into effects with 95 % intervals; rows that tell nothing are passed over."""
    arms = [[*sheet.arm(n, r, *COUNTS[:2]), *sheet.arm(n, r, *COUNTS[2:])] for n, r in sheet.records]
    tables = two_arms(*zip(*arms, strict=True), labels=sheet.labels)
    found = count_effects(tables, measure, correction=correction, add=add, double_zero=double_zero)
    rows: list[EvidenceRow] = []
    left = []
    effects = zip(found.effects.estimate, found.effects.se, strict=True)
    for (number, record), (a, n1, c, n2), kept in zip(sheet.records, arms, found.kept, strict=True):
        said = f"{a}/{n1} vs {c}/{n2}"
        if not kept:
            left.append(passed_over(sheet, number, record, said, DOUBLE_ZERO_REASON))
            continue
        y, se = next(effects)
        rows.append(
            CountsRow(
                **sheet.common(number, record, measure, with_interval(measure, float(y), float(se))),
                n_experimental=n1,
                n_comparator=n2,
                as_printed=said,
                events_experimental=a,
                events_comparator=c,
            )
        )
    return rows, tuple(left), found.warnings
