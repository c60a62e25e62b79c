"""Records as CSV and JSON: RFC 4180, full precision, the same bytes for the same data."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from types import MappingProxyType

import pytest

from hcckb.records import to_csv, to_json


@dataclass(frozen=True)
class Inner:
    x: float


@dataclass(frozen=True)
class Outer:
    name: str
    several: tuple[Inner, ...]
    more: MappingProxyType = field(default_factory=lambda: MappingProxyType({"b": 1, "a": 2}))


def test_dataclasses_mappings_and_sequences_become_json_in_their_own_order():
    told = to_json(Outer("é", (Inner(0.1),)))
    assert json.loads(told) == {"name": "é", "several": [{"x": 0.1}], "more": {"b": 1, "a": 2}}
    assert told.index('"b"') < told.index('"a"')
    assert told.endswith("}\n")
    assert "é" in told


def test_json_keeps_full_precision():
    assert json.loads(to_json([0.1 + 0.2, 1e-300])) == [0.1 + 0.2, 1e-300]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_never_holds_what_is_not_json(value):
    with pytest.raises(ValueError, match="JSON"):
        to_json({"x": value})


def test_csv_is_rfc_4180():
    text = to_csv([{"a": 'say "x", or\ny', "b": None, "c": 0.1 + 0.2}, {"a": ("p", None, 2.0)}], ("a", "b", "c"))
    assert text == 'a,b,c\r\n"say ""x"", or\ny",,0.30000000000000004\r\np; ; 2.0,,\r\n'
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert rows[0] == {"a": 'say "x", or\ny', "b": "", "c": "0.30000000000000004"}


def test_columns_that_a_record_lacks_are_empty_and_others_left_out():
    assert to_csv([{"b": 1, "z": 2}], ("a", "b")) == "a,b\r\n,1\r\n"
    assert to_csv([], ("a",)) == "a\r\n"
