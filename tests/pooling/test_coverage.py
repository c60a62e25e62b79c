"""The intervals hold the truth as often as they say; `make coverage` simulates more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.coverage import COLUMNS, Cell, cell, failures, table


@pytest.fixture(scope="module")
def simulated() -> Cell:
    return cell("equal", 5, 0.1, 500, np.random.default_rng(7))


def test_hartung_and_knapp_hold_95_percent_of_few_heterogeneous_studies_and_wald_does_not(simulated: Cell):
    for method in ("REML", "DL", "PM"):
        assert 0.925 <= simulated.coverage[f"hksj {method}"] <= 0.975
        assert simulated.coverage[f"wald {method}"] <= 0.92
        assert simulated.coverage[f"hksj-guarded {method}"] >= simulated.coverage[f"hksj {method}"]


def test_the_q_profile_holds_95_percent(simulated: Cell):
    assert 0.925 <= simulated.coverage["tau2"] <= 0.975


def test_a_share_outside_its_limits_is_named(simulated: Cell):
    fine = replace(simulated, coverage=dict.fromkeys(COLUMNS, 0.95) | {f"wald {m}": 0.9 for m in ("REML", "DL", "PM")})
    assert failures([fine]) == []
    (told,) = failures([replace(fine, coverage=fine.coverage | {"tau2": 0.93})])
    assert told == "equal studies, k = 5, tau2 = 0.1, tau2: 93.00 % is not within 94.0 to 96.0 %"


def test_the_table_has_a_line_per_cell(simulated: Cell):
    lines = table([simulated, simulated]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 4}
