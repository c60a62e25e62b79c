"""Medians: standard errors from quartiles against base R, and the weighted median with its exact interval."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError, PoolingError
from hcckb.pooling.medians import median_of_medians, quantile_estimation

STUDIES = st.lists(st.tuples(st.floats(0.1, 50), st.integers(2, 60)), min_size=1, max_size=9)


def test_quantile_estimation_matches_least_squares_in_r(reference):
    case = reference("metafor_measures")["quartiles"]
    given_ = case["input"]
    found = quantile_estimation(given_["m"], given_["q1"], given_["q3"], given_["n"])
    assert list(found.distribution) == [row["distribution"] for row in case["output"]]
    assert found.effects.variance == pytest.approx([row["variance"] for row in case["output"]], rel=2e-6)
    assert found.effects.estimate.tolist() == given_["m"]


def test_quartiles_of_a_known_distribution_give_its_density():
    z = 0.6744897501960817
    normal = quantile_estimation(10.0, 10 - 2 * z, 10 + 2 * z, 100)
    assert normal.distribution == ("normal",)
    assert normal.effects.se == pytest.approx([np.sqrt(np.pi / 2) * 2 / 10], rel=1e-12)
    skewed = quantile_estimation(np.exp(2.0), np.exp(2 - 0.8 * z), np.exp(2 + 0.8 * z), 100)
    assert skewed.distribution == ("log-normal",)
    assert skewed.effects.se == pytest.approx([np.exp(2.0) * 0.8 * np.sqrt(np.pi / 2) / 10], rel=1e-7)
    weibull = [4 * (-np.log(1 - p)) ** (1 / 1.5) for p in (0.5, 0.25, 0.75)]
    found = quantile_estimation(*weibull, 50)
    m = weibull[0]
    density = 1.5 / 4 * (m / 4) ** 0.5 * 0.5
    assert found.distribution == ("weibull",)
    assert found.effects.se == pytest.approx([0.5 / (np.sqrt(50) * density)], rel=1e-7)


def test_quartiles_below_zero_are_taken_as_normal():
    assert quantile_estimation(1.0, -2.0, 9.0, 40).distribution == ("normal",)


@settings(max_examples=15, deadline=None)
@given(low=st.floats(0.5, 5), up=st.floats(0.3, 5), more=st.floats(0.3, 20), unit=st.sampled_from([0.01, 30.4]))
def test_units_of_time_do_not_matter(low, up, more, unit):
    one = quantile_estimation(low + up, low, low + up + more, 50)
    other = quantile_estimation(unit * (low + up), unit * low, unit * (low + up + more), 50)
    assert other.effects.se == pytest.approx(unit * one.effects.se, rel=1e-5)


def brute(m, w, level):
    """Invert the weighted sign test over all outcomes of fair coins."""
    outcomes = np.array([np.dot(w, pick) for pick in product((0, 1), repeat=len(w))])
    order = np.argsort(m)
    m, w = np.asarray(m)[order], np.asarray(w)[order]
    inside = [
        j
        for j in range(len(m) + 1)
        if (outcomes >= w[j:].sum()).mean() > (1 - level) / 2 and (outcomes <= w[j:].sum()).mean() > (1 - level) / 2
    ]
    return (m[inside[0] - 1] if inside[0] else None, m[inside[-1]] if inside[-1] < len(m) else None)


@settings(max_examples=40, deadline=None)
@given(studies=STUDIES, level=st.sampled_from([0.5, 0.8, 0.95]))
def test_the_interval_inverts_the_weighted_sign_test(studies, level):
    m, n = np.array(studies).T
    found = median_of_medians(m, n, level=level)
    assert (found.ci_lower, found.ci_upper) == brute(m, n, level)
    alike = median_of_medians(m, n, weighted=False, level=level)
    assert (alike.ci_lower, alike.ci_upper) == brute(m, np.ones(len(m)), level)
    assert alike.estimate == pytest.approx(np.median(m), rel=1e-15)


@settings(max_examples=40, deadline=None)
@given(studies=STUDIES)
def test_the_weighted_median_is_that_of_repeated_medians(studies):
    m, n = np.array(studies).T
    assert median_of_medians(m, n).estimate == pytest.approx(np.median(np.repeat(m, n.astype(int))), rel=1e-15)
    assert median_of_medians(m[::-1], n[::-1]) == median_of_medians(m, n)


def test_seven_equal_studies_have_the_interval_of_the_sign_test():
    found = median_of_medians(np.arange(1.0, 9.0), np.full(8, 20), weighted=True)
    assert (found.ci_lower, found.estimate, found.ci_upper) == (1.0, 4.5, 8.0)
    few = median_of_medians([1.0, 2.0, 3.0, 4.0, 5.0], [10] * 5)
    assert (few.ci_lower, few.ci_upper, few.k, few.n) == (None, None, 5, 50)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: quantile_estimation(5, 6, 7, 9, labels=["A"]), r"\(A\): q1 6.0, median 5.0, q3 7.0 are out of order"),
        (lambda: quantile_estimation(5, 5, 5, 9), "leave no spread"),
        (lambda: quantile_estimation(5, 4, 6, 1), "n 1.0 is not a whole number from 2 on"),
        (lambda: quantile_estimation(np.inf, 4, 6, 10), "median inf is not a finite number"),
        (lambda: median_of_medians([5], [2.5]), "n 2.5 is not a whole number"),
        (lambda: median_of_medians([5], [20], level=95), "level must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused(call, told):
    with pytest.raises(PoolingError, match=told):
        call()


def test_no_study_is_no_pool():
    with pytest.raises(EmptySelectionError, match="no median to pool"):
        median_of_medians([], [])
