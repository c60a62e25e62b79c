"""Radial (Galbraith) plots of a pooled result, as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from hcckb.errors import EmptySelectionError
from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.effect_ticks import effect_ticks
from hcckb.plots.footer import draw_footer
from hcckb.plots.label_places import Box, Segment, draw_labels
from hcckb.plots.lettering import one_line, shorten
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import figure_title, measure_words, numbers_for, within_sentence

if TYPE_CHECKING:
    from hcckb.results import PooledResult, PooledRow

_WIDTH, _HEIGHT = 480.0, 360.0
_LEFT = style.MARGIN + 52.0
_SCALE_WIDTH = 62.0
_LEGEND_GAP, _LEGEND_WIDTH = 20.0, 170.0
_RADIUS = 4.0
_MOST_LABELS = 12
_SMALL = style.SMALL_SIZE
_Z95 = 1.959963984540054
_BAND = "#E8F1F8"


class _Frame(NamedTuple):
    """The plotting area: precision to the right, standardised effects upwards from `bottom`."""

    x_axis: Axis
    z_axis: Axis
    top: float
    bottom: float

    def x(self, precision: float) -> float:
        """Place of a precision."""
        return self.x_axis.position(precision)

    def y(self, z: float) -> float:
        """Place of a standardised effect."""
        return self.bottom - self.z_axis.position(z)

    @property
    def most(self) -> float:
        """The largest precision shown."""
        return self.x_axis.upper


def radial_svg(result: PooledResult) -> str:
    """Draw a radial plot: standardised effects against precision.

    A ray from the origin is an effect, read off the scale on the right: the solid one is the pooled estimate, the
    horizontal one no effect. The band of +-1.96 around the pooled ray holds 95% of the estimates if all share that
    effect; those outside it make heterogeneity. Small studies stand near the origin. Up to twelve points are
    labelled; every point has a tooltip.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Raises
    ------
    EmptySelectionError
        If the result has no rows.

    Notes
    -----
    Source: Galbraith 1988, Stat Med 7:889-894, doi:10.1002/sim.4780070807.
    """
    if not result.rows:
        raise EmptySelectionError("there is nothing to draw: the pooled result has no rows")
    title = figure_title(result)
    canvas = Canvas(f"Radial plot: {title}", f"{result.k} standardised estimates against their precision.")
    width = _LEFT + _WIDTH + _SCALE_WIDTH + _LEGEND_GAP + _LEGEND_WIDTH + style.MARGIN
    top = draw_title(canvas, title, width)
    frame = _frame(result, top)
    _draw_band(canvas, result, frame)
    _draw_axes(canvas, result, frame)
    _draw_effects(canvas, result, frame)
    _draw_points(canvas, result, frame)
    _draw_legend(canvas, result, frame)
    height = draw_footer(canvas, result, (), top + _HEIGHT + 58, width)
    return canvas.to_svg(width, height)


def _z(row: PooledRow) -> float:
    return row.analysis_value / row.se


def _frame(result: PooledResult, top: float) -> _Frame:
    most = 1.08 * max(1.0 / row.se for row in result.rows)
    end = result.analysis_estimate * most
    heights = [0.0, *(_z(row) for row in result.rows), -_Z95, _Z95, end - _Z95, end + _Z95]
    low, high = min(heights), max(heights)
    pad = 0.04 * (high - low)
    x_axis = Axis(0.0, most, _LEFT, _LEFT + _WIDTH, log=False)
    return _Frame(x_axis, Axis(low - pad, high + pad, 0.0, _HEIGHT, log=False), top, top + _HEIGHT)


def _draw_band(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    """Draw the pooled ray with its band, and the ray of no effect."""
    end = result.analysis_estimate * frame.most
    left, right = frame.x(0.0), frame.x(frame.most)
    corners = [
        (left, frame.y(-_Z95)),
        (left, frame.y(_Z95)),
        (right, frame.y(end + _Z95)),
        (right, frame.y(end - _Z95)),
    ]
    canvas.polygon(corners, fill=_BAND, name="band")
    for z in (-_Z95, _Z95):
        canvas.line(
            left,
            frame.y(z),
            right,
            frame.y(end + z),
            stroke=style.POOLED,
            width=style.STROKE,
            dashes=style.DASHES,
            name="band-edge",
        )
    canvas.line(left, frame.y(0.0), right, frame.y(end), stroke=style.POOLED, width=style.STROKE, name="pooled-ray")
    canvas.line(left, frame.y(0.0), right, frame.y(0.0), stroke=style.INK, name="null")


def _draw_axes(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    axis, top, bottom = frame.x_axis, frame.top, frame.bottom
    canvas.rect(axis.left, top, axis.right - axis.left, bottom - top, stroke=style.RULE, name="frame")
    for tick in axis.ticks(_SMALL):
        x = axis.position(tick.value)
        canvas.line(x, bottom, x, bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    for tick in frame.z_axis.ticks(_SMALL):
        y = frame.y(tick.value)
        canvas.line(axis.left - 4, y, axis.left, y, stroke=style.INK, name="tick")
        canvas.text(axis.left - 7, y + 4, tick.label, size=_SMALL, anchor="end", name="tick-label")
    middle = axis.left + _WIDTH / 2
    canvas.text(middle, bottom + 34, "Precision: 1 / standard error", size=_SMALL, anchor="middle", name="axis-title")
    of, short = result.scale, measure_words(result).short
    effect = {"log": f"log {short}", "identity": short}.get(of, f"{of} {within_sentence(short)}")
    name = shorten(f"{effect} / standard error", _HEIGHT, _SMALL)
    canvas.upright_text(style.MARGIN + 8, (top + bottom) / 2, name, size=_SMALL)


def _draw_effects(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    """Draw the scale on which rays from the origin read as effects."""
    x = frame.x_axis.right
    ratios = result.scale == "log"
    ends = [frame.z_axis.lower / frame.most, frame.z_axis.upper / frame.most]
    low, high = (math.exp(max(-600.0, min(600.0, e))) if ratios else e for e in ends)
    scale = Axis(low, high, 0.0, _HEIGHT, log=ratios)
    for tick in effect_ticks(scale, result.scale, _SMALL):
        y = frame.bottom - scale.position(tick.value)
        canvas.line(x, y, x + 4, y, stroke=style.INK, name="effect-tick")
        canvas.text(x + 7, y + 4, tick.label, size=_SMALL, name="effect-label")
    suffix = "" if result.scale in ("log", "identity") else f" ({result.scale} scale)"
    name = shorten(one_line(measure_words(result).long + suffix), _HEIGHT, _SMALL)
    canvas.upright_text(x + _SCALE_WIDTH - 8, (frame.top + frame.bottom) / 2, name, size=_SMALL)


def _draw_points(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    points = [(frame.x(1.0 / row.se), frame.y(_z(row))) for row in result.rows]
    if result.k <= _MOST_LABELS:
        _draw_labels(canvas, result, frame, points)
    for row, (x, y) in zip(result.rows, points, strict=True):
        with canvas.group("study-point", tooltip=_tooltip(result, row)):
            canvas.circle(x, y, _RADIUS, fill=style.SQUARE, stroke=style.WHITE, name="point")


def _draw_labels(canvas: Canvas, result: PooledResult, frame: _Frame, points: list[tuple[float, float]]) -> None:
    """Label the points clear of each other; a label away from its point gets a thin line to it."""
    left, right, end = frame.x(0.0), frame.x(frame.most), result.analysis_estimate * frame.most
    lines: list[Segment] = [((left, frame.y(0.0)), (right, frame.y(0.0)))]
    lines += [((left, frame.y(z)), (right, frame.y(end + z))) for z in (-_Z95, 0.0, _Z95)]
    texts = [shorten(one_line(row.study), 130.0, _SMALL, middle=True) for row in result.rows]
    area = Box(left + 3, frame.top + 3, right - 3, frame.bottom - 3)
    draw_labels(canvas, texts, points, area, lines)


def _tooltip(result: PooledResult, row: PooledRow) -> str:
    year = f" ({row.year})" if row.year is not None else ""
    effect = numbers_for(result).estimate(row)
    return f"{row.study}{year}: {measure_words(result).short} {effect}; z {_z(row):.2f}; precision {1 / row.se:.1f}"


def _draw_legend(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    x, y = frame.x_axis.right + _SCALE_WIDTH + _LEGEND_GAP, frame.top + 8
    canvas.circle(x + 11, y - 4, _RADIUS, fill=style.SQUARE)
    canvas.text(x + 30, y, "Estimate", size=_SMALL, name="legend")
    rows = (("Pooled estimate", "", style.POOLED), ("± 1.96 around it", style.DASHES, style.POOLED))
    null = measure_words(result).null is not None
    for text, dashes, stroke in (*rows, *([("No effect", "", style.INK)] if null else [])):
        y += 18
        width = style.HAIRLINE if stroke == style.INK else style.STROKE
        canvas.line(x, y - 4, x + 22, y - 4, stroke=stroke, width=width, dashes=dashes)
        canvas.text(x + 30, y, text, size=_SMALL, name="legend")
