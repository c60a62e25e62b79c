"""The range over all roundings holds what any rounding gives, and its ends are reached."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError
from hcckb.pooling.pairwise import pool, pool_many
from hcckb.pooling.rounding import FIELDS, rounding_range

box = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(0, 0.3), st.floats(0.05, 1), st.floats(0, 0.5)), min_size=2, max_size=5
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))


def ends(drawn):
    y, dy, s, ds = drawn
    return (y, y + dy), (s, s + ds)


def sampled(estimate, se, n, **options):
    """Pool points of the box: half of them corners."""
    rng = np.random.default_rng(5)
    u, t = (rng.random((n, len(estimate[0]))) for _ in range(2))
    u[::2], t[::2] = u[::2].round(), t[::2].round()
    y, s = (e[0] + (e[1] - e[0]) * f for e, f in ((estimate, u), (se, t)))
    return pool_many(y, s**2, **options)


@settings(max_examples=30, deadline=None, database=None)
@given(box)
def test_no_point_of_the_box_lies_outside_the_exact_range(drawn):
    estimate, se = ends(drawn)
    found = rounding_range(estimate, se, model="common")
    many = sampled(estimate, se, 2000, model="common")
    for name in ("estimate", "ci_lower", "ci_upper"):
        low, high = getattr(found, name)
        values = getattr(many, name)
        assert low <= values.min() + 1e-12, name
        assert values.max() <= high + 1e-12, name


def test_the_exact_range_beats_corners_where_a_weight_in_between_is_best():
    """One wide weight, all else fixed: the lowest lower limit lies between the ends of the weight."""
    y, s = np.array([0.0, -0.2]), np.array([0.1, 0.1])
    found = rounding_range((y, y), (s, np.array([0.1, 5.0])), model="common")
    grid = np.linspace(0.1, 5.0, 20001)
    many = pool_many(np.tile(y, (len(grid), 1)), np.column_stack([np.full_like(grid, 0.1), grid]) ** 2, model="common")
    assert found.ci_lower[0] == pytest.approx(many.ci_lower.min(), abs=1e-7)


@pytest.mark.parametrize("ci", ["wald", "hksj"])
def test_the_search_finds_what_brute_force_over_corners_finds(ci):
    y, s = np.array([-0.37, -0.24, -0.25, -0.6]), np.array([0.145, 0.115, 0.08, 0.1])
    estimate, se = (y - 0.008, y + 0.008), (s - 0.004, s + 0.004)
    found = rounding_range(estimate, se, ci=ci)
    corners = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    low, high = np.concatenate([estimate[0], se[0]]), np.concatenate([estimate[1], se[1]])
    points = np.where(corners, high, low)
    many = pool_many(points[:, :4], points[:, 4:] ** 2, ci=ci)
    assert not found.exact
    for name in FIELDS:
        values = getattr(many, name)
        assert getattr(found, name) == pytest.approx((values.min(), values.max()), rel=1e-9), name


def test_without_rounding_nothing_moves():
    y, s = [0.1, 0.4, -0.2], [0.1, 0.2, 0.15]
    for model in ("common", "random"):
        found, alone = rounding_range((y, y), (s, s), model=model), pool(y, np.square(s), model=model)
        for name in FIELDS:
            assert getattr(found, name) == pytest.approx((getattr(alone, name),) * 2, rel=1e-12), name


def test_a_box_turned_inside_out_is_refused():
    with pytest.raises(PoolingError, match="input 1 has no interval"):
        rounding_range(([0.1, 0.3], [0.2, 0.2]), ([0.1, 0.1], [0.1, 0.1]))
    with pytest.raises(PoolingError, match="one length"):
        rounding_range(([0.1, 0.3], [0.2]), ([0.1, 0.1], [0.1, 0.1]))
