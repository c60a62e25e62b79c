"""Axes place values and choose round ticks that do not crowd."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcckb.plots.axis import Axis
from hcckb.plots.lettering import text_width


def _labels(lower: float, upper: float, *, log: bool = True) -> list[str]:
    return [tick.label for tick in Axis(lower, upper, 0, 300, log).ticks(10.5)]


def test_equal_ratios_take_equal_lengths():
    axis = Axis(0.25, 4, 100, 500, log=True)
    assert [axis.position(v) for v in (0.25, 0.5, 1, 2, 4)] == pytest.approx([100, 200, 300, 400, 500])


def test_values_off_the_axis_land_on_its_ends():
    axis = Axis(0.5, 2, 0, 100, log=True)
    assert [axis.position(v) for v in (0, 0.1, 9, math.inf)] == [0, 0, 100, 100]


def test_the_share_inside_is_measured_on_the_scale_of_the_axis():
    axis = Axis(0.25, 4, 0, 100, log=True)
    assert axis.share_inside(1, 2) == 1
    assert axis.share_inside(1, 16) == pytest.approx(0.5)
    assert axis.share_inside(1, 0) == axis.share_inside(1, math.inf) == 0


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (0.45, 1.2, ["0.5", "0.6", "0.7", "0.8", "0.9", "1", "1.1"]),
        (0.2, 5, ["0.25", "0.5", "1", "2", "4"]),
        (0.05, 20, ["0.1", "0.3", "1", "3", "10"]),
        (0.02, 3, ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]),
        (0.001, 1000, ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]),
        (0.94, 1.06, ["0.94", "0.96", "0.98", "1.00", "1.02", "1.04", "1.06"]),
    ],
)
def test_ratio_ticks_are_round(lower: float, upper: float, expected: list[str]):
    assert _labels(lower, upper) == expected


def test_linear_ticks_have_a_true_minus_and_no_minus_zero():
    assert _labels(-0.12, 0.16, log=False) == ["−0.10", "−0.05", "0.00", "0.05", "0.10", "0.15"]


@given(st.floats(-12, 11), st.floats(0.01, 12))
def test_ratio_ticks_stand_clear_and_include_no_effect(start: float, span: float):
    lower, upper = math.exp(start), math.exp(start + span)
    _check(Axis(lower, upper, 0, 300, log=True), 1.0)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_linear_ticks_stand_clear_and_include_zero(start: float, span: float):
    _check(Axis(start, start + span, 0, 300, log=False), 0.0)


def _check(axis: Axis, null: float) -> None:
    ticks = axis.ticks(10.5)
    assert 2 <= len(ticks) <= 8
    spans = [(axis.position(t.value), text_width(t.label, 10.5) / 2) for t in ticks]
    if len(ticks) > 2:
        assert all(x2 - x1 > w1 + w2 for (x1, w1), (x2, w2) in pairwise(spans))
        if axis.covers(null):
            assert any(math.isclose(t.value, null, abs_tol=1e-9) for t in ticks)


def test_a_wide_axis_of_ratios_has_short_labels():
    labels = [tick.label for tick in Axis(0.008, 25.0, 0.0, 400.0, log=True).ticks(10.5)]
    assert labels == ["0.01", "0.03", "0.1", "0.3", "1", "3", "10"]
