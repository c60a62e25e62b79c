"""`hcckb influence` and `cumulative`: what a pooled result hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.records import plain


@selecting(pooling=True)
def influence(
    asked: Asked,
    plot: Annotated[list[Path] | None, typer.Option(help="Draw the panel of diagnostics to this file.")] = None,
    baujat: Annotated[list[Path] | None, typer.Option(help="Draw the Baujat plot to this file.")] = None,
    forest: Annotated[list[Path] | None, typer.Option(help="Draw the leave-one-out forest plot to this file.")] = None,
) -> None:
    """Pool without each study in turn, and say on which studies the result hangs.

    Example: hcckb influence second-line-placebo --endpoint OS --baujat baujat.svg
    """
    from hcckb.analysis import sensitivity
    from hcckb.text import sensitivity as texts

    found = sensitivity.influence(asked.table(), **asked.method)
    if plot or baujat or forest:
        from hcckb.plots import sensitivity as figures

        _draw(lambda: figures.influence_svg(found), plot)
        _draw(lambda: figures.baujat_svg(found.pooled, sensitivity.baujat_of(found.pooled)), baujat)
        _draw(lambda: figures.left_out_svg(found), forest)
    _emit(asked, found, texts.influence_text, texts.INFLUENCE_COLUMNS)


@selecting(pooling=True)
def cumulative(
    asked: Asked,
    by: Annotated[
        str,
        typer.Option(help="Order of entry: year of the primary report, precision, order (as they stand), or a column."),
    ] = "year",
    plot: Annotated[list[Path] | None, typer.Option(help="Draw the cumulative forest plot to this file.")] = None,
) -> None:
    """Pool the first study, the first two, and so on, by year or from the most precise.

    Example: hcckb cumulative second-line-placebo --endpoint OS --by year
    """
    from hcckb.analysis import sensitivity
    from hcckb.text import sensitivity as texts

    found = sensitivity.cumulative(asked.table(), by=by, **asked.method)
    if plot:
        from hcckb.plots.sensitivity import entered_svg

        _draw(lambda: entered_svg(found), plot)
    _emit(asked, found, texts.cumulative_text, texts.CUMULATIVE_COLUMNS)


def _draw(figure: Callable[[], str], paths: list[Path] | None) -> None:
    """Write one figure to each of the files asked for."""
    from hcckb.plots.render import write_figure

    for path in paths or []:
        o.say(f"wrote {write_figure(figure(), path)}")


def _emit(asked: Asked, found: Any, text: Callable[[Any], str], columns: Sequence[str]) -> None:
    asked.emit(
        lambda: text(found),
        {"pooled": plain(found.pooled), "rows": found.rows, "notes": found.notes},
        lambda: ([{c: getattr(row, c) for c in columns} for row in found.rows], columns),
    )
