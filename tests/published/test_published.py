"""Printed results of others, within half of their last printed digit."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from hcckb.pooling.counts import count_effects, two_arms
from hcckb.pooling.effects import log_ratio
from hcckb.pooling.pairwise import Pooled, pool

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def case(name: str) -> dict:
    """Read one published case."""
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))


def printed(text: str) -> object:
    """Match any value that rounds to the printed digits."""
    return pytest.approx(float(text), rel=0, abs=0.5 * 10 ** -len(text.partition(".")[2]) + 1e-12)


def on_ratio_scale(fitted: Pooled) -> dict[str, float]:
    """Give estimate and limits as ratios."""
    return {k: float(np.exp(getattr(fitted, k))) for k in ("estimate", "ci_lower", "ci_upper")}


@pytest.mark.parametrize("model", ["common", "DL"])
def test_bcg_trials_pool_as_metan_prints(model: str):
    expected = case("bcg_metan")
    data = json.loads((ROOT / expected["inputs"]).read_text(encoding="utf-8"))["input"]
    fitted = pool(data["yi"], data["vi"], model="common" if model == "common" else "random", tau2="DL", ci="wald")
    for field, text in expected[model].items():
        assert getattr(fitted, field) == printed(text), field
    if model == "common":
        assert on_ratio_scale(fitted) == {k: printed(v) for k, v in expected["common_ratio"].items()}


@pytest.mark.parametrize("endpoint", ["overall-survival", "time-to-progression"])
def test_second_line_trials_pool_as_kim_2017_prints(endpoint: str):
    expected = case("kim2017")[endpoint]
    effects = log_ratio(*np.array(expected["inputs"]).T, 0.95)
    fitted = pool(effects.estimate, effects.variance, tau2="DL", ci="wald")
    got = on_ratio_scale(fitted) | {"p_value": fitted.p_value, "i2": fitted.i2}
    for field in expected.keys() - {"inputs"}:
        assert got[field] == printed(expected[field]), field


@pytest.mark.parametrize("method", ["PM", "HE", "DL", "DL2", "REML", "HS"])
def test_aspirin_trials_pool_as_dersimonian_and_kacker_2007_print(method: str):
    expected = case("dersimonian2007")
    effects = count_effects(two_arms(*np.array(expected["arms"]).T), "odds-ratio").effects
    fitted = pool(effects.estimate, effects.variance, tau2=method, ci="wald")
    tau, mu, se = expected[method]
    assert np.sqrt(fitted.tau2) == printed(tau)
    assert fitted.estimate == printed(mu)
    assert fitted.se == printed(se)
