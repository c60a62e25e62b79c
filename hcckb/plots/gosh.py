"""GOSH plot: I2 against the pooled estimate of every subset of the studies, with marginal densities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hcckb.analysis.scales import scale_of
from hcckb.plots import style
from hcckb.plots.footer import draw_footer
from hcckb.plots.lettering import one_line, shorten
from hcckb.plots.panel import Panel, draw_frame, padded, panel, shade
from hcckb.plots.svg import Canvas, draw_title, number
from hcckb.plots.wording import figure_title, measure_words

if TYPE_CHECKING:
    from hcckb.analysis.gosh import GoshResult

_LEFT, _SIDE, _GAP = style.MARGIN + 52.0, 64.0, 8.0
_WIDTH, _HEIGHT, _LEGEND = 430.0, 330.0, 168.0
_CELL = 2.5
_SHADES = (0.3, 0.45, 0.6, 0.8, 1.0)
_FEW = 600
_BINS = 120
_Floats = NDArray[np.float64]


def gosh_svg(result: GoshResult, *, study: int | None = None) -> str:
    """Draw I2 against the estimate of each subset; darker where subsets lie close together.

    Parameters
    ----------
    result : GoshResult
        From :func:`hcckb.analysis.gosh.gosh`.
    study : int, optional
        Index of a study in the pool: subsets that hold it are drawn in another colour.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Notes
    -----
    Source: Olkin, Dahabreh & Trikalinos 2012, Res Synth Methods 3:214-223, doi:10.1002/jrsm.1053.
    """
    pooled = result.pooled
    title = f"{figure_title(pooled)}, {'all' if result.every else 'some'} subsets of the studies"
    canvas = Canvas(f"GOSH plot: {title}", f"I2 against the pooled estimate of {result.subsets} subsets.")
    width = _LEFT + _WIDTH + _GAP + _SIDE + _LEGEND + style.MARGIN
    top = draw_title(canvas, title, width) + _SIDE + _GAP
    log = pooled.scale == "log"
    x = np.asarray(result.found.estimate, dtype=np.float64)
    if not log:
        x = scale_of(pooled).back_all(x)
    y = np.asarray(result.found.i2, dtype=np.float64)
    low, high = padded([float(x.min()), float(x.max())])
    ends = (math.exp(low), math.exp(high)) if log else (low, high)
    area = panel(ends, (-0.03, 1.03), (_LEFT, top, _WIDTH, _HEIGHT), log=log)
    places = _LEFT + (x - low) / (high - low) * _WIDTH, area.bottom - (y + 0.03) / 1.06 * _HEIGHT
    held = np.zeros(len(x), dtype=np.bool_) if study is None else result.found.holds(study)
    _draw_points(canvas, places, held)
    _draw_pooled(canvas, area, result)
    words = measure_words(pooled)
    draw_frame(canvas, area, (words.long + (" (log scale)" if log else ""), "I²"), percent=True)
    _draw_densities(canvas, area, places, held)
    _draw_legend(canvas, result, study, (_LEFT + _WIDTH + _GAP + _SIDE + 14.0, top + 8.0))
    height = draw_footer(canvas, pooled, result.notes, area.bottom + 58, width)
    return canvas.to_svg(width, height)


def _draw_points(canvas: Canvas, places: tuple[_Floats, _Floats], held: NDArray[np.bool_]) -> None:
    """Draw each subset as a dot, or many as cells of a fine grid: darker where more fall, coloured as most."""
    if len(held) <= _FEW:
        for x, y, inside in zip(*places, held, strict=True):
            canvas.circle(x, y, 2.4, fill=shade(style.VERMILION if inside else style.BLUE, 0.75), name="subset")
        return
    column, row = (np.floor(p / _CELL).astype(np.int64) for p in places)
    codes, where, count = np.unique(column * 10_000 + row, return_inverse=True, return_counts=True)
    mostly = 2 * np.bincount(where, weights=held) > count
    rank = np.log1p(count) / np.log1p(count.max()) * len(_SHADES)
    level = np.clip(rank.astype(np.int64), 0, len(_SHADES) - 1)
    corners = np.stack([codes // 10_000, codes % 10_000], axis=1) * _CELL
    for step, strength in enumerate(_SHADES):
        for side, colour in ((False, style.BLUE), (True, style.VERMILION)):
            chosen = corners[(level == step) & (mostly == side)].tolist()
            if chosen:
                squares = "".join(f"M{number(x)} {number(y)}h{_CELL}v{_CELL}h-{_CELL}z" for x, y in chosen)
                canvas.path(squares, fill=shade(colour, strength), stroke="none", name="subsets")


def _draw_pooled(canvas: Canvas, area: Panel, result: GoshResult) -> None:
    x = area.x(result.pooled.estimate)
    canvas.line(
        x, area.top, x, area.bottom, stroke=style.INK, width=style.STROKE, dashes=style.DOTS, name="pooled-line"
    )
    canvas.circle(x, area.y(result.pooled.i2), 4.0, fill=style.WHITE, stroke=style.INK, name="pooled")


def _draw_densities(canvas: Canvas, area: Panel, places: tuple[_Floats, _Floats], held: NDArray[np.bool_]) -> None:
    """Draw the densities of the estimate above the panel and of I2 beside it, one for each colour."""
    groups = [(~held, style.BLUE), (held, style.VERMILION)]
    shown = [(mask, colour) for mask, colour in groups if mask.any()]
    left, right, top, bottom = area.across.left, area.across.right, area.top, area.bottom
    for values, ends, upright in ((places[0], (left, right), False), (places[1], (top, bottom), True)):
        curves = [(_density(values[mask], ends) * mask.mean(), colour) for mask, colour in shown]
        highest = max(float(curve.max()) for curve, _ in curves)
        lines = [(_outline(curve / highest * (_SIDE - 6), area, upright=upright), colour) for curve, colour in curves]
        for points, colour in lines:
            canvas.polygon(points, fill=shade(colour, 0.25), name="density")
        for points, colour in lines:
            inner = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in points[1:-1])
            canvas.path(inner, stroke=colour, width=style.STROKE, name="density-line")


def _outline(away: _Floats, area: Panel, *, upright: bool) -> list[tuple[float, float]]:
    """Lay a density on its side of the panel, from foot to foot."""
    foot = area.across.right + _GAP if upright else area.top - _GAP
    ends = (area.top, area.bottom) if upright else (area.across.left, area.across.right)
    along = np.linspace(*ends, _BINS).tolist()
    if upright:
        return [(foot, ends[0]), *((foot + d, a) for a, d in zip(along, away.tolist(), strict=True)), (foot, ends[1])]
    return [(ends[0], foot), *((a, foot - d) for a, d in zip(along, away.tolist(), strict=True)), (ends[1], foot)]


def _density(values: _Floats, ends: tuple[float, float]) -> _Floats:
    """Smooth a histogram by a normal kernel of two bins."""
    count, _ = np.histogram(values, bins=_BINS, range=ends)
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach / 2.0) ** 2)
    return np.convolve(count, kernel / kernel.sum(), mode="same") / max(1, len(values))


def _draw_legend(canvas: Canvas, result: GoshResult, study: int | None, place: tuple[float, float]) -> None:
    x, y = place
    small = style.SMALL_SIZE
    entries = [(style.BLUE, f"{result.subsets:,} subsets")]
    if study is not None:
        name = shorten(one_line(result.pooled.rows[study].study), _LEGEND - 70, small)
        entries = [(style.VERMILION, f"with {name}"), (style.BLUE, f"without {name}")]
    for colour, text in entries:
        canvas.rect(x, y - 9, 11, 11, fill=colour)
        canvas.text(x + 18, y, text, size=small, name="legend")
        y += 18
    canvas.circle(x + 5.5, y - 4, 4.0, fill=style.WHITE, stroke=style.INK)
    canvas.text(x + 18, y, "all studies", size=small, name="legend")
