"""L'Abbé plots of tables of counts, as SVG: the risk in one arm against that in the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from hcckb.errors import EmptySelectionError, UsageError
from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.footer import draw_footer
from hcckb.plots.label_places import Box, Segment, place_labels
from hcckb.plots.lettering import one_line, shorten, text_width
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import figure_title, measure_words, numbers_for, percent

if TYPE_CHECKING:
    from hcckb.results import PooledResult, PooledRow
    from hcckb.usertable import CountsRow

_SIDE = 380.0
_LEFT = style.MARGIN + 52.0
_LEGEND_GAP, _LEGEND_WIDTH = 24.0, 170.0
_SMALLEST, _LARGEST, _LARGEST_OF_MANY = 2.5, 18.0, 13.0
_INSET = 20.0
_MOST_LABELS = 12
_STEPS = 60
_SMALL = style.SMALL_SIZE
_BAND = "#FBEBDD"


def _by_odds(risk: float, log_ratio: float) -> float:
    """Risk whose odds are exp(log_ratio) times those of `risk`."""
    if risk in (0.0, 1.0):
        return risk
    logit = math.log(risk / (1.0 - risk)) + log_ratio
    return 1.0 / (1.0 + math.exp(-logit)) if logit > -700 else 0.0


def _by_arcsine(risk: float, difference: float) -> float:
    angle = math.asin(math.sqrt(risk)) + difference
    return math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2


_EXPERIMENTAL_RISK: Mapping[str, Callable[[float, float], float]] = MappingProxyType(
    {
        "odds-ratio": _by_odds,
        "peto-odds-ratio": _by_odds,
        "risk-ratio": lambda risk, log_ratio: risk * math.exp(log_ratio),
        "risk-difference": lambda risk, difference: risk + difference,
        "arcsine-difference": _by_arcsine,
    }
)
"""Risk in the experimental arm from that in the comparator arm and an effect on the analysis scale."""


class _Study(NamedTuple):
    """A row with the risks of its arms and the radius of its circle."""

    row: PooledRow
    counts: CountsRow
    risk_experimental: float
    risk_comparator: float
    radius: float


class _Frame(NamedTuple):
    """A square with the same range of risks on both axes."""

    axis: Axis
    bottom: float

    @property
    def top(self) -> float:
        """Where the square begins above."""
        return self.bottom - _SIDE

    def place(self, comparator: float, experimental: float) -> tuple[float, float]:
        """Return the place of two risks."""
        return self.axis.position(comparator), self.bottom - (self.axis.position(experimental) - _LEFT)


def labbe_svg(result: PooledResult, counts: Sequence[CountsRow]) -> str:
    r"""Draw a L'Abbé plot: the risk in the experimental arm against that in the comparator arm.

    A circle is a study, its area proportional to its weight. On the diagonal both risks are equal. The curve holds
    the risks that the pooled effect gives, the band those of its confidence interval: if the circles follow
    another course than the curve, the effect may depend on the risk of the comparator arm, or be better
    described by another measure. Up to twelve circles are labelled; each has a tooltip.

    Parameters
    ----------
    result : PooledResult
        What pooling gave: odds ratios (also Peto's), risk ratios, risk differences or arcsine differences.
    counts : sequence of CountsRow
        The tables that were pooled, in the order of the rows of `result`.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Raises
    ------
    EmptySelectionError
        If the result has no rows.
    UsageError
        If the measure is none of these, or the tables are not those of the result.

    Notes
    -----
    With the risk :math:`p_0` of the comparator arm, the curve is
    :math:`p_1 = p_0 \mathrm{OR} / (1 - p_0 + p_0 \mathrm{OR})`, :math:`p_0 \mathrm{RR}`,
    :math:`p_0 + \mathrm{RD}` or :math:`\sin^2(\arcsin\sqrt{p_0} + \mathrm{ASD})`.

    Source: L'Abbé, Detsky & O'Rourke 1987, Ann Intern Med 107:224-233, doi:10.7326/0003-4819-107-2-224.
    """
    studies = _studies(result, counts)
    title = figure_title(result)
    canvas = Canvas(f"L'Abbé plot: {title}", f"Risks of {result.k} studies in the experimental and comparator arm.")
    width = _LEFT + _SIDE + _LEGEND_GAP + _LEGEND_WIDTH + style.MARGIN
    top = draw_title(canvas, title, width)
    frame = _frame(studies, top)
    band = result.k > 1
    if band:
        _draw_band(canvas, result, frame)
    _draw_axes(canvas, result, frame)
    _draw_lines(canvas, result, frame)
    _draw_studies(canvas, result, frame, studies)
    _draw_legend(canvas, result, frame, band)
    height = draw_footer(canvas, result, (), top + _SIDE + 58, width)
    return canvas.to_svg(width, height)


def _studies(result: PooledResult, counts: Sequence[CountsRow]) -> list[_Study]:
    if not result.rows:
        raise EmptySelectionError("there is nothing to draw: the pooled result has no rows")
    if result.measure not in _EXPERIMENTAL_RISK:
        known = ", ".join(_EXPERIMENTAL_RISK)
        raise UsageError(f"a L'Abbé plot shows risks of two arms, not {result.measure}. Pool one of: {known}.")
    if [row.study for row in result.rows] != [row.study for row in counts]:
        raise UsageError("a L'Abbé plot needs the counts of the rows that were pooled, in their order. Give those.")
    heaviest = max(row.weight for row in result.rows)
    largest = _LARGEST if result.k <= _MOST_LABELS else _LARGEST_OF_MANY
    return [
        _Study(
            row,
            table,
            table.events_experimental / (table.n_experimental or 1),
            table.events_comparator / (table.n_comparator or 1),
            max(_SMALLEST, largest * math.sqrt(row.weight / heaviest)),
        )
        for row, table in zip(result.rows, counts, strict=True)
    ]


def _frame(studies: Sequence[_Study], top: float) -> _Frame:
    """Choose the range of risks: from 0, unless all are high, to the highest; circles stay inside the frame."""
    risks = [risk for s in studies for risk in (s.risk_experimental, s.risk_comparator)]
    low, high = min(risks), max(risks)
    low = 0.0 if low < 0.5 * high or high == 0 else low
    pad = 0.05 if low == high else 0.0
    axis = Axis(max(0.0, low - pad), min(1.0, high + pad), _LEFT + _INSET, _LEFT + _SIDE - _INSET, log=False)
    return _Frame(axis, top + _SIDE)


def _course(result: PooledResult, axis: Axis, effect: float) -> list[tuple[float, float]]:
    """Return the risks in both arms under an effect, with those where the experimental one leaves the axis."""
    to = _EXPERIMENTAL_RISK[result.measure]
    grid = [axis.lower + i * (axis.upper - axis.lower) / _STEPS for i in range(_STEPS + 1)]
    course = [(grid[0], to(grid[0], effect))]
    for x in grid[1:]:
        (x0, y0), y = course[-1], to(x, effect)
        edges = sorted((e for e in (axis.lower, axis.upper) if min(y, y0) < e < max(y, y0)), reverse=y < y0)
        course += [(x0 + (edge - y0) / (y - y0) * (x - x0), edge) for edge in edges]
        course.append((x, y))
    return course


def _draw_band(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    """Shade what lies between the courses of the limits of the pooled interval."""
    half = _half_width(result)
    edges = [
        [frame.place(*risks) for risks in _course(result, frame.axis, result.analysis_estimate + d)]
        for d in (-half, half)
    ]
    canvas.polygon([*edges[0], *edges[1][::-1]], fill=_BAND, name="band")


def _half_width(result: PooledResult) -> float:
    """Half of the pooled interval on the analysis scale."""
    if result.scale == "log":
        return (math.log(result.ci_upper) - math.log(result.ci_lower)) / 2
    return (result.ci_upper - result.ci_lower) / 2


def _draw_lines(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    low, high = frame.axis.lower, frame.axis.upper
    canvas.line(*frame.place(low, low), *frame.place(high, high), stroke=style.INK, name="null")
    if result.k > 1:
        points = _pooled_line(result, frame)
        if len(points) > 1:
            canvas.curve(points, stroke=style.POOLED, width=1.6, name="pooled-line")


def _pooled_line(result: PooledResult, frame: _Frame) -> list[tuple[float, float]]:
    course = _course(result, frame.axis, result.analysis_estimate)
    return [frame.place(x, y) for x, y in course if frame.axis.covers(y)]


def _draw_axes(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    axis, bottom = frame.axis, frame.bottom
    canvas.rect(_LEFT, frame.top, _SIDE, _SIDE, stroke=style.RULE, name="frame")
    for tick in axis.ticks(_SMALL):
        x = axis.position(tick.value)
        y = bottom - (x - _LEFT)
        label = percent(round(tick.value, 9))
        canvas.line(x, bottom, x, bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, bottom + 16, label, size=_SMALL, anchor="middle", name="tick-label")
        canvas.line(_LEFT - 4, y, _LEFT, y, stroke=style.INK, name="tick")
        canvas.text(_LEFT - 7, y + 4, label, size=_SMALL, anchor="end", name="tick-label")
    across, upward = (
        shorten(f"Risk with {_arm({getattr(r, side) for r in result.rows}, side)}", _SIDE, _SMALL)
        for side in ("comparator", "experimental")
    )
    canvas.text(_LEFT + _SIDE / 2, bottom + 34, across, size=_SMALL, anchor="middle", name="axis-title")
    canvas.upright_text(style.MARGIN + 8, bottom - _SIDE / 2, upward, size=_SMALL)


def _arm(names: set[str], otherwise: str) -> str:
    name = one_line(next(iter(names))) if len(names) == 1 else ""
    return name or f"{otherwise} treatment"


def _draw_studies(canvas: Canvas, result: PooledResult, frame: _Frame, studies: Sequence[_Study]) -> None:
    """Draw the circles, large ones first so that none hides another."""
    for study in sorted(studies, key=lambda s: -s.radius):
        x, y = frame.place(study.risk_comparator, study.risk_experimental)
        with canvas.group("study-circle", tooltip=_tooltip(result, study)):
            canvas.circle(x, y, study.radius, fill=style.SQUARE, stroke=style.SQUARE, opacity=0.35, name="circle")
    if result.k <= _MOST_LABELS:
        _draw_labels(canvas, result, frame, studies)


def _draw_labels(canvas: Canvas, result: PooledResult, frame: _Frame, studies: Sequence[_Study]) -> None:
    low, high = frame.axis.lower, frame.axis.upper
    points = [frame.place(s.risk_comparator, s.risk_experimental) for s in studies]
    lines: list[Segment] = [(frame.place(low, low), frame.place(high, high))]
    course = _pooled_line(result, frame)[::12]
    lines += list(pairwise(course))
    texts = [shorten(one_line(s.row.study), 130.0, _SMALL, middle=True) for s in studies]
    sizes = [(text_width(text, _SMALL), _SMALL) for text in texts]
    area = Box(_LEFT + 3, frame.top + 3, _LEFT + _SIDE - 3, frame.bottom - 3)
    radii = [s.radius for s in studies]
    for text, box, (x, y), r in zip(texts, place_labels(points, sizes, area, lines, radii), points, radii, strict=True):
        if box is None:
            continue
        near_x, near_y = box.nearest((x, y))
        distance = math.hypot(near_x - x, near_y - y)
        if distance > r + 8:
            share = r / distance
            start = x + share * (near_x - x), y + share * (near_y - y)
            canvas.line(*start, near_x, near_y, stroke=style.RULE, width=0.6, name="leader")
        canvas.text(box.left, box.bottom - 1.5, text, size=_SMALL, halo=True, name="point-label")


def _tooltip(result: PooledResult, study: _Study) -> str:
    row, table = study.row, study.counts
    year = f" ({row.year})" if row.year is not None else ""
    arms = (
        (table.events_experimental, table.n_experimental, study.risk_experimental),
        (table.events_comparator, table.n_comparator, study.risk_comparator),
    )
    risks = " vs ".join(f"{events}/{n} ({percent(risk, 1)})" for events, n, risk in arms)
    effect = numbers_for(result).estimate(row)
    return f"{row.study}{year}: {risks}; {measure_words(result).short} {effect}; weight {percent(row.weight, 1)}"


def _draw_legend(canvas: Canvas, result: PooledResult, frame: _Frame, band: bool) -> None:
    x, y = _LEFT + _SIDE + _LEGEND_GAP, frame.top + 8
    canvas.circle(x + 11, y - 4, 6.0, fill=style.SQUARE, stroke=style.SQUARE, opacity=0.35)
    canvas.text(x + 30, y, "Study, area by weight", size=_SMALL, name="legend")
    y += 18
    canvas.line(x, y - 4, x + 22, y - 4, stroke=style.INK)
    canvas.text(x + 30, y, "Equal risks", size=_SMALL, name="legend")
    if not band:
        return
    words, numbers = measure_words(result), numbers_for(result)
    y += 18
    canvas.line(x, y - 4, x + 22, y - 4, stroke=style.POOLED, width=1.6)
    canvas.text(x + 30, y, f"Pooled {words.short} {numbers.value(result.estimate)}", size=_SMALL, name="legend")
    y += 18
    canvas.rect(x, y - 10, 22, 12, fill=_BAND, stroke=style.RULE)
    bounds = numbers.interval(result.ci_lower, result.ci_upper)
    canvas.text(x + 30, y, f"{percent(result.level)} CI {bounds}", size=_SMALL, name="legend")
