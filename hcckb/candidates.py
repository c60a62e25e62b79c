"""Every printed estimate of the graph as a candidate for an evidence table, with its resolution applied."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hcckb.errors import DataError
from hcckb.queries import named
from hcckb.store import Row, Store, Term
from hcckb.terms import KB, TERM

_ITT = TERM + "intention-to-treat"
_SUBGROUP = KB + "population-"
_NO_RANK = 99
_T = TypeVar("_T", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One estimate of one contrast. The columns are those of the contract, then what lets a row be traced.

    `value`, `ci_lower` and `ci_upper` are on the scale of `measure`; `ci_level` is a proportion. `line` and
    `targets` join several values with "; ". Numbers of participants are those randomised to the two arms, or
    those of the subgroup. A field is None where no curated document reports it.
    """

    study: str
    year: int | None
    nct: str | None
    line: str
    phase: str | None
    masking: str | None
    experimental: str
    comparator: str
    targets: str
    population: str
    endpoint: str
    assessment: str | None
    analysis: str
    measure: str
    value: float | None
    ci_lower: float | None
    ci_upper: float | None
    ci_level: float | None
    p_value: float | None
    n_experimental: int | None
    n_comparator: int | None
    source: str
    locator: str
    as_printed: str
    estimate_iri: str
    resolution: str | None
    resolution_reason: str | None = None
    p_operator: str | None = None
    data_cutoff: str | None = None
    study_iri: str = ""
    experimental_arm: str = ""
    comparator_arm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An evidence row with the IRIs and ranks that decide whether it is chosen."""

    row: EvidenceRow
    endpoint_iri: str
    measure_iri: str
    population_iri: str
    analysis_iri: str
    assessment_iri: str
    source_iri: str
    analysis_rank: int
    type_rank: int
    strength_rank: int
    source_year: int
    set_aside: str = ""

    @property
    def contrast(self) -> tuple[str, str]:
        """Both arms, experimental first."""
        return self.row.experimental_arm, self.row.comparator_arm

    @property
    def whole_trial(self) -> bool:
        """Whether the estimate is of everybody randomised, not of a subgroup."""
        return not self.population_iri.startswith(_SUBGROUP)

    @property
    def complete(self) -> bool:
        """Whether value, both limits and their level were printed."""
        row = self.row
        return None not in (row.value, row.ci_lower, row.ci_upper, row.ci_level)

    @property
    def slot(self) -> tuple[str, ...]:
        """What several reports of one result share."""
        population = "whole" if self.whole_trial else self.population_iri
        return (*self.contrast, self.endpoint_iri, self.measure_iri, population)

    def preference(self, first: str) -> tuple[Any, ...]:
        """Order the reports of one result, best first; `first` is an analysis put before the others."""
        return (
            self.population_iri != _ITT,
            self.analysis_iri != first if first else False,
            self.analysis_rank,
            bool(self.row.resolution),
            self.type_rank,
            self.strength_rank,
            -self.source_year,
            self.row.estimate_iri,
        )

    def preferred_over(self, other: Candidate, first: str) -> str:
        """Say by which rule this report was preferred to another of the same result."""
        rules = (
            "intention-to-treat is preferred",
            "the analysis asked for is preferred",
            f"the {self.row.analysis} analysis is preferred to the {other.row.analysis} one",
            "a number that stands as printed is preferred",
            "a report nearer to the trial is preferred",
            "a stronger page is preferred",
            "the newer source is preferred",
            "printed twice alike, the first is kept",
        )
        pairs = zip(self.preference(first), other.preference(first), rules, strict=True)
        rule = next((r for mine, theirs, r in pairs if mine != theirs), rules[-1])
        return f"{rule} ({self.row.source}: {self.row.as_printed})"


def candidates(store: Store, *, as_printed: bool = False) -> list[Candidate]:
    """Read every estimate that is not superseded; apply resolutions unless `as_printed`."""
    found = printed(store)
    return found if as_printed else resolved(store, found)


def printed(store: Store, within: Container[tuple[str, str]] | None = None) -> list[Candidate]:
    """Read every estimate that is not superseded, as printed; only of contrasts `within`, where given."""
    context = _Context(
        store,
        _grouped(store, "studies", "study"),
        _grouped(store, "arms", "arm"),
        {_text(r["source"]): r for r in _rows(store, "sources")},
        {_text(r["analysis"]): _whole(r["rank"]) for r in store.select(_ANALYSIS_RANKS)},
    )
    rows = [r for r in _rows(store, "evidence") if r["superseded_by"] is None]
    _refuse_doubles(store, rows)
    if within is not None:
        rows = [r for r in rows if (_text(r["experimental_arm"]), _text(r["comparator_arm"])) in within]
    return [context.candidate(r) for r in rows]


def resolved(store: Store, found: Iterable[Candidate]) -> list[Candidate]:
    """Apply the curator's resolutions to estimates as printed."""
    decided = {_text(r["concerns"]): r for r in _rows(store, "resolutions")}
    pairs = ((c, decided.get(c.row.estimate_iri)) for c in found)
    return [c if decision is None else _resolved(store, c, decision) for c, decision in pairs]


def _refuse_doubles(store: Store, rows: Iterable[Row]) -> None:
    """Refuse an estimate with two values for one property, and two studies with one name."""
    seen: set[str] = set()
    names: dict[str, str] = {}
    for row in rows:
        iri, study = _text(row["estimate"]), _text(row["study"])
        if iri in seen:
            raise DataError(f"{iri} has two values for a property that takes one. Keep one; add a second ev:Estimate.")
        seen.add(iri)
        if names.setdefault(store.label(study), study) != study:
            both = f"{names[store.label(study)]} and {study}"
            raise DataError(f"{both} are both called {store.label(study)!r}. Give each study a label of its own.")


_ANALYSIS_RANKS = "SELECT ?analysis ?rank WHERE { ?analysis skos:inScheme term:scheme-analysis ; ev:rank ?rank }"


@dataclass(frozen=True, slots=True)
class _Context:
    """The tables that an estimate's row is joined with."""

    store: Store
    studies: Mapping[str, list[Row]]
    arms: Mapping[str, list[Row]]
    sources: Mapping[str, Row]
    analysis_ranks: Mapping[str, int | None]

    def candidate(self, row: Row) -> Candidate:
        """Join one estimate with its study, arms and source."""
        source = self.sources.get(_text(row["source"]), {})
        return Candidate(
            row=self._row(row, source),
            endpoint_iri=_text(row["endpoint"]),
            measure_iri=_text(row["measure"]),
            population_iri=_text(row["population"]),
            analysis_iri=_text(row["analysis"]),
            assessment_iri=_text(row["assessment"]),
            source_iri=_text(row["source"]),
            analysis_rank=self.analysis_ranks.get(_text(row["analysis"])) or _NO_RANK,
            type_rank=_whole(source.get("type_rank")) or _NO_RANK,
            strength_rank=_whole(source.get("strength_rank")) or _NO_RANK,
            source_year=_whole(source.get("year")) or 0,
        )

    def _row(self, row: Row, source: Row) -> EvidenceRow:
        studies = self.studies.get(_text(row["study"]), [{}])
        experimental = self.arms.get(_text(row["experimental_arm"]), [{}])
        comparator = self.arms.get(_text(row["comparator_arm"]), [{}])
        return EvidenceRow(
            study=self.store.label(_text(row["study"])),
            year=_whole(studies[0].get("year")),
            nct=self._joined(studies, "registration") or None,
            line=self._joined(studies, "line"),
            phase=self._joined(studies, "phase") or None,
            masking=self._joined(studies, "masking") or None,
            experimental=self.store.label(_text(row["experimental"])),
            comparator=self.store.label(_text(row["comparator"])),
            targets=self._joined(experimental, "target"),
            population=self._name(row["population"]),
            endpoint=_local(row["endpoint"]),
            assessment=_local(row["assessment"]) or None,
            analysis=_local(row["analysis"]),
            measure=_local(row["measure"]),
            value=_number(row["value"]),
            ci_lower=_number(row["ci_lower"]),
            ci_upper=_number(row["ci_upper"]),
            ci_level=_number(row["ci_level"]),
            p_value=_number(row["p_value"]),
            n_experimental=_size(row, "n_experimental", experimental[0]),
            n_comparator=_size(row, "n_comparator", comparator[0]),
            source=_text(source.get("key")) or _local(row["source"]),
            locator=_text(row["locator"]),
            as_printed=_text(row["as_printed"]),
            estimate_iri=_text(row["estimate"]),
            resolution=None,
            p_operator=_text(row["p_operator"]) or None,
            data_cutoff=_text(row["data_cutoff"]) or None,
            study_iri=_text(row["study"]),
            experimental_arm=_text(row["experimental_arm"]),
            comparator_arm=_text(row["comparator_arm"]),
        )

    def _joined(self, rows: Iterable[Row], column: str) -> str:
        values = {self._name(r[column]) for r in rows if r.get(column) is not None}
        return "; ".join(sorted(values))

    def _name(self, term: Term | None) -> str:
        text = _text(term)
        if text.startswith(TERM):
            return text.removeprefix(TERM)
        return self.store.label(text) if text.startswith("http") else text


def _resolved(store: Store, candidate: Candidate, resolution: Row) -> Candidate:
    decision = _local(resolution["decision"])
    iri, reason = _text(resolution["resolution"]), _text(resolution["reason"])
    if decision == "set-aside":
        return replace(candidate, set_aside=f"set aside by a curator ({store.label(_text(resolution['kind']))})")
    if decision != "corrected":
        return candidate
    row = candidate.row
    changed: dict[str, Any] = {
        name: _number(resolution[f"corrected_{name}"])
        for name in ("value", "ci_lower", "ci_upper", "ci_level")
        if resolution[f"corrected_{name}"] is not None
    }
    endpoint, measure = resolution["corrected_endpoint"], resolution["corrected_measure"]
    if endpoint is not None:
        changed["endpoint"] = _local(endpoint)
    if measure is not None:
        changed["measure"] = _local(measure)
    return replace(
        candidate,
        row=replace(row, resolution=iri, resolution_reason=reason, **changed),
        endpoint_iri=_text(endpoint) or candidate.endpoint_iri,
        measure_iri=_text(measure) or candidate.measure_iri,
    )


def _rows(store: Store, query: str) -> Iterable[Row]:
    found = named(query)
    return store.select(found.text, found.place)


def _grouped(store: Store, query: str, key: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in _rows(store, query):
        groups.setdefault(_text(row[key]), []).append(row)
    return groups


def _text(term: Term | None) -> str:
    return "" if term is None else term.value


def _local(term: Term | None) -> str:
    return _text(term).rpartition("/")[2]


def _number(term: Term | None) -> float | None:
    return None if term is None else _parsed(term, float)


def _whole(term: Term | None) -> int | None:
    return None if term is None else _parsed(term, int)


def _parsed(term: Term, kind: Callable[[str], _T]) -> _T:
    try:
        return kind(term.value)
    except ValueError:
        mend = "Write it as a number; `hcckb check` names the file and the node."
        raise DataError(f"{term.value!r} stands in the knowledge base where a number belongs. {mend}") from None


def _size(row: Row, column: str, arm: Row) -> int | None:
    """Give the participants of an estimate: its own number, or the whole arm's when it is of the whole trial."""
    if row[column] is not None or _text(row["population"]).startswith(_SUBGROUP):
        return _whole(row[column])
    return _whole(arm.get("randomised"))
