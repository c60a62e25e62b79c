"""Step-function selection models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import ConvergenceError, PoolingError, UnknownNameError
from hcckb.pooling import selection_likelihood
from hcckb.pooling.pairwise import pool
from hcckb.pooling.selection_likelihood import height, selected
from hcckb.pooling.selection_model import VEVEA_WOODS, VEVEA_WOODS_STEPS, selection_model

NAMES = ("moore1998", "bcg_rr", "hackshaw1998", "simulated")
Y, V = [0.2, 0.35, 0.1, 0.5, 0.42, 0.31], [0.02, 0.03, 0.05, 0.04, 0.03, 0.01]


@pytest.mark.parametrize("name", NAMES)
def test_estimated_weights_match_metafor(reference, name):
    case = reference("small_study")["effects"][name]
    y, v = case["input"]["yi"], case["input"]["vi"]
    for wanted in case["selection"]:
        found = selection_model(y, v, steps=wanted["steps"], alternative=wanted["alternative"])
        assert found.log_likelihood >= wanted["log_likelihood"] - 1e-9
        assert found.log_likelihood == pytest.approx(wanted["log_likelihood"], rel=1e-8)
        assert found.estimate == pytest.approx(wanted["estimate"], rel=1e-6)
        assert found.tau2 == pytest.approx(wanted["tau2"], rel=1e-6, abs=1e-7)
        assert found.weights == pytest.approx(wanted["weights"], rel=1e-6)
        assert found.lrt == pytest.approx(wanted["lrt"], rel=1e-5, abs=1e-8)
        assert found.lrt_p_value == pytest.approx(wanted["lrt_p_value"], rel=1e-5)
        assert found.se == pytest.approx(wanted["se"], rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_fixed_weights_match_metafor(reference, name):
    case = reference("small_study")["effects"][name]
    y, v = case["input"]["yi"], case["input"]["vi"]
    for wanted in case["fixed"]:
        weights = VEVEA_WOODS[wanted["name"].replace("_", "-")]
        found = selection_model(y, v, steps=VEVEA_WOODS_STEPS, weights=weights, alternative=wanted["alternative"])
        assert found.estimate == pytest.approx(wanted["estimate"], rel=2e-6, abs=1e-7), wanted["name"]
        assert found.tau2 == pytest.approx(wanted["tau2"], rel=2e-6, abs=1e-7), wanted["name"]
        assert found.se == pytest.approx(wanted["se"], rel=1e-4), wanted["name"]
        assert found.lrt is None
        assert found.fixed
        assert tuple(found.weights) == weights
        assert not found.weights_se.any()


def test_weights_of_one_give_maximum_likelihood():
    plain = pool(Y, V, tau2="ML", ci="wald")
    found = selection_model(Y, V, steps=[0.025, 0.5], weights=[1, 1, 1])
    assert found.estimate == pytest.approx(plain.estimate, rel=1e-9)
    assert found.tau2 == pytest.approx(plain.tau2, rel=1e-8, abs=1e-12)
    assert found.unadjusted_estimate == pytest.approx(plain.estimate, rel=1e-12)


def test_selection_that_was_simulated_is_found(reference):
    """Of the studies without P < 0.025, 40 % were kept."""
    case = reference("small_study")["effects"]["simulated"]["input"]
    found = selection_model(case["yi"], case["vi"])
    assert found.estimate < found.unadjusted_estimate
    assert found.weights[1] < 1


def test_derivatives_are_those_of_the_likelihood():
    rng = np.random.default_rng(7)
    v = rng.uniform(0.3, 3.0, 20)
    data = selected(0.6 + rng.normal(0, np.sqrt(v)), v, np.array([0.025, 0.5, 1.0]))
    point, step = np.array([0.4, 0.7, -0.3, 0.6]), 1e-5 * np.eye(4)
    here = height(data, point)
    up, down = [height(data, point + s) for s in step], [height(data, point - s) for s in step]
    slope = [(a.value - b.value) / 2e-5 for a, b in zip(up, down, strict=True)]
    bend = [(a.gradient - b.gradient) / 2e-5 for a, b in zip(up, down, strict=True)]
    assert here.gradient == pytest.approx(slope, rel=1e-6, abs=1e-7)
    assert here.hessian == pytest.approx(np.array(bend), rel=1e-6, abs=1e-7)


def test_the_other_sign_is_the_other_alternative():
    one, other = selection_model(Y, V), selection_model(-np.array(Y), V)
    assert (one.alternative, other.alternative) == ("greater", "less")
    assert other.estimate == pytest.approx(-one.estimate, rel=1e-9)
    assert other.lrt == pytest.approx(one.lrt, rel=1e-8)


@settings(max_examples=15, deadline=None)
@given(st.integers(-20, 20), st.permutations(range(6)))
def test_scale_and_order_do_not_matter(exponent, order):
    y, v = np.array(Y), np.array(V)
    scaled = selection_model(10.0**exponent * y[order], 100.0**exponent * v[order])
    found = selection_model(y, v)
    assert scaled.estimate == pytest.approx(10.0**exponent * found.estimate, rel=1e-7)
    assert scaled.tau2 == pytest.approx(100.0**exponent * found.tau2, rel=1e-6)
    assert scaled.lrt_p_value == pytest.approx(found.lrt_p_value, rel=1e-7)


def test_an_interval_without_estimates_is_refused_by_its_bounds():
    with pytest.raises(PoolingError, match=r"\(0.5, 1\]"):
        selection_model(Y, V, steps=[0.025, 0.5])


@pytest.mark.parametrize("steps", [[], [0.0], [0.5, 0.025], [0.5, 0.5], [1.0], [2.0]])
def test_steps_that_do_not_ascend_are_refused(steps):
    with pytest.raises(PoolingError, match="ascend"):
        selection_model(Y, V, steps=steps)


def test_weights_and_names_are_checked():
    with pytest.raises(PoolingError, match="one for each"):
        selection_model(Y, V, weights=[1.0, 0.0])
    with pytest.raises(UnknownNameError, match="greater"):
        selection_model(Y, V, alternative="bigger")
    with pytest.raises(PoolingError, match="at least 3"):
        selection_model(Y[:2], V[:2])


def test_a_climb_that_does_not_arrive_raises(monkeypatch):
    monkeypatch.setattr(selection_likelihood, "MAX_STEPS", 2)
    with pytest.raises(ConvergenceError, match="fewer steps"):
        selection_model(Y, V)


def test_estimates_barely_beyond_the_cut_point_still_have_a_maximum():
    y = [1.97, 1.98, 1.99, 2.0, 0.1]
    found = selection_model(y, np.ones(5), model="common")
    assert found.estimate < 0
    assert found.weights[1] < 0.01


def test_the_interval_is_normal_at_the_level_asked_for():
    wide, narrow = selection_model(Y, V, level=0.95), selection_model(Y, V, level=0.5)
    assert wide.ci_upper - wide.estimate == pytest.approx(1.959963984540054 * wide.se, rel=1e-10)
    assert narrow.estimate - narrow.ci_lower == pytest.approx(0.6744897501960817 * narrow.se, rel=1e-10)


def test_common_effect_keeps_tau2_at_0():
    found = selection_model(Y, V, model="common")
    assert (found.tau2, found.unadjusted_tau2) == (0.0, 0.0)
