"""`hcckb check` and `export`: keeping the graph right, and taking it elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Params, parsed
from hcckb.errors import UsageError
from hcckb.queries import named, run
from hcckb.records import to_csv, to_json
from hcckb.store import Solutions


def check(
    output_format: o.AsFormat = o.Format.table,
    shapes: Annotated[bool, typer.Option(help="Also validate the SHACL shapes (slower).")] = True,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Check shapes and rules over the knowledge base; exit code 3 on an error.

    Example: hcckb check
    """
    from hcckb import checks
    from hcckb.text import tables

    findings = checks.check(o.open_store(kb, only_kb), shapes=shapes)
    if output_format is o.Format.table:
        text = tables.findings_text(findings)
    elif output_format is o.Format.json:
        text = to_json(findings)
    else:
        columns = ("severity", "rule", "node", "label", "file", "value", "problem", "fix")
        text = to_csv([{c: getattr(f, c) for c in columns} for f in findings], columns)
    o.emit(text, None)
    if any(f.severity == "error" for f in findings):
        raise typer.Exit(3)


def export(  # noqa: PLR0913, PLR0917 - one parameter per option
    name: Annotated[str, typer.Argument(metavar="FORMAT", help="turtle, trig, ntriples, jsonld, graphml, csv ...")],
    query: Annotated[str | None, typer.Argument(help="Only what this query's rows refer to.")] = None,
    param: Params = None,
    output: o.Output = None,
    findings: Annotated[
        bool | None,
        typer.Option("--findings/--no-findings", help="With what the audit finds; by default in a whole csv or trig."),
    ] = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Export the whole graph, or what a query's rows refer to.

    Example: hcckb export turtle second-line-placebo-vegfr
    """
    from hcckb.export import export as write

    store = o.open_store(kb, only_kb)
    rows = None
    if query is not None:
        answer = run(store, named(query), **parsed(param))
        if not isinstance(answer, Solutions):
            raise UsageError(f"{query} gives no rows to follow. Export with a SELECT query.")
        rows = answer
    text = write(store, name, output, rows=rows, findings=findings)
    if text is not None:
        o.emit(text, None)
    else:
        o.say(f"wrote {output}")
