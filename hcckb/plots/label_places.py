"""Finds places for the labels of points, clear of each other, of the points and, if it can be, of lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hcckb.plots import style
from hcckb.plots.lettering import text_width

if TYPE_CHECKING:
    from hcckb.plots.svg import Canvas

Point = tuple[float, float]
Segment = tuple[Point, Point]

_POINT_RADIUS = 5.0
_LEADER = 12.0  # from a point to a label so far away that a line has to join them
_DISTANCES = (7.0, 13.0, 20.0, 30.0, 42.0, 56.0)
_DIRECTIONS = 16
_LINE_COST = 9.0
_CLEAR = 2.0
_LEADER_COST = 6.0


class Box(NamedTuple):
    """An upright rectangle, `top` above `bottom` (smaller y)."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, other: Box) -> bool:
        """Whether this one lies inside `other`."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.top <= self.top
            and self.bottom <= other.bottom
        )

    def nearest(self, point: Point) -> Point:
        """Return the point of this rectangle that is nearest to `point`."""
        x, y = point
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)

    def crossed_by(self, segment: Segment) -> bool:
        """Whether a straight line passes through (Liang and Barsky's clipping)."""
        (x1, y1), (x2, y2) = segment
        enter, leave = 0.0, 1.0
        for delta, gap in (
            (x1 - x2, x1 - self.left),
            (x2 - x1, self.right - x1),
            (y1 - y2, y1 - self.top),
            (y2 - y1, self.bottom - y1),
        ):
            if delta == 0:
                if gap < 0:
                    return False
            elif delta < 0:
                enter = max(enter, gap / delta)
            else:
                leave = min(leave, gap / delta)
        return enter < leave


def place_labels(
    points: Sequence[Point],
    sizes: Sequence[tuple[float, float]],
    area: Box,
    lines: Sequence[Segment],
    radii: Sequence[float] | None = None,
) -> list[Box | None]:
    """Choose a box for each label, greedily, in the order of the points.

    Parameters
    ----------
    points : sequence of (x, y)
        What is labelled.
    sizes : sequence of (width, height)
        The size of each label.
    area : Box
        Where labels may lie.
    lines : sequence of ((x, y), (x, y))
        Lines that labels avoid if they can.
    radii : sequence of float, optional
        How far each point reaches, where it is larger than usual.

    Returns
    -------
    list of Box or None
        One per point; None where no place is free of other labels and points.
    """
    reach = [max(_POINT_RADIUS, radius) for radius in radii or [0.0] * len(points)]
    taken = [Box(x - r, y - r, x + r, y + r) for (x, y), r in zip(points, reach, strict=True)]
    avoided = list(lines)
    chosen: list[Box | None] = []
    for index, (point, (width, height)) in enumerate(zip(points, sizes, strict=True)):
        others = taken[:index] + taken[index + 1 :]
        free = [
            (cost + _crossings(box, point, avoided, others), order, box)
            for order, (cost, box) in enumerate(_candidates(point, width, height, reach[index] - _POINT_RADIUS))
            if box.within(area) and not any(box.overlaps(other) for other in taken)
        ]
        box = min(free)[2] if free else None
        chosen.append(box)
        if box:
            taken.append(box)
            avoided.append((point, box.nearest(point)))
    return chosen


def _crossings(box: Box, point: Point, lines: Sequence[Segment], others: Sequence[Box]) -> float:
    """Return the cost of lines behind a label, and of points and labels behind its own line."""
    wide = Box(box.left - _CLEAR, box.top - _CLEAR, box.right + _CLEAR, box.bottom + _CLEAR)
    leader = (point, box.nearest(point))
    crossed = sum(wide.crossed_by(line) for line in lines)
    return _LINE_COST * crossed + 2 * _LINE_COST * sum(other.crossed_by(leader) for other in others)


def _candidates(point: Point, width: float, height: float, extra: float) -> Iterator[tuple[float, Box]]:
    """Yield boxes around a point that is `extra` larger than usual, with their cost: near and beside first."""
    x, y = point
    for distance in _DISTANCES:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            right, down = math.cos(angle), math.sin(angle)
            centre_x = x + right * (distance + extra + width / 2)
            centre_y = y + down * (distance + extra + height / 2)
            box = Box(centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2)
            cost = distance / 2 + 2 * abs(down) + (0.5 if right < 0 else 0.0)
            yield cost + (_LEADER_COST if distance > _DISTANCES[1] else 0.0), box


def draw_labels(
    canvas: Canvas,
    texts: Sequence[str],
    points: Sequence[tuple[float, float]],
    area: Box,
    lines: Sequence[Segment],
) -> None:
    """Label points clear of each other and of `lines`; a label away from its point gets a thin line to it."""
    sizes = [(text_width(text, style.SMALL_SIZE), style.SMALL_SIZE) for text in texts]
    for text, box, (x, y) in zip(texts, place_labels(points, sizes, area, lines), points, strict=True):
        if box is None:
            continue
        near_x, near_y = box.nearest((x, y))
        if math.hypot(near_x - x, near_y - y) > _LEADER:
            canvas.line(x, y, near_x, near_y, stroke=style.RULE, width=0.6, name="leader")
        canvas.text(box.left, box.bottom - 1.5, text, size=style.SMALL_SIZE, halo=True, name="point-label")
