"""Ticks of an axis of effects on the analysis scale, labelled on the scale of the measure where that can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from hcckb.plots.axis import Axis, Tick
from hcckb.plots.lettering import text_width

_MOST = 9
_GAP = 12.0
_PROPORTIONS = (
    *(0.5, 0.1, 0.9, 0.2, 0.8, 0.05, 0.95, 0.3, 0.7, 0.01, 0.99, 0.02, 0.98, 0.4, 0.6),
    *(0.001, 0.999, 0.005, 0.995, 0.0001, 0.9999, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85),
)
_TRANSFORMS: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "logit": lambda p: math.log(p / (1.0 - p)),
        "arcsine": lambda p: math.asin(math.sqrt(p)),
    }
)


def effect_ticks(axis: Axis, scale: str, size: float) -> tuple[Tick, ...]:
    """Return ticks of an axis of effects, whose labels in `size` stand clear of each other.

    Parameters
    ----------
    axis : Axis
        From the lowest to the highest effect, on the scale that ratios and differences are drawn on, on the
        analysis scale of all others.
    scale : str
        The scale of the result. On the scales "logit" and "arcsine" the labels are proportions.
    size : float
        Font size, in SVG user units.

    Returns
    -------
    tuple of Tick
        In increasing order; those of the axis itself where proportions give less than three.

    Examples
    --------
    >>> [tick.label for tick in effect_ticks(Axis(-3.0, 3.0, 0.0, 400.0, log=False), "logit", 10)]
    ['0.05', '0.1', '0.2', '0.3', '0.5', '0.7', '0.8', '0.9', '0.95']
    """
    transform = _TRANSFORMS.get(scale)
    if transform is None:
        return axis.ticks(size)
    chosen: list[Tick] = []
    for proportion in _PROPORTIONS:
        tick = Tick(transform(proportion), f"{proportion:g}")
        if axis.covers(tick.value) and len(chosen) < _MOST and all(_clear(axis, tick, other, size) for other in chosen):
            chosen.append(tick)
    return tuple(sorted(chosen)) if len(chosen) > 2 else axis.ticks(size)


def _clear(axis: Axis, one: Tick, other: Tick, size: float) -> bool:
    room = (text_width(one.label, size) + text_width(other.label, size)) / 2 + _GAP
    return abs(axis.position(one.value) - axis.position(other.value)) >= room
