"""Mantel-Haenszel and Peto from raw cells: the numbers of metafor and meta, and what cannot be pooled."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.counts import count_effects, two_arms
from hcckb.pooling.pairwise import pool
from hcckb.pooling.raw import mantel_haenszel, peto

SHORT = {"risk-ratio": "RR", "odds-ratio": "OR", "risk-difference": "RD"}
CASES = ("binary_bcg", "binary_yusuf1985_table6")


def read(case):
    rows = [
        row
        for row in zip(*(case["input"][name] for name in ("ai", "n1i", "ci", "n2i")), strict=True)
        if None not in row
    ]
    return two_arms(*zip(*rows, strict=True))


def close(found, expected):
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-13)


def matches(found, expected):
    names = {"estimate": "estimate", "se": "se", "ci_lower": "ci_lb", "ci_upper": "ci_ub", "statistic": "z"}
    close([getattr(found, ours) for ours in names], [expected[theirs] for theirs in names.values()])
    close(found.q, expected["Q"])
    close(found.q_p_value, expected["Q_p"])
    close(found.p_value, expected["p"])
    close(100 * found.i2, expected["I2_pct"])
    close(found.h2, found.q / found.df)
    assert found.df == expected.get("Q_df", found.df)
    assert found.weights.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("measure", SHORT)
def test_mantel_haenszel_matches_metafor(reference, name, measure):
    case = reference(name)
    matches(mantel_haenszel(read(case), measure), case["output"]["mantel_haenszel_metafor"][SHORT[measure]])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("measure", SHORT)
def test_mantel_haenszel_without_each_study_matches_metafor(reference, name, measure):
    case = reference(name)
    counts = read(case)
    there = [i for i, a in enumerate(case["input"]["ai"]) if a is not None]
    expected = case["output"]["mantel_haenszel_leave_one_out"][SHORT[measure]]
    for row, i in enumerate(there):
        found = mantel_haenszel(counts.take(np.arange(len(counts)) != row), measure)
        close([found.estimate, found.se], [expected["estimate"][i], expected["se"][i]])


@pytest.mark.parametrize("name", CASES)
def test_peto_matches_metafor(reference, name):
    case = reference(name)
    matches(peto(read(case)), case["output"]["peto"])


@pytest.mark.parametrize("measure", SHORT)
def test_weights_match_meta(reference, measure):
    case = reference("binary_bcg")
    expected = case["output"]["meta_metabin"]
    counts = read(case)
    weights = np.array(expected[f"{SHORT[measure]}_MH"]["w_common"])
    close(mantel_haenszel(counts, measure).weights, weights / weights.sum())
    weights = np.array(expected["OR_Peto"]["w_common"])
    close(peto(counts).weights, weights / weights.sum())


def test_peto_is_the_common_effect_pool_of_its_single_estimates(reference):
    counts = read(reference("binary_yusuf1985_table6"))
    each = count_effects(counts, "peto-odds-ratio").effects
    found, pooled = peto(counts), pool(each.estimate, each.variance, model="common")
    close([found.estimate, found.se, found.q, found.df], [pooled.estimate, pooled.se, pooled.q, pooled.df])


@pytest.mark.parametrize("measure", SHORT)
def test_one_table_gives_its_own_estimate(measure):
    one = two_arms(4, 123, 11, 139)
    found, own = mantel_haenszel(one, measure, level=0.9), count_effects(one, measure).effects
    close(found.estimate, own.estimate[0])
    assert (found.q, found.df, found.q_p_value, found.i2) == (0.0, 0, 1.0, 0.0)
    assert math.isnan(found.h2)
    if measure != "risk-difference":
        close(found.se, own.se[0])


def test_double_zeros_count_for_a_difference_and_change_no_ratio():
    some, more = (
        two_arms([4, 6], [50, 60], [8, 9], [51, 62]),
        two_arms([4, 6, 0], [50, 60, 30], [8, 9, 0], [51, 62, 31]),
    )
    for measure in ("risk-ratio", "odds-ratio"):
        close(mantel_haenszel(some, measure).estimate, mantel_haenszel(more, measure).estimate)
    close(peto(some).estimate, peto(more).estimate)
    assert abs(mantel_haenszel(more, "risk-difference").estimate) < abs(
        mantel_haenszel(some, "risk-difference").estimate
    )


@pytest.mark.parametrize("measure", ["risk-ratio", "odds-ratio"])
def test_an_arm_without_events_has_no_ratio(measure):
    with pytest.raises(PoolingError, match="is 0 or infinite"):
        mantel_haenszel(two_arms([0, 0], [50, 60], [8, 9], [51, 62]), measure)


def test_what_cannot_be_pooled_is_refused():
    empty = two_arms([], [], [], [])
    with pytest.raises(EmptySelectionError):
        mantel_haenszel(empty, "odds-ratio")
    with pytest.raises(EmptySelectionError):
        peto(empty)
    with pytest.raises(UnknownNameError, match="risk-ratio, odds-ratio, risk-difference"):
        mantel_haenszel(two_arms(1, 9, 2, 9), "hazard-ratio")
    with pytest.raises(PoolingError, match="level"):
        peto(two_arms(1, 9, 2, 9), level=95)
    with pytest.raises(PoolingError, match="Pool risk differences"):
        peto(two_arms(0, 9, 0, 9))
    with pytest.raises(PoolingError, match="has no variance"):
        mantel_haenszel(two_arms(9, 9, 8, 8), "risk-ratio")
    with pytest.raises(PoolingError, match="no table has a spread"):
        mantel_haenszel(two_arms(0, 9, 0, 8), "risk-difference")


def test_both_variances_of_a_risk_difference_are_at_hand(reference):
    case = reference("metafor_measures")["counts"]
    tables = two_arms(*(case["input"][c] for c in ("a", "n1", "c", "n2")))
    sato = mantel_haenszel(tables, "risk-difference")
    other = mantel_haenszel(tables, "risk-difference", difference_variance="greenland-robins")
    assert other.se == pytest.approx(case["mh_rd_1985_se"], rel=1e-12)
    assert (other.estimate, other.weights.tolist()) == (sato.estimate, sato.weights.tolist())
    assert other.se != sato.se
    with pytest.raises(UnknownNameError, match="no variance of a risk difference"):
        mantel_haenszel(tables, "risk-difference", difference_variance="miettinen")
    with pytest.raises(PoolingError, match="no arm has a spread of its own"):
        mantel_haenszel(
            two_arms([0, 0], [5, 5], [5, 0], [5, 5]), "risk-difference", difference_variance="greenland-robins"
        )
