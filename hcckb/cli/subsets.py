"""`hcckb gosh` and `multiverse`: the same evidence pooled in many ways."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting


@selecting(pooling=True)
def gosh(
    asked: Asked,
    subsets: Annotated[
        int | None, typer.Option(help="How many subsets; all where that is quick, else 100000.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw, where not all subsets are pooled.", min=0)] = 1,
    study: Annotated[str | None, typer.Option(help="Highlight the subsets that hold this study.")] = None,
    plot: Annotated[list[Path] | None, typer.Option(help="Draw I2 against the estimate to this file.")] = None,
) -> None:
    """Pool all subsets of the studies, or a random sample: outliers and clusters show.

    Example: hcckb gosh second-line-placebo --endpoint OS --plot gosh.svg
    """
    from hcckb.analysis.gosh import gosh as analyse
    from hcckb.analysis.gosh import study_index
    from hcckb.records import plain
    from hcckb.text import subsets as texts

    found = analyse(asked.table(), subsets=subsets, seed=seed, **asked.method)
    index = None if study is None else study_index(found.pooled, study)
    if plot:
        from hcckb.plots.gosh import gosh_svg
        from hcckb.plots.render import write_figure

        for path in plot:
            o.say(f"wrote {write_figure(gosh_svg(found, study=index), path)}")
    asked.emit(
        lambda: texts.gosh_text(found),
        texts.gosh_value(found),
        lambda: ([plain(row) for row in found.rows], texts.GOSH_COLUMNS),
    )


@selecting(pooling=False)
def multiverse(
    asked: Asked,
    level: Annotated[float, typer.Option(help="Level of the intervals, a proportion.")] = 0.95,
    plot: Annotated[list[Path] | None, typer.Option(help="Draw the specification curve to this file.")] = None,
) -> None:
    """Pool in every defensible way at once: estimators, intervals, studies left out, views of the graph.

    Example: hcckb multiverse second-line-placebo --endpoint OS --plot curve.svg
    """
    from hcckb.analysis.multiverse import multiverse as analyse
    from hcckb.analysis.multiverse import variants
    from hcckb.records import plain
    from hcckb.text import subsets as texts

    if asked.data is not None:
        found = analyse(asked.table(), level=level)
    else:
        criteria = asked.criteria()
        found = analyse(variants(asked.store(), asked.query, **criteria), level=level)
    if plot:
        from hcckb.plots.curve import curve_svg
        from hcckb.plots.render import write_figure

        for path in plot:
            o.say(f"wrote {write_figure(curve_svg(found), path)}")
    asked.emit(
        lambda: texts.multiverse_text(found),
        found,
        lambda: ([plain(row) for row in found.specifications], texts.MULTIVERSE_COLUMNS),
    )
