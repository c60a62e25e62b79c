"""Log hazard ratios from log-rank totals, P values and medians; conversions between measures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from hcckb.errors import PoolingError
from hcckb.pooling import conversions as to
from hcckb.pooling.counts import two_arms
from hcckb.pooling.effects import log_ratio, log_ratio_from_p
from hcckb.pooling.hazard import (
    log_hazard_from_logrank,
    log_hazard_from_medians,
    logrank_from_p,
    logrank_variance,
)
from hcckb.pooling.pairwise import pool
from hcckb.pooling.raw import peto

RATIOS = st.floats(0.05, 20)
RISKS = st.floats(0.001, 0.999)


def test_logrank_totals_pool_as_peto_does():
    """The common effect of (O - E)/V with variance 1/V is sum(O - E) / sum(V)."""
    o_e, v = np.array([-11.4, 3.0, -2.2]), np.array([38.6, 20.0, 7.5])
    effects = log_hazard_from_logrank(o_e, v)
    pooled = pool(effects.estimate, effects.variance, model="common")
    assert pooled.estimate == pytest.approx(o_e.sum() / v.sum(), rel=1e-14)
    assert pooled.se == pytest.approx(v.sum() ** -0.5, rel=1e-14)
    tables = peto(two_arms([4, 6], [123, 306], [11, 29], [139, 303]))
    assert tables.se < 1


def test_logrank_totals_and_their_p_value_agree():
    e = log_hazard_from_logrank(-11.4, 38.6)
    p = 2 * ndtr(-abs(e.estimate / e.se))
    assert logrank_from_p(p, 38.6).estimate == pytest.approx(e.estimate, rel=1e-12)
    assert logrank_from_p(p, 38.6, False).estimate == pytest.approx(-e.estimate, rel=1e-12)
    assert logrank_variance(50, 50) == pytest.approx(25)


def test_exponential_medians_give_the_ratio_of_medians():
    e = log_hazard_from_medians(12, 6, 100, 100)
    assert np.exp(e.estimate) == pytest.approx([0.5])
    assert e.variance == pytest.approx([0.02])


def test_p_values_of_one_side_count_half():
    two = log_ratio_from_p([0.8, 1.3], [0.04, 0.2])
    one = log_ratio_from_p([0.8, 1.3], [0.02, 0.9], sides=1)
    assert one.se == pytest.approx(two.se, rel=1e-14)
    mixed = log_ratio_from_p([0.8, 0.8], [0.04, 0.02], sides=[2, 1])
    assert mixed.se[0] == pytest.approx(mixed.se[1], rel=1e-14)
    assert to.se_from_p(np.log(0.8), 0.04) == pytest.approx(two.se[:1], rel=1e-15)
    assert to.se_from_p(np.log(0.8), 0.98, 1) == pytest.approx(two.se[:1], rel=1e-13)


def test_the_standard_error_of_an_interval_is_that_of_its_logs():
    assert to.se_from_interval(np.log(0.5), np.log(0.79)) == pytest.approx(log_ratio(0.63, 0.5, 0.79).se, rel=1e-15)


@given(ratio=RATIOS, risk=RISKS)
def test_risks_are_what_the_measures_say(ratio, risk):
    odds = risk / (1 - risk) * ratio
    by_odds, by_hazard = odds / (1 + odds), 1 - (1 - risk) ** ratio
    assert to.odds_ratio_to_risk_ratio(ratio, risk) * risk == pytest.approx([by_odds], rel=1e-12)
    assert to.hazard_ratio_to_risk_ratio(ratio, risk) * risk == pytest.approx([by_hazard], rel=1e-11)
    assert to.risk_difference_at(ratio, risk, "odds-ratio") == pytest.approx([by_odds - risk], abs=1e-13)
    assert to.risk_difference_at(ratio, risk, "hazard-ratio") == pytest.approx([by_hazard - risk], abs=1e-13)


@given(ratio=st.floats(0.1, 4), risk=st.floats(0.001, 0.2))
def test_conversions_lead_back(ratio, risk):
    assert to.risk_ratio_to_odds_ratio(to.odds_ratio_to_risk_ratio(ratio, risk), risk) == pytest.approx(
        [ratio], rel=1e-10
    )
    assert to.risk_ratio_to_hazard_ratio(to.hazard_ratio_to_risk_ratio(ratio, risk), risk) == pytest.approx(
        [ratio], rel=1e-10
    )
    there = to.log_odds_to_smd(np.log(ratio), risk)
    back = to.smd_to_log_odds(there.estimate, there.se)
    assert (back.estimate[0], back.se[0]) == pytest.approx((np.log(ratio), risk), rel=1e-12, abs=1e-15)


def test_published_conversions():
    """Grant 2014 converts an odds ratio of 4 at a risk of 20 % to 2.5; Chinn 2000 divides by 1.81."""
    assert to.odds_ratio_to_risk_ratio(4.0, 0.2) == pytest.approx([2.5])
    assert 1 / to.log_odds_to_smd(1.0, 1.0).estimate == pytest.approx([1.81], abs=0.005)
    assert to.risk_difference_at(0.5, 0.3, "risk-ratio") == pytest.approx([-0.15])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: log_hazard_from_logrank(1, 0, labels=["A"]), r"\(A\): v 0.0 is not positive"),
        (lambda: log_hazard_from_logrank(np.nan, 1), "o_minus_e nan is not a finite number"),
        (lambda: logrank_variance(0, 5), "events_experimental 0.0 is not positive and finite"),
        (lambda: logrank_from_p(0.0, 5), r"p_value 0.0 is not in \(0, 1\)"),
        (lambda: logrank_from_p(0.5, -5), "v -5.0 is not positive"),
        (lambda: log_hazard_from_medians(10, np.inf, 5, 5), "median_comparator inf is not positive and finite"),
        (lambda: log_ratio_from_p(0.8, 0.5, 1), "one-sided leaves no standard error"),
        (lambda: log_ratio_from_p(0.8, 0.5, 3), "sides 3.0 is neither 1 nor 2"),
        (lambda: to.odds_ratio_to_risk_ratio(-0.2, 0.3), "must be positive and finite: is it a log"),
        (lambda: to.odds_ratio_to_risk_ratio(0.2, 30), "Write 0.3 for 30 %"),
        (lambda: to.risk_ratio_to_odds_ratio(4, 0.3), "risk ratio 4 at baseline risk 0.3 makes a risk of 1 or more"),
        (lambda: to.risk_ratio_to_hazard_ratio([1, 4], 0.3), "risk ratio 4 at baseline risk 0.3"),
        (lambda: to.risk_difference_at(4, 0.3, "risk-ratio"), "makes a risk of 1 or more"),
        (lambda: to.risk_difference_at(4, 0.3, "HR"), "'HR' is no ratio with a baseline risk"),
        (lambda: to.log_odds_to_smd(1, 0), "standard errors above 0"),
        (lambda: to.se_from_interval(2, 1), "the lower one first"),
        (lambda: to.se_from_p(0, 0.5), "must be finite and not 0"),
        (lambda: to.se_from_p(1, 1.5), r"must lie in \(0, 1\)"),
    ],
)
def test_what_cannot_be_is_refused(call, told):
    with pytest.raises(PoolingError, match=told):
        call()
