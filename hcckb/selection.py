"""A named query and filters, composed into steps: which contrasts remain, and which step removed each study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyoxigraph as ox

from hcckb.errors import UsageError
from hcckb.queries import NamedQuery, Step, bind, named
from hcckb.store import Store, Term

DEFAULT_QUERY = "randomised-trials"
FILTERS: Mapping[str, tuple[str, str]] = {
    "line": ("trials-by-line", "line"),
    "comparator": ("trials-by-comparator", "comparator_regimen"),
    "target": ("trials-by-target", "target"),
    "agent": ("trials-by-agent", "agent"),
    "agent_class": ("trials-by-agent-class", "agent_class"),
    "phase": ("trials-by-phase", "phase"),
    "masking": ("trials-by-masking", "masking"),
    "year": ("trials-by-year", "year"),
    "only": ("single-line-trials", ""),
}


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One step of a selection: the studies that remain after it and those it removed, with the value that decided.

    `values` gives, for every study that reached the step, the value that decided.
    """

    name: str
    title: str
    remaining: tuple[str, ...]
    removed: tuple[tuple[str, str], ...]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contrast:
    """An experimental arm against a comparator arm of one study; IRIs."""

    study: str
    experimental_arm: str
    comparator_arm: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A selection ready to run: the named query, the pattern all steps start from, and the steps in order."""

    query: str
    title: str
    prelude: str
    steps: tuple[Step, ...]
    parameters: Mapping[str, ox.NamedNode | ox.Literal]

    def where(self, upto: int, *, deciding: bool = True) -> str:
        """Give the WHERE block of the first `upto` steps, with or without the constraints that decide."""
        values = "".join(f"VALUES ?{n} {{ {t} }}\n" for n, t in self.parameters.items())
        blocks = (step.pattern + (step.keep if deciding else "") for step in self.steps[:upto])
        return f"{{ {values}{self.prelude}{''.join(blocks)} }}"


def plan(
    store: Store, query: str | None = None, filters: Mapping[str, str] | None = None, /, **parameters: str
) -> Plan:
    """Compose a selection query with filters.

    Parameters
    ----------
    query : str, optional
        The name of a selection query, or the path of a `.rq` file; all randomised trials when absent.
    filters : mapping, optional
        Values of :data:`FILTERS`: line, comparator, target, agent, agent_class, phase, masking, year, only.
    **parameters
        The query's own parameters.

    Raises
    ------
    UnknownNameError
        If the query, or a name in a filter, does not exist.
    UsageError
        If the query selects no contrasts, or a filter asks again what the query asks.
    """
    first = named(query or DEFAULT_QUERY)
    _require_selection(first)
    bound = bind(first, store, parameters)
    steps = list(first.steps)
    for option, value in (filters or {}).items():
        extra_name, parameter = FILTERS[option]
        extra = named(extra_name)
        if parameter in bound:
            raise UsageError(f"--{option} asks again what {first.name} was asked with. Leave one of them out.")
        bound.update(bind(extra, store, {parameter: value} if parameter else {}))
        steps += [s for s in extra.steps if not _asked_already(s, steps)]
    return Plan(first.name, first.title, first.prelude, tuple(steps), bound)


def contrasts(store: Store, chosen: Plan) -> tuple[Contrast, ...]:
    """Run the whole plan: the contrasts that pass every step."""
    variables = "?study ?experimental_arm ?comparator_arm"
    text = f"SELECT DISTINCT {variables} WHERE {chosen.where(len(chosen.steps))} ORDER BY {variables}"
    rows = store.select(text, chosen.query)
    return tuple(
        Contrast(text_of(r["study"]), text_of(r["experimental_arm"]), text_of(r["comparator_arm"])) for r in rows
    )


def study_flow(store: Store, chosen: Plan) -> tuple[FlowStep, ...]:
    """Run the plan step by step: studies that remain and that leave at each, with the value that decided."""
    remaining = _studies(store, chosen, 0)
    names = tuple(_names(store, remaining))
    flow = [FlowStep("all", "Studies in the knowledge base", names, (), {})]
    for i, step in enumerate(chosen.steps, start=1):
        after = _studies(store, chosen, i)
        shown = _values(store, chosen, i)
        values = {store.label(s): shown.get(s, "not stated") for s in remaining}
        gone = sorted((s for s in remaining if s not in after), key=lambda s: store.label(s).casefold())
        removed = tuple((store.label(s), shown.get(s, "not stated")) for s in gone)
        flow.append(FlowStep(step.name, step.title, tuple(_names(store, after)), removed, values))
        remaining = after
    return tuple(flow)


def text_of(term: Term | None) -> str:
    """Give the IRI or the text of a term; an absent one is empty."""
    return "" if term is None else term.value


def _require_selection(query: NamedQuery) -> None:
    if query.kind != "selection":
        mend = f"Run it with `hcckb query {query.name}`, or choose one marked selection in `hcckb queries`."
        raise UsageError(f"{query.name} gives a table, not contrasts to select from. {mend}")


def _asked_already(step: Step, steps: Iterable[Step]) -> bool:
    """Whether steps that every selection shares (randomised, two arms) are there before a filter adds its own."""
    if step.name == "contrast":
        return any("?comparator_arm ev:ofStudy" in s.pattern for s in steps)
    return step.name == "randomised" and any(s.name == step.name for s in steps)


def _studies(store: Store, chosen: Plan, upto: int) -> frozenset[str]:
    rows = store.select(f"SELECT DISTINCT ?study WHERE {chosen.where(upto)}", chosen.query)
    return frozenset(text_of(r["study"]) for r in rows)


def _values(store: Store, chosen: Plan, upto: int) -> dict[str, str]:
    shows = chosen.steps[upto - 1].shows
    where = chosen.where(upto, deciding=False)
    variables = " ".join(f"?{v}" for v in dict.fromkeys(("study", shows)))
    rows = store.select(f"SELECT DISTINCT {variables} WHERE {where}", chosen.query)
    found: dict[str, set[str]] = {}
    for row in rows:
        value = row[shows]
        label = store.label(value.value) if isinstance(value, ox.NamedNode) else text_of(value)
        found.setdefault(text_of(row["study"]), set()).add(label)
    return {study: ", ".join(sorted(labels)) for study, labels in found.items()}


def _names(store: Store, studies: Iterable[str]) -> list[str]:
    return sorted((store.label(s) for s in studies), key=str.casefold)
