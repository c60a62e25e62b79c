"""Rows of an evidence table made ready for a network: who is compared in which study, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from hcckb.analysis.network_results import NetworkRow
from hcckb.analysis.pool import RATIOS
from hcckb.candidates import EvidenceRow
from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.evidence import EvidenceTable
from hcckb.measures import event_is_good
from hcckb.overlaps import to_drop
from hcckb.pooling.effects import Effects, generic, log_ratio
from hcckb.pooling.network import connected_parts
from hcckb.results import Dropped


@dataclass(frozen=True, slots=True)
class Part:
    """The contrasts of one connected network, with what was left out and what has to be told."""

    table: EvidenceTable
    rows: tuple[EvidenceRow, ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The treatments, in alphabetical order."""
        found = {n for r in self.rows for n in (r.experimental, r.comparator)}
        return tuple(sorted(found, key=lambda n: (n.casefold(), n)))


def parts_of(whole: Part) -> tuple[Part, ...]:
    """Split a network where it falls apart; what concerns only the studies of one part is told there."""
    names = whole.names
    pairs = [(names.index(r.experimental), names.index(r.comparator)) for r in whole.rows]
    out = []
    for part in connected_parts([a for a, _ in pairs], [b for _, b in pairs], len(names)):
        inside = {names[t] for t in part}
        rows = tuple(r for r in whole.rows if r.experimental in inside)
        own = {r.study for r in rows}
        other = {r.study for r in whole.rows} - own
        dropped = tuple(d for d in whole.dropped if d.study not in other)
        warnings = tuple(w for w in whole.warnings if any(s in w for s in own) or not any(s in w for s in other))
        out.append(replace(whole, rows=rows, dropped=dropped, warnings=warnings))
    return tuple(out)


def comparable(table: EvidenceTable) -> Part:
    """Leave out patients counted twice and arms of one regimen; arms shared within a study stay."""
    arms = {r.estimate_iri: {r.experimental_arm, r.comparator_arm} - {""} for r in table.rows}
    own = [o for o in table.overlaps if arms.get(o.kept_iri, set()) & arms.get(o.dropped_iri, set())]
    gone = to_drop([o for o in table.overlaps if o not in own], arms)
    ignored = frozenset(f"{o.study}: one contrast {o.reason}; a pool drops it." for o in own)
    rows, dropped = [], [Dropped(p.study, p.reason, p.estimate_iri) for p in table.passed_over]
    for r in table.rows:
        if r.estimate_iri in gone:
            dropped.append(Dropped(r.study, gone[r.estimate_iri].reason, r.estimate_iri))
        elif r.experimental == r.comparator:
            dropped.append(Dropped(r.study, f"regimen: both arms receive {r.comparator}", r.estimate_iri))
        else:
            rows.append(r)
    if not rows:
        asked = ", ".join(f"{k}={v}" for k, v in table.asked.items())
        raise EmptySelectionError(
            f"{table.query or 'the table'} ({asked or 'no filter'}) selects no contrast of two regimens. "
            "See where they left with `hcckb flow`."
        )
    for column in ("endpoint", "measure"):
        values = sorted({str(getattr(r, column)) for r in rows})
        if len(values) > 1:
            raise PoolingError(
                f"the network mixes {len(values)} {column}s ({', '.join(values)}). Name one with --{column}."
            )
    return Part(table, tuple(rows), tuple(dropped), tuple(w for w in table.warnings if w not in ignored))


def checked_reference(reference: str | None, names: Sequence[str]) -> str | None:
    """Give the treatment as the network spells it; None where none is asked for."""
    if reference is None:
        return None
    for name in names:
        if name.casefold() == reference.casefold():
            return name
    raise UnknownNameError(reference, "treatment of this network", names)


def most_connected(rows: Sequence[EvidenceRow]) -> str:
    """Name the treatment compared with most others; of several, the one in more contrasts, then by name."""
    neighbours: dict[str, list[str]] = {}
    for r in rows:
        neighbours.setdefault(r.experimental, []).append(r.comparator)
        neighbours.setdefault(r.comparator, []).append(r.experimental)
    return min(neighbours, key=lambda n: (-len(set(neighbours[n])), -len(neighbours[n]), n.casefold()))


def studies_of(rows: Sequence[EvidenceRow]) -> list[str]:
    """Name the study of each contrast; contrasts of one study without a common arm count as studies of their own."""
    arms = [(r.experimental_arm or f"{i} 1", r.comparator_arm or f"{i} 2") for i, r in enumerate(rows)]
    index = {arm: i for i, arm in enumerate(dict.fromkeys(a for pair in arms for a in pair))}
    parts = connected_parts([index[a] for a, _ in arms], [index[b] for _, b in arms], len(index))
    part = {i: p for p, members in enumerate(parts) for i in members}
    numbers: dict[str, dict[int, int]] = {}
    out = []
    for r, (arm, _) in zip(rows, arms, strict=True):
        own = numbers.setdefault(r.study, {})
        number = own.setdefault(part[index[arm]], len(own) + 1)
        out.append(r.study if number == 1 else f"{r.study} ({number})")
    return out


def small_is_good(row: EvidenceRow) -> bool:
    """Tell whether small values are good, by measure and endpoint."""
    return not event_is_good(row.measure, row.endpoint)


def effects_of(rows: Sequence[EvidenceRow]) -> Effects:
    """Bring printed values to the analysis scale."""
    columns = ("value", "ci_lower", "ci_upper", "ci_level")
    value, lower, upper, level = (np.array([getattr(r, c) for r in rows], dtype=float) for c in columns)
    if rows[0].measure in RATIOS:
        return log_ratio(value, lower, upper, level, labels=[r.study for r in rows])
    return generic(value, sei=(upper - lower) / (2 * ndtri((1 + level) / 2)))


def network_row(row: EvidenceRow, analysis_value: float, se: float) -> NetworkRow:
    """Write a row as the result keeps it."""
    value, lower, upper, level = (float(getattr(row, c)) for c in ("value", "ci_lower", "ci_upper", "ci_level"))
    return NetworkRow(
        study=row.study,
        treatment1=row.experimental,
        treatment2=row.comparator,
        value=value,
        ci_lower=lower,
        ci_upper=upper,
        ci_level=level,
        analysis_value=float(analysis_value),
        se=float(se),
        source=row.source,
        locator=row.locator,
        estimate_iri=row.estimate_iri,
    )
