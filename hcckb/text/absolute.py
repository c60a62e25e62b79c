"""Absolute effects and the summary of findings as text and records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hcckb.text.tables import DISCLAIMER, grid

if TYPE_CHECKING:
    from hcckb.analysis.absolute import AbsoluteEffect, AbsoluteEffects
    from hcckb.analysis.certainty import Certainty

COLUMNS = (
    "baseline",
    "source",
    "months",
    "risk_comparator",
    "risk_experimental",
    "risk_experimental_lower",
    "risk_experimental_upper",
    "difference",
    "difference_lower",
    "difference_upper",
    "number_needed",
    "number_needed_near",
    "number_needed_far",
    "number_needed_crosses",
    "median_comparator",
    "median_experimental",
    "median_experimental_lower",
    "median_experimental_upper",
)


def absolute_text(found: AbsoluteEffects) -> str:
    """Write absolute effects as a table: patients of 1,000 with the event, and numbers needed."""
    headers = ("Baseline", "At", "Comparator", "Experimental (interval)", "Difference of 1,000", "Number needed")
    parts = [found.pooled.title, "", grid((_cells(row, found) for row in found.rows), headers), ""]
    parts += [_effect(found)]
    parts += [_medians(row) for row in _first_of_each(found) if row.median_experimental is not None]
    sources = dict.fromkeys(
        f"{r.baseline.label}: {r.baseline.source}, {r.baseline.locator}" for r in found.rows if r.baseline.source
    )
    parts += [f"Baseline {text}" for text in sources]
    parts += [f"Note: {note}" for note in found.notes]
    return "\n".join([*parts, "", DISCLAIMER])


def absolute_records(found: AbsoluteEffects) -> tuple[list[Mapping[str, object]], tuple[str, ...]]:
    """Give one record for each baseline and time, and the columns."""
    rows: list[Mapping[str, object]] = []
    for row in found.rows:
        mine = {c: getattr(row, c) for c in COLUMNS if c not in ("baseline", "source")}
        rows.append({"baseline": row.baseline.label, "source": row.baseline.source, **mine})
    return rows, COLUMNS


def needed_text(row: AbsoluteEffect, *, event_is_good: bool) -> str:
    """Write a number needed to treat with its interval, as Altman proposes.

    A number with B is for one patient who benefits, one with H for one who is harmed.
    """
    if row.number_needed is None:
        return "no difference"
    good = -1 if event_is_good else 1
    near, far = _number(row.number_needed_near, good), _number(row.number_needed_far, good)
    between = "to ∞ to" if row.number_needed_crosses else "to"
    return f"{_number(row.number_needed, good)} ({near} {between} {far})"


def findings_text(found: AbsoluteEffects, rated: Certainty) -> str:
    """Write the summary of findings: certainty, relative and absolute effect, and what informs each domain."""
    pooled = found.pooled
    headers = ("Outcome", "Studies (n)", "Certainty", "Relative effect", "Comparator", "Experimental", "Difference")
    rows = []
    for i, row in enumerate(found.rows):
        first = i == 0
        rows.append(
            (
                pooled.endpoint.replace("-", " ") if first else "",
                f"{pooled.k} ({pooled.n if pooled.n is not None else 'n not reported'})" if first else "",
                rated.certainty if first else "",
                f"{pooled.estimate:.2f} ({pooled.ci_lower:.2f} to {pooled.ci_upper:.2f})" if first else "",
                f"{_per_thousand(row.risk_comparator)} of 1,000{_when(row)}, {row.baseline.label}",
                f"{_per_thousand(row.risk_experimental)} ({_per_thousand(row.risk_experimental_lower)} to "
                f"{_per_thousand(row.risk_experimental_upper)})",
                _difference(row),
            )
        )
    parts = [f"{pooled.title}: summary of findings", "", grid(rows, headers), "", _ratings_text(rated), ""]
    parts += [f"Note: {note}" for note in found.notes]
    return "\n".join([*parts, "", DISCLAIMER])


def _ratings_text(rated: Certainty) -> str:
    rows = []
    for domain in dict.fromkeys([i.domain for i in rated.information]):
        given = rated.domains.get(domain)
        words = f"{given.rating}: {given.reason}" if given else "not rated"
        computed = [i.text for i in rated.information if i.domain == domain]
        rows += [
            (domain.replace("_", " ") if j == 0 else "", words if j == 0 else "", t) for j, t in enumerate(computed)
        ]
    rows += [(name.replace("_", " "), f"{r.rating}: {r.reason}", "") for name, r in rated.upgrades.items()]
    by = f", by {rated.rater}" if rated.rater else ""
    told = f"Certainty: {rated.certainty} (starts {rated.start}; ratings are a person's{by}; the numbers are computed)"
    return told + "\n\n" + grid(rows, ("Domain", "Rating", "What informs it"))


def _cells(row: AbsoluteEffect, found: AbsoluteEffects) -> tuple[str, ...]:
    low, high = _per_thousand(row.risk_experimental_lower), _per_thousand(row.risk_experimental_upper)
    return (
        row.baseline.label,
        "" if row.months is None else f"{row.months:g} mo",
        f"{_per_thousand(row.risk_comparator)} of 1,000",
        f"{_per_thousand(row.risk_experimental)} ({low} to {high})",
        _difference(row),
        needed_text(row, event_is_good=found.event_is_good),
    )


def _effect(found: AbsoluteEffects) -> str:
    p = found.pooled
    event = p.endpoint.replace("-", " ") if found.event_is_good else "the event (death, progression ...)"
    effect = f"{p.measure.replace('-', ' ')} {p.estimate:.3f} ({p.ci_lower:.3f} to {p.ci_upper:.3f}), k = {p.k}"
    return f"Counted are patients with {event}; B: for one who benefits, H: for one who is harmed; {effect}"


def _first_of_each(found: AbsoluteEffects) -> list[AbsoluteEffect]:
    return list({row.baseline: row for row in reversed(found.rows)}.values())[::-1]


def _medians(row: AbsoluteEffect) -> str:
    return (
        f"Median, {row.baseline.label}: {row.median_comparator:.1f} months against {row.median_experimental:.1f} "
        f"({row.median_experimental_lower:.1f} to {row.median_experimental_upper:.1f}) under a constant hazard"
    )


def _difference(row: AbsoluteEffect) -> str:
    low, high = _signed(row.difference_lower), _signed(row.difference_upper)
    return f"{_signed(row.difference)} ({low} to {high})"


def _when(row: AbsoluteEffect) -> str:
    return "" if row.months is None else f" at {row.months:g} mo"


def _per_thousand(risk: float) -> str:
    return f"{1000 * risk:.0f}"


def _signed(difference: float) -> str:
    rounded = round(1000 * difference)
    return "0" if rounded == 0 else f"{rounded:+d}".replace("-", "−")


def _number(value: float | None, good: int) -> str:
    if value is None:
        return "∞"
    size = abs(value)
    return f"{size:.{0 if size >= 10 else 1}f} {'B' if value * good > 0 else 'H'}"
