"""The graph of a network: treatments on a circle, comparisons as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.lettering import text_width, wrap
from hcckb.plots.network_parts import draw_end, heading
from hcckb.plots.svg import Canvas, draw_title, number

if TYPE_CHECKING:
    import networkx as nx

    from hcckb.analysis.network_results import NetworkResult, Node

_LABEL = 150.0
_SMALL = style.SMALL_SIZE
_LARGEST, _LEAST = 22.0, 5.0
_WIDEST = 9.0
_GAP = 6.0
# From so many treatments on a star has its hub in the middle.
_STAR = 5
_Bend = tuple[float, float] | None


def graph_svg(result: NetworkResult) -> str:
    """Draw who was compared with whom: area of a node by participants, width of a line by studies.

    Parameters
    ----------
    result : NetworkResult
        The fitted network.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Notes
    -----
    Where a treatment's participants are not all known, areas follow the number of studies. Positions are
    networkx's circular layout, from the top clockwise; a treatment compared with all others, which hardly meet one
    another, stands in the middle.
    """
    radius = max(130.0, 12.5 * len(result.treatments))
    center_x = style.MARGIN + _LABEL + _LARGEST + _GAP + radius
    width = 2 * center_x
    title = heading(result)
    canvas = Canvas(f"Network: {title}", f"{len(result.treatments)} treatments and the studies that compare them.")
    top = draw_title(canvas, title, width)
    center_y = top + 24 + _LARGEST + radius
    places = _places(result, center_x, center_y, radius)
    _draw_lines(canvas, result, places)
    _draw_nodes(canvas, result, places)
    for node in result.nodes:
        _draw_label(canvas, node, places[node.treatment], (center_x, center_y), _radius(node, result))
    notes = (
        f"Area of a circle: {'participants' if _sized(result) else 'studies'}; width of a line, and the number on it "
        f"where it is more than one: studies. {result.reference} (vermilion) is the reference.",
    )
    height = draw_end(canvas, result, notes, center_y + radius + _LARGEST + 48, width)
    return canvas.to_svg(width, height)


def _places(result: NetworkResult, x: float, y: float, radius: float) -> Mapping[str, tuple[float, float]]:
    import networkx as nx

    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(result.treatments)
    graph.add_edges_from((c.treatment1, c.treatment2) for c in result.comparisons)
    hub = _hub(graph)
    rim = [name for name in result.treatments if name != hub]
    circle: nx.Graph[str] = nx.Graph()
    circle.add_nodes_from(rim)
    found = {name: (float(p[0]), float(p[1])) for name, p in nx.circular_layout(circle).items()}
    if hub is not None:
        found[hub] = (0.0, 0.0)
    # A quarter turn puts the first treatment on top.
    return {name: (x + radius * p[1], y - radius * p[0]) for name, p in found.items()}


def _hub(graph: nx.Graph[str]) -> str | None:
    """Name the treatment in the middle of a star: compared with all others, which hardly meet one another."""
    n = graph.number_of_nodes()
    for name in graph:
        if n >= _STAR and graph.degree[name] == n - 1 and all(graph.degree[o] <= 2 for o in graph if o != name):
            return name
    return None


def _sized(result: NetworkResult) -> bool:
    return all(node.n for node in result.nodes)


def _radius(node: Node, result: NetworkResult) -> float:
    sized = _sized(result)
    sizes = [(n.n if sized else n.k) or 0 for n in result.nodes]
    own = (node.n if sized else node.k) or 0
    return max(_LEAST, _LARGEST * math.sqrt(own / max(sizes)))


def _draw_lines(canvas: Canvas, result: NetworkResult, places: Mapping[str, tuple[float, float]]) -> None:
    most = max(c.k for c in result.comparisons)
    step = min(2.0, (_WIDEST - style.STROKE) / max(1, most - 1))
    pairs = [(c.treatment1, c.treatment2) for c in result.comparisons]
    bends = {pair: _bend(result, places, pair) for pair in pairs}
    for c in result.comparisons:
        (x1, y1), (x2, y2) = places[c.treatment1], places[c.treatment2]
        studies = ", ".join(c.studies)
        with canvas.group("comparison", tooltip=f"{c.treatment1} vs {c.treatment2}: {c.k} ({studies})"):
            width = style.STROKE + step * (c.k - 1)
            bend = bends[c.treatment1, c.treatment2]
            if bend is None:
                canvas.line(x1, y1, x2, y2, stroke=style.RULE, width=width, name="edge")
            else:
                arc = f"M{number(x1)} {number(y1)}Q{number(bend[0])} {number(bend[1])} {number(x2)} {number(y2)}"
                canvas.path(arc, stroke=style.RULE, width=width, name="edge")
    for c in result.comparisons:
        if c.k > 1:
            (x1, y1), (x2, y2) = places[c.treatment1], places[c.treatment2]
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            bend = bends[c.treatment1, c.treatment2]
            if bend is not None:
                x, y = (x + bend[0]) / 2, (y + bend[1]) / 2
            canvas.text(x, y + 4, str(c.k), size=_SMALL, anchor="middle", halo=True)


def _bend(result: NetworkResult, places: Mapping[str, tuple[float, float]], pair: tuple[str, str]) -> _Bend:
    """Return the control point of a line that would pass under the circle of a third treatment, else None."""
    (x1, y1), (x2, y2) = places[pair[0]], places[pair[1]]
    length = math.hypot(x2 - x1, y2 - y1)
    along = (x2 - x1) / length, (y2 - y1) / length
    for node in result.nodes:
        if node.treatment in pair:
            continue
        x, y = places[node.treatment]
        onward = (x - x1) * along[0] + (y - y1) * along[1]
        aside = (x - x1) * along[1] - (y - y1) * along[0]
        clear = _radius(node, result) + _GAP
        if 0 < onward < length and abs(aside) < clear:
            # Away from that circle, or above it where the line goes through its middle: its name stands below.
            side = aside < 0 if abs(aside) > 1.0 else along[0] >= 0
            away = 3 * clear if side else -3 * clear
            return (x1 + x2) / 2 + away * along[1], (y1 + y2) / 2 - away * along[0]
    return None


def _draw_nodes(canvas: Canvas, result: NetworkResult, places: Mapping[str, tuple[float, float]]) -> None:
    for node in result.nodes:
        size = "" if node.n is None else f", {node.n:,} participants"
        studies = "1 study" if node.k == 1 else f"{node.k} studies"
        with canvas.group("node", tooltip=f"{node.treatment}: {studies}{size}"):
            fill = style.POOLED if node.treatment == result.reference else style.SQUARE
            canvas.circle(*places[node.treatment], _radius(node, result), fill=fill, stroke=style.WHITE, name="point")


def _draw_label(
    canvas: Canvas, node: Node, place: tuple[float, float], center: tuple[float, float], size: float
) -> None:
    """Set a label outside the circle: in the middle above or below it, else to the side."""
    x, y = place
    lines = wrap(node.treatment, _LABEL, _SMALL, max_lines=2)
    height = _SMALL * style.LINE_HEIGHT
    side = x - center[0]
    if abs(side) < 1.0:
        below = y + size + _GAP + _SMALL * style.ASCENT
        first = below if y >= center[1] else y - size - _GAP - height * (len(lines) - 1)
        anchor, start = "middle", x
    else:
        first = y + _SMALL * style.ASCENT / 2 - height * (len(lines) - 1) / 2
        anchor, start = ("start", x + size + _GAP) if side > 0 else ("end", x - size - _GAP)
    if (x, y) == center:  # lines pass under the name of a hub
        wide = max(text_width(line, _SMALL) for line in lines) + 6
        canvas.rect(x - wide / 2, first - _SMALL, wide, height * len(lines) + 2, fill=style.WHITE, radius=3.0)
    for i, line in enumerate(lines):
        canvas.text(start, first + i * height, line, size=_SMALL, anchor=anchor, halo=True, name="label")
