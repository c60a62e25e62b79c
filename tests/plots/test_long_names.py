"""Names of studies stay apart from each other, however long."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hcckb.plots.axis import Axis
from hcckb.plots.effect_ticks import effect_ticks
from hcckb.plots.forest import forest_svg
from hcckb.plots.funnel import funnel_svg
from hcckb.plots.label_places import Box, place_labels
from hcckb.plots.lettering import text_width

LONG = "Randomised double-blind placebo-controlled multicentre trial of second-line targeted therapy in liver cancer"


def studies(names: list[str]):
    return [{"study": name, "value": (0.8, 0.6, 1.07), "year": 2000 + i} for i, name in enumerate(names)]


def shown(drawing) -> list[str]:
    """The names of a forest plot, lines of one row joined."""
    rows = []
    for row in drawing.named("study-row"):
        rows.append(" ".join(e.text or "" for e in row.iter() if e.get("class") == "study"))
    return rows


@pytest.mark.parametrize(
    "name", [LONG + ", cohort {}", "{} " + LONG, LONG + " {} " + LONG], ids=["end", "start", "middle"]
)
def test_forty_long_names_that_differ_in_one_place_are_told_apart(make_result, parse, name: str):
    drawing = parse(forest_svg(make_result(studies([name.format(i) for i in range(40)]))))
    assert len(set(shown(drawing))) == 40
    assert drawing.overflowing() == []


def test_a_long_name_takes_two_lines_where_that_tells_it_apart(make_result, parse):
    drawing = parse(forest_svg(make_result(studies([f"{LONG}, cohort {i}" for i in range(3)]))))
    assert len(drawing.texts("study")) == 6
    assert all(text.endswith(f"cohort {i}") for i, text in enumerate(shown(drawing)))


def test_labels_of_points_are_cut_in_the_middle(make_result, parse):
    drawing = parse(funnel_svg(make_result(studies([f"{LONG}, cohort {i}" for i in range(3)]))))
    assert sorted(label[-1] for label in drawing.texts("point-label")) == ["0", "1", "2"]


def test_labels_keep_clear_of_large_points():
    points, radii = [(100.0, 100.0), (160.0, 100.0)], [30.0, 5.0]
    boxes = place_labels(points, [(40.0, 10.0)] * 2, Box(0.0, 0.0, 300.0, 200.0), [], radii)
    circle = Box(70.0, 70.0, 130.0, 130.0)
    assert all(box is not None and not box.overlaps(circle) for box in boxes)


@pytest.mark.parametrize(("low", "high"), [(-7.0, 7.0), (-1.0, 4.0), (0.4, 1.2), (2.0, 9.0)])
def test_ticks_of_proportions_stand_clear_and_inside(low: float, high: float):
    axis = Axis(low, high, 0.0, 400.0, log=False)
    ticks = effect_ticks(axis, "logit", 10.5)
    assert len(ticks) >= 3
    assert all(axis.covers(tick.value) for tick in ticks)
    spans = [(axis.position(t.value), text_width(t.label, 10.5) / 2) for t in ticks]
    assert all(x2 - w2 > x1 + w1 for (x1, w1), (x2, w2) in pairwise(spans))


def test_ticks_of_proportions_sit_at_their_transformed_values_and_other_scales_keep_theirs():
    axis = Axis(0.0, 1.5, 0.0, 400.0, log=False)
    half = next(t for t in effect_ticks(axis, "arcsine", 10.5) if t.label == "0.5")
    assert half.value == pytest.approx(0.7853981633974483)
    assert effect_ticks(axis, "freeman-tukey", 10.5) == axis.ticks(10.5)
    assert effect_ticks(Axis(20.0, 21.0, 0.0, 400.0, log=False), "logit", 10.5)[0].value == 20.0
