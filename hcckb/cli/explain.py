"""`hcckb why`, `flow` and `show`: explaining a selection, and one node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hcckb import cards, evidence, tables
from hcckb.cli import options as o
from hcckb.cli.find import Params, requested
from hcckb.records import to_csv, to_json


def why(  # noqa: PLR0913, PLR0917 - one parameter per option
    study: Annotated[str, typer.Argument(help="A study: SHARP, REACH-2, NCT01140347 ...")],
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
    assessment: o.Assessment = None,
    source: o.Source = None,
    as_printed: o.AsPrinted = False,
    param: Params = None,
    output_format: o.AsFormat = o.Format.table,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Say which step of a selection a study passed or failed, with the value that decided.

    Example: hcckb why SHARP second-line-placebo-vegfr
    """
    asked = requested(name, locals(), param)
    store = o.open_store(kb, only_kb)
    walked = evidence.why(store, study, name, **asked)
    if output_format is o.Format.table:
        o.emit(tables.why_text(study, walked), None)
        return
    records = [{"step": s.name, "title": s.title, "value": v, "passed": p} for s, v, p in walked]
    columns = ("step", "title", "value", "passed")
    o.emit(to_json(records) if output_format is o.Format.json else to_csv(records, columns), None)


def flow(  # noqa: PLR0913, PLR0917 - one parameter per option
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
    assessment: o.Assessment = None,
    source: o.Source = None,
    as_printed: o.AsPrinted = False,
    param: Params = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the flow to this file: .svg, .png or .pdf.")] = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Give the PRISMA-style flow: how many studies each step removed, and which.

    Example: hcckb flow second-line-placebo-vegfr --endpoint OS
    """
    asked = requested(name, locals(), param)
    steps = evidence.flow(o.open_store(kb, only_kb), name, **asked)
    if plot is not None:
        from hcckb.plots import save_flow

        save_flow(steps, plot)
        o.say(f"wrote {plot}")
    if output_format is o.Format.table:
        text = tables.flow_text(steps)
    elif output_format is o.Format.json:
        text = to_json(steps)
    else:
        records = [{"step": s.name, "study": n, "reason": r} for s in steps for n, r in s.removed]
        text = to_csv(records, ("step", "study", "reason"))
    o.emit(text, output)


def show(
    name: Annotated[str, typer.Argument(help="A study, agent, target, source or result, by name or IRI.")],
    output_format: o.AsFormat = o.Format.table,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Show the card of one node: what the graph says of it, and what points at it.

    Example: hcckb show REACH-2
    """
    card = cards.card(o.open_store(kb, only_kb), name)
    if output_format is o.Format.table:
        text = tables.card_text(card)
    elif output_format is o.Format.json:
        text = to_json(card)
    else:
        records = [{"property": p, "value": v} for p, v in card.properties]
        text = to_csv(records, ("property", "value"))
    o.emit(text, None)
