"""`hcckb bias` and `evalue`: what could have bent a pooled result."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.records import plain

if TYPE_CHECKING:
    from hcckb.results import PooledResult


class Alternative(StrEnum):
    """Directions in which estimates are published more."""

    greater = "greater"
    less = "less"


class Fill(StrEnum):
    """Estimators of the number of missing studies."""

    l0 = "L0"
    r0 = "R0"


@selecting(pooling=True)
def bias(
    asked: Asked,
    steps: Annotated[
        list[float] | None,
        typer.Option(help="Cut point of the one-sided p in the selection model: 0.025 when absent. Repeatable."),
    ] = None,
    alternative: Annotated[
        Alternative | None, typer.Option(help="Direction published more: that of the pooled estimate when absent.")
    ] = None,
    fill: Annotated[Fill, typer.Option(help="Trim and fill whose studies --plot draws.")] = Fill.l0,
    plot: Annotated[
        list[Path] | None,
        typer.Option(help="Draw the funnel with contours and filled studies to this file. Repeatable."),
    ] = None,
    radial: Annotated[
        list[Path] | None, typer.Option(help="Draw the radial (Galbraith) plot to this file. Repeatable.")
    ] = None,
) -> None:
    """Test the selected estimates for small-study effects, and adjust for them.

    Begg, Egger, Thompson-Sharp; from counts also Harbord, Peters, Macaskill, Deeks, Schwarzer, Rücker; trim and
    fill, PET-PEESE, limit meta-analysis, selection models, fail-safe numbers.

    Example: hcckb bias second-line-placebo --endpoint OS
    """
    from hcckb.analysis.bias import bias as analyse
    from hcckb.text.bias import BIAS_COLUMNS, bias_text

    chosen = alternative.value if alternative else None
    found = analyse(asked.table(), steps=steps or (0.025,), alternative=chosen, **asked.method)
    _draw(found.pooled, fill.value, plot or [], radial or [])
    asked.emit(
        lambda: bias_text(found),
        {"pooled": plain(found.pooled), "rows": found.rows, "notes": found.notes},
        lambda: ([{c: getattr(row, c) for c in BIAS_COLUMNS} for row in found.rows], BIAS_COLUMNS),
    )


def _draw(result: PooledResult, fill: str, plots: list[Path], radials: list[Path]) -> None:
    if not plots and not radials:
        return
    from hcckb.analysis.bias import filled_in
    from hcckb.plots import save_funnel, save_radial

    filled = filled_in(result, fill) if plots else None
    for path in plots:
        save_funnel(result, path, filled=filled)
        o.say(f"wrote {path}")
    for path in radials:
        save_radial(result, path)
        o.say(f"wrote {path}")


@selecting(pooling=True)
def evalue(
    asked: Asked,
    rare: Annotated[
        bool, typer.Option("--rare", help="Fewer than 15 % had the event: take odds and hazard ratios as risk ratios.")
    ] = False,
) -> None:
    """Say how strong an unmeasured confounder would have to be to explain each result away.

    Example: hcckb evalue second-line-placebo-vegfr --endpoint OS
    """
    from hcckb.analysis.evalue import evalues
    from hcckb.text.bias import EVALUE_COLUMNS, evalue_text

    found = evalues(asked.table(), rare=rare, **asked.method)
    asked.emit(
        lambda: evalue_text(found),
        {"pooled": plain(found.pooled), "rare": found.rare, "rows": found.rows, "notes": found.notes},
        lambda: ([{c: getattr(row, c) for c in EVALUE_COLUMNS} for row in found.rows], EVALUE_COLUMNS),
    )
