"""Names of a category's levels below an axis: in lines where they fit, else upright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hcckb.plots import style
from hcckb.plots.lettering import one_line, shorten, text_width, wrap
from hcckb.plots.svg import Canvas

_SMALL = style.SMALL_SIZE
_AIR = 8.0
_MOST_LINES = 3
_LONGEST = 260.0
_SMALLEST = 5.0


class LevelNames(NamedTuple):
    """The lines of each name, how they are set, and how much room they take beyond one line."""

    names: tuple[tuple[str, ...], ...]
    upright: bool
    size: float
    more: float


def lay_out_names(levels: Sequence[str], slot: float) -> LevelNames:
    """Break names into lines no wider than `slot`; where a word is wider or lines too many, set them upright."""
    names = [one_line(level) for level in levels]
    room = slot - _AIR
    if all(text_width(word, _SMALL) <= room for name in names for word in name.split()):
        lines = tuple(wrap(name, room, _SMALL) for name in names)
        if max(map(len, lines), default=1) <= _MOST_LINES:
            more = (max(map(len, lines), default=1) - 1) * _SMALL * style.LINE_HEIGHT
            return LevelNames(lines, upright=False, size=_SMALL, more=more)
    size = max(_SMALLEST, min(_SMALL, slot - 1.0))
    short = tuple((shorten(name, _LONGEST, size),) for name in names)
    longest = max(text_width(name, size) for (name,) in short)
    return LevelNames(short, upright=True, size=size, more=longest - _SMALL + 4.0)


def draw_names(canvas: Canvas, laid: LevelNames, xs: Sequence[float], bottom: float) -> None:
    """Set the names below `bottom`, each at its place."""
    for lines, x in zip(laid.names, xs, strict=True):
        if laid.upright:
            middle = bottom + 7 + text_width(lines[0], laid.size) / 2
            canvas.upright_text(x + laid.size * 0.35, middle, lines[0], size=laid.size)
            continue
        for i, line in enumerate(lines):
            y = bottom + 16 + i * _SMALL * style.LINE_HEIGHT
            canvas.text(x, y, line, size=laid.size, anchor="middle", name="tick-label")
