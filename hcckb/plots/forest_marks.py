"""The marks of a forest plot: squares, whiskers, diamonds, prediction bars, arrows where they are cut off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.svg import Canvas

if TYPE_CHECKING:
    from hcckb.results import ModelSummary, PooledResult, PooledRow

MAX_SIDE = 13.0
_ARROW = 6.0
_ARROW_HALF = 3.5
_DIAMOND_HALF = 6.5
_BESIDE_HALF = 3.5


def draw_square(canvas: Canvas, axis: Axis, row: PooledRow, y: float, heaviest: float) -> None:
    """Draw a square at the estimate, its area proportional to the weight; the heaviest fills `MAX_SIDE`.

    A short upright line keeps the place visible where the square is too small to see.
    """
    if not axis.covers(row.value):
        return
    side = MAX_SIDE * math.sqrt(row.weight / heaviest) if heaviest > 0 else MAX_SIDE
    x = axis.position(row.value)
    canvas.line(x, y - 2.5, x, y + 2.5, stroke=style.SQUARE, width=style.STROKE)
    canvas.rect(x - side / 2, y - side / 2, side, side, fill=style.SQUARE, name="weight")


def draw_whiskers(canvas: Canvas, axis: Axis, row: PooledRow, y: float) -> None:
    """Draw the printed interval of a row."""
    start, end = axis.position(row.ci_lower), axis.position(row.ci_upper)
    canvas.line(start, y, end, y, stroke=style.INK, width=style.STROKE, name="ci")
    _draw_arrows(canvas, axis, (row.ci_lower, row.ci_upper), y, style.INK)


def draw_diamond(canvas: Canvas, axis: Axis, summary: PooledResult | ModelSummary, y: float, *, main: bool) -> None:
    """Draw a diamond from one end of the interval over the estimate to the other, cut where the axis ends."""
    half = _DIAMOND_HALF if main else _BESIDE_HALF
    x = axis.position(summary.estimate)
    left, right = axis.position(summary.ci_lower), axis.position(summary.ci_upper)
    left_half = half * (1 - axis.share_inside(summary.estimate, summary.ci_lower))
    right_half = half * (1 - axis.share_inside(summary.estimate, summary.ci_upper))
    upper = [(left, y - left_half), (x, y - half), (right, y - right_half)]
    lower = [(right, y + right_half), (x, y + half), (left, y + left_half)]
    corners = list(dict.fromkeys([*upper, *lower]))
    canvas.polygon(
        corners,
        fill=style.POOLED if main else style.BESIDE,
        stroke=style.POOLED,
        name="diamond" if main else "diamond beside",
    )
    _draw_arrows(canvas, axis, (summary.ci_lower, summary.ci_upper), y, style.POOLED, outside=True)


def draw_prediction(canvas: Canvas, axis: Axis, bounds: tuple[float, float], y: float) -> None:
    """Draw a prediction interval as a dashed bar with end caps."""
    left, right = axis.position(bounds[0]), axis.position(bounds[1])
    colour, width = style.PREDICTION, 2.0
    canvas.line(left, y, right, y, stroke=colour, width=width, dashes=style.DASHES, name="prediction-bar")
    for bound, x in zip(bounds, (left, right), strict=True):
        if axis.covers(bound):
            canvas.line(x, y - 4, x, y + 4, stroke=colour, width=width)
    _draw_arrows(canvas, axis, bounds, y, colour)


def _draw_arrows(
    canvas: Canvas, axis: Axis, bounds: tuple[float, float], y: float, fill: str, *, outside: bool = False
) -> None:
    """Draw an arrow head at each end of the axis that an interval runs beyond."""
    shift = 0.0 if outside else _ARROW * 2 / 3
    for beyond, x, inward in (
        (bounds[0] < axis.lower, axis.left, 1),
        (bounds[1] > axis.upper, axis.right, -1),
    ):
        if beyond:
            base, tip = x + inward * shift, x + inward * (shift - _ARROW)
            head = [(tip, y), (base, y - _ARROW_HALF), (base, y + _ARROW_HALF)]
            canvas.polygon(head, fill=fill, name="clipped")
