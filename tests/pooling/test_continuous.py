"""Means of two arms: metafor's numbers, the exact small-sample factor, and refusals that name the row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.continuous import MEAN_MEASURES, mean_effects, small_sample_correction

METAFOR = {"mean-difference": "MD", "standardised-mean-difference": "SMD", "ratio-of-means": "ROM"}
ARM = st.tuples(st.floats(0.1, 100), st.floats(0.1, 50), st.integers(3, 500))


@pytest.mark.parametrize("measure", MEAN_MEASURES)
def test_effects_match_metafor(reference, measure):
    case = reference("metafor_measures")["means"]
    rows = np.array([case["input"][c] for c in ("m1", "s1", "n1", "m2", "s2", "n2")])
    if measure == "ratio-of-means":
        rows = rows[:, (rows[0] > 0) & (rows[3] > 0)]
    found = mean_effects(*rows, measure)
    assert found.estimate == pytest.approx(case[METAFOR[measure]]["yi"], rel=1e-11, abs=1e-15)
    assert found.variance == pytest.approx(case[METAFOR[measure]]["vi"], rel=1e-11)
    assert found.se**2 == pytest.approx(found.variance, rel=1e-14)


def test_the_small_sample_factor_is_exact_for_small_and_large_samples():
    assert small_sample_correction(2.0) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-15)
    assert small_sample_correction(3.0) == pytest.approx(math.sqrt(math.pi / 6), rel=1e-15)
    for f in (150.0, 200.9, 201.1, 240.0, 300.0):
        exact = math.exp(math.lgamma(f / 2) - math.lgamma((f - 1) / 2)) / math.sqrt(f / 2)
        assert small_sample_correction(f) == pytest.approx(exact, rel=1e-13)
    # One recurrence of the gamma function checks a factor where logarithms of gamma have no digits left.
    f = 1e7
    one, two = small_sample_correction([f, f + 2])
    assert two / one == pytest.approx(f / (f - 1) * math.sqrt(f / (f + 2)), rel=1e-15)


@settings(max_examples=50, deadline=None)
@given(one=ARM, two=ARM, measure=st.sampled_from(MEAN_MEASURES), unit=st.floats(0.01, 100))
def test_swapped_arms_turn_the_sign_and_units_do_not_matter(one, two, measure, unit):
    found, turned = mean_effects(*one, *two, measure), mean_effects(*two, *one, measure)
    assert turned.estimate == pytest.approx(-found.estimate, rel=1e-12, abs=1e-15)
    assert turned.variance == pytest.approx(found.variance, rel=1e-12)
    other = mean_effects(one[0] * unit, one[1] * unit, one[2], two[0] * unit, two[1] * unit, two[2], measure)
    scale = unit if measure == "mean-difference" else 1.0
    assert other.estimate == pytest.approx(scale * found.estimate, rel=1e-9, abs=1e-12)
    assert other.variance == pytest.approx(scale**2 * found.variance, rel=1e-9)


@pytest.mark.parametrize(
    ("row", "measure", "told"),
    [
        ((1, -1, 9, 1, 1, 9), "mean-difference", r"estimate 0 \(A\): sd_experimental -1.0 is negative"),
        ((1, 1, 1, 1, 1, 9), "mean-difference", "n_experimental 1.0 is not a whole number from 2 on"),
        ((1, 1, 9, 1, 1, 9.5), "mean-difference", "n_comparator 9.5 is not a whole number"),
        ((np.nan, 1, 9, 1, 1, 9), "mean-difference", "mean_experimental nan is not a finite number"),
        ((1, 0, 9, 1, 0, 9), "mean-difference", "leave no variance"),
        ((1, 1, 2, 1, 1, 2), "standardised-mean-difference", "are too few"),
        ((-1, 1, 9, 1, 1, 9), "ratio-of-means", "mean_experimental -1.0 is not positive"),
        ((1e300, 1e300, 9, 1, 1, 9), "mean-difference", "too large or too small"),
    ],
)
def test_what_cannot_be_is_refused_by_name(row, measure, told):
    with np.errstate(over="ignore"), pytest.raises(PoolingError, match=told):
        mean_effects(*([x] for x in row), measure, labels=["A"])


def test_unknown_measures_and_few_degrees_of_freedom_are_refused():
    with pytest.raises(UnknownNameError, match="no measure of means is called 'SMD'"):
        mean_effects(1, 1, 9, 1, 1, 9, "SMD")
    with pytest.raises(PoolingError, match="must be above 1"):
        small_sample_correction([1.0, 5.0])
