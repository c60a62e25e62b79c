"""Figures of subsets and sensitivity: marks where the numbers are, equal bytes, no clipping at hard inputs."""

from __future__ import annotations

import pytest

from hcckb.analysis.gosh import gosh
from hcckb.analysis.multiverse import Variant, multiverse
from hcckb.analysis.sensitivity import baujat_of, cumulative, influence
from hcckb.plots.curve import curve_svg
from hcckb.plots.gosh import gosh_svg
from hcckb.plots.panel import panel, shade, upward_ticks
from hcckb.plots.sensitivity import baujat_svg, entered_svg, influence_svg, left_out_svg
from hcckb.usertable import read_table

ROWS = ["A,-0.4,0.02,2010", "B,-0.2,0.01,2012", "C,-0.25,0.03,2014", "D,-0.9,0.02,2016", "E,0.1,0.05,2018"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("study,yi,vi,year\n" + "\n".join(ROWS) + "\n", encoding="utf-8")
    return read_table(path, "generic")


def test_every_subset_has_a_dot_and_the_studies_are_told_apart(table, parse):
    drawing = parse(gosh_svg(gosh(table, model="common"), study=3))
    assert len(drawing.named("subset")) == 31
    assert len({dot.attrib["fill"] for dot in drawing.named("subset")}) == 2
    assert drawing.texts("legend")[:2] == ["with D", "without D"]
    assert len(drawing.named("density-line")) == 4


def test_many_subsets_are_cells(table, parse, monkeypatch):
    monkeypatch.setattr("hcckb.plots.gosh._FEW", 10)
    drawing = parse(gosh_svg(gosh(table)))
    assert not drawing.named("subset")
    cells = sum(path.attrib["d"].count("M") for path in drawing.named("subsets"))
    assert 10 < cells <= 31


def test_the_curve_rises_and_marks_each_choice_once(table, parse):
    found = multiverse([Variant(view="as given", lines="all", table=table)])
    drawing = parse(curve_svg(found))
    dots = sorted(drawing.named("specification"), key=lambda d: float(d.attrib["cx"]))
    heights = [float(d.attrib["cy"]) for d in dots]
    assert heights == sorted(heights, reverse=True)
    marks = sum(path.attrib["d"].count("M") for path in drawing.named("taken"))
    assert marks == 3 * len(found.specifications)


def test_baujat_stands_where_its_numbers_are(table, parse):
    pooled = influence(table).pooled
    found = baujat_of(pooled)
    points = parse(baujat_svg(pooled, found)).named("point")
    places = [float(p.attrib["cx"]) for p in points]
    assert sorted(range(5), key=lambda i: places[i]) == sorted(range(5), key=lambda i: found.contribution[i])
    heights = [-float(p.attrib["cy"]) for p in points]
    assert sorted(range(5), key=lambda i: heights[i]) == sorted(range(5), key=lambda i: found.influence[i])


def test_flagged_studies_are_red(table, parse):
    found = influence(table)
    points = parse(influence_svg(found)).named("point")
    assert len(points) == 8 * 5
    red = {p.attrib["fill"] for p, row in zip(points[:5], found.rows, strict=True) if row.influential}
    blue = {p.attrib["fill"] for p, row in zip(points[:5], found.rows, strict=True) if not row.influential}
    assert red.isdisjoint(blue)
    assert red


def test_forests_of_pools_have_a_row_each_and_no_weights(table, parse):
    left_out, entered = parse(left_out_svg(influence(table))), parse(entered_svg(cumulative(table)))
    assert left_out.texts("study") == [f"Without {s}" for s in "ABCDE"]
    assert entered.texts("study") == ["A", "+ B", "+ C", "+ D", "+ E"]
    assert "Weight" not in left_out.texts("heading")


def test_equal_input_gives_equal_bytes(table):
    assert gosh_svg(gosh(table)) == gosh_svg(gosh(table))


def test_vertical_ticks_are_round_and_few():
    for low, high in ((0.142, 0.194), (-4.69, 2.56), (0.0, 1e-9), (0.0, 3e5), (9.97, 15.96), (0.91, 1.13)):
        area = panel((0, 1), (low, high), (0, 0, 100, 74), log=False)
        ticks = upward_ticks(area)
        assert 2 <= len(ticks) <= 5
        assert all(low <= t.value <= high for t in ticks)
    assert shade("#0072B2", 1.0) == "#0072B2"
    assert shade("#0072B2", 0.0) == "#FFFFFF"
