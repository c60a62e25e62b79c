"""Incidence rates: metafor's numbers, the way back, exact intervals, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammainc

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.pairwise import pool
from hcckb.pooling.rates import (
    RATE_MEASURES,
    RATE_TRANSFORMS,
    back_transform_rate,
    exact_rate_interval,
    rate_effects,
    two_arm_rate_effects,
)

SINGLE = {"log": "IRLN", "square-root": "IRS", "freeman-tukey": "IRFT", "none": "IR"}
TWO = {
    "incidence-rate-ratio": "IRR",
    "incidence-rate-difference": "IRD",
    "square-root-rate-difference": "IRSD",
}


@pytest.fixture
def case(reference):
    return reference("metafor_measures")["rates"]


@pytest.mark.parametrize("transform", RATE_TRANSFORMS)
def test_rates_of_single_arms_match_metafor(case, transform):
    found = rate_effects(case["input"]["x1"], case["input"]["t1"], transform)
    assert found.effects.estimate == pytest.approx(case[SINGLE[transform]]["yi"], rel=1e-12)
    assert found.effects.variance == pytest.approx(case[SINGLE[transform]]["vi"], rel=1e-12)
    assert found.kept.all()


@pytest.mark.parametrize("measure", RATE_MEASURES)
def test_rates_of_two_arms_match_metafor(case, measure):
    found = two_arm_rate_effects(*(case["input"][c] for c in ("x1", "t1", "x2", "t2")), measure)
    assert found.effects.estimate == pytest.approx(case[TWO[measure]]["yi"], rel=1e-12, abs=1e-15)
    assert found.effects.variance == pytest.approx(case[TWO[measure]]["vi"], rel=1e-12)
    assert found.kept.sum() == (5 if measure == "incidence-rate-ratio" else 6)


def test_a_pool_of_freeman_tukey_rates_comes_back_as_metafor_brings_it(case):
    found = rate_effects(case["input"]["x1"], case["input"]["t1"], "freeman-tukey")
    pooled = pool(found.effects.estimate, found.effects.variance, tau2="DL", ci="wald")
    assert pooled.estimate == pytest.approx(case["pooled_ft"]["estimate"], rel=1e-12)
    limits = [pooled.estimate, pooled.ci_lower, pooled.ci_upper]
    back = back_transform_rate(limits, "freeman-tukey", found.harmonic_time)
    assert back == pytest.approx(case["pooled_ft"]["back"], rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(x=st.integers(1, 10**6), t=st.floats(1e-3, 1e6), transform=st.sampled_from(RATE_TRANSFORMS))
def test_a_rate_goes_there_and_back(x, t, transform):
    found = rate_effects(x, t, transform)
    assert back_transform_rate(found.effects.estimate, transform, t) == pytest.approx(x / t, rel=1e-9)


def test_beyond_the_end_of_a_scale_a_rate_is_zero():
    assert back_transform_rate([-1.0, 0.0], "square-root").tolist() == [0.0, 0.0]
    assert back_transform_rate([-1.0, 0.01], "freeman-tukey", 25.0) == pytest.approx([0.0, 0.0], abs=1e-18)
    assert back_transform_rate([-1.0], "none").tolist() == [-1.0]


def test_exact_limits_have_the_tails_they_should():
    low, high = exact_rate_interval([0, 1, 7, 200], [10.0, 3.0, 7.0, 1000.0], 0.9)
    assert low[0] == 0
    assert gammainc([1, 7, 200], low[1:] * [3.0, 7.0, 1000.0]) == pytest.approx([0.05] * 3, rel=1e-10)
    assert gammainc([1, 2, 8, 201], high * [10.0, 3.0, 7.0, 1000.0]) == pytest.approx([0.95] * 4, rel=1e-10)


def test_swapped_arms_turn_the_sign():
    one = two_arm_rate_effects([4, 0], [10, 20], [7, 3], [12, 9], "incidence-rate-ratio").effects
    two = two_arm_rate_effects([7, 3], [12, 9], [4, 0], [10, 20], "incidence-rate-ratio").effects
    assert one.estimate == pytest.approx(-two.estimate, rel=1e-14)


def test_what_was_done_is_told_by_name():
    found = two_arm_rate_effects([0, 0, 3], [9, 9, 9], [0, 2, 4], [9, 9, 9], labels=["A", "B", "C"])
    assert found.kept.tolist() == [False, True, True]
    assert found.corrected.tolist() == [False, True, False]
    assert found.warnings == (
        "Left out, as neither arm has an event, which says nothing of the incidence rate ratio: A.",
        "Continuity correction: 0.5 was added to the events of both arms of B.",
    )
    kept = two_arm_rate_effects([0], [9], [0], [18], double_zero="keep")
    assert kept.effects.estimate == pytest.approx([np.log(2)])
    assert rate_effects([1, 2], [3, 4], correction="all").warnings == (
        "Continuity correction: 0.5 was added to the events of every study.",
    )


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: rate_effects([1.5], [3]), r"estimate 0: events 1.5 is not a count"),
        (lambda: rate_effects([-1], [3], labels=["A"]), r"estimate 0 \(A\): events -1.0 is not a count"),
        (lambda: rate_effects([1], [0]), "time 0.0 is not positive"),
        (lambda: rate_effects([1], [np.inf]), "time inf is not a finite number"),
        (lambda: rate_effects([0], [3], correction="none"), "study 0: no event leaves no variance"),
        (lambda: rate_effects([1], [3], add=0), "add 0 must be above 0"),
        (lambda: two_arm_rate_effects([0], [3], [0], [3]), "no study tells anything of the incidence-rate-ratio"),
        (lambda: back_transform_rate(1.0, "freeman-tukey"), "needs harmonic_time"),
    ],
)
def test_what_cannot_be_is_refused(call, told):
    with pytest.raises(PoolingError, match=told):
        call()


def test_unknown_names_are_told():
    with pytest.raises(UnknownNameError, match="no transformation of rates"):
        rate_effects([1], [2], "logit")
    with pytest.raises(UnknownNameError, match="no measure of rates"):
        two_arm_rate_effects([1], [2], [1], [2], "IRR")
    with pytest.raises(UnknownNameError, match="no continuity correction"):
        rate_effects([1], [2], correction="some")
    with pytest.raises(UnknownNameError, match="no treatment of double zeros"):
        two_arm_rate_effects([1], [2], [1], [2], double_zero="maybe")
