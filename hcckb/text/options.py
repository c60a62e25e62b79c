"""Options and disagreements as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from hcckb.options import DISCLAIMER, Disagreement, Option, TrialResult
from hcckb.text.tables import digits_text, grid

COLUMNS = (
    "name",
    "strength",
    "rule",
    "source",
    "locator",
    "as_printed",
    "held",
    "unknown",
    "restriction",
    "basis",
    "evidence",
)


def options_text(found: Sequence[Option], differing: Sequence[Disagreement]) -> str:
    """Write what guidance offers, what decided, the trials behind it, where documents differ, and the disclaimer."""
    if not found:
        return f"No rule of the guidance that was read holds for this profile.\n\n{DISCLAIMER}"
    headers = ("Option", "Strength", "Rule", "Because of", "Depends on, limits")
    rows = [(o.name, o.strength, o.rule, _folded(o.held, 34), _folded([*o.unknown, *_limit(o)], 44)) for o in found]
    parts = [grid(rows, headers), "", *_evidence(found), *_differing(differing), DISCLAIMER]
    return "\n".join(parts)


def option_records(found: Iterable[Option]) -> list[dict[str, Any]]:
    """Give one record per option for CSV: several conditions, bases or trials are joined by "; "."""
    return [_record(option) for option in found]


def _record(option: Option) -> dict[str, Any]:
    record = {name: value for name, value in asdict(option).items() if name in COLUMNS}
    record |= {name: "; ".join(record[name]) for name in ("held", "unknown", "basis")}
    record["evidence"] = "; ".join(f"{t.row.study} {t.row.as_printed}" for t in option.evidence)
    return {name: record[name] for name in COLUMNS}


def _limit(option: Option) -> Iterator[str]:
    if option.restriction:
        yield option.restriction


def _folded(texts: Iterable[str], width: int) -> str:
    return "\n".join(line for text in texts for line in textwrap.wrap(text, width, subsequent_indent="  "))


def _evidence(found: Iterable[Option]) -> Iterator[str]:
    """Write the trials of each regimen once, and the regimens without any."""
    rows = {(o.name, t.row.estimate_iri): (o.name, *_trial(t)) for o in found for t in o.evidence}
    if rows:
        yield "Overall survival in randomised trials of these regimens (hazard ratio):"
        yield grid(
            rows.values(), ("Option", "Study", "Arms", "Population", "Received before", "Value (interval)", "Source")
        )
        yield ""
    without = dict.fromkeys(o.name for o in found if o.regimen and not o.evidence)
    if without:
        text = f"No randomised trial of the line with an overall-survival estimate here: {', '.join(without)}."
        yield from textwrap.wrap(text, 108, subsequent_indent="  ")
        yield ""


def _trial(trial: TrialResult) -> tuple[str, ...]:
    row = trial.row
    return (
        row.study,
        f"{row.experimental} vs {row.comparator}",
        row.population,
        ", ".join(trial.prior) or "not stated",
        digits_text(row) + (" *" if row.resolution else ""),
        row.source,
    )


def _differing(differing: Iterable[Disagreement]) -> Iterator[str]:
    for disagreement in differing:
        verb = "differ" if disagreement.certain else "may differ"
        positions = "; ".join(_position(p) for p in disagreement.positions)
        text = f"The documents {verb} on {disagreement.name}: {positions}."
        yield from textwrap.wrap(text, 108, subsequent_indent="  ")
        yield ""


def _position(option: Option) -> str:
    depends = f", depends on {' and '.join(option.unknown)}" if option.unknown else ""
    return f"{option.strength} in {option.rule} ({option.locator}{depends})"
