"""`hcckb queries`, `query`, `terms` and `select`: finding evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

import typer

from hcckb import tables
from hcckb.cli import options as o
from hcckb.errors import UnknownNameError, UsageError
from hcckb.evidence import COLUMNS, Criteria
from hcckb.evidence import select as select_evidence
from hcckb.queries import library, named, run
from hcckb.records import to_csv, to_json
from hcckb.selection import DEFAULT_QUERY, FILTERS
from hcckb.store import Solutions

ASKED = frozenset(FILTERS) | {f.name for f in fields(Criteria)}
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", help="A parameter of the query, as name=value. Repeatable."),
]


def parsed(params: list[str] | None) -> dict[str, str]:
    """Split name=value pairs."""
    pairs = [p.partition("=") for p in params or []]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise UsageError(f"--param {name!r}: write it as name=value, e.g. --param target=MET.")
    return {name: value for name, _, value in pairs}


def requested(query: str | None, options: Mapping[str, Any], params: list[str] | None) -> dict[str, Any]:
    """Join the options of a selection with the parameters of its query."""
    asked = {k: v for k, v in options.items() if k in ASKED}
    for name, value in parsed(params).items():
        own = [p.name for p in named(query or DEFAULT_QUERY).parameters]
        if name not in own:
            takes = ", ".join(own) or "none"
            raise UsageError(f"{query or DEFAULT_QUERY} has no parameter {name!r}; it takes: {takes}.")
        if asked.get(name) not in (None, False):
            raise UsageError(f"--{name} and --param {name} ask the same. Leave one of them out.")
        asked[name] = value
    return asked


def queries(output_format: o.AsFormat = o.Format.table) -> None:
    """List the named queries with their parameters and examples.

    Example: hcckb queries
    """
    found = library().values()
    if output_format is o.Format.table:
        o.emit(tables.queries_text(found), None)
        return
    records = [
        {
            "name": q.name,
            "kind": q.kind,
            "title": q.title,
            "summary": q.summary,
            "parameters": [f"{p.name}={p.example}" for p in q.parameters],
            "columns": list(q.columns),
        }
        for q in found
    ]
    text = to_json(records) if output_format is o.Format.json else to_csv(records, list(records[0]))
    o.emit(text, None)


def query(
    name: Annotated[str, typer.Argument(help="A named query, or a .rq file.")],
    param: Params = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Run a named query or a .rq file: SELECT, ASK, CONSTRUCT or DESCRIBE.

    Example: hcckb query trials-by-target --param target=MET
    """
    asked = named(name)
    store = o.open_store(kb, only_kb)
    answer = run(store, asked, **parsed(param))
    if isinstance(answer, bool):
        o.emit("true" if answer else "false", output)
    elif not isinstance(answer, Solutions):
        o.emit("\n".join(sorted(f"{t} ." for t in answer)), output)
    elif output_format is o.Format.table:
        o.emit(tables.solutions_text(store, answer), output)
    else:
        records = [{v: _plain(row[v]) for v in answer.variables} for row in answer]
        text = to_json(records) if output_format is o.Format.json else to_csv(records, answer.variables)
        o.emit(text, output)


def _plain(term: object) -> str | None:
    return None if term is None else str(term.value)  # type: ignore[attr-defined]


def terms(
    scheme: Annotated[str | None, typer.Argument(help="A vocabulary: endpoint, line, agent-class ...")] = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """List the vocabularies, or the terms of one with the short names that options take.

    Example: hcckb terms endpoint
    """
    store = o.open_store(kb, only_kb)
    text = "SELECT ?scheme WHERE { ?scheme a skos:ConceptScheme } ORDER BY ?scheme"
    names = [row["scheme"].value.rpartition("scheme-")[2] for row in store.select(text) if row["scheme"]]
    if scheme is None:
        o.emit("\n".join(names), None)
        return
    if scheme not in names:
        raise UnknownNameError(scheme, "vocabulary", names, "hcckb terms")
    asked = named("terms")
    rows = [r for r in run(store, asked) if _in(r, scheme)]  # type: ignore[union-attr]
    cells = [tuple(_plain(r[c]) for c in ("notation", "label", "definition")) for r in rows]
    o.emit(tables.grid(cells, ("short", "term", "definition")), None)


def _in(row: object, scheme: str) -> bool:
    return str(row["scheme"].value).endswith(f"/scheme-{scheme}")  # type: ignore[index]


def select(  # noqa: PLR0913, PLR0917 - one parameter per option
    name: o.Query = None,
    endpoint: o.Endpoint = None,
    line: o.Line = None,
    comparator: o.Comparator = None,
    target: o.Target = None,
    agent: o.Agent = None,
    agent_class: o.AgentClass = None,
    phase: o.Phase = None,
    masking: o.Masking = None,
    year: o.Year = None,
    only: o.Only = False,
    measure: o.Measure = None,
    population: o.Population = None,
    analysis: o.Analysis = None,
    assessment: o.Assessment = None,
    source: o.Source = None,
    as_printed: o.AsPrinted = False,
    param: Params = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Give the evidence table: one printed estimate per study and contrast, with its source.

    Example: hcckb select second-line-placebo-vegfr --endpoint OS
    """
    asked = requested(name, locals(), param)
    table = select_evidence(o.open_store(kb, only_kb), name, **asked)
    if output_format is o.Format.table:
        text = tables.evidence_text(table)
    elif output_format is o.Format.csv:
        text = to_csv(table.to_dicts(), COLUMNS)
    else:
        text = to_json({"rows": table.to_dicts(), "passed_over": table.passed_over, "warnings": table.warnings})
    o.emit(text, output)
