"""Fail-safe numbers and E-values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.evalue import e_value
from hcckb.pooling.failsafe import fail_safe


@pytest.mark.parametrize("name", ["moore1998", "bcg_rr", "hackshaw1998", "simulated"])
def test_fail_safe_numbers_match_metafor(reference, name):
    case = reference("small_study")["effects"][name]
    y, v, wanted = case["input"]["yi"], case["input"]["vi"], case["fail_safe"]
    for method in ("Rosenthal", "Orwin", "Rosenberg"):
        assert fail_safe(y, v, method=method).number == wanted[method]["number"], method
    target = wanted["Orwin_target"]
    assert fail_safe(y, v, method="Orwin", target=target["target"]).number == target["number"]
    assert fail_safe(y, v, alpha=0.01).number == wanted["Rosenthal_01"]["number"]


# metafor 5.1.12, fsn(): Rosenthal's P, Rosenberg's P, Orwin's target with weights.
@pytest.mark.parametrize(
    ("name", "rosenthal", "rosenberg", "target"),
    [
        ("generic_bcg_rr", (598, 8.81395689626115e-30), (370, 2.28862930697316e-26), -0.215142581827046),
        ("generic_hine1989_rd", (3, 0.0221438217482591), (2, 0.0242523843980123), 0.014722160172382),
    ],
)
def test_numbers_p_values_and_targets_match_metafor_5(reference, name, rosenthal, rosenberg, target):
    case = reference(name)["input"]
    y, v = case["yi"], case["vi"]
    one, two = fail_safe(y, v), fail_safe(y, v, method="Rosenberg")
    assert (one.number, two.number) == (rosenthal[0], rosenberg[0])
    assert [one.p_value, two.p_value] == pytest.approx([rosenthal[1], rosenberg[1]], rel=1e-9)
    assert fail_safe(y, v, method="Orwin", weighted=True).target == pytest.approx(target, rel=1e-10)


def test_a_result_that_is_not_significant_needs_no_study():
    assert fail_safe([0.1, -0.1, 0.05], [1.0, 1.0, 1.0]).number == 0
    assert fail_safe([0.1, -0.1, 0.05], [1.0, 1.0, 1.0], method="Rosenberg").number == 0


def test_that_many_null_studies_undo_the_result_and_one_less_does_not():
    y, v = [0.4, 0.3, 0.5], [0.01, 0.02, 0.03]
    n = fail_safe(y, v).number
    total = sum(a / math.sqrt(b) for a, b in zip(y, v, strict=True))
    assert total / math.sqrt(3 + n) <= 1.6448536269514722 < total / math.sqrt(3 + n - 1)


def test_fail_safe_input_is_checked():
    with pytest.raises(UnknownNameError, match="Rosenthal"):
        fail_safe([0.1], [0.1], method="Rosental")
    with pytest.raises(PoolingError, match="target"):
        fail_safe([0.1, 0.2], [0.1, 0.1], method="Orwin", target=-0.1)
    with pytest.raises(EmptySelectionError):
        fail_safe([], [])


# VanderWeele & Ding 2017, doi:10.7326/M16-2607: smoking and lung cancer, infant death and formula, leukaemia.
@pytest.mark.parametrize(
    ("ratio", "interval", "estimate", "limit"),
    [(10.73, (8.02, 14.36), 20.9, 15.5), (3.9, (1.8, 8.7), 7.26, 3.0), (0.80, (0.71, 0.91), 1.81, 1.43)],
)
def test_e_values_match_vanderweele_and_ding(ratio, interval, estimate, limit):
    found = e_value(ratio, *interval)
    assert found.estimate == pytest.approx(estimate, abs=0.05 if estimate > 10 else 0.005)
    assert found.limit == pytest.approx(limit, abs=0.05 if limit > 2 else 0.005)


def test_common_outcomes_are_turned_into_risk_ratios():
    assert e_value(0.64, measure="odds-ratio").risk_ratio == pytest.approx(0.8, rel=1e-12)
    assert e_value(0.64, measure="odds-ratio", rare=True).risk_ratio == 0.64
    hazard = e_value(0.56, 0.46, 0.69, measure="hazard-ratio")
    by_hand = (1 - 0.5 ** math.sqrt(0.56)) / (1 - 0.5 ** math.sqrt(1 / 0.56))
    assert hazard.risk_ratio == pytest.approx(by_hand, rel=1e-12)
    assert e_value(0.5, measure="standardised-mean-difference").risk_ratio == pytest.approx(math.exp(0.455), rel=1e-12)


def test_an_interval_that_holds_no_effect_needs_no_confounder():
    assert e_value(0.9, 0.7, 1.2).limit == 1.0
    assert e_value(0.9).limit is None


@given(st.floats(0.01, 100), st.sampled_from(["risk-ratio", "odds-ratio", "hazard-ratio"]))
def test_a_ratio_and_its_inverse_have_one_e_value(ratio, measure):
    assert e_value(1 / ratio, measure=measure).estimate == pytest.approx(
        e_value(ratio, measure=measure).estimate, rel=1e-9
    )


def test_e_value_input_is_checked():
    for arguments in ((0.0,), (math.nan,), (0.8, 0.7), (0.8, 0.9, 1.2), (0.8, -0.1, 1.0)):
        with pytest.raises(PoolingError):
            e_value(*arguments)
    with pytest.raises(UnknownNameError, match="hazard-ratio"):
        e_value(0.8, measure="hazard-rate")
