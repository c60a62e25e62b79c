"""Forest plot of a network: every treatment against the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.lettering import shorten, text_width
from hcckb.plots.network_parts import draw_end, heading, ranked, words
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import percent, rounded

if TYPE_CHECKING:
    from hcckb.analysis.network_results import NetworkResult, Relative

_ROW = 21.0
_AXIS = 250.0
_NAME = 300.0
_SMALL = style.SMALL_SIZE
_SQUARE = 4.5
# Limits further from the estimates than this multiple of their span are cut, with an arrow; prediction sooner.
_REACH, _NEW_REACH = 3.0, 0.6


def network_forest_svg(result: NetworkResult) -> str:
    """Draw each treatment against the reference with its interval, the best P-score first.

    A green line is the prediction interval of a new study, where there is one.

    Parameters
    ----------
    result : NetworkResult
        The fitted network.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.
    """
    rows = {r.treatment1: r for r in result.against(result.reference)}
    shown = [rows[name] for name in ranked(result) if name in rows]
    left = style.MARGIN + min(_NAME, max(text_width(r.treatment1, style.TEXT_SIZE) for r in shown)) + 18
    numbers_x = left + _AXIS + 18
    width = numbers_x + 190 + style.MARGIN
    title = heading(result)
    short, long = words(result)
    canvas = Canvas(f"Network forest plot: {title}", f"{len(shown)} treatments against {result.reference}.")
    top = draw_title(canvas, title, width) + 18
    bottom = top + _ROW * len(shown) + 8
    axis = _axis(shown, result, left)
    _draw_heading(canvas, result, (left, numbers_x, top - 6), short)
    null = 1.0 if result.scale == "log" else 0.0
    canvas.line(axis.position(null), top, axis.position(null), bottom, stroke=style.INK, name="null")
    for i, r in enumerate(shown):
        y = top + _ROW * (i + 0.5)
        name = shorten(r.treatment1, _NAME, style.TEXT_SIZE)
        tip = (
            f"{r.treatment1} vs {r.treatment2}: {rounded(r.estimate)} ({rounded(r.ci_lower)} to {rounded(r.ci_upper)})"
        )
        with canvas.group("row", tooltip=tip):
            canvas.hit_area(style.MARGIN, y - _ROW / 2, width - 2 * style.MARGIN, _ROW)
            canvas.text(style.MARGIN, y + 4, name, name="treatment")
            _draw_interval(canvas, axis, r, y)
            text = f"{rounded(r.estimate)} ({rounded(r.ci_lower)} to {rounded(r.ci_upper)})"
            canvas.text(numbers_x, y + 4, text, name="numbers")
            score = f"{result.p_scores[r.treatment1]:.2f}"
            canvas.text(width - style.MARGIN, y + 4, score, anchor="end", name="numbers")
    canvas.line(axis.left, bottom, axis.right, bottom, stroke=style.INK, name="axis")
    for tick in axis.ticks(_SMALL):
        x = axis.position(tick.value)
        canvas.line(x, bottom, x, bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    scale = " (log scale)" if result.scale == "log" else ""
    label = f"{long}{scale} against {shorten(result.reference, 140.0, _SMALL)}"
    middle = max((axis.left + axis.right) / 2, style.MARGIN + text_width(label, _SMALL) / 2)
    canvas.text(middle, bottom + 34, label, size=_SMALL, anchor="middle", name="axis-title")
    height = draw_end(canvas, result, _notes(result), bottom + 58, width)
    return canvas.to_svg(width, height)


def _notes(result: NetworkResult) -> tuple[str, ...]:
    notes = [f"Intervals: {percent(result.level)} CI, Wald. P-scores rank by certainty, not by size of effect."]
    if any(r.prediction_lower is not None for r in result.relative):
        notes.append(
            f"Green lines: {percent(result.level)} prediction intervals of a new study; arrows go on beyond the axis."
        )
    return tuple(notes)


def _axis(shown: list[Relative], result: NetworkResult, left: float) -> Axis:
    log = result.scale == "log"
    estimates = [r.analysis_estimate for r in shown] + [0.0]
    spread = max(max(estimates) - min(estimates), min(2 * r.se for r in shown))
    low, high = _cut([(r.ci_lower, r.ci_upper) for r in shown], estimates, _REACH * spread, log)
    new = [
        (r.prediction_lower, r.prediction_upper)
        for r in shown
        if r.prediction_lower is not None and r.prediction_upper is not None
    ]
    if new:
        wide = _cut(new, estimates, _NEW_REACH * spread, log)
        low, high = min(low, wide[0]), max(high, wide[1])
    pad = 0.03 * (high - low)
    low, high = low - pad, high + pad
    return Axis(math.exp(low) if log else low, math.exp(high) if log else high, left, left + _AXIS, log)


def _cut(
    limits: Sequence[tuple[float, float]], estimates: Sequence[float], reach: float, log: bool
) -> tuple[float, float]:
    """Return the outermost limits, on the analysis scale, no further than `reach` from the estimates."""
    ends = [0.0, *((math.log(x) if log else x) for pair in limits for x in pair)]
    return max(min(ends), min(estimates) - reach), min(max(ends), max(estimates) + reach)


def _draw_heading(canvas: Canvas, result: NetworkResult, at: tuple[float, float, float], short: str) -> None:
    left, numbers_x, y = at
    canvas.text(style.MARGIN, y, "Treatment", size=_SMALL, bold=True)
    canvas.text(
        left + _AXIS / 2,
        y,
        f"vs {shorten(result.reference, _AXIS - 20, _SMALL)}",
        size=_SMALL,
        anchor="middle",
        bold=True,
    )
    canvas.text(numbers_x, y, f"{short} ({percent(result.level)} CI)", size=_SMALL, bold=True)
    canvas.text(numbers_x + 190, y, "P-score", size=_SMALL, bold=True, anchor="end")


def _draw_interval(canvas: Canvas, axis: Axis, r: Relative, y: float) -> None:
    """Draw estimate, interval and prediction interval; an arrow where a limit lies off the axis."""
    if r.prediction_lower is not None and r.prediction_upper is not None:
        _draw_line(canvas, axis, (r.prediction_lower, r.prediction_upper), y + 6, style.PREDICTION)
    _draw_line(canvas, axis, (r.ci_lower, r.ci_upper), y, style.INK)
    x = axis.position(r.estimate)
    canvas.rect(x - _SQUARE, y - _SQUARE, 2 * _SQUARE, 2 * _SQUARE, fill=style.SQUARE, name="estimate")


def _draw_line(canvas: Canvas, axis: Axis, limits: tuple[float, float], y: float, colour: str) -> None:
    x1, x2 = (axis.position(limit) for limit in limits)
    name = "interval" if colour == style.INK else "prediction"
    canvas.line(x1, y, x2, y, stroke=colour, width=style.STROKE if colour == style.INK else 1.8, name=name)
    size = 4.0 if colour == style.INK else 3.0
    for limit, x, way in ((limits[0], x1, 1), (limits[1], x2, -1)):
        if not axis.covers(limit):
            tip = (x, y), (x + way * 1.7 * size, y - size), (x + way * 1.7 * size, y + size)
            canvas.polygon(tip, fill=colour, name="arrow")
