"""Drapery plots of a pooled result, as SVG: the p values of all effects that could be tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hcckb.errors import EmptySelectionError
from hcckb.plots import style
from hcckb.plots.axis import Axis, Tick
from hcckb.plots.effect_ticks import effect_ticks
from hcckb.plots.footer import draw_footer
from hcckb.plots.forest_layout import ForestOptions, axis_range
from hcckb.plots.lettering import one_line, shorten
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import figure_title, measure_words, numbers_for, percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hcckb.results import PooledResult, PooledRow

    FloatArray = NDArray[np.float64]

_WIDTH, _HEIGHT = 480.0, 360.0
_LEFT = style.MARGIN + 52.0
_SCALE_WIDTH = 58.0
_LEGEND_GAP, _LEGEND_WIDTH = 20.0, 190.0
_SMALL = style.SMALL_SIZE
_POINTS = 241
_MOST_NUMBERS = 15
_NUMBERS_HEIGHT, _NUMBER_GAP = 16.0, 15.0
_LEAST_P = 0.0005
_REGION = "#DCEFE8"
_P_TICKS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


class _Curve(NamedTuple):
    """A p-value function: its peak and spread on the analysis scale, its degrees of freedom, how it is drawn."""

    label: str
    estimate: float
    se: float
    df: float
    stroke: str
    width: float
    dashes: str = ""


class _Frame(NamedTuple):
    """The plotting area: effects to the right, p values upwards."""

    axis: Axis
    top: float
    ratios: bool

    @property
    def bottom(self) -> float:
        """Where p = 0 is."""
        return self.top + _HEIGHT

    def x(self, effect: float) -> float:
        """Place of an effect on the analysis scale."""
        return self.axis.position(math.exp(effect) if self.ratios else effect)

    def y(self, p: float) -> float:
        """Place of a p value."""
        return self.bottom - p * _HEIGHT

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of the axis, on the analysis scale."""
        ends = (self.axis.lower, self.axis.upper)
        return (math.log(ends[0]), math.log(ends[1])) if self.ratios else ends


def drapery_svg(result: PooledResult) -> str:
    r"""Draw a drapery plot: for every effect the two-sided p value of the test that it is the true one.

    A thin curve is a study, thick ones are the pooled estimate and, under the random-effects model, the
    common-effect estimate beside it. A curve peaks (p = 1) at its estimate and is as wide, at any height p, as
    its confidence interval of level 1 - p: all intervals at once, none of them preferred. The shaded
    region is as wide at each p as the prediction interval of that level. A curve's height at no effect is
    its p value. Up to fifteen studies are numbered at their peaks and named beside; each has a tooltip.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Raises
    ------
    EmptySelectionError
        If the result has no rows.

    Notes
    -----
    :math:`p(\mu) = 2 F(-|\hat\mu - \mu| / \mathrm{se})` with F normal, or t with the degrees of freedom of
    the pooled interval; prediction: t with k - 2 degrees of freedom and
    :math:`\sqrt{\hat\tau^2 + \mathrm{se}^2}`, as the prediction interval of the result has it.

    Source: Rücker & Schwarzer 2021, Res Synth Methods 12:13-19, doi:10.1002/jrsm.1410; Infanger &
    Schmidt-Trucksäss 2019, Stat Med 38:4189-4197, doi:10.1002/sim.8293.
    """
    if not result.rows:
        raise EmptySelectionError("there is nothing to draw: the pooled result has no rows")
    title = figure_title(result)
    canvas = Canvas(f"Drapery plot: {title}", f"p-value functions of {result.k} estimates.")
    width = _LEFT + _WIDTH + _SCALE_WIDTH + _LEGEND_GAP + _LEGEND_WIDTH + style.MARGIN
    top = draw_title(canvas, title, width) + (_NUMBERS_HEIGHT if result.k <= _MOST_NUMBERS else 0.0)
    frame = _frame(result, top)
    region = _prediction(result)
    if region:
        points = _places(frame, region)
        canvas.polygon(
            [(points[0][0], frame.bottom), *points, (points[-1][0], frame.bottom)], fill=_REGION, name="prediction"
        )
    _draw_lines(canvas, result, frame)
    for row in result.rows:
        curve = _Curve(row.study, row.analysis_value, row.se, math.inf, style.SKY, 0.9)
        with canvas.group("study-curve", tooltip=_tooltip(result, row)):
            canvas.curve(_places(frame, curve), stroke=curve.stroke, width=curve.width, name="curve")
    pooled = _pooled_curves(result)
    for curve in pooled[::-1]:
        points = _places(frame, curve)
        canvas.curve(points, stroke=curve.stroke, width=curve.width, dashes=curve.dashes, name="pooled-curve")
    _draw_axes(canvas, result, frame)
    _draw_legend(canvas, result, frame, pooled, region)
    if result.k <= _MOST_NUMBERS:
        _draw_numbers(canvas, result, frame)
    height = draw_footer(canvas, result, (), top + _HEIGHT + 58, width)
    return canvas.to_svg(width, height)


def _frame(result: PooledResult, top: float) -> _Frame:
    """Take the range of a forest plot, or on a transformed scale that of the 95 % intervals."""
    if result.scale in ("log", "identity"):
        lower, upper = axis_range(result, measure_words(result).null, ForestOptions(show_beside=False))
    else:
        ends = [row.analysis_value + z * row.se for row in result.rows for z in (-2.2, 2.2)]
        lower, upper = min(ends), max(ends)
    return _Frame(Axis(lower, upper, _LEFT, _LEFT + _WIDTH, result.scale == "log"), top, result.scale == "log")


def _pooled_curves(result: PooledResult) -> tuple[_Curve, ...]:
    """Return the curve of the pooled estimate, and the common-effect one beside a random-effects one."""
    if result.k < 2:
        return ()
    names = {"random": "Random effects", "common": "Common effect"}
    name = names.get(result.model, f"{result.model.title()} method")
    main = _Curve(name, result.analysis_estimate, result.se, _freedom(result), style.POOLED, 2.2)
    if result.model != "random":
        return (main,)
    from hcckb.pooling.pairwise import pool

    common = pool([r.analysis_value for r in result.rows], [r.se**2 for r in result.rows], model="common")
    beside = _Curve("Common effect", common.estimate, common.se, math.inf, style.INK, 1.6, style.DASHES)
    return (main, beside)


def _freedom(result: PooledResult) -> float:
    """Degrees of freedom of the pooled interval, from its width where the name of its method does not tell."""
    if result.ci_method == "wald":
        return math.inf
    if result.ci_method in ("hksj", "hksj-guarded") or result.scale not in ("log", "identity"):
        return result.k - 1.0
    from scipy.special import ndtri, stdtridf

    ends = (result.ci_lower, result.ci_upper)
    low, high = (math.log(end) for end in ends) if result.scale == "log" else ends
    upper, quantile = (1 + result.level) / 2, (high - low) / (2 * result.se)
    return float(stdtridf(upper, quantile)) if quantile > ndtri(upper) * (1 + 1e-9) else math.inf


def _prediction(result: PooledResult) -> _Curve | None:
    """Return the curve of a new study's effect, as wide as the prediction interval of the result at its level."""
    if result.prediction_lower is None or result.prediction_upper is None or result.k < 3:
        return None
    from scipy.special import stdtrit

    quantile = float(stdtrit(result.k - 2.0, (1 + result.level) / 2))
    ends = (result.prediction_lower, result.prediction_upper)
    if result.scale == "log":
        spread = (math.log(ends[1]) - math.log(ends[0])) / 2 / quantile
    elif result.scale == "identity":
        spread = (ends[1] - ends[0]) / 2 / quantile
    else:
        spread = math.sqrt(result.tau2 + result.se**2)
    return _Curve("Prediction", result.analysis_estimate, spread, result.k - 2.0, _REGION, 0.0)


def _places(frame: _Frame, curve: _Curve) -> list[tuple[float, float]]:
    """Return the course of a p-value function: evenly along the axis, and where it bends most."""
    import numpy as np

    from hcckb.pooling.intervals import two_sided

    low, high = frame.bounds
    near = curve.estimate + curve.se * np.linspace(-3.6, 3.6, 61)
    grid = np.concatenate([np.linspace(low, high, _POINTS), near[(near > low) & (near < high)]])
    effects = np.unique(grid)
    z: FloatArray = (effects - curve.estimate) / curve.se
    p = two_sided(z, np.full(len(z), curve.df))
    return [(frame.x(float(e)), frame.y(float(q))) for e, q in zip(effects, p, strict=True) if q >= _LEAST_P]


def _draw_lines(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    """Draw no effect, and the height at which curves are as wide as the intervals of the result."""
    null, right = measure_words(result).null, frame.axis.right
    if null is not None and frame.axis.covers(null):
        x = frame.axis.position(null)
        canvas.line(x, frame.top, x, frame.bottom, stroke=style.INK, name="null")
    y = frame.y(1 - result.level)
    canvas.line(_LEFT, y, right, y, stroke=style.MUTED, dashes=style.DOTS, name="level")


def _draw_axes(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    axis, top, bottom = frame.axis, frame.top, frame.bottom
    canvas.rect(axis.left, top, _WIDTH, _HEIGHT, stroke=style.RULE, name="frame")
    for tick in effect_ticks(axis, result.scale, _SMALL):
        x = axis.position(tick.value)
        canvas.line(x, bottom, x, bottom + 4, stroke=style.INK, name="tick")
        canvas.text(x, bottom + 16, tick.label, size=_SMALL, anchor="middle", name="tick-label")
    for tick in (Tick(p, f"{p:g}") for p in _P_TICKS):
        y = frame.y(tick.value)
        canvas.line(axis.left - 4, y, axis.left, y, stroke=style.INK, name="tick")
        canvas.text(axis.left - 7, y + 4, tick.label, size=_SMALL, anchor="end", name="tick-label")
        canvas.line(axis.right, y, axis.right + 4, y, stroke=style.INK, name="tick")
        canvas.text(axis.right + 7, y + 4, percent(round(1 - tick.value, 9)), size=_SMALL, name="level-label")
    suffix = {"log": " (log scale)", "identity": ""}.get(result.scale, f" ({result.scale} scale)")
    name = shorten(one_line(measure_words(result).long + suffix), _WIDTH, _SMALL)
    canvas.text(axis.left + _WIDTH / 2, bottom + 34, name, size=_SMALL, anchor="middle", name="axis-title")
    canvas.upright_text(style.MARGIN + 8, (top + bottom) / 2, "Two-sided p value", size=_SMALL)
    canvas.upright_text(axis.right + _SCALE_WIDTH - 4, (top + bottom) / 2, "Level of the interval", size=_SMALL)


def _draw_numbers(canvas: Canvas, result: PooledResult, frame: _Frame) -> None:
    """Write numbers of the studies at their peaks, from left to right, and name them beside the plotting area."""
    rows = sorted(result.rows, key=lambda row: (row.analysis_value, row.study))
    peaks = [frame.x(row.analysis_value) for row in rows]
    places: list[float] = []
    for peak in peaks:
        places.append(max(peak, places[-1] + _NUMBER_GAP) if places else peak)
    for i in range(len(places) - 1, -1, -1):
        after = places[i + 1] - _NUMBER_GAP if i + 1 < len(places) else frame.axis.right
        places[i] = min(places[i], after)
    x, y = frame.axis.right + _SCALE_WIDTH + _LEGEND_GAP, frame.bottom - 14.0 * (len(rows) - 1)
    for number, (row, peak, place) in enumerate(zip(rows, peaks, places, strict=True), start=1):
        canvas.line(peak, frame.top, place, frame.top - 5, stroke=style.RULE, width=0.6, name="leader")
        canvas.text(place, frame.top - 7, f"{number}", size=_SMALL, anchor="middle", name="number")
        name = shorten(one_line(row.study), _LEGEND_WIDTH - 30, _SMALL, middle=True)
        canvas.text(x + 22, y, f"{number}", size=_SMALL, anchor="end", name="number-of")
        canvas.text(x + 30, y, name, size=_SMALL, name="study-name")
        y += 14.0


def _tooltip(result: PooledResult, row: PooledRow) -> str:
    year = f" ({row.year})" if row.year is not None else ""
    return f"{row.study}{year}: {measure_words(result).short} {numbers_for(result).estimate(row)}"


def _draw_legend(
    canvas: Canvas, result: PooledResult, frame: _Frame, pooled: Sequence[_Curve], region: _Curve | None
) -> None:
    x, y = frame.axis.right + _SCALE_WIDTH + _LEGEND_GAP, frame.top + 8
    study = _Curve("Study", 0.0, 1.0, math.inf, style.SKY, 0.9)
    for curve in (study, *pooled):
        canvas.line(x, y - 4, x + 22, y - 4, stroke=curve.stroke, width=curve.width, dashes=curve.dashes)
        canvas.text(x + 30, y, shorten(curve.label, _LEGEND_WIDTH - 30, _SMALL), size=_SMALL, name="legend")
        y += 18
    if region:
        canvas.rect(x, y - 10, 22, 12, fill=_REGION, stroke=style.RULE)
        canvas.text(x + 30, y, "Prediction", size=_SMALL, name="legend")
        y += 18
    if measure_words(result).null is not None:
        canvas.line(x, y - 4, x + 22, y - 4, stroke=style.INK)
        canvas.text(x + 30, y, "No effect", size=_SMALL, name="legend")
        y += 18
    canvas.line(x, y - 4, x + 22, y - 4, stroke=style.MUTED, dashes=style.DOTS)
    canvas.text(x + 30, y, f"p = {1 - result.level:.3g}: {percent(result.level)} intervals", size=_SMALL, name="legend")
