"""Subgrouped forest plots and bubble plots: what stands where, nothing outside its frame."""

from __future__ import annotations

import pytest

from hcckb.analysis.regression import regress
from hcckb.analysis.subgroup import subgroup
from hcckb.errors import UsageError
from hcckb.evidence import select
from hcckb.plots.bubble import bubble_svg
from hcckb.plots.forest_groups import subgroup_forest_svg
from hcckb.usertable import read_table


@pytest.fixture(scope="module")
def table(kb):
    return select(kb, "second-line-placebo", endpoint="OS")


def place(element, key):
    return float(element.attrib[key])


def test_each_group_has_its_name_its_studies_and_a_diamond(table, parse):
    found = subgroup(table, "phase")
    drawing = parse(subgroup_forest_svg(found))
    assert drawing.texts("group-name") == ["phase-2", "phase-3"]
    assert len(drawing.named("diamond")) == 3
    assert any("Difference between groups: F = 2.70" in text for text in drawing.texts("footer"))
    names = [place(t, "y") for t in drawing.named("group-name")]
    studies = [place(t, "y") for t in drawing.named("study")]
    assert names[0] < studies[0] < studies[1] < names[1] < studies[2]
    assert studies == sorted(studies)


def test_bubbles_stand_at_their_moderator_and_larger_ones_weigh_more(table, parse):
    found = regress(table, ["year"])
    drawing = parse(bubble_svg(found))
    bubbles = drawing.named("point")
    assert len(bubbles) == found.k
    order = sorted(range(found.k), key=lambda i: -found.rows[i].weight)
    radii = [place(b, "r") for b in bubbles]
    assert radii == sorted(radii, reverse=True)
    years = [found.rows[i].moderators["year"] for i in order]
    xs = [place(b, "cx") for b in bubbles]
    first, last = years.index(min(years)), years.index(max(years))
    slope = (xs[last] - xs[first]) / (years[last] - years[first])
    for x, year in zip(xs, years, strict=True):
        assert x - xs[0] == pytest.approx(slope * (year - years[0]), abs=0.01)


def test_nothing_is_drawn_outside_the_frame(table, parse):
    for on in (["year"], ["phase"], ["n"]):
        drawing = parse(bubble_svg(regress(table, on)))
        (frame,) = drawing.named("frame")
        left, top = place(frame, "x"), place(frame, "y")
        right, bottom = left + place(frame, "width"), top + place(frame, "height")
        for bubble in drawing.named("point"):
            assert left < place(bubble, "cx") < right
            assert top < place(bubble, "cy") < bottom
        for line in drawing.named("prediction"):
            assert top <= min(place(line, "y1"), place(line, "y2"))
            assert max(place(line, "y1"), place(line, "y2")) <= bottom


def test_levels_of_a_category_have_their_names_and_means(table, parse):
    drawing = parse(bubble_svg(regress(table, ["phase"])))
    assert {"phase-2", "phase-3"} <= set(drawing.texts("tick-label"))
    assert len(drawing.named("fit")) == 2


def test_the_common_effect_has_no_range_of_a_new_study(table, parse):
    drawing = parse(bubble_svg(regress(table, ["year"], model="common")))
    assert not drawing.named("prediction")
    assert "Range of a new study" not in drawing.texts("legend")


def test_several_moderators_have_no_bubble_plot(table):
    with pytest.raises(UsageError, match="one moderator"):
        bubble_svg(regress(table, ["year", "phase"]))


def test_no_name_of_a_level_is_cut(tmp_path, parse):
    for count, upright in ((3, False), (6, True)):
        names = [f"Combination therapy number {i} with a long name" for i in range(count)]
        path = tmp_path / "levels.csv"
        rows = [f"S{i},{-0.1 * i},0.1,{names[i % count]}" for i in range(2 * count)]
        path.write_text("study,yi,sei,drug\n" + "\n".join(rows) + "\n", encoding="utf-8")
        drawing = parse(bubble_svg(regress(read_table(path, "generic"), ["drug"])))
        assert not any("…" in text for text in (*drawing.texts("tick-label"), *drawing.texts("upright")))
        assert set(names) <= set(drawing.texts("upright")) if upright else len(drawing.texts("tick-label")) > count
