"""`hcckb queries`, `query`, `terms` and `select`: finding evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, Params, parsed, selecting
from hcckb.errors import UnknownNameError
from hcckb.evidence import COLUMNS
from hcckb.queries import library, named, run
from hcckb.records import to_csv, to_json
from hcckb.store import Solutions
from hcckb.text import tables


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


@selecting(pooling=False, own=False)
def select(asked: Asked) -> None:
    """Give the evidence table: one printed estimate per study and contrast, with its source.

    Example: hcckb select second-line-placebo-vegfr --endpoint OS
    """
    table = asked.table()
    asked.emit(
        lambda: tables.evidence_text(table),
        {"rows": table.to_dicts(), "passed_over": table.passed_over, "warnings": table.warnings},
        lambda: (table.to_dicts(), COLUMNS),
    )
