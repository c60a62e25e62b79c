"""Bubble plots of a meta-regression on one moderator, as SVG."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from hcckb.errors import UsageError
from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.footer import draw_lines, provenance_line
from hcckb.plots.label_places import Box, place_labels
from hcckb.plots.lettering import one_line, shorten, text_width
from hcckb.plots.level_names import LevelNames, draw_names, lay_out_names
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import (
    ci_method_label,
    figure_title,
    measure_words,
    numbers_for,
    p_value,
    percent,
    sentence_case,
    variance,
)

if TYPE_CHECKING:
    from hcckb.analysis.regression import Point, RegressionResult

_WIDTH, _HEIGHT = 520.0, 360.0
_LEFT = style.MARGIN + 58.0
_LEGEND_GAP, _LEGEND_WIDTH = 24.0, 150.0
_LARGEST = 12.0
_LABEL_AIR = 6.0
_MOST_LABELS = 16
_SPREAD = 0.24
_SMALL = style.SMALL_SIZE


class _Frame(NamedTuple):
    """The plotting area; `y_axis` runs from 0 upwards, `levels` are those of a category."""

    x_axis: Axis
    y_axis: Axis
    bottom: float
    levels: tuple[str, ...]

    @property
    def names(self) -> LevelNames:
        """How the names of the levels are set."""
        return lay_out_names(self.levels, _WIDTH / len(self.levels))

    def y(self, value: float) -> float:
        """Place of a value on the scale of the measure."""
        return self.bottom - self.y_axis.position(value)

    @property
    def top(self) -> float:
        """The upper edge."""
        return self.bottom - self.y_axis.right


def bubble_svg(found: RegressionResult) -> str:
    """Draw estimates against their moderator, areas proportional to weights, with the fitted line.

    The band is the interval of the mean, the dashed lines bound where the true effect of a new study lies. A category
    has its levels side by side, each with its mean and interval.

    Parameters
    ----------
    found : RegressionResult
        A meta-regression on one moderator.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Raises
    ------
    UsageError
        If the regression has several moderators.

    Notes
    -----
    Source: Thompson & Higgins 2002, Stat Med 21:1559-1573, doi:10.1002/sim.1187.
    """
    if not found.curve:
        raise UsageError(f"a bubble plot shows one moderator, not {', '.join(found.on)}. Regress on one of them.")
    name = one_line(sentence_case(found.on[0]))
    title = f"{figure_title(found.pooled)}, by {found.on[0]}"
    canvas = Canvas(f"Bubble plot: {title}", f"{found.k} estimates against {found.on[0]}.")
    width = _LEFT + _WIDTH + _LEGEND_GAP + _LEGEND_WIDTH + style.MARGIN
    frame = _frame(found, draw_title(canvas, title, width))
    _draw_fit(canvas, found, frame)
    _draw_axes(canvas, found, frame, name)
    _draw_points(canvas, found, frame)
    _draw_legend(canvas, found, frame)
    below = frame.bottom + 58 + (frame.names.more if frame.levels else 0.0)
    y = draw_lines(canvas, _footer(found), below, width, fill=style.INK)
    y = draw_lines(canvas, (provenance_line(found.pooled),), y + 3, width, fill=style.MUTED)
    return canvas.to_svg(width, math.ceil(y - _SMALL * style.LINE_HEIGHT + style.MARGIN))


def _frame(found: RegressionResult, top: float) -> _Frame:
    levels = tuple(str(p.at[found.on[0]]) for p in found.curve) if _categorical(found) else ()
    if levels:
        x_axis = Axis(-0.5, len(levels) - 0.5, _LEFT, _LEFT + _WIDTH, log=False)
    else:
        xs = [_value(p) for p in found.rows]
        pad = 0.05 * (max(xs) - min(xs))
        x_axis = Axis(min(xs) - pad, max(xs) + pad, _LEFT, _LEFT + _WIDTH, log=False)
    log = found.pooled.scale == "log"
    null = measure_words(found.pooled).null
    shown = [p.value for p in found.rows] + ([null] if null is not None else [])
    ends = [e for p in found.curve for e in (p.ci_lower, p.ci_upper, p.prediction_lower, p.prediction_upper) if e]
    forward = math.log if log else float
    low, high = min(map(forward, shown)), max(map(forward, shown))
    reach = 0.6 * (high - low) or 0.5
    kept = [forward(e) for e in ends if (e > 0 or not log) and low - reach <= forward(e) <= high + reach]
    low, high = min([low, *kept]), max([high, *kept])
    pad = 0.07 * (high - low)
    edges = (math.exp(low - pad), math.exp(high + pad)) if log else (low - pad, high + pad)
    return _Frame(x_axis, Axis(*edges, 0.0, _HEIGHT, log), top + _HEIGHT, levels)


def _categorical(found: RegressionResult) -> bool:
    return isinstance(found.curve[0].at[found.on[0]], str)


def _value(point: Point) -> float:
    (value,) = point.moderators.values()
    return float(value)


def _draw_fit(canvas: Canvas, found: RegressionResult, frame: _Frame) -> None:
    """Draw no effect, the band of the mean, its line, and the limits for a new study."""
    null = measure_words(found.pooled).null
    axis = frame.x_axis
    if frame.levels:
        _draw_levels(canvas, found, frame)
    else:
        xs = [axis.position(float(p.at[found.on[0]])) for p in found.curve]
        lower = [(x, frame.y(p.ci_lower)) for x, p in zip(xs, found.curve, strict=True)]
        upper = [(x, frame.y(p.ci_upper)) for x, p in zip(xs, found.curve, strict=True)]
        canvas.polygon([*upper, *reversed(lower)], fill=style.BESIDE, name="band")
        for side in ("prediction_lower", "prediction_upper"):
            _draw_limit(canvas, frame, xs, [getattr(p, side) for p in found.curve])
        points = [f"{x:.2f} {frame.y(p.estimate):.2f}" for x, p in zip(xs, found.curve, strict=True)]
        canvas.path("M" + " L".join(points), stroke=style.POOLED, width=2.0, name="fit")
    if null is not None and frame.y_axis.covers(null):
        canvas.line(axis.left, frame.y(null), axis.right, frame.y(null), stroke=style.INK, name="null")


def _draw_limit(canvas: Canvas, frame: _Frame, xs: list[float], values: list[float | None]) -> None:
    """Draw one limit of prediction as dashes, where it lies in the frame."""
    places = [(x, v) for x, v in zip(xs, values, strict=True) if v is not None and frame.y_axis.covers(v)]
    for (x1, v1), (x2, v2) in list(pairwise(places))[::2]:
        canvas.line(x1, frame.y(v1), x2, frame.y(v2), stroke=style.PREDICTION, width=style.STROKE, name="prediction")


def _draw_levels(canvas: Canvas, found: RegressionResult, frame: _Frame) -> None:
    """Draw the mean of each level of a category with its interval, and where a new study would lie."""
    for i, p in enumerate(found.curve):
        left, right = (frame.x_axis.position(i + d) for d in (-_SPREAD - 0.1, _SPREAD + 0.1))
        top, bottom = frame.y(p.ci_upper), frame.y(p.ci_lower)
        canvas.rect(left, top, right - left, bottom - top, fill=style.BESIDE, name="band")
        canvas.line(left, frame.y(p.estimate), right, frame.y(p.estimate), stroke=style.POOLED, width=2.0, name="fit")
        for limit in (p.prediction_lower, p.prediction_upper):
            if limit is not None and frame.y_axis.covers(limit):
                y = frame.y(limit)
                canvas.line(
                    left,
                    y,
                    right,
                    y,
                    stroke=style.PREDICTION,
                    width=style.STROKE,
                    dashes=style.DASHES,
                    name="prediction",
                )
    draw_names(canvas, frame.names, [frame.x_axis.position(i) for i in range(len(frame.levels))], frame.bottom)


def _draw_axes(canvas: Canvas, found: RegressionResult, frame: _Frame, name: str) -> None:
    axis = frame.x_axis
    canvas.rect(axis.left, frame.top, _WIDTH, _HEIGHT, stroke=style.RULE, name="frame")
    if not frame.levels:
        for tick in axis.ticks(_SMALL):
            x = axis.position(tick.value)
            canvas.line(x, frame.bottom, x, frame.bottom + 4, stroke=style.INK, name="tick")
            canvas.text(x, frame.bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    for tick in frame.y_axis.ticks(_SMALL):
        y = frame.y(tick.value)
        canvas.line(axis.left - 4, y, axis.left, y, stroke=style.INK, name="tick")
        canvas.text(axis.left - 7, y + 4, tick.label, size=_SMALL, anchor="end", name="tick-label")
    suffix = {"log": " (log scale)", "identity": ""}.get(found.pooled.scale, "")
    below = frame.bottom + 34 + (frame.names.more if frame.levels else 0.0)
    canvas.text(axis.left + _WIDTH / 2, below, shorten(name, _WIDTH, _SMALL), size=_SMALL, anchor="middle")
    words = shorten(one_line(measure_words(found.pooled).long + suffix), _HEIGHT, _SMALL)
    canvas.upright_text(style.MARGIN + 8, (frame.top + frame.bottom) / 2, words, size=_SMALL)


def _draw_points(canvas: Canvas, found: RegressionResult, frame: _Frame) -> None:
    """Draw the bubbles, the largest first so that none is hidden."""
    heaviest = max(p.weight for p in found.rows)
    places = _places(found, frame)
    radii = [_LARGEST * math.sqrt(p.weight / heaviest) for p in found.rows]
    for i in sorted(range(found.k), key=lambda i: -radii[i]):
        (x, y), point = places[i], found.rows[i]
        with canvas.group("study-point", tooltip=_tooltip(found, point)):
            canvas.circle(x, y, radii[i], fill=style.SKY, stroke=style.BLUE, name="point")
    if found.k <= _MOST_LABELS:
        _draw_labels(canvas, found, frame, places)


def _places(found: RegressionResult, frame: _Frame) -> list[tuple[float, float]]:
    """Return where the bubbles stand; those of one level of a category side by side, in order."""
    if not frame.levels:
        return [(frame.x_axis.position(_value(p)), frame.y(p.value)) for p in found.rows]
    level = [frame.levels.index(str(p.moderators[found.on[0]])) for p in found.rows]
    counts, seen, out = [level.count(i) for i in range(len(frame.levels))], [0] * len(frame.levels), []
    for i, p in zip(level, found.rows, strict=True):
        shift = (seen[i] / (counts[i] - 1) - 0.5) * 2 * _SPREAD if counts[i] > 1 else 0.0
        seen[i] += 1
        out.append((frame.x_axis.position(i + shift), frame.y(p.value)))
    return out


def _draw_labels(canvas: Canvas, found: RegressionResult, frame: _Frame, places: list[tuple[float, float]]) -> None:
    """Label the bubbles clear of each other; a label away from its bubble gets a thin line to it."""
    texts = [shorten(one_line(p.study), 120.0, _SMALL) for p in found.rows]
    sizes = [(text_width(text, _SMALL) + 2 * _LABEL_AIR, _SMALL) for text in texts]
    area = Box(frame.x_axis.left + 3, frame.top + 3, frame.x_axis.right - 3, frame.bottom - 3)
    for text, box, (x, y) in zip(texts, place_labels(places, sizes, area, []), places, strict=True):
        if box is None:
            continue
        near_x, near_y = box.nearest((x, y))
        if math.hypot(near_x - x, near_y - y) > _LARGEST + 4:
            canvas.line(x, y, near_x, near_y, stroke=style.RULE, width=0.6, name="leader")
        canvas.text(box.left + _LABEL_AIR, box.bottom - 1.5, text, size=_SMALL, halo=True, name="point-label")


def _tooltip(found: RegressionResult, point: Point) -> str:
    words = measure_words(found.pooled).short
    at = ", ".join(f"{n} {v:g}" if isinstance(v, float) else f"{n} {v}" for n, v in point.moderators.items())
    effect = f"{words} {numbers_for(found.pooled).value(point.value)}"
    return one_line(f"{point.study}: {effect}; {at}; weight {percent(point.weight, 1)}")


def _draw_legend(canvas: Canvas, found: RegressionResult, frame: _Frame) -> None:
    x, y = frame.x_axis.right + _LEGEND_GAP, frame.top + 8
    canvas.circle(x + 11, y - 4, 6, fill=style.SKY, stroke=style.BLUE)
    canvas.text(x + 30, y, "Estimate, by weight", size=_SMALL, name="legend")
    y += 20
    canvas.rect(x, y - 10, 22, 12, fill=style.BESIDE)
    canvas.line(x, y - 4, x + 22, y - 4, stroke=style.POOLED, width=2.0)
    canvas.text(x + 30, y, f"Mean, {percent(found.level)} CI", size=_SMALL, name="legend")
    if found.model == "random":
        y += 20
        canvas.line(x, y - 4, x + 22, y - 4, stroke=style.PREDICTION, width=style.STROKE, dashes=style.DASHES)
        canvas.text(x + 30, y, "Range of a new study", size=_SMALL, name="legend")
    if measure_words(found.pooled).null is not None:
        y += 20
        canvas.line(x, y - 4, x + 22, y - 4, stroke=style.INK)
        canvas.text(x + 30, y, "No effect", size=_SMALL, name="legend")


def _footer(found: RegressionResult) -> tuple[str, ...]:
    name = {"common": "Common-effect model", "random": "Random-effects model"}.get(found.model, found.model)
    tau2 = f", τ² by {found.tau2_method}; {ci_method_label(found.ci_method)} tests" if found.tau2_method else ""
    size = f"k = {found.k} estimates. {name}{tau2}."
    df = f"F({found.qm_df}, {found.qm_df_residual:g})" if found.qm_df_residual is not None else f"χ²({found.qm_df})"
    test = f"{sentence_case(found.on[0])}: {_slope(found)}{df} = {found.qm:.2f}, {p_value(found.qm_p_value)}"
    if found.qm_permutation_p_value is not None:
        test += f" (permutation: {p_value(found.qm_permutation_p_value)})"
    left = f"Residual τ² = {variance(found.tau2)}, I² = {percent(found.i2, 0)}".replace("= <", "< ")
    r2 = "" if found.r2 is None else f"; R² = {percent(found.r2, 0)}"
    return (size, f"{test}. {left}{r2}.", *(f"Note: {note}" for note in found.notes))


def _slope(found: RegressionResult) -> str:
    """Write the slope of a single number as a ratio by unit, or as it is."""
    if _categorical(found):
        return ""
    last = found.coefficients[-1]
    value, low, high = (
        (last.ratio, last.ratio_lower, last.ratio_upper)
        if last.ratio is not None
        else (last.beta, last.ci_lower, last.ci_upper)
    )
    kind = "ratio" if last.ratio is not None else "change"
    return f"{kind} by unit {value:.3g} ({percent(found.level)} CI {low:.3g} to {high:.3g}); "
