"""Comparison-adjusted funnel of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.network_parts import draw_end, heading, words
from hcckb.plots.svg import Canvas, draw_title

if TYPE_CHECKING:
    from hcckb.analysis.network_results import NetworkResult

_WIDTH, _HEIGHT = 480.0, 340.0
_LEFT = style.MARGIN + 52.0
_SMALL = style.SMALL_SIZE
_Z95 = 1.959963984540054
_RADIUS = 4.0


def adjusted_funnel_svg(result: NetworkResult) -> str:
    """Draw each contrast, minus the direct estimate of its comparison, against its standard error.

    Hollow points belong to comparisons that one study makes: they lie at 0 whatever the study found.

    Parameters
    ----------
    result : NetworkResult
        The fitted network.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Notes
    -----
    Source: Chaimani & Salanti 2012, Res Synth Methods 3:161-176, doi:10.1002/jrsm.57.
    """
    width = _LEFT + _WIDTH + style.MARGIN + 10
    title = heading(result)
    canvas = Canvas(f"Comparison-adjusted funnel: {title}", f"{len(result.funnel)} contrasts.")
    top = draw_title(canvas, title, width) + 4
    bottom = top + _HEIGHT
    se_max = 1.1 * max(p.se for p in result.funnel)
    reach = 1.05 * max(_Z95 * se_max, *(abs(p.adjusted) for p in result.funnel))
    x_axis = Axis(-reach, reach, _LEFT, _LEFT + _WIDTH, log=False)
    y_axis = Axis(0.0, se_max, top, bottom, log=False)
    _draw_frame(canvas, result, x_axis, y_axis)
    pairs = [frozenset((p.treatment1, p.treatment2)) for p in result.funnel]
    alone = {pair for pair in pairs if pairs.count(pair) == 1}
    for p, pair in zip(result.funnel, pairs, strict=True):
        tip = f"{p.study}, {p.treatment1} vs {p.treatment2}: {p.adjusted:.3f}, standard error {p.se:.3f}"
        fill = style.WHITE if pair in alone else style.SQUARE
        edge = style.SQUARE if pair in alone else style.WHITE
        with canvas.group("study-point", tooltip=tip):
            canvas.circle(x_axis.position(p.adjusted), y_axis.position(p.se), _RADIUS, fill=fill, stroke=edge)
    hollow = sum(pair in alone for pair in pairs)
    notes = (
        f"Each contrast minus the direct estimate of its comparison; dashed: 95% limits. Hollow: {hollow} of "
        f"{len(pairs)} contrasts are the only one of their comparison and lie at 0 whatever they found.",
        "Contrasts are of the treatment tried later against the earlier one (by name where years are not known); "
        "asymmetry means something only if that is the way small studies would err.",
    )
    return canvas.to_svg(width, draw_end(canvas, result, notes, bottom + 58, width))


def _draw_frame(canvas: Canvas, result: NetworkResult, x_axis: Axis, y_axis: Axis) -> None:
    top, bottom = y_axis.left, y_axis.right
    canvas.rect(x_axis.left, top, x_axis.right - x_axis.left, bottom - top, stroke=style.RULE, name="frame")
    apex = (x_axis.position(0.0), top)
    canvas.line(*apex, apex[0], bottom, stroke=style.INK, name="null")
    for way in (-1, 1):
        end = (x_axis.position(way * _Z95 * y_axis.upper), bottom)
        canvas.line(*apex, *end, stroke=style.POOLED, width=style.STROKE, dashes=style.DASHES, name="pseudo-limit")
    for tick in x_axis.ticks(_SMALL):
        x = x_axis.position(tick.value)
        canvas.line(x, bottom, x, bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    for tick in y_axis.ticks(_SMALL):
        y = y_axis.position(tick.value)
        canvas.line(x_axis.left - 4, y, x_axis.left, y, stroke=style.INK, name="tick")
        canvas.text(x_axis.left - 7, y + 4, tick.label, size=_SMALL, anchor="end", name="tick-label")
    long = words(result)[1]
    name = f"Log {long.lower()}" if result.scale == "log" else long
    label = f"{name} minus that of its comparison"
    canvas.text((x_axis.left + x_axis.right) / 2, bottom + 34, label, size=_SMALL, anchor="middle", name="axis-title")
    canvas.upright_text(style.MARGIN + 8, (top + bottom) / 2, "Standard error", size=_SMALL)
