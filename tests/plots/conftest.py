"""Fixtures for figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hcckb.results import Dropped, PooledResult
from tests.plots.figure_cases import SEVEN, Drawing, pooled


@pytest.fixture
def make_result() -> Callable[..., PooledResult]:
    """Pools study dictionaries into a result."""
    return pooled


@pytest.fixture
def parse() -> type[Drawing]:
    """Parses a figure."""
    return Drawing


@pytest.fixture
def seven() -> PooledResult:
    """Seven second-line trials, one read from another interval level, one resolved."""
    studies = [dict(study) for study in SEVEN]
    studies[2]["ci_level"] = 0.9
    studies[3]["resolution"] = "The source prints 0.63 (0.50-0.79); another review prints 0.62 for the same analysis"
    dropped = (
        Dropped("ZGDH3", "first line"),
        Dropped("KEYNOTE-240", "no VEGF receptor target"),
        Dropped("REACH", "one estimate per contrast"),
    )
    return pooled(studies, dropped=dropped)
