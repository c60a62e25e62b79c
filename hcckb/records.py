"""Any list of records as CSV or JSON, byte for byte the same for the same data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from types import MappingProxyType
from typing import Any


def to_json(value: object) -> str:
    """Write frozen dataclasses, mappings and sequences as JSON, keys in their own order."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(records: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Write records as CSV (RFC 4180); None is an empty cell, several values are joined with "; "."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for record in records:
        writer.writerow([_cell(record.get(c)) for c in columns])
    return out.getvalue()


def plain(value: object) -> Any:
    """Turn dataclasses and mappings into what the json module knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return {k: plain(v) for k, v in _fields(value).items()}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [plain(v) for v in value]
    return value


def _fields(value: object) -> dict[str, object]:
    names = value.__dataclass_fields__  # type: ignore[attr-defined]
    if any(isinstance(getattr(value, n), (Mapping, MappingProxyType)) for n in names):
        return {n: getattr(value, n) for n in names}
    return asdict(value)  # type: ignore[call-overload,no-any-return]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (tuple, list)):
        return "; ".join(_cell(v) for v in value)
    return repr(value) if isinstance(value, float) else str(value)
