"""Rows into an evidence table: the printed estimates of the selected contrasts, one chosen for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from hcckb.candidates import Candidate, EvidenceRow, candidates, printed, resolved
from hcckb.errors import UnknownNameError
from hcckb.overlaps import Overlap, find_overlaps, to_drop
from hcckb.queries import named, resolve
from hcckb.selection import DEFAULT_QUERY, FILTERS, FlowStep, Plan, contrasts, plan, study_flow
from hcckb.store import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = tuple(f.name for f in fields(EvidenceRow))


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What is asked of the estimates, beside the contrasts: names as typed, None for "any".

    `population` None means the whole trial; a name asks for that subgroup instead. `analysis` None prefers the
    final or updated analysis; a name puts that analysis first. `as_printed` leaves resolutions out.
    """

    endpoint: str | None = None
    measure: str | None = None
    population: str | None = None
    analysis: str | None = None
    assessment: str | None = None
    source: str | None = None
    as_printed: bool = False


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An estimate that was read and not chosen, and why."""

    study: str
    estimate_iri: str
    as_printed: str
    source: str
    reason: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """The one shape between query and statistics: rows, what was passed over, and how it was asked."""

    rows: tuple[EvidenceRow, ...]
    passed_over: tuple[PassedOver, ...]
    warnings: tuple[str, ...]
    query: str
    title: str
    asked: Mapping[str, str]
    kb_version: str
    overlaps: tuple[Overlap, ...] = ()
    extra: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """All cells of a user's own table as typed, by the locator of the row; empty for the graph."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[EvidenceRow]:
        return iter(self.rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Give the rows as dictionaries with the columns of the contract."""
        return [asdict(row) for row in self.rows]

    def to_frame(self) -> pd.DataFrame:
        """Give the rows as a pandas DataFrame, one column per field."""
        import pandas as pd

        return pd.DataFrame(self.to_dicts(), columns=list(COLUMNS))

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        return str(self.to_frame().to_html(index=False, na_rep=""))


@dataclass(frozen=True, slots=True)
class _Test:
    """A step on estimates: its name, title, the test, and the value that decides."""

    name: str
    title: str
    passes: Callable[[Candidate], bool]
    value: Callable[[Candidate], str]


def select(store: Store, /, query: str | None = None, **asked: Any) -> EvidenceTable:
    """Select estimates: contrasts by a named query and filters, then one estimate per contrast and endpoint.

    Parameters
    ----------
    store : Store
        The knowledge base.
    query : str, optional
        A selection query by name, or a `.rq` file; all randomised trials when absent.
    **asked
        Filters (line, comparator, target, agent, agent_class, phase, masking, year, only=True), criteria
        (endpoint, measure, population, analysis, assessment, source, as_printed), or the query's own parameters.

    Returns
    -------
    EvidenceTable

    Raises
    ------
    UnknownNameError
        If a query, study, term, agent, target or source does not exist.
    UsageError
        If the query is not a selection, or is asked twice.
    """
    chosen, criteria = ask(store, query, **asked)
    inside = {(c.experimental_arm, c.comparator_arm) for c in contrasts(store, chosen)}
    found = printed(store, inside)
    if not criteria.as_printed:
        found = resolved(store, found)
    return _table(store, chosen, criteria, found, asked)


def select_views(store: Store, /, query: str | None = None, **asked: Any) -> tuple[EvidenceTable, EvidenceTable]:
    """Select twice, reading the graph once: as a curator resolved it, and as printed; arguments as in `select`."""
    chosen, criteria = ask(store, query, **asked)
    inside = {(c.experimental_arm, c.comparator_arm) for c in contrasts(store, chosen)}
    found = printed(store, inside)
    views = ((False, resolved(store, found)), (True, found))
    first, second = (
        _table(store, chosen, replace(criteria, as_printed=bare), of, {**asked, "as_printed": bare})
        for bare, of in views
    )
    return first, second


def _table(
    store: Store, chosen: Plan, criteria: Criteria, found: list[Candidate], asked: Mapping[str, Any]
) -> EvidenceTable:
    """Keep one of these estimates per contrast and endpoint, and say what became of each other."""
    passed_over: list[PassedOver] = []
    for test in _tests(store, criteria):
        passed_over += [_over(c, f"{test.name}: {test.value(c)}", test.name) for c in found if not test.passes(c)]
        found = [c for c in found if test.passes(c)]
    kept, second = _choose(found, _analysis_first(store, criteria))
    passed_over += [_over(c, reason, "choice") for c, reason in second]
    rows, overlaps = tuple(c.row for c in kept), find_overlaps(store, kept)
    told = {k: str(v) for k, v in asked.items() if v not in (None, False)}
    return EvidenceTable(
        rows,
        tuple(passed_over),
        (
            *warnings_of(rows),
            *(f"{o.study}: one contrast {o.reason}; a pool drops it." for o in _dropped(overlaps, rows)),
        ),
        chosen.query,
        chosen.title,
        told,
        version(store),
        overlaps,
    )


def flow(store: Store, /, query: str | None = None, **asked: Any) -> tuple[FlowStep, ...]:
    """Give the steps of a selection with the studies that remain and leave at each; arguments as in `select`."""
    chosen, criteria = ask(store, query, **asked)
    steps = list(study_flow(store, chosen))
    inside = {(c.experimental_arm, c.comparator_arm) for c in contrasts(store, chosen)}
    found = [c for c in candidates(store, as_printed=criteria.as_printed) if c.contrast in inside]
    remaining = steps[-1].remaining
    for test in _tests(store, criteria):
        values = {s: "; ".join(sorted({test.value(c) for c in found if c.row.study == s})) for s in remaining}
        found = [c for c in found if test.passes(c)]
        after = tuple(s for s in remaining if any(c.row.study == s for c in found))
        removed = tuple((s, values[s] or "no estimate") for s in remaining if s not in after)
        steps.append(FlowStep(test.name, test.title, after, removed, values))
        remaining = after
    kept, _ = _choose(found, _analysis_first(store, criteria))
    overlaps = to_drop(find_overlaps(store, kept), (c.row.estimate_iri for c in kept))
    if overlaps:
        after = tuple(
            s for s in remaining if any(c.row.study == s and c.row.estimate_iri not in overlaps for c in kept)
        )
        removed = tuple((o.study, o.reason) for o in overlaps.values() if o.study not in after)
        steps.append(FlowStep("overlap", "Patients counted once", after, removed, {}))
    return tuple(steps)


def why(store: Store, study: str, /, query: str | None = None, **asked: Any) -> tuple[tuple[FlowStep, str, bool], ...]:
    """Walk one study through a selection.

    Returns
    -------
    tuple of (step, value, passed)
        Up to and including the first step that the study failed.

    Raises
    ------
    UnknownNameError
        If there is no such study.
    """
    name = store.label(resolve(store, study, "study"))
    walked = []
    for step in flow(store, query, **asked):
        passed = name in step.remaining
        reasons = dict(step.removed)
        walked.append((step, step.values.get(name, reasons.get(name, "")), passed))
        if not passed:
            break
    return tuple(walked)


def ask(store: Store, /, query: str | None = None, **asked: Any) -> tuple[Plan, Criteria]:
    """Split what was asked into the plan of contrasts and the criteria on estimates.

    A name that is both a filter and a parameter of the query is the query's.
    """
    own = {p.name for p in named(query or DEFAULT_QUERY).parameters}
    names = {f.name for f in fields(Criteria)}
    criteria = Criteria(**{k: v for k, v in asked.items() if k in names})
    filters = {k: str(v) for k, v in asked.items() if k in FILTERS and k not in own and v not in (None, False)}
    other = {k: v for k, v in asked.items() if k in own or (k not in names and k not in FILTERS)}
    rest = {k: str(v) for k, v in other.items() if v is not None}
    return plan(store, query, filters, **rest), criteria


def version(store: Store) -> str:
    """Give the version of the knowledge base, "unversioned" when it states none."""
    rows = store.select("SELECT ?version WHERE { ?dataset a ev:Dataset ; ev:version ?version } ORDER BY ?version")
    return " + ".join(r["version"].value for r in rows if r["version"] is not None) or "unversioned"


def _tests(store: Store, criteria: Criteria) -> Iterator[_Test]:
    """Give the steps on estimates that these criteria ask for, in order."""
    if not criteria.as_printed:
        yield _Test(
            "valid",
            "Not set aside by a curator",
            lambda c: not c.set_aside,
            lambda c: c.set_aside or "stands as printed",
        )
    yield from _named_test(store, criteria.endpoint, "endpoint", "endpoint", "Reports {}", lambda c: c.endpoint_iri)
    yield from _named_test(store, criteria.source, "source", "", "Printed by {}", lambda c: c.source_iri)
    if criteria.measure:
        yield from _named_test(store, criteria.measure, "measure", "measure", "Measured by {}", lambda c: c.measure_iri)
    yield _Test("complete", "Value printed with its interval", lambda c: c.complete, lambda c: c.row.as_printed)
    if criteria.population:
        asked = _population(store, criteria.population)
        yield _Test(
            "population", f"Of {store.label(asked)}", lambda c: c.population_iri == asked, lambda c: c.row.population
        )
    else:
        yield _Test("population", "Of the whole trial", lambda c: c.whole_trial, lambda c: c.row.population)
    yield from _named_test(
        store, criteria.assessment, "assessment", "assessment", "Assessed by {}", lambda c: c.assessment_iri
    )


def _named_test(
    store: Store, asked: str | None, kind: str, scheme: str, title: str, iri: Callable[[Candidate], str]
) -> Iterator[_Test]:
    if asked is None:
        return
    wanted = resolve(store, asked, "term" if scheme else kind, scheme)
    yield _Test(
        kind,
        title.format(store.label(wanted)),
        lambda c: iri(c) == wanted,
        lambda c: store.label(iri(c)) if iri(c) else "not stated",
    )


def _population(store: Store, asked: str) -> str:
    try:
        return resolve(store, asked, "term", "population")
    except UnknownNameError:
        return resolve(store, asked, "population")


def _analysis_first(store: Store, criteria: Criteria) -> str:
    return resolve(store, criteria.analysis, "term", "analysis") if criteria.analysis else ""


def _choose(found: Iterable[Candidate], first: str) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    """Keep one estimate per contrast, endpoint, measure and population; tell what each other lost to."""
    groups: dict[tuple[str, ...], list[Candidate]] = {}
    for candidate in found:
        groups.setdefault(candidate.slot, []).append(candidate)
    kept: list[Candidate] = []
    passed: list[tuple[Candidate, str]] = []
    for group in groups.values():
        best, *others = sorted(group, key=lambda c: c.preference(first))
        kept.append(best)
        passed += [(c, f"one estimate per contrast; {best.preferred_over(c, first)}") for c in others]
    kept.sort(key=lambda c: (c.row.year or 0, c.row.study.casefold(), c.row.estimate_iri))
    return kept, passed


def _over(candidate: Candidate, reason: str, step: str) -> PassedOver:
    row = candidate.row
    return PassedOver(row.study, row.estimate_iri, row.as_printed, row.source, reason, step)


def _dropped(overlaps: tuple[Overlap, ...], rows: Sequence[EvidenceRow]) -> Iterable[Overlap]:
    return to_drop(overlaps, (r.estimate_iri for r in rows)).values()


def warnings_of(rows: Sequence[EvidenceRow]) -> Iterator[str]:
    """Say what a reader of these rows must know: mixed lines of therapy, numbers that differ from print."""
    mixed = sorted({r.study for r in rows if ";" in r.line})
    if mixed:
        yield f"{', '.join(mixed)}: admits more than one line of therapy."
    changed = [r for r in rows if r.resolution]
    if changed:
        told = "; ".join(f"{r.study} ({r.source}): {r.resolution_reason}" for r in changed)
        yield f"{len(changed)} of {len(rows)} estimates differ from what their source printed. {told}"
