"""The summary rows of a forest plot: pooled estimate, prediction interval, other models."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hcckb.plots import style
from hcckb.plots.forest_layout import EXTRA_LINE, ROW_HEIGHT, ForestLayout, ForestOptions
from hcckb.plots.forest_marks import draw_diamond, draw_prediction
from hcckb.plots.lettering import wrap
from hcckb.plots.svg import Canvas
from hcckb.plots.wording import model_label, percent

if TYPE_CHECKING:
    from hcckb.results import ModelSummary, PooledResult

_SIZE = style.TEXT_SIZE
_AIR = 3.0


class SummaryRow(NamedTuple):
    """A row below the studies: its label, its numbers, and what is drawn (a model, or an interval)."""

    kind: str
    label: tuple[str, ...]
    numbers: str
    drawn: PooledResult | ModelSummary | tuple[float, float]

    @property
    def height(self) -> float:
        """The height of the row."""
        return ROW_HEIGHT + (len(self.label) - 1) * EXTRA_LINE


def summary_rows(result: PooledResult, layout: ForestLayout, options: ForestOptions) -> tuple[SummaryRow, ...]:
    """Return the rows below the studies, in order; none for a single study."""
    if result.k < 2:
        return ()
    show, width = layout.numbers, layout.label_width

    def label(text: str, *, bold: bool = False) -> tuple[str, ...]:
        return wrap(text, width, _SIZE, bold=bold, max_lines=2)

    main = label(model_label(result), bold=True)
    rows = [SummaryRow("pooled", main, show.estimate(result), result)]
    if result.prediction_lower is not None and result.prediction_upper is not None:
        bounds = (result.prediction_lower, result.prediction_upper)
        text = label(f"{percent(result.level)} prediction interval")
        rows.append(SummaryRow("prediction", text, f"({show.interval(*bounds)})", bounds))
    if options.show_beside:
        rows += [SummaryRow("beside", label(m.label), show.estimate(m), m) for m in result.beside]
    return tuple(rows)


def summary_height(rows: tuple[SummaryRow, ...]) -> float:
    """Return the height that `draw_summary` takes."""
    return sum(row.height for row in rows) + (2 * _AIR if rows else 0.0)


def draw_summary(
    canvas: Canvas, result: PooledResult, layout: ForestLayout, rows: tuple[SummaryRow, ...], y: float
) -> None:
    """Draw the summary rows downwards from `y`."""
    y += _AIR
    for row in rows:
        middle = y + row.height / 2
        bold = row.kind == "pooled"
        with canvas.group(row.kind, tooltip=f"{' '.join(row.label)}: {row.numbers}"):
            canvas.hit_area(style.MARGIN, y, layout.width - 2 * style.MARGIN, row.height)
            baseline = middle + _SIZE * 0.36 - (len(row.label) - 1) * EXTRA_LINE / 2
            for line in row.label:
                canvas.text(style.MARGIN, baseline, line, bold=bold, name="label")
                baseline += EXTRA_LINE
            draw_cell(canvas, layout, "effect", row.numbers, middle, bold=bold)
            if bold:
                total = f"{result.n:,}" if result.n is not None else ""
                draw_cell(canvas, layout, "n", total, middle, bold=True)
                draw_cell(canvas, layout, "weight", "100%", middle, bold=True)
            if isinstance(row.drawn, tuple):
                draw_prediction(canvas, layout.axis, row.drawn, middle)
            else:
                draw_diamond(canvas, layout.axis, row.drawn, middle, main=bold)
        y += row.height


def draw_cell(canvas: Canvas, layout: ForestLayout, key: str, text: str, middle: float, *, bold: bool) -> None:
    """Set the text of a summary row in one column, centred on `middle`."""
    column = layout.columns.get(key)
    if column:
        x, y = column.anchor_x, middle + _SIZE * 0.36
        canvas.text(x, y, text, anchor=column.anchor, bold=bold, name=f"summary-{key}")
