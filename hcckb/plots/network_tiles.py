"""Tables of a network as coloured tiles: the league of treatments, the net heat of designs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.lettering import shorten, text_width
from hcckb.plots.network_parts import draw_end, heading, ranked, shade, words
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import rounded

if TYPE_CHECKING:
    from hcckb.analysis.network_results import NetworkResult, Relative

_NAME = 300.0
_SMALL = style.SMALL_SIZE
_LEAST_WIDTH = 460.0
# Colours are full at this quantile of the sizes, so that one far estimate does not bleach the rest.
_FULL = 0.95


def league_svg(result: NetworkResult) -> str:
    """Draw the league table: each tile is its row's treatment against its column's, the best P-score first.

    Blue favours the row, vermilion the column; bold where the interval excludes no effect.

    Parameters
    ----------
    result : NetworkResult
        The fitted network.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.
    """
    names = ranked(result)
    wide = len(names) <= 8
    tile = (78.0, 40.0) if wide else (40.0, 24.0)
    cells = {(r.treatment1, r.treatment2): r for r in result.relative}
    full = _full([abs(r.analysis_estimate) for r in result.relative])
    sign = 1.0 if result.small_is_good else -1.0
    null = 1.0 if result.scale == "log" else 0.0
    title = heading(result)
    canvas = Canvas(f"League table: {title}", f"{len(names)} treatments against one another.")
    labels = [f"{i}  {name}" for i, name in enumerate(names, start=1)]
    left, width = _sides(labels, tile[0])
    top = draw_title(canvas, title, width) + 18
    _draw_labels(canvas, labels, (left, top), tile)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            x, y = left + j * tile[0], top + i * tile[1]
            if i == j:
                canvas.rect(x, y, *tile, fill=style.FAINT, stroke=style.WHITE, name="self")
                continue
            _draw_relative(canvas, cells[one, other], (x, y), tile, sign / full, null)
    notes = (
        f"{words(result)[1]} of the row's treatment against the column's. Blue favours the row, vermilion the column; "
        "bold where the interval excludes no effect. Treatments are in the order of their P-scores.",
    )
    height = draw_end(canvas, result, notes, top + len(names) * tile[1] + 28, width)
    return canvas.to_svg(width, height)


def heat_svg(result: NetworkResult) -> str:
    """Draw the net heat: which design (column) drives the inconsistency of which (row).

    The grey square in a tile is the weight of the column's direct estimate in the row's network estimate. A network
    without a closed loop has no tiles, and the figure says so.

    Parameters
    ----------
    result : NetworkResult
        The fitted network.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.
    """
    title = heading(result)
    canvas = Canvas(f"Net heat: {title}", "Inconsistency between designs, and the designs that drive it.")
    designs = result.heat.designs
    if not designs:
        width = _LEAST_WIDTH
        y = draw_title(canvas, title, width) + 26
        canvas.text(style.MARGIN, y, "No closed loop: no design can disagree with another.", name="nothing")
        return canvas.to_svg(width, draw_end(canvas, result, (), y + 36, width))
    order = _clustered(result.heat.heat)
    heat = [[result.heat.heat[i][j] for j in order] for i in order]
    share = [[result.heat.share[i][j] for j in order] for i in order]
    labels = [f"{i}  {' : '.join(designs[d])}" for i, d in enumerate(order, start=1)]
    tile = (34.0, 34.0) if len(order) <= 20 else (22.0, 22.0)
    left, width = _sides(labels, tile[0])
    top = draw_title(canvas, title, width) + 18
    _draw_labels(canvas, labels, (left, top), tile)
    most = max(*(abs(x) for row in heat for x in row), 1.0)
    for i, row in enumerate(heat):
        for j, value in enumerate(row):
            x, y = left + j * tile[0], top + i * tile[1]
            tip = f"{labels[i]} by {labels[j]}: {value:.2f}, share {share[i][j]:.2f}"
            with canvas.group("tile", tooltip=tip):
                canvas.rect(x, y, *tile, fill=shade(value / most), stroke=style.WHITE, name="heat")
                side = 0.9 * tile[0] * min(1.0, share[i][j]) ** 0.5
                corner = (x + (tile[0] - side) / 2, y + (tile[1] - side) / 2)
                canvas.rect(*corner, side, side, stroke=style.MUTED, name="share")
    notes = (
        "Vermilion: detaching the column's design takes inconsistency from the row; blue: it adds some; full colour is "
        f"a change of Q by {most:.1f}. Outlined squares, by area: weight of the column's direct estimate in the "
        "row's network estimate. Diagonal: the row's own share of Q between designs, at τ² = 0.",
    )
    height = draw_end(canvas, result, notes, top + len(order) * tile[1] + 28, width)
    return canvas.to_svg(width, height)


def _sides(labels: Sequence[str], tile: float) -> tuple[float, float]:
    """Return where the tiles begin, and the width of the figure."""
    left = style.MARGIN + min(_NAME, max(text_width(label, _SMALL) for label in labels)) + 10
    return left, max(_LEAST_WIDTH, left + tile * len(labels) + style.MARGIN)


def _draw_labels(canvas: Canvas, labels: Sequence[str], at: tuple[float, float], tile: tuple[float, float]) -> None:
    left, top = at
    for i, label in enumerate(labels):
        y = top + (i + 0.5) * tile[1] + 4
        canvas.text(left - 8, y, shorten(label, _NAME, _SMALL), size=_SMALL, anchor="end", name="label")
        number = label.split(" ", 1)[0]
        canvas.text(left + (i + 0.5) * tile[0], top - 6, number, size=_SMALL, anchor="middle", name="label")


def _draw_relative(
    canvas: Canvas, r: Relative, at: tuple[float, float], tile: tuple[float, float], scale: float, null: float
) -> None:
    (x, y), (w, h) = at, tile
    bold = not r.ci_lower <= null <= r.ci_upper
    interval = f"{rounded(r.ci_lower)} to {rounded(r.ci_upper)}"
    with canvas.group("tile", tooltip=f"{r.treatment1} vs {r.treatment2}: {rounded(r.estimate)} ({interval})"):
        canvas.rect(x, y, w, h, fill=shade(0.6 * r.analysis_estimate * scale), stroke=style.WHITE, name="relative")
        if w < 60:
            canvas.text(x + w / 2, y + h / 2 + 3.5, rounded(r.estimate), size=9.5, anchor="middle", bold=bold)
            return
        canvas.text(x + w / 2, y + h / 2 - 2, rounded(r.estimate), size=_SMALL, anchor="middle", bold=bold)
        canvas.text(x + w / 2, y + h / 2 + 11, interval, size=9.0, anchor="middle")


def _full(sizes: Sequence[float]) -> float:
    ordered = sorted(sizes)
    return max(ordered[int(_FULL * (len(ordered) - 1))], 1e-12)


def _clustered(heat: Sequence[Sequence[float]]) -> list[int]:
    """Order designs so that those with like columns stand together: complete linkage of absolute differences."""
    if len(heat) < 3:
        return list(range(len(heat)))
    import numpy as np
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import pdist

    columns = np.array(heat).T
    return [int(i) for i in leaves_list(linkage(pdist(columns, "cityblock"), "complete"))]
