"""Funnel plots: points, limits, regions of significance, labels that keep clear."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError
from hcckb.plots.funnel import funnel_svg
from hcckb.plots.label_places import Box, place_labels
from tests.plots.figure_cases import SEVEN, Drawing, pooled


def test_precise_estimates_stand_on_top(seven, parse):
    points = parse(funnel_svg(seven)).named("point")
    heights = [float(p.attrib["cy"]) for p in points]
    by_error = sorted(range(7), key=lambda i: seven.rows[i].se)
    assert sorted(range(7), key=lambda i: heights[i]) == by_error


def test_smaller_ratios_stand_to_the_left(seven, parse):
    places = [float(p.attrib["cx"]) for p in parse(funnel_svg(seven)).named("point")]
    assert sorted(range(7), key=lambda i: places[i]) == sorted(range(7), key=lambda i: seven.rows[i].value)


def test_limits_open_from_the_pooled_estimate_at_1_96_standard_errors(seven, parse):
    drawing = parse(funnel_svg(seven))
    (pooled_line,) = drawing.named("pooled-line")
    points = drawing.named("point")
    x1, x2 = (float(points[i].attrib["cx"]) for i in (0, 3))
    y1, y2 = (float(points[i].attrib["cy"]) for i in (2, 1))
    per_effect = (x1 - x2) / (seven.rows[0].analysis_value - seven.rows[3].analysis_value)
    per_error = (y1 - y2) / (seven.rows[2].se - seven.rows[1].se)
    for limit in drawing.named("pseudo-limit"):
        assert limit.attrib["x1"] == pooled_line.attrib["x1"]
        run = (float(limit.attrib["x2"]) - float(limit.attrib["x1"])) / per_effect
        rise = (float(limit.attrib["y2"]) - float(limit.attrib["y1"])) / per_error
        assert abs(run / rise) == pytest.approx(1.96, abs=0.01)


def test_regions_of_significance_can_be_left_out(seven, parse):
    assert len(parse(funnel_svg(seven)).named("contour")) == 4
    without = parse(funnel_svg(seven, contours=False))
    assert not without.named("contour")
    assert not any("p ≤ 0.01" in text for text in without.texts("legend"))


def test_proportions_have_no_regions_of_significance(make_result, parse):
    studies = [{"study": s, "value": (0.1 * i, 0.05 * i, 0.2 * i), "comparator": ""} for i, s in enumerate("ABC", 1)]
    result = make_result(studies, scale="identity", measure="proportion")
    assert not parse(funnel_svg(result)).named("contour")


def test_few_estimates_are_said_to_be_few(seven, make_result, parse):
    note = "Fewer than ten estimates"
    assert any(note in text for text in parse(funnel_svg(seven)).texts("footer"))
    many = make_result([{**SEVEN[i % 7], "study": f"Trial {i}"} for i in range(10)])
    assert not any(note in text for text in parse(funnel_svg(many)).texts("footer"))


def test_up_to_twelve_points_are_labelled(seven, make_result, parse):
    assert sorted(parse(funnel_svg(seven)).texts("point-label")) == sorted(row.study for row in seven.rows)
    thirteen = make_result([{**SEVEN[i % 7], "study": f"Trial {i}"} for i in range(13)])
    assert not parse(funnel_svg(thirteen)).texts("point-label")


def test_a_single_study_has_no_pooled_line(make_result, parse):
    drawing = parse(funnel_svg(make_result(SEVEN[:1])))
    assert len(drawing.named("point")) == 1
    assert not drawing.named("pooled-line")
    assert not drawing.named("pseudo-limit")


def test_points_have_tooltips(seven, parse):
    assert "REACH-2 (2019): HR 0.71 (0.53–0.95); standard error 0.148" in [
        group[0].text for group in parse(funnel_svg(seven)).named("study-point")
    ]


def test_nothing_to_draw_is_refused(seven):
    with pytest.raises(EmptySelectionError, match="no rows"):
        funnel_svg(replace(seven, rows=()))


_STUDIES = st.lists(
    st.builds(
        lambda name, log, se: {
            "study": name,
            "value": (math.exp(log), math.exp(log - 1.96 * se), math.exp(log + 1.96 * se)),
        },
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
        st.floats(-4, 4),
        st.floats(0.01, 4),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(_STUDIES)
def test_labels_keep_clear_of_each_other_and_inside(studies):
    drawing = Drawing(funnel_svg(pooled(studies)))
    assert drawing.overflowing() == []
    for (_, a1, a2, y1), (_, b1, b2, y2) in combinations(drawing.spans("point-label"), 2):
        assert a2 <= b1 + 0.01 or b2 <= a1 + 0.01 or abs(y1 - y2) >= 10


def test_a_label_without_room_is_left_out():
    area = Box(0, 0, 30, 14)
    assert place_labels([(15, 7)], [(100, 10)], area, []) == [None]


def test_a_label_avoids_lines_if_it_can():
    line = ((20.0, 0.0), (20.0, 100.0))
    (box,) = place_labels([(15.0, 50.0)], [(30.0, 10.0)], Box(-100, 0, 100, 100), [line])
    assert box is not None
    assert not box.crossed_by(line)
