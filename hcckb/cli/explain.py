"""`hcckb why`, `flow` and `show`: explaining a selection, and one node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hcckb import cards, evidence
from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.records import to_csv, to_json
from hcckb.text import tables


@selecting(pooling=False, own=False)
def why(
    asked: Asked,
    study: Annotated[str, typer.Argument(help="A study: SHARP, REACH-2, NCT01140347 ...")],
) -> None:
    """Say which step of a selection a study passed or failed, with the value that decided.

    Example: hcckb why SHARP second-line-placebo-vegfr
    """
    walked = evidence.why(asked.store(), study, asked.query, **asked.criteria())
    columns = ("step", "title", "value", "passed")
    records = [dict(zip(columns, (s.name, s.title, v, p), strict=True)) for s, v, p in walked]
    asked.emit(lambda: tables.why_text(study, walked), records, lambda: (records, columns))


@selecting(pooling=False, own=False)
def flow(
    asked: Asked,
    plot: Annotated[Path | None, typer.Option(help="Draw the flow to this file: .svg, .png or .pdf.")] = None,
) -> None:
    """Give the PRISMA-style flow: how many studies each step removed, and which.

    Example: hcckb flow second-line-placebo-vegfr --endpoint OS
    """
    steps = evidence.flow(asked.store(), asked.query, **asked.criteria())
    if plot is not None:
        from hcckb.plots import save_flow

        save_flow(steps, plot)
        o.say(f"wrote {plot}")
    columns = ("step", "study", "reason")
    records = [dict(zip(columns, (s.name, n, r), strict=True)) for s in steps for n, r in s.removed]
    asked.emit(lambda: tables.flow_text(steps), steps, lambda: (records, columns))


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
