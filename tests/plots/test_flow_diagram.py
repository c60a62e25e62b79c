"""Flow diagrams name everybody, once, inside their boxes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError
from hcckb.plots.flow import flow_svg
from tests.plots.figure_cases import Drawing


@dataclass(frozen=True)
class Step:
    title: str
    remaining: tuple[str, ...]
    removed: tuple[tuple[str, str], ...] = ()


STEPS = (
    Step("Randomised trials", ("SHARP", "REACH", "ADI-PEG 20", "METIV-HCC", "EVOLVE-1")),
    Step("Second line", ("REACH", "ADI-PEG 20", "METIV-HCC", "EVOLVE-1"), (("SHARP", "first line"),)),
    Step("Placebo comparator", ("REACH", "ADI-PEG 20", "METIV-HCC", "EVOLVE-1")),
    Step(
        "Targets a VEGF receptor",
        ("REACH",),
        (("ADI-PEG 20", "no such target"), ("EVOLVE-1", "mTOR"), ("METIV-HCC", "no such target")),
    ),
)


def test_each_step_says_how_many_remain(parse):
    texts = parse(flow_svg(STEPS)).texts()
    assert [t for t in texts if t.startswith("n = ")] == [
        "n = 5 studies",
        "n = 4 studies",
        "n = 4 studies",
        "n = 1 study",
    ]


def test_those_excluded_are_grouped_by_reason(parse):
    texts = parse(flow_svg(STEPS)).texts()
    assert "Excluded (n = 3)" in texts
    assert "No such target (n = 2): ADI-PEG\u00a020, METIV-HCC" in texts
    assert "mTOR (n = 1): EVOLVE-1" in texts


def test_the_last_box_names_those_included(parse):
    assert parse(flow_svg(STEPS)).texts()[-1] == "REACH"


def test_a_first_step_that_removes_comes_after_all_considered(parse):
    drawing = parse(flow_svg(STEPS[1:2]))
    assert "Considered" in drawing.texts()
    assert "n = 5 studies" in drawing.texts()


def test_a_selection_that_ends_empty_can_be_drawn(parse):
    drawing = parse(flow_svg([*STEPS, Step("Phase 4", (), (("REACH", "phase 3"),))]))
    assert "n = 0 studies" in drawing.texts()


def test_equal_steps_give_equal_bytes():
    assert flow_svg(STEPS) == flow_svg(tuple(STEPS))


def test_no_steps_are_refused():
    with pytest.raises(EmptySelectionError, match="no steps"):
        flow_svg([])


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
_STEPS = st.lists(
    st.builds(
        Step,
        _NAMES,
        st.lists(_NAMES, max_size=8).map(tuple),
        st.lists(st.tuples(_NAMES, _NAMES), max_size=8).map(tuple),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(_STEPS)
def test_text_stays_inside_its_box(steps):
    drawing = Drawing(flow_svg(steps))
    assert drawing.overflowing() == []
    boxes = [
        tuple(float(e.attrib[key]) for key in ("x", "y", "width", "height"))
        for e in drawing.named("box")
        if e.tag.endswith("rect")
    ]
    for text, start, end, y in drawing.spans():
        if text == "Selection of studies":
            continue
        assert any(
            left <= start and end <= left + width and top < y < top + height for left, top, width, height in boxes
        ), text


@settings(max_examples=40, deadline=None)
@given(_STEPS)
def test_boxes_do_not_overlap(steps):
    drawing = Drawing(flow_svg(steps))
    columns: dict[float, list[tuple[float, float]]] = {}
    for e in drawing.named("box"):
        if e.tag.endswith("rect"):
            top, height = float(e.attrib["y"]), float(e.attrib["height"])
            columns.setdefault(float(e.attrib["x"]), []).append((top, top + height))
    for spans in columns.values():
        spans.sort()
        assert all(a[1] < b[0] for a, b in pairwise(spans))
