"""Influence panel: eight diagnostics of each study, one above the other, with their conventional limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from hcckb.plots import style
from hcckb.plots.footer import draw_footer
from hcckb.plots.lettering import one_line, shorten, text_width
from hcckb.plots.panel import Panel, padded, panel, upward_ticks
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import figure_title

if TYPE_CHECKING:
    from hcckb.analysis.sensitivity import Sensitivity, WithoutStudy

_HEIGHT, _BETWEEN = 74.0, 26.0
_LEFT = style.MARGIN + 46.0
_GUTTER = 66.0
_STEP, _LEAST, _MOST = 26.0, 250.0, 620.0
_SMALL = style.SMALL_SIZE
_LABEL = 110.0


class _Facet(NamedTuple):
    """One diagnostic: its title, its values, and the lines that belong to it."""

    title: str
    values: list[float]
    centre: float | None
    limits: tuple[float, ...]


def influence_svg(found: Sensitivity[WithoutStudy]) -> str:
    """Draw deleted residual, DFFITS, Cook's distance, covariance ratio, tau2 and Q without the study, hat, weight.

    Parameters
    ----------
    found : Sensitivity of WithoutStudy
        From :func:`hcckb.analysis.sensitivity.influence`.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes. Flagged studies are drawn in red; dashed lines are
        the limits of `hcckb.pooling.influence.influence`, the dotted line is what no influence would give.
    """
    k = len(found.rows)
    breadth = min(_MOST, max(_LEAST, _STEP * k))
    title = f"{figure_title(found.pooled)}, influence of each study"
    canvas = Canvas(f"Influence panel: {title}", f"Eight diagnostics of {k} studies.")
    width = _LEFT + 2 * breadth + _GUTTER + style.MARGIN
    top = draw_title(canvas, title, width) + 20
    facets = _facets(found)
    for index, facet in enumerate(facets):
        left = _LEFT + (index % 2) * (breadth + _GUTTER)
        y = top + (index // 2) * (_HEIGHT + _BETWEEN)
        ends = padded([*facet.values, *([] if facet.centre is None else [facet.centre]), *_near(facet)], 0.1)
        area = panel((-0.5, k - 0.5), ends, (left, y, breadth, _HEIGHT), log=False)
        _draw_facet(canvas, area, facet, [row.influential for row in found.rows])
        if index // 2 == 3:
            _draw_names(canvas, area, [row.study for row in found.rows])
    bottom = top + 4 * (_HEIGHT + _BETWEEN) - _BETWEEN + _names_height(found)
    flagged = [row.study for row in found.rows if row.influential]
    notes = (f"Flagged (red): {', '.join(flagged)}." if flagged else "No study is flagged.",)
    height = draw_footer(canvas, found.pooled, (*notes, *found.notes), bottom + 28, width)
    return canvas.to_svg(width, height)


def _facets(found: Sensitivity[WithoutStudy]) -> list[_Facet]:
    rows, pooled, k = found.rows, found.pooled, len(found.rows)
    fits = 3.0 / math.sqrt(k - 1)
    # Cook's distance whose lower tail area under chi-squared with one degree of freedom is one half.
    half = 0.454936423119572

    def column(name: str) -> list[float]:
        return [float(getattr(row, name)) for row in rows]

    return [
        _Facet("Deleted residual (rstudent)", column("rstudent"), 0.0, (-1.96, 1.96)),
        _Facet("DFFITS", column("dffits"), 0.0, (-fits, fits)),
        _Facet("Cook's distance", column("cook_distance"), 0.0, (half,)),
        _Facet("Covariance ratio", column("covariance_ratio"), 1.0, ()),
        _Facet("τ² without the study", column("tau2"), pooled.tau2, ()),
        _Facet("Q without the study", column("q"), pooled.q, ()),
        _Facet("Hat", column("hat"), 1.0 / k, (3.0 / k,)),
        _Facet("Weight, %", [100 * w for w in column("weight")], 100.0 / k, (300.0 / k,)),
    ]


def _near(facet: _Facet) -> list[float]:
    """Limits that lie close enough to the values to be worth the room."""
    reach = max(facet.values) - min(facet.values) or 1.0
    return [x for x in facet.limits if min(facet.values) - 1.5 * reach <= x <= max(facet.values) + 1.5 * reach]


def _draw_facet(canvas: Canvas, area: Panel, facet: _Facet, flags: list[bool]) -> None:
    left, right = area.across.left, area.across.right
    canvas.rect(left, area.top, right - left, area.bottom - area.top, stroke=style.RULE, name="frame")
    canvas.text(left, area.top - 5, facet.title, size=_SMALL, bold=True, name="facet-title")
    for tick in upward_ticks(area):
        y = area.y(tick.value)
        canvas.line(left - 4, y, left, y, stroke=style.INK, name="tick")
        canvas.text(left - 7, y + 3.5, tick.label, size=_SMALL - 1, anchor="end", name="tick-label")
    for value, dashes in ((facet.centre, style.DOTS), *((x, style.DASHES) for x in _near(facet))):
        if value is not None and area.upward.covers(value):
            canvas.line(left, area.y(value), right, area.y(value), stroke=style.MUTED, dashes=dashes, name="limit")
    points = [(area.x(i), area.y(value)) for i, value in enumerate(facet.values)]
    path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
    canvas.path(path, stroke=style.RULE, name="facet-line")
    for (x, y), flagged in zip(points, flags, strict=True):
        canvas.circle(x, y, 3.2, fill=style.VERMILION if flagged else style.BLUE, stroke=style.WHITE, name="point")


def _draw_names(canvas: Canvas, area: Panel, names: list[str]) -> None:
    """Set the names of the studies upright below the last panel."""
    for i, name in enumerate(names):
        text = shorten(one_line(name), _LABEL, _SMALL - 1)
        x = area.x(i)
        canvas.line(x, area.bottom, x, area.bottom + 4, stroke=style.INK, name="tick")
        middle = area.bottom + 8 + text_width(text, _SMALL - 1) / 2
        canvas.upright_text(x + 3.5, middle, text, size=_SMALL - 1)


def _names_height(found: Sensitivity[WithoutStudy]) -> float:
    names = [shorten(one_line(row.study), _LABEL, _SMALL - 1) for row in found.rows]
    return max(text_width(name, _SMALL - 1) for name in names) + 8
