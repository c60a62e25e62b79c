"""Fixtures that every part of the tests shares: knowledge bases, the command line, golden files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import hcckb.cli
from hcckb.store import Store, load

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

HERE = Path(__file__).parent
DATA = HERE / "data"
SMALL = DATA / "kb-small"


@dataclass(frozen=True)
class Ran:
    """What a command gave back."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def kb() -> Store:
    """The shipped knowledge base."""
    return load()


@pytest.fixture(scope="session")
def small() -> Store:
    """The artificial knowledge base of tests/data/kb-small, alone."""
    return load(SMALL, shipped=False)


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Any]:
    """Read a file of tests/reference, computed by another program."""
    return lambda name: json.loads((HERE / "reference" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `hcckb` in this process."""

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["hcckb", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            hcckb.cli.main()
        told = capsys.readouterr()
        code = left.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, told.out, told.err)

    return run


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare text with tests/golden/NAME; HCCKB_WRITE_GOLDEN=1 writes it instead."""

    def compare(name: str, text: str) -> None:
        path = HERE / "golden" / name
        if os.environ.get("HCCKB_WRITE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file into the test's own folder."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return put
