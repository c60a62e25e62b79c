"""Relative effects made absolute, numbers needed to treat, optimal information size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.absolute import (
    MEASURES,
    corresponding_risk,
    events_needed,
    exponential_survival,
    median_under,
    number_needed,
    participants_needed,
)

RISKS = st.floats(0.0, 1.0)
RATIOS = st.floats(0.01, 100.0)


def test_hazard_ratio_at_a_baseline_is_the_power_of_the_survival():
    assert corresponding_risk(0.4, 0.8, "hazard-ratio") == pytest.approx(1 - 0.6**0.8, abs=1e-15)


def test_odds_ratio_at_a_baseline_goes_over_odds():
    odds = 0.3 / 0.7 * 0.5
    assert corresponding_risk(0.3, 0.5, "odds-ratio") == pytest.approx(odds / (1 + odds), abs=1e-15)


def test_risk_ratio_and_difference_are_cut_at_one_and_zero():
    assert corresponding_risk(0.6, 2.0, "risk-ratio") == 1.0
    assert corresponding_risk(0.6, -0.7, "risk-difference") == 0.0


@given(RISKS, RATIOS)
def test_corresponding_risks_are_risks_and_no_effect_changes_nothing(risk, ratio):
    for measure in MEASURES[:4]:
        assert 0 <= corresponding_risk(risk, ratio, measure) <= 1
        assert corresponding_risk(risk, 1.0, measure) == pytest.approx(risk, abs=1e-12)
    assert corresponding_risk(risk, 0.0, "risk-difference") == risk


@given(st.floats(5, 60), RATIOS, st.floats(0, 20))
def test_exponential_medians_and_survivals_tell_the_same_story(median, ratio, at):
    """Under constant hazards S1(t) = S0(t)^HR is the survival that goes with the median m0 / HR."""
    through_median = exponential_survival(median_under(median, ratio), at)
    through_risk = 1 - corresponding_risk(1 - exponential_survival(median, at), ratio, "hazard-ratio")
    assert through_median == pytest.approx(float(through_risk), abs=1e-12)


def test_altman_1998_interval_of_a_number_needed_runs_through_infinity():
    """BMJ 317:1309: a reduction of 10 % (-5 % to 25 %) gives NNTB 10, from NNTB 4 through infinity to NNTH 20."""
    found = number_needed(-0.10, -0.25, 0.05)
    assert (found.value, found.near, found.far, found.crosses) == (10.0, 4.0, -20.0, True)


def test_no_difference_needs_infinitely_many():
    assert math.isinf(number_needed(0.0, -0.1, 0.1).value)


def test_schoenfeld_events_for_equal_arms():
    """(1.959964 + 0.841621)^2 * 4 / ln(0.75)^2."""
    assert events_needed(0.75) == pytest.approx(4 * (1.959963984540054 + 0.8416212335729143) ** 2 / math.log(0.75) ** 2)
    assert events_needed(0.75, share=2 / 3) == pytest.approx(events_needed(0.75) * 9 / 8)


def test_participants_needed_is_symmetric_in_event_and_non_event():
    assert participants_needed(0.5, 0.4) == pytest.approx(participants_needed(0.5, 0.6))
    assert participants_needed(0.3, 0.2, power=0.9) > participants_needed(0.3, 0.2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: corresponding_risk(1.2, 0.8, "hazard-ratio"),
        lambda: corresponding_risk(0.2, 0.0, "risk-ratio"),
        lambda: corresponding_risk(0.2, np.nan, "odds-ratio"),
        lambda: exponential_survival(0.0, 12),
        lambda: exponential_survival(8.0, -1),
        lambda: median_under(8.0, -0.5),
        lambda: number_needed(0.1, 0.2, 0.3),
        lambda: events_needed(1.0),
        lambda: events_needed(0.7, alpha=5),
        lambda: participants_needed(0.3, 0.3),
    ],
)
def test_impossible_input_is_refused(call):
    with pytest.raises(PoolingError):
        call()


def test_measure_without_absolute_effect_is_refused():
    with pytest.raises(UnknownNameError, match="hazard-ratio"):
        corresponding_risk(0.2, 0.8, "mean-difference")
