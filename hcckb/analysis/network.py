"""An evidence table as a network of treatments: each compared with each, directly and through the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import ndtri

from hcckb.analysis.network_results import DirectIndirect, NetworkResult, NetworkRow, Relative
from hcckb.analysis.pool import RATIOS
from hcckb.candidates import EvidenceRow
from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.evidence import EvidenceTable
from hcckb.overlaps import to_drop
from hcckb.pooling.effects import Effects, back_transform, generic, log_ratio
from hcckb.pooling.network import Network, QTest, connected_parts, pool_network
from hcckb.results import Dropped

LARGE_IS_GOOD = ("response", "control-rate", "disease-control")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMethod:
    """How to fit: `model` "random" or "common", `tau2` "DL" or "REML"; `small_is_good` None follows the endpoint."""

    model: str = "random"
    tau2: str = "DL"
    level: float = 0.95
    small_is_good: bool | None = None


@dataclass(frozen=True, slots=True)
class _Part:
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


def network(
    table: EvidenceTable, *, reference: str | None = None, method: NetworkMethod | None = None
) -> NetworkResult:
    """Fit the network that the contrasts of an evidence table span; regimens are its treatments.

    Parameters
    ----------
    table : EvidenceTable
        Estimates of one endpoint and one measure.
    reference : str, optional
        The regimen that others are shown against; the one compared with most others when absent.
    method : NetworkMethod, optional
        Random effects with tau2 by DL when absent.

    Returns
    -------
    NetworkResult

    Raises
    ------
    EmptySelectionError
        If the table holds no contrast of two regimens.
    PoolingError
        If endpoints or measures are mixed, or the network falls into parts (the text names them); see `networks`.
    UnknownNameError
        If the network has no such regimen, or there is no such model.
    """
    parts = _parts(_comparable(table))
    if len(parts) > 1:
        told = "; ".join(f"({i}) {', '.join(p.names)}" for i, p in enumerate(parts, start=1))
        raise PoolingError(
            f"the network falls into {len(parts)} parts that no trial connects: {told}. "
            "Treatments of different parts cannot be compared: narrow the selection, or fit each part with --parts."
        )
    return _fit(parts[0], reference, method or NetworkMethod())


def networks(
    table: EvidenceTable, *, reference: str | None = None, method: NetworkMethod | None = None
) -> tuple[NetworkResult, ...]:
    """Fit each part of a network that falls apart by itself, the part with most treatments first.

    Arguments and errors as `network`; `reference` counts in the part that has it.
    """
    whole = _comparable(table)
    known = _checked_reference(reference, whole.names)
    how = method or NetworkMethod()
    return tuple(_fit(part, known if known in part.names else None, how) for part in _parts(whole))


def _parts(whole: _Part) -> tuple[_Part, ...]:
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


def _comparable(table: EvidenceTable) -> _Part:
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
    return _Part(table, tuple(rows), tuple(dropped), tuple(w for w in table.warnings if w not in ignored))


def _fit(part: _Part, reference: str | None, how: NetworkMethod) -> NetworkResult:
    """Fit the contrasts of one part and write the result in names."""
    names, rows = part.names, part.rows
    small = _small_is_good(rows[0]) if how.small_is_good is None else how.small_is_good
    effects = _effects(rows)
    fitted = pool_network(
        [names.index(r.experimental) for r in rows],
        [names.index(r.comparator) for r in rows],
        effects.estimate,
        effects.se,
        _studies(rows),
        labels=names,
        model=how.model,
        tau2=how.tau2,
        small_is_good=small,
        level=how.level,
    )
    scale = "log" if rows[0].measure in RATIOS else "identity"
    return NetworkResult(
        measure=rows[0].measure,
        endpoint=rows[0].endpoint,
        scale=scale,
        treatments=names,
        reference=_checked_reference(reference, names) or _most_connected(rows),
        **_statistics(fitted),
        relative=tuple(_relative(fitted, names, scale)),
        p_scores=MappingProxyType(dict(zip(names, fitted.p_scores.tolist(), strict=True))),
        small_is_good=small,
        comparisons=tuple(_comparisons(fitted, names, rows, scale)),
        rows=tuple(_row(r, y, s) for r, y, s in zip(rows, effects.estimate, effects.se, strict=True)),
        dropped=part.dropped,
        warnings=(*part.warnings, *_warnings(rows, fitted)),
        title=f"{part.table.title}: {rows[0].endpoint.replace('-', ' ')}",
        provenance=MappingProxyType(_provenance(part.table)),
    )


def _statistics(fitted: Network) -> dict[str, Any]:
    """Give the numbers that need no names."""
    told = {name: getattr(fitted, name) for name in ("model", "tau2_method", "level", "k", "tau2", "i2")}
    for name in ("q_total", "q_within", "q_between"):
        test: QTest = getattr(fitted, name)
        told |= {name: test.q, f"{name}_df": test.df, f"{name}_p_value": test.p_value}
    return told


def _checked_reference(reference: str | None, names: Sequence[str]) -> str | None:
    if reference is None:
        return None
    for name in names:
        if name.casefold() == reference.casefold():
            return name
    raise UnknownNameError(reference, "treatment of this network", names)


def _most_connected(rows: Sequence[EvidenceRow]) -> str:
    """Name the treatment compared with most others; of several, the one in more contrasts, then by name."""
    neighbours: dict[str, list[str]] = {}
    for r in rows:
        neighbours.setdefault(r.experimental, []).append(r.comparator)
        neighbours.setdefault(r.comparator, []).append(r.experimental)
    return min(neighbours, key=lambda n: (-len(set(neighbours[n])), -len(neighbours[n]), n.casefold()))


def _studies(rows: Sequence[EvidenceRow]) -> list[str]:
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


def _small_is_good(row: EvidenceRow) -> bool:
    return row.measure == "hazard-ratio" or not any(word in row.endpoint for word in LARGE_IS_GOOD)


def _effects(rows: Sequence[EvidenceRow]) -> Effects:
    columns = ("value", "ci_lower", "ci_upper", "ci_level")
    value, lower, upper, level = (np.array([getattr(r, c) for r in rows], dtype=float) for c in columns)
    if rows[0].measure in RATIOS:
        return log_ratio(value, lower, upper, level, labels=[r.study for r in rows])
    return generic(value, sei=(upper - lower) / (2 * ndtri((1 + level) / 2)))


def _relative(fitted: Network, names: Sequence[str], scale: str) -> Iterable[Relative]:
    columns = (fitted.estimate, fitted.ci_lower, fitted.ci_upper)
    estimate, lower, upper = (back_transform(c, scale) for c in columns)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            if i != j:
                yield Relative(
                    treatment1=one,
                    treatment2=other,
                    estimate=float(estimate[i, j]),
                    ci_lower=float(lower[i, j]),
                    ci_upper=float(upper[i, j]),
                    analysis_estimate=float(fitted.estimate[i, j]),
                    se=float(fitted.se[i, j]),
                    p_value=float(fitted.p_value[i, j]),
                )


def _comparisons(
    fitted: Network, names: Sequence[str], rows: Sequence[EvidenceRow], scale: str
) -> Iterable[DirectIndirect]:
    z = float(ndtri((1 + fitted.level) / 2))
    for s in fitted.splits:
        pair = {names[s.treatment1], names[s.treatment2]}
        own = [s.direct + f * z * s.direct_se for f in (0, -1, 1)]
        if s.indirect is None or s.indirect_se is None:
            rest: list[float | None] = [None, None, None]
        else:
            rest = [float(back_transform(s.indirect + f * z * s.indirect_se, scale)) for f in (0, -1, 1)]
        direct, lower, upper = (float(back_transform(x, scale)) for x in own)
        yield DirectIndirect(
            treatment1=names[s.treatment1],
            treatment2=names[s.treatment2],
            k=s.k,
            studies=tuple(dict.fromkeys(r.study for r in rows if {r.experimental, r.comparator} == pair)),
            proportion=s.proportion,
            direct=direct,
            direct_lower=lower,
            direct_upper=upper,
            indirect=rest[0],
            indirect_lower=rest[1],
            indirect_upper=rest[2],
            p_value=s.p_value,
        )


def _row(row: EvidenceRow, analysis_value: float, se: float) -> NetworkRow:
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


def _warnings(rows: Sequence[EvidenceRow], fitted: Network) -> Iterable[str]:
    lines = sorted({r.line for r in rows if r.line})
    if len(lines) > 1:
        yield (
            f"The trials differ in line of therapy ({' | '.join(lines)}): a network takes their patients to be alike. "
            "Narrow it with --line."
        )
    if fitted.completed:
        yield (
            f"{', '.join(map(str, fitted.completed))}: contrasts of several arms with one are taken to be correlated "
            "by 0.5, as with arms of equal size."
        )
    if fitted.tau2 is None:
        yield "No comparison is made twice: heterogeneity and consistency cannot be judged, and tau2 = 0 was used."
    elif not fitted.q_between.df:
        yield "No comparison has both direct and indirect evidence: consistency is assumed and cannot be tested."


def _provenance(table: EvidenceTable) -> dict[str, str]:
    asked = " ".join(f"{k}={v}" for k, v in table.asked.items())
    cutoffs = [r.data_cutoff for r in table.rows if r.data_cutoff]
    try:
        software_version = version("hcckb")
    except PackageNotFoundError:  # a checkout that is not installed
        software_version = "unreleased"
    return {
        "kb_version": table.kb_version,
        "query": f"{table.query} {asked}".strip(),
        "software": "hcckb",
        "software_version": software_version,
        "data_cutoff": f"{min(cutoffs)} to {max(cutoffs)}" if cutoffs else "not curated",
    }
