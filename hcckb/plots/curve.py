"""Specification curve: every way to pool, from the lowest estimate to the highest, and the choices behind each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.footer import DISCLAIMER, draw_lines, provenance_line
from hcckb.plots.lettering import one_line, shorten, text_width
from hcckb.plots.panel import Panel, padded, panel
from hcckb.plots.svg import Canvas, draw_title, number
from hcckb.plots.wording import figure_title, measure_words, numbers_for

if TYPE_CHECKING:
    from hcckb.analysis.multiverse import MultiverseResult

_WIDTH, _HEIGHT, _ROW = 640.0, 230.0, 13.0
_SMALL = style.SMALL_SIZE
_LABEL = 170.0
_HEADS = {
    "estimator": "Estimator of τ²",
    "ci_method": "Interval",
    "lines": "Lines of therapy",
    "view": "View",
    "left_out": "Left out",
}
_NAMES = {"common": "common effect", "wald": "Wald", "hksj": "Hartung-Knapp", "hksj-guarded": "guarded"}
_MOST_OPTIONS = 40


def curve_svg(result: MultiverseResult) -> str:
    """Draw estimates with intervals in order, and below them which option of each choice every one took.

    Parameters
    ----------
    result : MultiverseResult
        From :func:`hcckb.analysis.multiverse.multiverse`.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes. Vermilion: the interval excludes no effect; blue: it does not,
        or there is no such value.

    Notes
    -----
    Source: Simonsohn, Simmons & Nelson 2020, Nat Hum Behav 4:1208-1214, doi:10.1038/s41562-020-0912-z.
    """
    specifications, pooled = result.specifications, result.pooled
    n = len(specifications)
    title = f"{figure_title(pooled)}, {n:,} specifications"
    canvas = Canvas(f"Specification curve: {title}", f"{n} pooled estimates in order, and the choices behind them.")
    choices = _choices(result)
    left = style.MARGIN + _label_width(choices) + 12
    width = left + _WIDTH + style.MARGIN
    top = draw_title(canvas, title, width) + 4
    log = pooled.scale == "log"
    ends = [(math.log(x) if log else x) for s in specifications for x in (s.ci_lower, s.ci_upper)]
    null = measure_words(pooled).null
    if null is not None:
        ends.append(0.0)
    area = panel(
        (0.0, float(n)), padded(_without_extremes(ends, result, log=log)), (left, top, _WIDTH, _HEIGHT), log=False
    )
    _draw_curve(canvas, area, result, log=log)
    y = area.bottom + 16
    for choice, options in choices:
        y = _draw_choice(canvas, result, (choice, options), (left, y))
    told = (_summary(result), *result.notes)
    y = draw_lines(canvas, told, y + 14, width, fill=style.INK)
    y = draw_lines(
        canvas, (provenance_line(pooled) if pooled.provenance else f"{DISCLAIMER}.",), y + 3, width, fill=style.MUTED
    )
    return canvas.to_svg(width, math.ceil(y))


def _summary(result: MultiverseResult) -> str:
    n = f"{len(result.specifications):,} specifications"
    shown = numbers_for(result.pooled).value
    reach = f"{shown(result.estimate_lower)} to {shown(result.estimate_upper)}, median {shown(result.estimate_median)}"
    if result.share_excluding_null is None:
        return f"Estimates of {n}: {reach}."
    share = f"{100 * result.share_excluding_null:.0f}%"
    return f"Vermilion: the interval excludes no effect, in {share} of {n}; blue: it holds it. Estimates {reach}."


def _choices(result: MultiverseResult) -> list[tuple[str, list[str]]]:
    """Return the choices with more than one option that there is room to show, in a fixed order."""
    found = []
    for choice in _HEADS:
        options = [level.option for level in result.levels if level.choice == choice]
        if 1 < len(options) <= _MOST_OPTIONS:
            found.append((choice, options))
    return found


def _label_width(choices: list[tuple[str, list[str]]]) -> float:
    texts = [_option(option) for _, options in choices for option in options] + [_HEADS[c] for c, _ in choices]
    return max([60.0, *(text_width(text, _SMALL, bold=True) for text in texts)])


def _option(option: str) -> str:
    return shorten(one_line(_NAMES.get(option, option)), _LABEL, _SMALL)


def _without_extremes(ends: list[float], result: MultiverseResult, *, log: bool) -> list[float]:
    """Cut the axis at three times the spread of the middle nine tenths of the limits: two studies give t with df 1."""
    ordered = sorted(ends)
    n = len(ordered)
    low, high = ordered[n // 20], ordered[n - 1 - n // 20]
    reach = 1.0 * (high - low)
    estimates = [math.log(s.estimate) if log else s.estimate for s in result.specifications]
    kept = [x for x in ends if low - reach <= x <= high + reach]
    return [*kept, *estimates]


def _draw_curve(canvas: Canvas, area: Panel, result: MultiverseResult, *, log: bool) -> None:
    left, right = area.across.left, area.across.right
    words = measure_words(result.pooled)
    scale = panel((0, 1), area.upward[:2], (0, 0, 1, 1), log=False).upward
    ticks = _ratio_ticks(area) if log else [(t.value, t.label) for t in area.upward.ticks(_SMALL)]
    for value, label in ticks:
        if scale.covers(value):
            y = area.y(value)
            canvas.line(left - 4, y, left, y, stroke=style.INK, name="tick")
            canvas.text(left - 7, y + 4, label, size=_SMALL, anchor="end", name="tick-label")
    canvas.upright_text(left - 46, (area.top + area.bottom) / 2, words.long + (" (log)" if log else ""), size=_SMALL)
    step = (right - left) / len(result.specifications)
    bars: dict[bool, list[str]] = {True: [], False: []}
    dots: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for i, s in enumerate(result.specifications):
        low, value, high = (math.log(x) if log else x for x in (s.ci_lower, s.estimate, s.ci_upper))
        x = left + (i + 0.5) * step
        bars[bool(s.excludes_null)].append(f"M{number(x)} {number(area.y(low))}V{number(area.y(high))}")
        dots[bool(s.excludes_null)].append((x, area.y(value)))
    for excludes, colour in ((False, style.SKY), (True, "#EFB08A")):
        if bars[excludes]:
            canvas.path("".join(bars[excludes]), stroke=colour, width=max(0.4, min(2.0, 0.7 * step)), name="intervals")
    if words.null is not None and area.upward.covers(0.0):
        canvas.line(left, area.y(0.0), right, area.y(0.0), stroke=style.INK, name="null")
    radius = max(0.9, min(2.6, 0.6 * step))
    for excludes, colour in ((False, style.BLUE), (True, style.VERMILION)):
        for x, y in dots[excludes]:
            canvas.circle(x, y, radius, fill=colour, name="specification")
    canvas.rect(left, area.top, right - left, area.bottom - area.top, stroke=style.RULE, name="frame")


def _ratio_ticks(area: Panel) -> list[tuple[float, str]]:
    """Ticks at round ratios of an axis of logs."""
    from hcckb.plots.axis import Axis

    ends = math.exp(area.upward.lower), math.exp(area.upward.upper)
    return [(math.log(t.value), t.label) for t in Axis(*ends, 0.0, area.upward.right, log=True).ticks(_SMALL)]


def _draw_choice(
    canvas: Canvas, result: MultiverseResult, choice: tuple[str, list[str]], place: tuple[float, float]
) -> float:
    """Draw one row for each option, with a mark where it was taken; return where the next begins."""
    name, options = choice
    left, y = place
    step = _WIDTH / len(result.specifications)
    canvas.text(style.MARGIN, y + 4, _HEADS[name], size=_SMALL, bold=True, name="choice")
    y += _ROW + 1
    for index, option in enumerate(options):
        if index % 2 == 0:
            canvas.rect(left, y - _ROW / 2, _WIDTH, _ROW, fill="#F3F5F7")
        canvas.text(left - 7, y + 4, _option(option), size=_SMALL, anchor="end", name="option")
        taken = {True: "", False: ""}
        for i, s in enumerate(result.specifications):
            if getattr(s, name) == option:
                taken[bool(s.excludes_null)] += f"M{number(left + (i + 0.5) * step)} {number(y - 4)}v8"
        for excludes, colour in ((False, style.BLUE), (True, style.VERMILION)):
            if taken[excludes]:
                canvas.path(taken[excludes], stroke=colour, width=max(0.4, min(2.0, 0.7 * step)), name="taken")
        y += _ROW
    return y + 5
