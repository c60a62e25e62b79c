"""Contour-enhanced funnel plots of a pooled result, as SVG."""

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
from hcckb.plots.wording import figure_title, measure_words, numbers_for

if TYPE_CHECKING:
    from hcckb.pooling.trimfill import TrimFill
    from hcckb.results import PooledResult, PooledRow

_WIDTH, _HEIGHT = 480.0, 360.0
_LEFT = style.MARGIN + 52.0
_LEGEND_GAP, _LEGEND_WIDTH = 24.0, 170.0
_RADIUS = 4.0
_MOST_LABELS = 12
_FEW = 10
_SMALL = style.SMALL_SIZE
_Z95 = 1.959963984540054
_ADJUSTED = "6 2 1.5 2"
_CONTOURS = (
    (2.5758293035489, style.CONTOUR_005),
    (_Z95, style.CONTOUR_010),
    (1.6448536269514722, style.WHITE),
)
"""Normal quantiles of two-sided p = 0.01, 0.05, 0.10, and the shade of the region inside each."""


class _Frame(NamedTuple):
    """The plotting area: the axis of effects, that of standard errors, and how an effect gets on its axis."""

    x_axis: Axis
    y_axis: Axis
    ratios: bool

    def x(self, effect: float) -> float:
        """Place of an effect on the analysis scale."""
        return self.x_axis.position(math.exp(effect) if self.ratios else effect)

    def y(self, se: float) -> float:
        """Place of a standard error."""
        return self.y_axis.position(se)

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of the effect axis, on the analysis scale."""
        ends = (self.x_axis.lower, self.x_axis.upper)
        return (math.log(ends[0]), math.log(ends[1])) if self.ratios else ends

    @property
    def se_max(self) -> float:
        """The largest standard error shown."""
        return self.y_axis.upper


def funnel_svg(result: PooledResult, *, contours: bool = True, filled: TrimFill | None = None) -> str:
    """Draw a funnel plot: effects against their standard errors, the most precise on top.

    Shaded regions show where an estimate of that precision would reach p <= 0.10, 0.05 and 0.01 (two-sided,
    against no effect); dashed lines hold 95% of the estimates if all shared the pooled effect. Up to twelve
    points are labelled; every point has a tooltip.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.
    contours : bool
        Whether the regions of significance are shaded; they need a measure with a value of no effect.
    filled : TrimFill, optional
        Trim and fill of the same estimates: its filled studies are drawn as open points, its adjusted estimate as
        a line of its own.

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
    Source: Peters et al. 2008, J Clin Epidemiol 61:991-996, doi:10.1016/j.jclinepi.2007.11.010 (contours);
    Sterne et al. 2011, BMJ 343:d4002, doi:10.1136/bmj.d4002 (fewer than ten studies).
    """
    if not result.rows:
        raise EmptySelectionError("there is nothing to draw: the pooled result has no rows")
    contours = contours and measure_words(result).null is not None
    title = figure_title(result)
    canvas = Canvas(f"Funnel plot: {title}", f"{result.k} estimates against their standard errors.")
    width = _LEFT + _WIDTH + _LEGEND_GAP + _LEGEND_WIDTH + style.MARGIN
    top = draw_title(canvas, title, width)
    added = filled if filled is not None and filled.k0 else None
    frame = _frame(result, top, contours, added)
    if contours:
        _draw_contours(canvas, frame)
    _draw_lines(canvas, result, frame)
    _draw_axes(canvas, result, frame)
    if added is not None:
        _draw_filled(canvas, result, frame, added)
    _draw_points(canvas, result, frame)
    _draw_legend(canvas, result, frame, contours, filled)
    height = draw_footer(canvas, result, _notes(result, filled), top + _HEIGHT + 58, width)
    return canvas.to_svg(width, height)


def _notes(result: PooledResult, filled: TrimFill | None) -> tuple[str, ...]:
    notes = []
    if filled is not None:
        found = "no missing study" if not filled.k0 else f"{filled.k0} missing on the {filled.side}"
        notes.append(f"Trim and fill ({filled.estimator}): {found}. Filled studies are not data.")
    if result.k < _FEW:
        notes.append(
            f"Fewer than ten estimates (k = {result.k}): asymmetry cannot be told from chance, "
            "and a test for it has little power."
        )
    return tuple(notes)


def _frame(result: PooledResult, top: float, contours: bool, filled: TrimFill | None) -> _Frame:
    se_max = 1.1 * max(row.se for row in result.rows)
    effects = [row.analysis_value for row in result.rows]
    if filled is not None:
        effects += [float(effect) for effect in filled.filled_estimate]
    if contours:
        effects.append(0.0)
    reach = _Z95 * se_max
    effects += [result.analysis_estimate - reach, result.analysis_estimate + reach]
    low, high = min(effects), max(effects)
    pad = 0.05 * (high - low)
    ratios = result.scale == "log"
    ends = (low - pad, high + pad)
    lower, upper = (math.exp(max(-600.0, ends[0])), math.exp(min(600.0, ends[1]))) if ratios else ends
    x_axis = Axis(lower, upper, _LEFT, _LEFT + _WIDTH, ratios)
    return _Frame(x_axis, Axis(0.0, se_max, top, top + _HEIGHT, log=False), ratios)


def _edge(frame: _Frame, apex: float, slope: float) -> list[tuple[float, float]]:
    """Return the line from `apex` at no error downwards with `slope`, cut where the plotting area ends."""
    low, high = frame.bounds
    end = apex + slope * frame.se_max
    se = frame.se_max
    if not low <= end <= high:
        end = high if slope > 0 else low
        se = (end - apex) / slope
    return [(frame.x(apex), frame.y(0.0)), (frame.x(end), frame.y(se))]


def _draw_contours(canvas: Canvas, frame: _Frame) -> None:
    axis, top, bottom = frame.x_axis, frame.y(0.0), frame.y(frame.se_max)
    canvas.rect(axis.left, top, axis.right - axis.left, bottom - top, fill=style.CONTOUR_001, name="contour")
    for z, fill in _CONTOURS:
        left, right = _edge(frame, 0.0, -z), _edge(frame, 0.0, z)
        corners = [left[0], right[1], (right[1][0], bottom), (left[1][0], bottom), left[1]]
        canvas.polygon(list(dict.fromkeys(corners)), fill=fill, name="contour")


def _draw_lines(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    """Draw no effect, the pooled estimate and its pseudo 95% limits."""
    top, bottom = frame.y(0.0), frame.y(frame.se_max)
    if measure_words(result).null is not None and frame.bounds[0] <= 0.0 <= frame.bounds[1]:
        canvas.line(frame.x(0.0), top, frame.x(0.0), bottom, stroke=style.INK, name="null")
    if result.k < 2:
        return
    x = frame.x(result.analysis_estimate)
    canvas.line(x, top, x, bottom, stroke=style.POOLED, width=style.STROKE, dashes=style.DOTS, name="pooled-line")
    for slope in (-_Z95, _Z95):
        (x1, y1), (x2, y2) = _edge(frame, result.analysis_estimate, slope)
        canvas.line(
            x1,
            y1,
            x2,
            y2,
            stroke=style.POOLED,
            width=style.STROKE,
            dashes=style.DASHES,
            name="pseudo-limit",
        )


def _draw_axes(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    axis, top, bottom = frame.x_axis, frame.y(0.0), frame.y(frame.se_max)
    canvas.rect(axis.left, top, axis.right - axis.left, bottom - top, stroke=style.RULE, name="frame")
    for tick in effect_ticks(axis, result.scale, _SMALL):
        x = axis.position(tick.value)
        canvas.line(x, bottom, x, bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    for tick in frame.y_axis.ticks(_SMALL):
        y = frame.y(tick.value)
        canvas.line(axis.left - 4, y, axis.left, y, stroke=style.INK, name="tick")
        canvas.text(axis.left - 7, y + 4, tick.label, size=_SMALL, anchor="end", name="tick-label")
    words = measure_words(result)
    suffix = {"log": " (log scale)", "identity": ""}.get(result.scale, f" ({result.scale} scale)")
    name = shorten(one_line(words.long + suffix), _WIDTH, _SMALL)
    canvas.text(axis.left + _WIDTH / 2, bottom + 34, name, size=_SMALL, anchor="middle", name="axis-title")
    canvas.upright_text(style.MARGIN + 8, (top + bottom) / 2, "Standard error", size=_SMALL)


def _draw_points(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    points = [(frame.x(row.analysis_value), frame.y(row.se)) for row in result.rows]
    if result.k <= _MOST_LABELS:
        _draw_labels(canvas, result, frame, points)
    for row, (x, y) in zip(result.rows, points, strict=True):
        with canvas.group("study-point", tooltip=_tooltip(result, row)):
            canvas.circle(x, y, _RADIUS, fill=style.SQUARE, stroke=style.WHITE, name="point")


def _draw_filled(canvas: Canvas, result: PooledResult, frame: _Frame, filled: TrimFill) -> None:
    """Draw the filled studies as open points, and the estimate with them."""
    x = frame.x(filled.adjusted.estimate)
    top, bottom = frame.y(0.0), frame.y(frame.se_max)
    canvas.line(x, top, x, bottom, stroke=style.GREEN, width=style.STROKE, dashes=_ADJUSTED, name="adjusted-line")
    words = measure_words(result).short
    for effect, variance in zip(filled.filled_estimate, filled.filled_variance, strict=True):
        se = math.sqrt(float(variance))
        value = math.exp(float(effect)) if frame.ratios else float(effect)
        told = f"Filled in: {words} {numbers_for(result).value(value)}; standard error {se:.3f}"
        with canvas.group("filled-study", tooltip=told):
            place = frame.x(float(effect)), frame.y(se)
            canvas.circle(*place, _RADIUS, fill=style.WHITE, stroke=style.GREEN, name="filled-point")


def _draw_labels(canvas: Canvas, result: PooledResult, frame: _Frame, points: list[tuple[float, float]]) -> None:
    """Label the points clear of each other; a label away from its point gets a thin line to it."""
    axis, top, bottom = frame.x_axis, frame.y(0.0), frame.y(frame.se_max)
    lines: list[Segment] = [((frame.x(0.0), top), (frame.x(0.0), bottom))]
    pooled = result.analysis_estimate
    lines.append(((frame.x(pooled), top), (frame.x(pooled), bottom)))
    for slope in (-_Z95, _Z95):
        start, end = _edge(frame, pooled, slope)
        lines.append((start, end))
    texts = [shorten(one_line(row.study), 130.0, _SMALL, middle=True) for row in result.rows]
    area = Box(axis.left + 3, top + 3, axis.right - 3, bottom - 3)
    draw_labels(canvas, texts, points, area, lines)


def _tooltip(result: PooledResult, row: PooledRow) -> str:
    year = f" ({row.year})" if row.year is not None else ""
    effect = numbers_for(result).estimate(row)
    return f"{row.study}{year}: {measure_words(result).short} {effect}; standard error {row.se:.3f}"


def _draw_legend(canvas: Canvas, result: PooledResult, frame: _Frame, contours: bool, filled: TrimFill | None) -> None:
    x, y = frame.x_axis.right + _LEGEND_GAP, frame.y(0.0) + 8
    canvas.circle(x + 11, y - 4, _RADIUS, fill=style.SQUARE)
    canvas.text(x + 30, y, "Estimate", size=_SMALL, name="legend")
    y += 18
    if filled is not None and filled.k0:
        canvas.circle(x + 11, y - 4, _RADIUS, fill=style.WHITE, stroke=style.GREEN)
        canvas.text(x + 30, y, "Filled in by trim and fill", size=_SMALL, name="legend")
        y += 18
        canvas.line(x, y - 4, x + 22, y - 4, stroke=style.GREEN, width=style.STROKE, dashes=_ADJUSTED)
        canvas.text(x + 30, y, "Estimate with these", size=_SMALL, name="legend")
        y += 18
    if result.k > 1:
        for text, dashes in (("Pooled estimate", style.DOTS), ("Pseudo 95% limits", style.DASHES)):
            canvas.line(x, y - 4, x + 22, y - 4, stroke=style.POOLED, width=style.STROKE, dashes=dashes)
            canvas.text(x + 30, y, text, size=_SMALL, name="legend")
            y += 18
    if measure_words(result).null is not None:
        canvas.line(x, y - 4, x + 22, y - 4, stroke=style.INK)
        canvas.text(x + 30, y, "No effect", size=_SMALL, name="legend")
        y += 18
    if not contours:
        return
    y += 8
    canvas.text(x, y, "Two-sided p of an estimate", size=_SMALL, bold=True, name="legend")
    for text, fill in (
        ("p > 0.10", style.WHITE),
        ("0.05 < p ≤ 0.10", style.CONTOUR_010),
        ("0.01 < p ≤ 0.05", style.CONTOUR_005),
        ("p ≤ 0.01", style.CONTOUR_001),
    ):
        y += 18
        canvas.rect(x, y - 10, 22, 12, fill=fill, stroke=style.RULE)
        canvas.text(x + 30, y, text, size=_SMALL, name="legend")
