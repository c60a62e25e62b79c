"""Forest plots show every number where it belongs."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError, UsageError
from hcckb.plots.forest import ForestOptions, forest_svg
from hcckb.plots.forest_layout import forest_layout
from tests.plots.figure_cases import SEVEN, Drawing, pooled

GOLDEN = Path(__file__).parents[1] / "golden" / "forest-seven.svg"


def _corners(element) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in element.attrib["points"].split()]


def test_the_seven_trials_look_as_they_did(seven):
    assert forest_svg(seven) == GOLDEN.read_text(encoding="utf-8")


def test_equal_results_give_equal_bytes(seven):
    assert forest_svg(seven) == forest_svg(replace(seven))


def test_areas_of_squares_are_proportional_to_weights(seven, parse):
    squares = parse(forest_svg(seven)).named("weight")
    squares = [e for e in squares if e.tag.endswith("rect")]
    areas = [float(e.attrib["width"]) * float(e.attrib["height"]) for e in squares]
    heaviest = max(row.weight for row in seven.rows)
    assert [a / max(areas) for a in areas] == pytest.approx([r.weight / heaviest for r in seven.rows], rel=1e-3)


def test_squares_and_whiskers_lie_at_the_printed_numbers(seven, parse):
    drawing, axis = parse(forest_svg(seven)), forest_layout(seven, ForestOptions()).axis
    squares = [e for e in drawing.named("weight") if e.tag.endswith("rect")]
    for row, square, whisker in zip(seven.rows, squares, drawing.named("ci"), strict=True):
        centre = float(square.attrib["x"]) + float(square.attrib["width"]) / 2
        assert centre == pytest.approx(axis.position(row.value), abs=0.01)
        ends = [float(whisker.attrib[key]) for key in ("x1", "x2")]
        assert ends == pytest.approx([axis.position(row.ci_lower), axis.position(row.ci_upper)], abs=0.01)


def test_diamonds_reach_from_end_to_end_of_their_intervals(seven, parse):
    drawing, axis = parse(forest_svg(seven)), forest_layout(seven, ForestOptions()).axis
    diamonds = drawing.named("diamond")
    assert len(diamonds) == 1 + len(seven.beside)
    for summary, diamond in zip((seven, *seven.beside), diamonds, strict=True):
        corners = _corners(diamond)
        assert len(corners) == 4
        xs = sorted(x for x, _ in corners)
        expected = [summary.ci_lower, summary.estimate, summary.estimate, summary.ci_upper]
        assert xs == pytest.approx([axis.position(v) for v in expected], abs=0.01)


def test_the_pooled_line_ends_in_its_diamond(seven, parse):
    drawing = parse(forest_svg(seven))
    (line,), diamond = drawing.named("pooled-line"), drawing.named("diamond")[0]
    ys = [y for _, y in _corners(diamond)]
    assert min(ys) <= float(line.attrib["y2"]) <= max(ys)


def test_columns_say_what_was_pooled(seven, parse):
    drawing = parse(forest_svg(seven))
    assert drawing.texts("heading") == [
        "Study", "Year", "Experimental vs comparator", "n (exp/comp)", "HR (95% CI)", "Weight",
    ]  # fmt: skip
    assert drawing.texts("effect")[0] == "0.89 (0.69–1.15)"
    assert drawing.texts("comparison")[0] == "brivanib vs placebo"
    assert drawing.texts("favours") == ["Favours experimental", "Favours placebo"]


def test_another_interval_level_and_a_resolution_get_a_footnote(seven, parse):
    drawing = parse(forest_svg(seven))
    assert drawing.texts("mark") == ["†"]
    assert "RESORCE‡" in drawing.texts("study")
    footer = drawing.texts("footer")
    assert "† 90% interval, as printed." in footer
    assert any(line.startswith("‡ The source prints 0.63") for line in footer)


def test_the_footer_names_heterogeneity_model_omissions_and_provenance(seven, parse):
    footer = " ".join(parse(forest_svg(seven)).texts("footer"))
    for part in ("k = 7 estimates, 3,127 participants", "I² = 14%", "τ² by DL", "95% prediction interval",
                 "Not pooled: ZGDH3 (first line)", "data cut-off 2021-05-01",
                 "Research tool, not medical advice."):  # fmt: skip
        assert part in footer


def test_tooltips_carry_what_was_printed_and_where(seven, parse):
    row = parse(forest_svg(seven)).named("study-row")[0]
    assert "printed: 0.89 (0.69-1.15); source: S000, Table 2" in row[0].text


def test_a_row_becomes_a_link_by_estimate_or_by_study(seven, parse):
    links = {"kb:REACH": "https://example.org/estimate", "AHELP": "https://example.org/study"}
    drawing = parse(forest_svg(seven, options=ForestOptions(links=links)))
    found = [e.attrib["href"] for e in drawing.root.iter() if e.tag.endswith("}a")]
    assert found == ["https://example.org/estimate", "https://example.org/study"]


def test_one_study_is_not_dressed_up_as_a_pool(make_result, parse):
    drawing = parse(forest_svg(make_result(SEVEN[:1])))
    assert not drawing.named("diamond")
    assert not drawing.named("pooled-line")
    assert "Weight" not in drawing.texts("heading")
    footer = " ".join(drawing.texts("footer"))
    assert "A single study: nothing was pooled." in footer
    assert "Heterogeneity" not in footer


def test_extreme_intervals_end_in_arrows(make_result, parse):
    studies = [*SEVEN, {"study": "Tiny", "value": (0.5, 0.0, math.inf), "se": 5.0}]
    drawing = parse(forest_svg(make_result(studies)))
    assert len(drawing.named("clipped")) == 2
    assert not drawing.overflowing()


def test_a_diamond_wider_than_the_axis_is_cut_and_marked(make_result, parse):
    drawing = parse(forest_svg(make_result(SEVEN[:2], ci_lower=0.01, ci_upper=90.0)))
    assert len(_corners(drawing.named("diamond")[0])) == 6
    assert len(drawing.named("clipped")) == 2


def test_differences_get_a_linear_axis_around_zero(make_result, parse):
    studies = [
        {"study": "A", "value": (0.02, -0.03, 0.07), "experimental": "x"},
        {"study": "B", "value": (0.05, 0.01, 0.09), "experimental": "x"},
    ]
    result = make_result(studies, scale="identity", endpoint="objective-response")
    drawing = parse(forest_svg(result))
    assert "0.00" in drawing.texts("tick-label")
    assert drawing.texts("axis-title") == ["Risk difference"]
    assert drawing.texts("favours") == ["Favours placebo", "Favours x"]


def test_proportions_have_no_line_of_no_effect(make_result, parse):
    studies = [{"study": s, "value": (0.1, 0.0, 0.2), "comparator": ""} for s in "AB"]
    result = make_result(studies, scale="identity", measure="proportion", prediction_lower=None)
    drawing = parse(forest_svg(result))
    assert not drawing.named("null")
    assert not drawing.texts("favours")


def test_empty_columns_are_left_out(make_result, parse):
    studies = [{"study": s["study"], "value": s["value"], "comparator": ""} for s in SEVEN]
    assert parse(forest_svg(make_result(studies))).texts("heading") == ["Study", "HR (95% CI)", "Weight"]


def test_other_models_can_be_left_out(seven, parse):
    assert len(parse(forest_svg(seven, options=ForestOptions(show_beside=False))).named("diamond")) == 1


def test_nothing_to_draw_is_refused(seven):
    with pytest.raises(EmptySelectionError, match="no rows"):
        forest_svg(replace(seven, rows=()))


@pytest.mark.parametrize("ends", [(2.0, 0.5), (-1.0, 2.0)])
def test_an_axis_that_cannot_be_is_refused(seven, ends: tuple[float, float]):
    options = ForestOptions(axis_lower=ends[0], axis_upper=ends[1])
    with pytest.raises(UsageError, match="axis_lower"):
        forest_svg(seven, options=options)


def test_forty_studies_keep_clear_of_each_other(make_result, parse):
    studies = [{**SEVEN[i % 7], "study": f"Trial {i}"} for i in range(40)]
    drawing = parse(forest_svg(make_result(studies)))
    ys = [float(e.attrib["y"]) for e in drawing.named("study")]
    assert len(ys) == 40
    assert min(b - a for a, b in pairwise(ys)) >= 18
    assert not drawing.overflowing()


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90)
_STUDIES = st.lists(
    st.builds(
        lambda name, log, se, arm, n, resolution: {
            "study": name,
            "value": (math.exp(log), math.exp(log - 1.96 * se), math.exp(log + 1.96 * se)),
            "experimental": arm,
            "n": n,
            "year": 2015,
            "resolution": resolution,
        },
        _NAMES,
        st.floats(-6, 6),
        st.floats(0.01, 8),
        _NAMES,
        st.sampled_from([(None, None), (12, None), (123456, 7)]),
        st.none() | _NAMES,
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(_STUDIES, _NAMES)
def test_text_stays_inside_whatever_the_names_and_numbers(studies, title: str):
    drawing = Drawing(forest_svg(pooled(studies, title=title)))
    assert drawing.overflowing() == []


@settings(max_examples=40, deadline=None)
@given(_STUDIES)
@example([{"study": " ", "value": (1.0, 0.5, 2.0)}, {"study": "", "value": (0.9, 0.5, 1.62)}])
def test_cells_of_a_row_do_not_run_into_each_other(studies):
    layout = forest_layout(pooled(studies), ForestOptions())
    columns = sorted(layout.columns.values(), key=lambda column: column.x)
    assert all(a.x + a.width < b.x for a, b in pairwise(columns))
    drawing = Drawing(forest_svg(pooled(studies)))
    for key, column in layout.columns.items():
        for text, start, end, _ in drawing.spans(key):
            assert start > column.x - 0.01, text
            assert end < column.x + column.width + 0.01, text
