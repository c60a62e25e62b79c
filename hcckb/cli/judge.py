"""`hcckb audit` and `options`: what the printed numbers and the published algorithms are worth."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import parsed
from hcckb.records import to_csv, to_json


class AuditFormat(StrEnum):
    """How findings are written."""

    table = "table"
    csv = "csv"
    json = "json"
    turtle = "turtle"


def audit(
    name: Annotated[str | None, typer.Argument(metavar="SOURCE|STUDY", help="Only what concerns this.")] = None,
    output_format: Annotated[
        AuditFormat, typer.Option("--format", "-f", help="table, csv, json or turtle.")
    ] = AuditFormat.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Recompute what documents print, and report what does not agree, with the computation.

    Example: hcckb audit REACH
    """
    from hcckb.audit import audit as run_audit
    from hcckb.audit import findings_as_turtle
    from hcckb.text import tables

    findings = run_audit(o.open_store(kb, only_kb), name)
    if output_format is AuditFormat.table:
        text = tables.audit_text(findings)
    elif output_format is AuditFormat.json:
        text = to_json(findings)
    elif output_format is AuditFormat.turtle:
        text = findings_as_turtle(findings)
    else:
        columns = ("severity", "rule", "title", "computation", "numbers", "studies", "sources", "nodes", "resolution")
        text = to_csv([{c: getattr(f, c) for c in columns} for f in findings], columns)
    o.emit(text, output)


def options(  # noqa: PLR0913, PLR0917 - one parameter per option
    prior: Annotated[list[str] | None, typer.Option(help="A therapy given before: sorafenib ... Repeatable.")] = None,
    tolerated: Annotated[
        bool | None, typer.Option("--tolerated/--intolerant", help="Whether the last of them was tolerated.")
    ] = None,
    progressed: Annotated[
        bool | None, typer.Option("--progressed/--not-progressed", help="Whether the disease progressed on it.")
    ] = None,
    line: o.Line = None,
    afp: Annotated[float | None, typer.Option(help="Alpha-fetoprotein, ng/mL.")] = None,
    child_pugh: Annotated[str | None, typer.Option(help="Child-Pugh class: A, B, C.")] = None,
    value: Annotated[
        list[str] | None, typer.Option(help="Another variable, as name=value: MET=met-high. Repeatable.")
    ] = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Say what published algorithms offer for a profile, with rule, source, evidence, and where they disagree.

    Example: hcckb options --prior sorafenib --tolerated --afp 500
    """
    from hcckb import options as choices
    from hcckb.text import options as option_text

    profile = choices.Profile(
        prior=tuple(prior or ()),
        tolerated=tolerated,
        progressed=progressed,
        line=line,
        afp=afp,
        child_pugh=child_pugh,
        values=parsed(value),
    )
    found = choices.options(o.open_store(kb, only_kb), profile)
    if output_format is o.Format.table:
        text = option_text.options_text(found, choices.disagreements(found))
    elif output_format is o.Format.json:
        text = to_json({"options": found, "disagreements": choices.disagreements(found)})
    else:
        text = to_csv(option_text.option_records(found), option_text.COLUMNS)
    o.emit(text, output)
