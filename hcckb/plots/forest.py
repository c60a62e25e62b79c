"""Forest plots of a pooled result, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hcckb.errors import EmptySelectionError
from hcckb.plots import style
from hcckb.plots.footer import draw_footer
from hcckb.plots.forest_axis import draw_axis
from hcckb.plots.forest_layout import (
    EXTRA_LINE,
    ForestLayout,
    ForestOptions,
    RowText,
    forest_layout,
)
from hcckb.plots.forest_marks import draw_square, draw_whiskers
from hcckb.plots.forest_summary import draw_summary, summary_height, summary_rows
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import figure_title, model_label

if TYPE_CHECKING:
    from hcckb.results import PooledResult

__all__ = ["ForestOptions", "draw_headings", "draw_reference_lines", "draw_rows", "forest_svg"]

_SIZE = style.TEXT_SIZE
_DEFAULTS = ForestOptions()


def forest_svg(result: PooledResult, *, options: ForestOptions = _DEFAULTS) -> str:
    """Draw a forest plot.

    One row per estimate (square with an area proportional to its weight, whiskers for the printed
    interval, arrows where they leave the axis), a diamond for the pooled estimate, its prediction
    interval, and thinner diamonds for the same estimates under other models. Below: heterogeneity, model,
    footnotes for intervals of another level and for resolved records, provenance.

    Parameters
    ----------
    result : PooledResult
        What pooling gave; with a single row no diamond is drawn.
    options : ForestOptions
        Title, axis, words under the axis, links.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Raises
    ------
    EmptySelectionError
        If the result has no rows.
    UsageError
        If the ends of the axis in `options` are not in order, or not positive on a log axis.
    """
    if not result.rows:
        raise EmptySelectionError("there is nothing to draw: the pooled result has no rows")
    layout = forest_layout(result, options)
    title = options.title or figure_title(result)
    canvas = Canvas(f"Forest plot: {title}", _description(result, layout))
    y = draw_title(canvas, title, layout.width)
    top = draw_headings(canvas, layout, y)
    summary = summary_rows(result, layout, options)
    rows_end = top + sum(text.height for text in layout.rows) + 3
    bottom = rows_end + summary_height(summary) + 3
    draw_reference_lines(canvas, result, layout, (top, rows_end, bottom))
    draw_rows(canvas, result, layout, top)
    if summary:
        canvas.line(style.MARGIN, rows_end, layout.width - style.MARGIN, rows_end, stroke=style.FAINT)
        draw_summary(canvas, result, layout, summary, rows_end)
    y = draw_axis(canvas, result, layout, options, bottom)
    height = draw_footer(canvas, result, layout.footnotes.lines(), y + 24, layout.width)
    return canvas.to_svg(layout.width, height)


def _description(result: PooledResult, layout: ForestLayout) -> str:
    if result.k < 2:
        return layout.rows[0].tooltip
    model = model_label(result)
    return f"{result.k} estimates. {model}: {layout.words.long} {layout.numbers.estimate(result)}."


def draw_headings(canvas: Canvas, layout: ForestLayout, y: float) -> float:
    """Set the column headings with a rule under them; return where the rows begin."""
    for column in layout.columns.values():
        canvas.text(column.anchor_x, y + 10, column.heading, anchor=column.anchor, bold=True, name="heading")
    canvas.line(style.MARGIN, y + 18, layout.width - style.MARGIN, y + 18, stroke=style.INK)
    return y + 22


def draw_reference_lines(
    canvas: Canvas, result: PooledResult, layout: ForestLayout, ys: tuple[float, float, float]
) -> None:
    """Draw the line of no effect, and the dotted line from the top to the pooled diamond."""
    axis, null = layout.axis, layout.words.null
    top, rows_end, bottom = ys
    if null is not None and axis.covers(null):
        x = axis.position(null)
        canvas.line(x, top - 4, x, bottom, stroke=style.INK, name="null")
    if result.k > 1 and axis.covers(result.estimate):
        x, end = axis.position(result.estimate), rows_end + 12
        canvas.line(x, top - 2, x, end, stroke=style.POOLED, dashes=style.DOTS, name="pooled-line")


def draw_rows(
    canvas: Canvas, result: PooledResult, layout: ForestLayout, y: float, *, part: slice = slice(None)
) -> None:
    """Draw the studies, or a part of them, downwards from `y`."""
    heaviest = max(row.weight for row in result.rows)
    for row, text in zip(result.rows[part], layout.rows[part], strict=True):
        middle = y + text.height / 2
        with canvas.group("study-row", tooltip=text.tooltip, link=text.link):
            canvas.hit_area(style.MARGIN, y, layout.width - 2 * style.MARGIN, text.height)
            _draw_cells(canvas, layout, text, middle)
            draw_whiskers(canvas, layout.axis, row, middle)
            draw_square(canvas, layout.axis, row, middle, heaviest)
        y += text.height


def _draw_cells(canvas: Canvas, layout: ForestLayout, text: RowText, middle: float) -> None:
    """Set the cells of a row, each centred on `middle`; a mark hangs behind its column."""
    for key, column in layout.columns.items():
        lines = text.cells[key]
        y = middle + _SIZE * 0.36 - (len(lines) - 1) * EXTRA_LINE / 2
        for line in lines:
            canvas.text(column.anchor_x, y, line, anchor=column.anchor, name=key)
            y += EXTRA_LINE
        if key == "effect":
            canvas.text(column.anchor_x + 1, y - EXTRA_LINE, text.level_mark, name="mark")
