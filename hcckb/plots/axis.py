"""Horizontal axes of figures: from a value to a place, and which values get a tick."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from hcckb.plots.lettering import text_width

_MAX_TICKS = 8
_TICK_GAP = 12.0
_RATIOS = (
    (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0),
    (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0),
    (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0),
)


class Tick(NamedTuple):
    """A value on an axis and the label under it."""

    value: float
    label: str


class Axis(NamedTuple):
    """A horizontal axis from `lower` at `left` to `upper` at `right`.

    Parameters
    ----------
    lower, upper : float
        Ends of the axis, in the unit of the values; positive on a log axis; ``lower < upper``.
    left, right : float
        Where the ends are drawn, in SVG user units.
    log : bool
        Whether equal ratios take equal lengths.
    """

    lower: float
    upper: float
    left: float
    right: float
    log: bool

    def position(self, value: float) -> float:
        """Return the place of `value`, in SVG user units; a value off the axis lands on its nearer end."""
        if value <= self.lower:
            return self.left
        if value >= self.upper:
            return self.right
        start, end = self._transformed(self.lower), self._transformed(self.upper)
        share = (self._transformed(value) - start) / (end - start)
        return self.left + share * (self.right - self.left)

    def share_inside(self, inner: float, outer: float) -> float:
        """Return the share of the way from `inner`, which is on the axis, to `outer` that is on the axis."""
        edge = self.lower if outer < inner else self.upper
        if self.covers(outer):
            return 1.0
        if math.isinf(outer) or (self.log and outer <= 0.0):
            return 0.0
        start = self._transformed(inner)
        return (self._transformed(edge) - start) / (self._transformed(outer) - start)

    def covers(self, value: float) -> bool:
        """Whether `value` lies on the axis."""
        return self.lower <= value <= self.upper

    def ticks(self, size: float) -> tuple[Tick, ...]:
        """Return round values whose labels, set in `size`, stand clear of each other.

        The finest grid that gives at most eight ticks and does not crowd them is taken; the last resort
        are the two ends of the axis.
        """
        grids = _log_grids(self.lower, self.upper) if self.log else _linear_grids(self.lower, self.upper)
        for grid in grids:
            if 2 <= len(grid) <= _MAX_TICKS and self._stand_clear(grid, size):
                return grid
        return tuple(Tick(value, f"{value:.3g}") for value in (self.lower, self.upper))

    def _stand_clear(self, ticks: tuple[Tick, ...], size: float) -> bool:
        spans = [(self.position(t.value), text_width(t.label, size) / 2) for t in ticks]
        return all(x2 - x1 >= w1 + w2 + _TICK_GAP for (x1, w1), (x2, w2) in pairwise(spans))

    def _transformed(self, value: float) -> float:
        return math.log(value) if self.log else value


def _linear_grids(lower: float, upper: float) -> Iterator[tuple[Tick, ...]]:
    """Grids in steps of 1, 2 or 5 times a power of ten, from fine to coarse."""
    power = math.floor(math.log10((upper - lower) / 20))
    for exponent in range(power, power + 4):
        for mantissa in (1, 2, 5):
            step = mantissa * 10.0**exponent
            first, last = math.ceil(lower / step - 1e-9), math.floor(upper / step + 1e-9)
            if last - first > 4 * _MAX_TICKS:
                continue
            decimals = max(0, -exponent)
            yield tuple(Tick(i * step, with_minus(f"{i * step:.{decimals}f}")) for i in range(first, last + 1))


def _log_grids(lower: float, upper: float) -> Iterator[tuple[Tick, ...]]:
    """Grids for ratios, from fine to coarse: even steps if narrow, powers of 2, 1-2-5, 1-3, powers of 4 and of 10."""
    if upper / lower < 2:
        yield from _linear_grids(lower, upper)
    for ratios in _RATIOS:
        if ratios[0] <= lower and upper <= ratios[-1]:
            yield _within(ratios, lower, upper)
    yield _within((2.0**i for i in _exponents(lower, upper, 2.0)), lower, upper)
    tens = _exponents(lower, upper, 10.0)
    yield _within((m * 10.0**i for i in tens for m in (1, 2, 5)), lower, upper)
    yield _within((m * 10.0**i for i in tens for m in (1, 3)), lower, upper)
    yield _within((4.0**i for i in _exponents(lower, upper, 4.0)), lower, upper)
    for step in range(1, 12):
        yield _within((10.0**i for i in tens if i % step == 0), lower, upper)


def _exponents(lower: float, upper: float, base: float) -> range:
    return range(math.floor(math.log(lower, base)), math.ceil(math.log(upper, base)) + 1)


def _within(values: Iterable[float], lower: float, upper: float) -> tuple[Tick, ...]:
    slack = 1e-9
    kept = [v for v in values if lower * (1 - slack) <= v <= upper * (1 + slack)]
    return tuple(Tick(value, _ratio_label(value)) for value in kept)


def _ratio_label(value: float) -> str:
    """Write a ratio in its shortest form: 0.25, 0.5, 1, 1000; powers of ten beyond that."""
    if 1e-4 <= value < 1e6:
        return f"{value:.10f}".rstrip("0").rstrip(".")
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{with_minus(str(int(exponent)))}"


def with_minus(text: str) -> str:
    """Return the same number with a true minus sign, and without one before zero."""
    if text.startswith("-"):
        return "−" + text[1:] if float(text) else text[1:]
    return text
