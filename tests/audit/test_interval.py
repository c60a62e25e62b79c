"""Interval arithmetic encloses the truth: a number before rounding lies in what its print stands for."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hcckb.audit.interval import Interval, exactly, rounded, total

NUMBERS = st.floats(0.001, 1000.0)
DECIMALS = st.integers(0, 6)


def printed(value: float, decimals: int) -> Interval:
    return rounded(f"{value:.{decimals}f}")


@given(NUMBERS, DECIMALS)
def test_the_number_before_rounding_is_always_inside(value, decimals):
    assert value in printed(value, decimals)


@given(NUMBERS, NUMBERS, DECIMALS, DECIMALS)
def test_operations_enclose_the_operation_on_the_numbers(a, b, first, second):
    x, y = printed(a, first), printed(b, second)
    assert a + b in x + y
    assert a - b in x - y
    assert a * b in x * y
    assert a / b in x / y
    assert abs(a - b) in abs(x - y)


@given(NUMBERS, st.integers(2, 6))
def test_logarithm_and_exponential_enclose(value, decimals):
    interval = printed(value, decimals)
    assume(interval.low > 0)
    assert math.log(value) in interval.log()
    assert value in interval.log().exp()


@given(NUMBERS, DECIMALS, DECIMALS)
def test_two_roundings_of_one_number_meet(value, first, second):
    assert printed(value, first).meets(printed(value, second))


@given(NUMBERS, NUMBERS)
def test_gap_is_the_distance_of_two_exact_numbers(a, b):
    assert exactly(a).gap(exactly(b)) == pytest.approx(abs(a - b), abs=2e-9)


@given(st.lists(NUMBERS, min_size=1, max_size=6), DECIMALS)
def test_a_sum_of_roundings_encloses_the_sum(values, decimals):
    assert math.fsum(values) in total([printed(v, decimals) for v in values])


def test_zero_in_a_divisor_and_in_a_logarithm_leaves_everything_open():
    assert exactly(1.0) / Interval(-1.0, 1.0) == Interval(-math.inf, math.inf)
    assert Interval(0.0, 1.0).log() == Interval(-math.inf, 0.0)


def test_decimals_of_the_print_win_over_those_of_the_literal():
    assert rounded("0.8", 2) == rounded("0.80") == Interval(0.795, 0.805)
