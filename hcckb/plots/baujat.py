"""Baujat plot: what each study adds to heterogeneity against what it does to the pooled estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.footer import draw_footer
from hcckb.plots.label_places import Box, place_labels
from hcckb.plots.lettering import one_line, shorten, text_width
from hcckb.plots.panel import draw_frame, panel
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import figure_title

if TYPE_CHECKING:
    from hcckb.pooling.baujat import Baujat
    from hcckb.results import PooledResult

_LEFT, _WIDTH, _HEIGHT = style.MARGIN + 52.0, 560.0, 360.0
_MOST_LABELS = 40


def baujat_svg(result: PooledResult, found: Baujat) -> str:
    """Draw the coordinates of each study of a pool, labelled.

    Parameters
    ----------
    result : PooledResult
        The pool.
    found : Baujat
        Coordinates of its rows, in their order.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Notes
    -----
    Source: Baujat et al. 2002, Stat Med 21:2641-2652, doi:10.1002/sim.1221.
    """
    title = f"{figure_title(result)}, heterogeneity and influence"
    canvas = Canvas(f"Baujat plot: {title}", "Contribution of each study to heterogeneity against its influence.")
    width = _LEFT + _WIDTH + style.MARGIN
    top = draw_title(canvas, title, width) + 4
    ranges = [(0.0, 1.12 * max(float(values.max()), 1e-6)) for values in (found.contribution, found.influence)]
    area = panel(ranges[0], ranges[1], (_LEFT, top, _WIDTH, _HEIGHT), log=False)
    common = result.model == "common"
    across = "Contribution to Q" if common else "Squared standardised residual, (y − μ)² / (v + τ²)"
    draw_frame(canvas, area, (across, "Influence on the pooled estimate"))
    places = [(area.x(a), area.y(b)) for a, b in zip(found.contribution, found.influence, strict=True)]
    if result.k <= _MOST_LABELS:
        texts = [shorten(one_line(row.study), 150.0, style.SMALL_SIZE) for row in result.rows]
        sizes = [(text_width(text, style.SMALL_SIZE), style.SMALL_SIZE) for text in texts]
        room = Box(_LEFT + 3, top + 3, _LEFT + _WIDTH - 3, area.bottom - 3)
        for text, box, (x, y) in zip(texts, place_labels(places, sizes, room, []), places, strict=True):
            if box is None:
                continue
            near = box.nearest((x, y))
            if abs(near[0] - x) + abs(near[1] - y) > 12:
                canvas.line(x, y, *near, stroke=style.RULE, width=0.6, name="leader")
            canvas.text(box.left, box.bottom - 1.5, text, size=style.SMALL_SIZE, halo=True, name="point-label")
    for row, (x, y), a, b in zip(result.rows, places, found.contribution, found.influence, strict=True):
        with canvas.group("study-point", tooltip=f"{one_line(row.study)}: contribution {a:.3g}, influence {b:.3g}"):
            canvas.circle(x, y, 4.0, fill=style.SQUARE, stroke=style.WHITE, name="point")
    note = "To the right: far from the pooled estimate for its precision. Above: the pooled estimate moves without it."
    height = draw_footer(canvas, result, (note,), area.bottom + 58, width)
    return canvas.to_svg(width, height)
