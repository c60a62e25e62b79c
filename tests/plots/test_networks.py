"""Figures of networks: what is drawn where, for a network with loops, a star and a single trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hcckb.analysis.network import NetworkMethod, network
from hcckb.errors import UsageError
from hcckb.evidence import select
from hcckb.plots.network_forest import network_forest_svg
from hcckb.plots.network_funnel import adjusted_funnel_svg
from hcckb.plots.network_graph import graph_svg
from hcckb.plots.network_parts import shade
from hcckb.plots.network_tiles import heat_svg, league_svg
from hcckb.plots.networks import save_network
from hcckb.plots.rankogram import rankogram_svg
from hcckb.usertable_network import read_network_table

SENN = Path(__file__).parents[1] / "data" / "tables" / "network-senn2013.csv"
DRAWN = (graph_svg, network_forest_svg, rankogram_svg, league_svg, heat_svg, adjusted_funnel_svg)


@pytest.fixture(scope="module")
def senn():
    return network(read_network_table(SENN, "mean-difference"), reference="Placebo")


@pytest.fixture(scope="module")
def star(kb):
    return network(select(kb, "second-line-placebo", endpoint="OS"))


@pytest.fixture(scope="module")
def single(kb):
    table = select(kb, "second-line-placebo", endpoint="OS")
    return network(replace(table, rows=tuple(r for r in table if r.study == "RESORCE")))


@pytest.mark.parametrize("draw", DRAWN)
def test_every_network_has_every_figure_and_the_same_bytes(senn, star, single, parse, draw):
    for result in (senn, star, single):
        svg = draw(result)
        assert svg == draw(result)
        drawing = parse(svg)
        assert drawing.named("title")
        assert drawing.named("footer")


def test_nodes_grow_with_participants_and_lines_with_studies(star, parse):
    drawing = parse(graph_svg(star))
    radii = dict(zip(star.treatments, (float(p.attrib["r"]) for p in drawing.named("point")), strict=True))
    sizes = {n.treatment: n.n for n in star.nodes}
    assert max(radii, key=radii.get) == max(sizes, key=sizes.get) == "Placebo"
    assert radii["Regorafenib"] / radii["Placebo"] == pytest.approx(
        (sizes["Regorafenib"] / sizes["Placebo"]) ** 0.5, 0.01
    )
    widths = [float(e.attrib["stroke-width"]) for e in drawing.named("edge")]
    assert len(set(widths)) == len({c.k for c in star.comparisons})


def test_the_hub_of_a_star_stands_in_the_middle(star, senn, parse):
    def places(result):
        points = parse(graph_svg(result)).named("point")
        return {
            name: (float(p.attrib["cx"]), float(p.attrib["cy"]))
            for name, p in zip(result.treatments, points, strict=True)
        }

    rim = places(star)
    hub = rim.pop("Placebo")
    distances = {round(((x - hub[0]) ** 2 + (y - hub[1]) ** 2) ** 0.5, 1) for x, y in rim.values()}
    assert len(distances) == 1
    assert places(senn)["Acarbose"][1] == min(y for _, y in places(senn).values())


def test_the_forest_has_a_row_for_each_treatment_but_the_reference(star, parse):
    drawing = parse(network_forest_svg(star))
    assert len(drawing.named("estimate")) == len(star.treatments) - 1
    assert len(drawing.named("prediction")) == len(star.treatments) - 1
    common = replace(
        star, relative=tuple(replace(r, prediction_lower=None, prediction_upper=None) for r in star.relative)
    )
    assert not parse(network_forest_svg(common)).named("prediction")


def test_the_league_has_a_tile_for_each_pair(star, parse):
    drawing = parse(league_svg(star))
    n = len(star.treatments)
    assert (len(drawing.named("relative")), len(drawing.named("self"))) == (n * n - n, n)


def test_the_heat_has_a_tile_for_each_pair_of_designs_in_loops(senn, star, parse):
    assert len(parse(heat_svg(senn)).named("heat")) == 11 * 11
    assert not parse(heat_svg(star)).named("heat")
    assert "No closed loop" in heat_svg(star)


def test_panels_of_ranks_need_draws(senn, parse):
    bars = parse(rankogram_svg(senn)).named("bar")
    assert len(bars) == sum(p > 0 for row in senn.ranks.probability.values() for p in row)
    table = read_network_table(SENN, "mean-difference")
    with pytest.raises(UsageError, match="--rank-samples"):
        rankogram_svg(network(table, method=NetworkMethod(samples=0)))


def test_shades_run_from_blue_by_white_to_vermilion():
    assert (shade(-1), shade(0), shade(1), shade(2)) == ("#0072B2", "#FFFFFF", "#D55E00", "#D55E00")


def test_an_unknown_figure_is_refused(star, tmp_path):
    with pytest.raises(UsageError, match="there are plot, forest"):
        save_network(star, "pie", tmp_path / "x.svg")


def test_a_line_bends_round_a_treatment_in_its_way(tmp_path, parse):
    path = tmp_path / "wheel.csv"
    rows = ["T1,A,Hub", "T2,B,Hub", "T3,C,Hub", "T4,D,Hub", "T5,A,C"]
    path.write_text(
        "study,treatment1,treatment2,te,sete\n" + "".join(f"{row},-0.2,0.1\n" for row in rows), encoding="utf-8"
    )
    result = network(read_network_table(path, "hazard-ratio"), reference="Hub")
    drawing = parse(graph_svg(result))
    edges = drawing.named("edge")
    assert len(edges) == 5
    arcs = [e for e in edges if "Q" in e.attrib.get("d", "")]
    hub = dict(zip(result.treatments, drawing.named("point"), strict=True))["Hub"]
    cx, cy, r = (float(hub.attrib[name]) for name in ("cx", "cy", "r"))
    ((x1, y1), (xc, yc), (x2, y2)) = _points(arcs[0].attrib["d"])
    middle = (x1 + 2 * xc + x2) / 4 - cx, (y1 + 2 * yc + y2) / 4 - cy
    assert (middle[0] ** 2 + middle[1] ** 2) ** 0.5 > r
    assert len(arcs) == 1


def _points(path):
    numbers = [float(x) for x in path.replace("M", " ").replace("Q", " ").split()]
    return list(zip(numbers[::2], numbers[1::2], strict=True))
