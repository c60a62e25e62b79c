"""Interval arithmetic over printed decimals: what a rounded number can have been before it was rounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

_SLACK = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of real numbers, `low` at most `high`; either end may be infinite.

    Examples
    --------
    >>> a, b = rounded("0.64"), rounded("2.0")
    >>> a
    Interval(low=0.635, high=0.645)
    >>> (a * b).low, (b - a).low
    (1.23825, 1.305)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            object.__setattr__(self, "low", -math.inf)
            object.__setattr__(self, "high", math.inf)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __truediv__(self, other: Interval) -> Interval:
        if other.low <= 0.0 <= other.high:
            return Interval(-math.inf, math.inf)
        corners = [a / b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __abs__(self) -> Interval:
        if self.low <= 0.0 <= self.high:
            return Interval(0.0, max(-self.low, self.high))
        return Interval(min(abs(self.low), abs(self.high)), max(abs(self.low), abs(self.high)))

    def scaled(self, factor: float) -> Interval:
        """Multiply by an exact number."""
        return self * Interval(factor, factor)

    def rising(self, function: Callable[[float], float]) -> Interval:
        """Apply a function that never falls."""
        return Interval(function(self.low), function(self.high))

    def falling(self, function: Callable[[float], float]) -> Interval:
        """Apply a function that never rises."""
        return Interval(function(self.high), function(self.low))

    def log(self) -> Interval:
        """Take the natural logarithm; what is not above 0 goes to minus infinity."""
        return self.rising(lambda x: math.log(x) if x > 0.0 else -math.inf)

    def exp(self) -> Interval:
        """Take the exponential."""
        return self.rising(math.exp)

    def __contains__(self, value: float) -> bool:
        return self.gap(Interval(value, value)) == 0.0

    def meets(self, other: Interval) -> bool:
        """Tell whether one number can lie in both."""
        return self.gap(other) == 0.0

    def gap(self, other: Interval) -> float:
        """Give the distance between the nearest ends, 0 where the intervals meet (up to floating-point noise)."""
        away = max(other.low - self.high, self.low - other.high)
        scale = max((abs(x) for x in (self.low, self.high, other.low, other.high) if math.isfinite(x)), default=1.0)
        return away if away > _SLACK * max(1.0, scale) else 0.0


def exactly(value: float) -> Interval:
    """Give the interval of a number that is known exactly, such as a count."""
    return Interval(float(value), float(value))


def total(parts: list[Interval]) -> Interval:
    """Add intervals."""
    return Interval(math.fsum(p.low for p in parts), math.fsum(p.high for p in parts))


def rounded(text: str, decimals: int | None = None) -> Interval:
    """Give what a printed decimal stands for: half a unit of its last printed place either way.

    Parameters
    ----------
    text : str
        The decimal, digit for digit.
    decimals : int, optional
        How many decimals are printed, where `text` no longer shows them (0.80 written as 0.8).

    Examples
    --------
    >>> rounded("0.80"), rounded("0.8", 2) == rounded("0.80"), rounded("283")
    (Interval(low=0.795, high=0.805), True, Interval(low=282.5, high=283.5))
    """
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    places = decimals if decimals is not None else max(0, -int(exponent))
    half = Decimal(5).scaleb(-places - 1)
    return Interval(float(number - half), float(number + half))
