"""The axis under a forest plot, and the words that say whom each side favours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.forest_layout import ForestLayout, ForestOptions
from hcckb.plots.lettering import one_line, shorten, text_width
from hcckb.plots.svg import Canvas
from hcckb.plots.wording import lower_favours_experimental, within_sentence

if TYPE_CHECKING:
    from hcckb.results import PooledResult

_SIZE = style.SMALL_SIZE


def draw_axis(canvas: Canvas, result: PooledResult, layout: ForestLayout, options: ForestOptions, y: float) -> float:
    """Draw the axis with its ticks, the words on both sides, and its title; return the last baseline."""
    axis = layout.axis
    canvas.line(axis.left, y, axis.right, y, stroke=style.INK, name="axis")
    for tick in axis.ticks(_SIZE):
        x = axis.position(tick.value)
        canvas.line(x, y, x, y + 4, stroke=style.INK, name="tick")
        canvas.text(x, y + 15, tick.label, size=_SIZE, anchor="middle", name="tick-label")
    y += 15
    words = options.favours or favours_words(result)
    null = layout.words.null
    if words and null is not None and axis.covers(null):
        y += 16
        _draw_favours(canvas, layout, words, axis.position(null), y)
    y += 16
    title = f"{layout.words.long} (log scale)" if axis.log else layout.words.long
    title = shorten(one_line(title), layout.width - 2 * style.MARGIN, _SIZE)
    room = style.MARGIN + text_width(title, _SIZE) / 2
    middle = min(max((axis.left + axis.right) / 2, room), layout.width - room)
    canvas.text(middle, y, title, size=_SIZE, anchor="middle", name="axis-title")
    return y


def favours_words(result: PooledResult) -> tuple[str, str] | None:
    """Return the words left and right of no effect, or None where there are no two arms.

    An arm is named when all rows agree on it; otherwise it is "experimental" or "comparator". Where the
    endpoint does not say whether less is better, the words are "Lower with" and "Higher with".
    """
    if result.measure == "proportion":
        return None
    experimental = _common({row.experimental for row in result.rows}, "experimental")
    comparator = _common({row.comparator for row in result.rows}, "comparator")
    lower_is_better = lower_favours_experimental(result)
    if lower_is_better is None:
        return f"Lower with {experimental}", f"Higher with {experimental}"
    sides = (f"Favours {experimental}", f"Favours {comparator}")
    return sides if lower_is_better else (sides[1], sides[0])


def _common(names: set[str], otherwise: str) -> str:
    name = next(iter(names)) if len(names) == 1 else ""
    return within_sentence(name.strip()) or otherwise


def _draw_favours(canvas: Canvas, layout: ForestLayout, words: tuple[str, str], null: float, y: float) -> None:
    """Set the words on both sides of no effect, each after an arrow that points away from it, where there is room."""
    for text, direction, room in (
        (one_line(words[0]), -1, null - style.MARGIN),
        (one_line(words[1]), 1, layout.width - style.MARGIN - null),
    ):
        start, middle = null + direction * 6, y - 4
        if text_width(text, _SIZE) <= room - 32:
            tip = start + direction * 20
            neck = tip - direction * 6
            canvas.line(start, middle, neck, middle, stroke=style.MUTED, name="arrow")
            canvas.polygon([(tip, middle), (neck, middle - 3), (neck, middle + 3)], fill=style.MUTED)
            start = tip + direction * 5
        anchor = "start" if direction > 0 else "end"
        canvas.text(start, y, shorten(text, room, _SIZE), size=_SIZE, anchor=anchor, name="favours")
