"""`hcckb pool` and `reproduce`: numbers out of the evidence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.errors import UsageError
from hcckb.records import to_csv, to_json

if TYPE_CHECKING:
    from hcckb.evidence import EvidenceTable
    from hcckb.results import PooledResult
    from hcckb.usertable import CountsRow


@selecting(pooling=True)
def pool(
    asked: Asked,
    by: Annotated[str | None, typer.Option(help="Pool each value of this column by itself: targets, phase ...")] = None,
    plot: Annotated[
        list[Path] | None,
        typer.Option(help="Draw the forest plot to this file: .svg, .png, .pdf. Repeatable."),
    ] = None,
    funnel: Annotated[list[Path] | None, typer.Option(help="Draw the funnel plot to this file. Repeatable.")] = None,
    drapery: Annotated[
        list[Path] | None, typer.Option(help="Draw the drapery plot (p-value functions) to this file. Repeatable.")
    ] = None,
    labbe: Annotated[
        list[Path] | None, typer.Option(help="Draw the L'Abbé plot of a table of counts to this file. Repeatable.")
    ] = None,
) -> None:
    """Pool the estimates that a query selects, or those of your own table.

    Example: hcckb pool second-line-placebo-vegfr --endpoint OS --tau2 DL -f csv
    """
    from hcckb.analysis import pool as analyses
    from hcckb.analysis.rounding import rounding
    from hcckb.text import tables

    if asked.given["model"] == "glmm":
        _by_glmm(asked, figures=[*(plot or []), *(funnel or []), *(drapery or []), *(labbe or [])], by=by)
        return
    table = asked.table()
    if by is not None:
        if plot or funnel or drapery or labbe:
            raise UsageError("--by pools several groups, --plot draws one pool. Leave one of them out.")
        groups = list(analyses.pool_by(table, by, **asked.method))
        asked.emit(lambda: _groups_text(groups), dict(groups), lambda: tables.pooled_records(groups))
        return
    result = analyses.pool(table, **asked.method)
    _draw(result, table, plot or [], funnel or [], drapery or [], labbe or [])
    asked.emit(
        lambda: tables.pooled_text(result, rounding(result)), result, lambda: tables.pooled_records([("", result)])
    )


def _by_glmm(asked: Asked, figures: list[Path], by: str | None) -> None:
    """Hand counts to the mixed model of `hcckb glmm`, in its usual form."""
    from hcckb.cli.models import emit_glmm

    if asked.data is None or asked.given["measure"] is None:
        raise UsageError("--model glmm is for counts of your own: --data FILE.csv --measure OR; see hcckb glmm.")
    if figures or by is not None:
        raise UsageError("--model glmm has no effect per study: leave --by and the figures out; see hcckb glmm.")
    asked.refuse_filters(asked.criteria())
    given = asked.given
    emit_glmm(asked.data, given["measure"], given["level"], asked.output_format, given["output"])


def _groups_text(groups: list[tuple[str, PooledResult]]) -> str:
    from hcckb.text import tables

    return "\n\n".join(f"## {name or '(none)'}\n\n{tables.pooled_text(result)}" for name, result in groups)


def _draw(
    result: PooledResult,
    table: EvidenceTable,
    forests: list[Path],
    funnels: list[Path],
    draperies: list[Path],
    labbes: list[Path],
) -> None:
    from hcckb import plots

    drawings: list[tuple[list[Path], Callable[[Path], Path]]] = [
        (forests, lambda path: plots.save_forest(result, path)),
        (funnels, lambda path: plots.save_funnel(result, path)),
        (draperies, lambda path: plots.save_drapery(result, path)),
        (labbes, lambda path: plots.save_labbe(result, _counts(table), path)),
    ]
    for paths, save in drawings:
        for path in paths:
            save(path)
            o.say(f"wrote {path}")


def _counts(table: EvidenceTable) -> list[CountsRow]:
    """Return the rows of a table of counts."""
    from hcckb.usertable import CountsRow

    rows = [row for row in table.rows if isinstance(row, CountsRow)]
    if len(rows) < len(table.rows):
        raise UsageError("--labbe needs events and participants of both arms: --data FILE.csv with columns of counts.")
    return rows


def reproduce(
    synthesis: Annotated[str | None, typer.Argument(help="A published synthesis; all when absent.")] = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Recompute a published synthesis from the graph, number by number, beside what it printed.

    Example: hcckb reproduce
    """
    from hcckb.reproduced import COLUMNS
    from hcckb.reproduction import reproduce as recompute
    from hcckb.text import tables

    found = recompute(o.open_store(kb, only_kb), synthesis)
    if output_format is o.Format.table:
        text = tables.reproduction_text(found)
    elif output_format is o.Format.json:
        text = to_json(found)
    else:
        text = to_csv([{c: getattr(r, c) for c in COLUMNS} for r in found], COLUMNS)
    o.emit(text, output)
