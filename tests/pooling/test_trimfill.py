"""Trim and fill against metafor, and its symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import ConvergenceError, PoolingError, UnknownNameError
from hcckb.pooling import trimfill
from hcckb.pooling.trimfill import trim_and_fill

GENERIC = ["bcg_rr", "hcc_second_line_os", "hcc_second_line_ttp", "hine1989_rd"]
METHODS = {"EE": ("common", "DL"), "DL": ("random", "DL"), "REML": ("random", "REML")}
Y, V = np.array([-0.2, -0.3, -0.5, -0.9, -1.4]), np.array([0.01, 0.02, 0.05, 0.1, 0.2])


@pytest.mark.parametrize("name", GENERIC)
def test_matches_metafor(reference, name):
    case = reference(f"sensitivity_{name}")
    for key, expected in case["output"]["trimfill"].items():
        method, estimator, side = key.split("_")
        model, tau2 = METHODS[method]
        rel = 1e-6 if method == "REML" else 1e-8
        found = trim_and_fill(
            case["input"]["yi"],
            case["input"]["vi"],
            estimator=estimator,
            side=None if side == "auto" else side,
            model=model,
            tau2=tau2,
            ci="wald",
        )
        assert (found.side, found.k0) == (expected["side"], expected["k0"]), key
        assert found.se_k0 == (None if expected["se_k0"] is None else pytest.approx(expected["se_k0"], rel=1e-10)), key
        assert found.p_k0 == (None if expected["p_k0"] is None else pytest.approx(expected["p_k0"], rel=1e-10)), key
        mine = found.adjusted
        got = [mine.estimate, mine.se, mine.p_value, mine.ci_lower, mine.ci_upper, mine.q, 100 * mine.i2, mine.tau2]
        wanted = [expected[f] for f in ("estimate", "se", "p", "ci_lb", "ci_ub", "Q", "I2_pct", "tau2")]
        assert got == pytest.approx(wanted, rel=rel, abs=1e-12), key
        assert found.filled_estimate == pytest.approx(np.ravel(expected["filled_yi"]).astype(float), rel=rel), key
        assert found.filled_variance == pytest.approx(np.ravel(expected["filled_vi"]).astype(float), rel=1e-12), key


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-50, 50), st.sampled_from(["L0", "R0"]))
def test_order_shift_and_swapped_arms(seed, shift, estimator):
    rng = np.random.default_rng(seed)
    y, v = rng.normal(size=7), rng.uniform(0.02, 1, 7)
    options = {"estimator": estimator, "tau2": "DL"}
    one, order = trim_and_fill(y, v, **options), rng.permutation(7)
    moved = trim_and_fill(y[order] + shift, v[order], **options)
    assert (moved.side, moved.k0) == (one.side, one.k0)
    assert moved.adjusted.estimate == pytest.approx(one.adjusted.estimate + shift, rel=1e-9, abs=1e-9)
    turned = trim_and_fill(-y, v, **options)
    assert {turned.side, one.side} == {"left", "right"}
    assert turned.k0 == one.k0
    assert turned.adjusted.estimate == pytest.approx(-one.adjusted.estimate, rel=1e-9, abs=1e-9)


def test_nothing_missing_leaves_the_result_alone():
    found = trim_and_fill(Y, V, side="left", model="common")
    assert found.k0 == 0
    assert found.adjusted is found.pooled
    assert found.filled_estimate.shape == (0,)
    assert "not data" in found.note


def test_what_cannot_be_filled_is_refused(monkeypatch):
    with pytest.raises(PoolingError, match="at least 3"):
        trim_and_fill(Y[:2], V[:2])
    with pytest.raises(PoolingError, match="Name one with side"):
        trim_and_fill(Y, np.full(5, 0.1))
    assert trim_and_fill(Y, np.full(5, 0.1), side="right").side == "right"
    with pytest.raises(PoolingError, match="R0 has no answer"):
        trim_and_fill([0.1, 0.1, 0.1], V[:3], estimator="R0", side="left")
    with pytest.raises(UnknownNameError, match="L0"):
        trim_and_fill(Y, V, estimator="L1")
    with pytest.raises(UnknownNameError, match="left"):
        trim_and_fill(Y, V, side="lft")
    monkeypatch.setattr(trimfill, "MAX_STEPS", 1)
    with pytest.raises(ConvergenceError, match="did not settle"):
        trim_and_fill(Y, V, model="common")
