"""A framed plotting area with two axes, for figures of points; the vertical axis grows upwards."""

from __future__ import annotations

import math
from typing import NamedTuple

from hcckb.plots import style
from hcckb.plots.axis import Axis, Tick, with_minus
from hcckb.plots.svg import Canvas

_SMALL = style.SMALL_SIZE


class Panel(NamedTuple):
    """A horizontal axis, an upward one from `left` = 0 to `right` = its height, and where that ends."""

    across: Axis
    upward: Axis
    top: float

    @property
    def bottom(self) -> float:
        """Where the panel ends below."""
        return self.top + self.upward.right

    def x(self, value: float) -> float:
        """Place of a value on the horizontal axis."""
        return self.across.position(value)

    def y(self, value: float) -> float:
        """Place of a value on the vertical axis."""
        return self.bottom - self.upward.position(value)


def panel(x_range: tuple[float, float], y_range: tuple[float, float], box: tuple[float, ...], *, log: bool) -> Panel:
    """Make a panel for two ranges in a box (left, top, width, height); `log` is that of the horizontal axis."""
    left, top, width, height = box
    return Panel(Axis(*x_range, left, left + width, log), Axis(*y_range, 0.0, height, log=False), top)


def draw_frame(canvas: Canvas, area: Panel, titles: tuple[str, str], *, percent: bool = False) -> None:
    """Draw frame, ticks and the titles of both axes; `percent` writes the vertical ticks as percent."""
    axis, top, bottom = area.across, area.top, area.bottom
    canvas.rect(axis.left, top, axis.right - axis.left, bottom - top, stroke=style.RULE, name="frame")
    for tick in axis.ticks(_SMALL):
        x = axis.position(tick.value)
        canvas.line(x, bottom, x, bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    for tick in upward_ticks(area, percent=percent):
        y = area.y(tick.value)
        canvas.line(axis.left - 4, y, axis.left, y, stroke=style.INK, name="tick")
        canvas.text(axis.left - 7, y + 4, tick.label, size=_SMALL, anchor="end", name="tick-label")
    canvas.text((axis.left + axis.right) / 2, bottom + 34, titles[0], size=_SMALL, anchor="middle", name="axis-title")
    if titles[1]:
        canvas.upright_text(axis.left - 42, (top + bottom) / 2, titles[1], size=_SMALL)


def upward_ticks(area: Panel, *, percent: bool = False) -> tuple[Tick, ...]:
    """Return round values of the vertical axis whose labels stand clear above each other."""
    axis = area.upward
    span, height = axis.upper - axis.lower, axis.right
    room = min(6, max(3, int(height / (2.2 * _SMALL))))
    power = math.floor(math.log10(span / room))
    steps = [m * 10.0 ** (power + e) for e in (0, 1) for m in (1, 2, 5)]
    chosen = next((i for i, s in enumerate(steps) if span / s <= room), len(steps) - 1)
    values = _multiples(steps[chosen], axis)
    while len(values) < 2 and chosen:
        chosen -= 1
        values = _multiples(steps[chosen], axis)
    decimals = max(0, -math.floor(math.log10(steps[chosen]) + 1e-9))
    if percent:
        return tuple(Tick(v, f"{100 * v:.0f}%") for v in values)
    return tuple(Tick(v, with_minus(f"{v:.{decimals}f}")) for v in values)


def _multiples(step: float, axis: Axis) -> list[float]:
    first, last = math.ceil(axis.lower / step - 1e-9), math.floor(axis.upper / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def padded(values: list[float], share: float = 0.04) -> tuple[float, float]:
    """Range of the values with a margin; never empty."""
    low, high = min(values), max(values)
    pad = share * (high - low) or max(abs(high), 1.0) * share
    return low - pad, high + pad


def shade(colour: str, strength: float) -> str:
    """Mix a colour with white: strength 1 leaves it, 0 is white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - strength * (255 - part)):02X}" for part in parts)
