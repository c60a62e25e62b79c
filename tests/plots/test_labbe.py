"""L'Abbé plots: circles at the risks of both arms, the curve of the pooled effect."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from hcckb.analysis.pool import pool
from hcckb.errors import EmptySelectionError, UsageError
from hcckb.plots import save_labbe
from hcckb.plots.labbe import labbe_svg
from hcckb.usertable import read_table
from tests.plots.figure_cases import Drawing

TABLES = Path(__file__).parents[1] / "data" / "tables"
MEASURES = ("risk-ratio", "odds-ratio", "risk-difference", "peto-odds-ratio")


def pooled(measure: str, name: str = "figure-counts", **method):
    table = read_table(TABLES / f"{name}.csv", measure)
    return pool(table, **method), table.rows


def scale(drawing: Drawing):
    """Turn places into risks, by the line of equal risks, which runs over the whole axis."""
    (null,) = drawing.named("null")
    x1, y1 = (float(null.attrib[n]) for n in ("x1", "y1"))
    labels = [float(t.rstrip("%")) / 100 for t in drawing.texts("tick-label")]
    ticks = sorted({float(t.attrib["x1"]) for t in drawing.named("tick") if t.attrib["x1"] == t.attrib["x2"]})
    values = sorted(set(labels))
    unit = (values[-1] - values[0]) / (ticks[-1] - ticks[0])
    return lambda x, y: (values[0] + (x - ticks[0]) * unit, values[0] + (x1 - ticks[0]) * unit + (y1 - y) * unit)


def path_points(element):
    return [tuple(map(float, pair.split(","))) for pair in element.attrib["d"][1:].split("L")]


@pytest.mark.parametrize("measure", MEASURES)
def test_circles_stand_at_the_risks_of_both_arms_and_their_area_is_the_weight(measure: str):
    result, rows = pooled(measure)
    drawing = Drawing(labbe_svg(result, rows))
    to_risks = scale(drawing)
    circles = drawing.named("circle")
    by_weight = sorted(zip(result.rows, rows, strict=True), key=lambda pair: -pair[0].weight)
    for circle, (row, table) in zip(circles, by_weight, strict=True):
        found = to_risks(float(circle.attrib["cx"]), float(circle.attrib["cy"]))
        risks = (table.events_comparator / table.n_comparator, table.events_experimental / table.n_experimental)
        assert found == pytest.approx(risks, abs=2e-4)
        heaviest = float(circles[0].attrib["r"])
        area = (float(circle.attrib["r"]) / heaviest) ** 2
        assert area == pytest.approx(row.weight / by_weight[0][0].weight, abs=0.01) or float(circle.attrib["r"]) == 2.5


@pytest.mark.parametrize("measure", MEASURES)
def test_every_point_of_the_curve_has_the_pooled_effect(measure: str):
    result, rows = pooled(measure)
    drawing = Drawing(labbe_svg(result, rows))
    to_risks = scale(drawing)
    (line,) = drawing.named("pooled-line")
    points = [to_risks(*place) for place in path_points(line)]
    assert len(points) > 40
    for x, y in points:
        if min(x, y) < 0.02:
            continue
        effect = {
            "risk-ratio": lambda x, y: y / x,
            "risk-difference": lambda x, y: y - x,
        }.get(measure, lambda x, y: y / (1 - y) / (x / (1 - x)))(x, y)
        assert effect == pytest.approx(result.estimate, abs=0.01)


def test_a_curve_that_leaves_the_square_ends_at_its_border():
    result, rows = pooled("risk-difference")
    drawing = Drawing(labbe_svg(result, rows))
    to_risks = scale(drawing)
    (line,) = drawing.named("pooled-line")
    start = to_risks(*path_points(line)[0])
    assert start == pytest.approx((-result.estimate, 0.0), abs=2e-4)


def test_risks_that_are_all_high_do_not_start_at_0():
    result, rows = pooled("risk-ratio")
    high = [replace(r, events_experimental=r.n_experimental - 9, events_comparator=r.n_comparator - 1) for r in rows]
    drawing = Drawing(labbe_svg(result, high))
    assert min(float(t.rstrip("%")) for t in drawing.texts("tick-label")) > 50
    assert drawing.overflowing() == []


@pytest.mark.parametrize("name", ["bcg-counts", "yusuf-counts", "figure-counts"])
def test_nothing_leaves_the_figure_nor_a_circle_the_frame(name: str):
    result, rows = pooled("odds-ratio", name)
    drawing = Drawing(labbe_svg(result, rows))
    assert drawing.overflowing() == []
    (frame,) = drawing.named("frame")
    left, top, width, height = (float(frame.attrib[n]) for n in ("x", "y", "width", "height"))
    for circle in drawing.named("circle"):
        x, y, r = (float(circle.attrib[n]) for n in ("cx", "cy", "r"))
        assert left <= x - r
        assert x + r <= left + width
        assert top <= y - r
        assert y + r <= top + height


def test_few_circles_are_named_and_all_have_the_counts_in_a_tooltip():
    result, rows = pooled("risk-ratio")
    svg = labbe_svg(result, rows)
    assert sorted(Drawing(svg).texts("point-label")) == sorted(row.study for row in rows)
    assert "Hazel: 3/95 (3.2%) vs 10/90 (11.1%); RR 0.28" in svg


def test_one_study_has_no_curve():
    result, rows = pooled("risk-ratio")
    one = replace(result, rows=result.rows[:1], k=1)
    drawing = Drawing(labbe_svg(one, rows[:1]))
    assert not drawing.named("pooled-line")
    assert not drawing.named("band")
    assert len(drawing.named("circle")) == 1


def test_other_measures_other_tables_and_no_rows_are_refused():
    result, rows = pooled("risk-ratio")
    with pytest.raises(UsageError, match="not hazard-ratio"):
        labbe_svg(replace(result, measure="hazard-ratio"), rows)
    with pytest.raises(UsageError, match="in their order"):
        labbe_svg(result, rows[::-1])
    with pytest.raises(EmptySelectionError):
        labbe_svg(replace(result, rows=()), [])


def test_it_is_written_by_suffix_and_on_the_command_line(tmp_path: Path, command):
    result, rows = pooled("risk-ratio", model="common")
    assert save_labbe(result, rows, tmp_path / "a.svg").read_text().startswith("<svg")
    counts = ("--data", TABLES / "figure-counts.csv", "--measure", "OR")
    done = command("pool", *counts, "--labbe", tmp_path / "b.svg", "--drapery", tmp_path / "c.svg")
    assert done.code == 0
    assert {p.name for p in tmp_path.iterdir()} == {"a.svg", "b.svg", "c.svg"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--data", TABLES / "figure-ratios.csv", "--measure", "HR"),
        ("--data", TABLES / "pritz-proportions.csv", "--measure", "proportion"),
    ],
)
def test_a_table_without_counts_of_two_arms_is_refused(command, tmp_path: Path, arguments):
    done = command("pool", *arguments, "--labbe", tmp_path / "a.svg")
    assert done.code == 2
    assert "--labbe needs events and participants of both arms" in done.err
    assert not list(tmp_path.iterdir())


def test_arcsine_differences_have_a_curve_too():
    result, rows = pooled("arcsine-difference")
    drawing = Drawing(labbe_svg(result, rows))
    to_risks = scale(drawing)
    (line,) = drawing.named("pooled-line")
    for x, y in (to_risks(*place) for place in path_points(line)[5:]):
        assert math.asin(math.sqrt(y)) - math.asin(math.sqrt(x)) == pytest.approx(result.estimate, abs=0.003)
