"""Posterior of a Bayesian pool, as SVG: studies before and after shrinkage, the mean effect, and tau with its prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hcckb.analysis.bayes import back
from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.footer import draw_lines, provenance_line
from hcckb.plots.lettering import one_line, shorten, text_width
from hcckb.plots.svg import Canvas, draw_title, number
from hcckb.plots.wording import figure_title, measure_words, numbers_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hcckb.analysis.bayes import BayesResult, Effect, ShrunkenRow

_FOREST, _NUMBERS, _GAP, _TAU = 300.0, 120.0, 34.0, 210.0
_ROW, _HILL, _TAU_HILL = 24.0, 66.0, 170.0
_POINTS = 161
_SMALL = style.SMALL_SIZE
_REPORTED = style.RULE


class _Place(NamedTuple):
    """Where the parts of the figure stand."""

    axis: Axis
    tau: Axis
    top: float
    bottom: float
    numbers: float


def posterior_svg(found: BayesResult) -> str:
    """Draw what the data and the priors say.

    Left, each study as reported (grey) and in the light of all (blue), the posterior density of the mean effect and
    the interval of a new study; right, the posterior density of tau over its prior (dashed). Marks are medians.

    Parameters
    ----------
    found : BayesResult
        What :func:`hcckb.analysis.bayes.bayes` gave.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.
    """
    title = figure_title(found.pooled)
    canvas = Canvas(
        f"Posterior: {title}",
        f"{found.pooled.k} studies as reported and shrunken, the posterior of the mean effect and of tau.",
    )
    labels = [shorten(one_line(_label(row)), 170.0, _SMALL) for row in found.rows]
    names = [*labels, "Mean effect", "New study"]
    left = style.MARGIN + max(text_width(name, _SMALL, bold=True) for name in names) + 12
    width = left + _FOREST + 10 + _NUMBERS + _GAP + _TAU + style.MARGIN
    top = draw_title(canvas, title, width) + 22
    bottom = top + _ROW * len(labels) + _HILL + 18 + _ROW
    tau_left = left + _FOREST + 10 + _NUMBERS + _GAP
    tau_end = 1.08 * found.fitted.tau_posterior.quantile(0.995)
    place = _Place(
        _effect_axis(found, left),
        Axis(0.0, tau_end, tau_left, tau_left + _TAU, log=False),
        top,
        bottom,
        left + _FOREST + 10,
    )
    _draw_frame(canvas, found, place)
    for i, (row, label) in enumerate(zip(found.rows, labels, strict=True)):
        _draw_study(canvas, found, place, (row, label, top + _ROW * (i + 0.5)))
    _draw_mean(canvas, found, place)
    _draw_new(canvas, found, place)
    _draw_tau(canvas, found, place)
    end = max(bottom + 58, _draw_legend(canvas, place, top + _TAU_HILL + 66))
    y = draw_lines(canvas, _said(found), end, width, fill=style.INK)
    y = draw_lines(canvas, (provenance_line(found.pooled),), y + 3, width, fill=style.MUTED)
    return canvas.to_svg(width, math.ceil(y - _SMALL * style.LINE_HEIGHT + style.MARGIN))


def _label(row: ShrunkenRow) -> str:
    year = "" if row.year is None or str(row.year) in row.study else f" {row.year}"
    return f"{row.study}{year}"


def _effect_axis(found: BayesResult, left: float) -> Axis:
    """Cover all shrunken intervals and the new study's; the longest reported ones may run off."""
    pooled, fitted = found.pooled, found.fitted
    lows = [*(s.ci_lower for s in fitted.studies), fitted.new.ci_lower, fitted.mu_posterior.quantile(0.001)]
    highs = [*(s.ci_upper for s in fitted.studies), fitted.new.ci_upper, fitted.mu_posterior.quantile(0.999)]
    values = [row.analysis_value for row in pooled.rows]
    null = [0.0] if measure_words(pooled).null is not None else []
    low, high = min([*lows, *values, *null]), max([*highs, *values, *null])
    pad = 0.04 * (high - low)
    ends = (back(pooled, low - pad), back(pooled, high + pad))
    return Axis(*ends, left, left + _FOREST, pooled.scale == "log")


def _draw_frame(canvas: Canvas, found: BayesResult, place: _Place) -> None:
    """Draw column heads, the line of no effect, and the axis of effects with its name."""
    axis, words = place.axis, measure_words(found.pooled)
    level = f"{100 * found.pooled.level:g}%"
    canvas.text(style.MARGIN, place.top - 8, "Study", size=_SMALL, bold=True, name="head")
    canvas.text(place.numbers, place.top - 8, f"Shrunken {words.short} ({level})", size=_SMALL, bold=True, name="head")
    canvas.line(style.MARGIN, place.top - 2, place.numbers + _NUMBERS, place.top - 2, stroke=style.RULE)
    if words.null is not None and axis.covers(words.null):
        x = axis.position(words.null)
        canvas.line(x, place.top, x, place.bottom, stroke=style.RULE, name="null")
    canvas.line(axis.left, place.bottom, axis.right, place.bottom, stroke=style.INK)
    for tick in axis.ticks(_SMALL):
        x = axis.position(tick.value)
        canvas.line(x, place.bottom, x, place.bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, place.bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    name = words.long + (" (log scale)" if axis.log else "")
    middle = (axis.left + axis.right) / 2
    canvas.text(middle, place.bottom + 33, name, size=_SMALL, anchor="middle", name="axis-title")


def _draw_study(canvas: Canvas, found: BayesResult, place: _Place, drawn: tuple[ShrunkenRow, str, float]) -> None:
    row, label, y = drawn
    axis, numbers = place.axis, numbers_for(found.pooled)
    canvas.text(style.MARGIN, y + 4, label, size=_SMALL, name="study")
    shown = f"{numbers.value(row.estimate)} ({numbers.interval(row.ci_lower, row.ci_upper)})"
    canvas.text(place.numbers, y + 4, shown, size=_SMALL, name="number")
    reported = f"{numbers.value(row.value)} ({numbers.interval(row.value_lower, row.value_upper)})"
    with canvas.group("study-row", tooltip=f"{row.study}: reported {reported}, shrunken {shown}"):
        _draw_interval(canvas, axis, (row.value_lower, row.value_upper), y - 4, _REPORTED)
        if axis.covers(row.value):
            x = axis.position(row.value)
            canvas.rect(
                x - 3, y - 7, 6, 6, fill=style.WHITE, stroke=_REPORTED, stroke_width=style.STROKE, name="reported"
            )
        _draw_interval(canvas, axis, (row.ci_lower, row.ci_upper), y + 4, style.SQUARE)
        canvas.circle(axis.position(row.estimate), y + 4, 3.2, fill=style.SQUARE, name="shrunken")


def _draw_interval(canvas: Canvas, axis: Axis, ends: tuple[float, float], y: float, stroke: str) -> None:
    canvas.line(axis.position(ends[0]), y, axis.position(ends[1]), y, stroke=stroke, width=style.STROKE)
    for value, arrow in ((ends[0], -1), (ends[1], 1)):
        if not axis.covers(value):
            x = axis.left if arrow < 0 else axis.right
            canvas.polygon([(x, y - 3), (x, y + 3), (x + 5 * arrow, y)], fill=stroke, name="arrow")


def _draw_mean(canvas: Canvas, found: BayesResult, place: _Place) -> None:
    """Fill the density of the mean effect, darker within its interval."""
    fitted, axis = found.fitted, place.axis
    base = place.top + _ROW * len(found.rows) + _HILL + 4
    x = np.linspace(fitted.mu_posterior.quantile(1e-4), fitted.mu_posterior.quantile(1 - 1e-4), _POINTS)
    height = fitted.mu_posterior.density(x)
    height = height / height.max() * (_HILL - 12)
    inside = (x >= fitted.mu.ci_lower) & (x <= fitted.mu.ci_upper)
    places = [axis.position(back(found.pooled, float(v))) for v in x]
    _fill(canvas, places, [base - h for h in height], base, style.BESIDE)
    _fill(
        canvas,
        [p for p, i in zip(places, inside, strict=True) if i],
        [base - h for h in height[inside]],
        base,
        style.POOLED,
    )
    middle = axis.position(found.mu.estimate)
    peak = float(np.interp(fitted.mu.median, x, height))
    canvas.line(middle, base, middle, base - peak, stroke=style.WHITE, width=style.STROKE, name="median")
    _draw_summary(canvas, found, place, (found.mu, "Mean effect", base - 10))


def _draw_new(canvas: Canvas, found: BayesResult, place: _Place) -> None:
    y = place.bottom - 12
    _draw_interval(canvas, place.axis, (found.new.ci_lower, found.new.ci_upper), y, style.PREDICTION)
    canvas.rect(place.axis.position(found.new.estimate) - 1, y - 5, 2, 10, fill=style.PREDICTION, name="new")
    _draw_summary(canvas, found, place, (found.new, "New study", y + 4))


def _draw_summary(canvas: Canvas, found: BayesResult, place: _Place, drawn: tuple[Effect, str, float]) -> None:
    effect, name, y = drawn
    numbers = numbers_for(found.pooled)
    canvas.text(style.MARGIN, y, name, size=_SMALL, bold=True, name="summary")
    shown = f"{numbers.value(effect.estimate)} ({numbers.interval(effect.ci_lower, effect.ci_upper)})"
    canvas.text(place.numbers, y, shown, size=_SMALL, bold=True, name="summary")


def _draw_tau(canvas: Canvas, found: BayesResult, place: _Place) -> None:
    """Fill the posterior density of tau, darker within its interval, and draw its prior over it."""
    axis, base, fitted = place.tau, place.top + _TAU_HILL, found.fitted
    tau = np.linspace(0.0, axis.upper, _POINTS)
    tau[0] = 1e-3 * tau[1]
    posterior = fitted.tau_posterior.density(tau)
    prior = np.exp(found.prior.log_density(tau, fitted.tau_posterior.model.v))
    if not found.prior.proper:
        prior = prior / prior.max() * 0.3 * posterior.max()
    top = 1.04 * float(posterior.max())
    places = [axis.position(float(t)) for t in tau]
    heights = [base - min(float(p), top) / top * (_TAU_HILL - 6) for p in posterior]
    inside = (tau >= fitted.tau.ci_lower) & (tau <= fitted.tau.ci_upper)
    kept = [i for i, within in enumerate(inside) if within]
    _fill(canvas, places, heights, base, style.CONTOUR_005)
    _fill(canvas, [places[i] for i in kept], [heights[i] for i in kept], base, style.SKY)
    before = [base - min(float(p), top) / top * (_TAU_HILL - 6) for p in prior]
    _dash(canvas, np.array(places), np.array(before))
    x = axis.position(fitted.tau.median)
    canvas.line(x, base, x, float(np.interp(x, places, heights)), stroke=style.WHITE, width=style.STROKE, name="median")
    canvas.text(axis.left, place.top - 8, "Heterogeneity tau", size=_SMALL, bold=True, name="head")
    canvas.line(axis.left, base, axis.right, base, stroke=style.INK)
    for tick in axis.ticks(_SMALL):
        x = axis.position(tick.value)
        canvas.line(x, base, x, base + 4, stroke=style.INK, name="tick")
        canvas.text(x, base + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    scale = (
        f"SD between studies ({found.pooled.scale} scale)" if found.pooled.scale != "identity" else "SD between studies"
    )
    canvas.text((axis.left + axis.right) / 2, base + 33, scale, size=_SMALL, anchor="middle", name="axis-title")


def _dash(canvas: Canvas, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> None:
    """Draw a dashed curve whose dashes are equally long however steep it runs."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(xs), np.diff(ys)))])
    for start in np.arange(0.0, along[-1], 8.0):
        x1, x2 = np.interp([start, start + 5.0], along, xs)
        y1, y2 = np.interp([start, start + 5.0], along, ys)
        canvas.line(float(x1), float(y1), float(x2), float(y2), stroke=style.INK, width=style.STROKE, name="prior")


def _fill(canvas: Canvas, xs: Sequence[float], ys: Sequence[float], base: float, fill: str) -> None:
    if len(xs) < 2:
        return
    line = " ".join(f"L{number(x)} {number(y)}" for x, y in zip(xs, ys, strict=True))
    canvas.path(
        f"M{number(xs[0])} {number(base)} {line} L{number(xs[-1])} {number(base)} Z",
        fill=fill,
        stroke="none",
        name="density",
    )


def _draw_legend(canvas: Canvas, place: _Place, y: float) -> float:
    """Explain marks and shades under the panel of tau; return where the legend ends."""
    x = place.tau.left
    canvas.rect(x + 8, y - 7, 6, 6, fill=style.WHITE, stroke=_REPORTED, stroke_width=style.STROKE)
    canvas.text(x + 30, y, "Study as reported", size=_SMALL, name="legend")
    canvas.circle(x + 11, y + 14, 3.2, fill=style.SQUARE)
    canvas.text(x + 30, y + 18, "Study in the light of all", size=_SMALL, name="legend")
    canvas.rect(x, y + 26, 11, 11, fill=style.POOLED)
    canvas.rect(x + 11, y + 26, 11, 11, fill=style.SKY)
    canvas.text(x + 30, y + 36, "Posterior within its interval", size=_SMALL, name="legend")
    canvas.line(x, y + 50, x + 22, y + 50, stroke=style.INK, width=style.STROKE, dashes=style.DASHES)
    canvas.text(x + 30, y + 54, "Prior of tau", size=_SMALL, name="legend")
    return y + 54 + 26


def _said(found: BayesResult) -> tuple[str, ...]:
    fitted, numbers = found.fitted, numbers_for(found.pooled)
    null = measure_words(found.pooled).null
    lines = []
    if null is not None:
        shown = f"Probability of an effect below {null:g}: {100 * fitted.mu_below_zero:.1f}%; in a new study: "
        lines.append(f"{shown}{100 * fitted.new_below_zero:.1f}%.")
    if found.threshold is not None:
        shown = (
            f"Probability of an effect below {numbers.value(found.threshold)}: {100 * fitted.mu_below_threshold:.1f}%; "
        )
        lines.append(f"{shown}in a new study: {100 * fitted.new_below_threshold:.1f}%.")
    mean = "flat" if fitted.mu_prior is None else f"normal(mean {fitted.mu_prior[0]:g}, SD {fitted.mu_prior[1]:g})"
    source = f" ({found.prior.source})" if found.prior.source else ""
    tau = fitted.tau
    lines.append(
        f"tau {tau.median:.3f} ({tau.ci_lower:.3f} to {tau.ci_upper:.3f}); prior of tau {found.prior.label}{source}, "
        f"of the mean effect {mean}; k\u00a0=\u00a0{fitted.k}. "
        f"Numbers are medians with {100 * fitted.level:g}% equal-tailed intervals."
    )
    return tuple(lines)
