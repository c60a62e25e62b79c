"""Reference values and strategies shared by the tests of pooling."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.fixture(scope="session")
def reference() -> Callable[[str], dict[str, Any]]:
    """Read a file of tests/reference by its stem."""

    def read(stem: str) -> dict[str, Any]:
        return json.loads((REFERENCE / f"{stem}.json").read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def metafor_cases(reference: Callable[[str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Random and hard cases that metafor solved at tight tolerance."""
    return reference("metafor_pairwise")["cases"]
