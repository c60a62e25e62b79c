"""A user's own CSV into an evidence table, with every complaint naming row and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hcckb.candidates import EvidenceRow
from hcckb.errors import DataError, TableError, UsageError
from hcckb.evidence import EvidenceTable

RATIO_MEASURES = ("hazard-ratio", "odds-ratio", "risk-ratio")
MEASURES = (*RATIO_MEASURES, "generic")
_Z95 = 1.959963984540054


def read_table(path: Path, measure: str) -> EvidenceTable:
    """Read a user's CSV.

    Parameters
    ----------
    path : Path
        CSV with a header. Ratios: `study, value, ci_lower, ci_upper` and optionally `ci_level`; generic:
        `study, yi` and `vi` or `sei`. Optional everywhere: `year`, `n_experimental`, `n_comparator`,
        `experimental`, `comparator`, `source`.
    measure : str
        One of :data:`MEASURES`.

    Raises
    ------
    TableError
        If a column is missing, a cell that must be a number is not, or there is no row; names row and column.
    DataError
        If the file cannot be read.
    UsageError
        If the measure is not one of these.
    """
    if measure not in MEASURES:
        raise UsageError(f"--measure {measure!r} is not one of: {', '.join(MEASURES)}.")
    header, records = _records(path)
    wanted = _wanted(path, measure, header)
    rows = tuple(_row(path, i, record, measure, wanted) for i, record in enumerate(records, start=2))
    if not rows:
        raise TableError(f"{path}: the table has a header and no rows. Add one row per study.")
    return EvidenceTable(rows, (), (), f"table {path.name}", path.stem, {}, "")


def _records(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = [h.strip() for h in reader.fieldnames or []]
            reader.fieldnames = header
            return header, list(_full(path, reader))
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Give --data a CSV file in UTF-8.") from None
    except csv.Error as error:
        raise TableError(f"{path}: is not CSV ({error}). Quote cells that hold commas or quotes.") from None


def _full(path: Path, reader: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    for number, record in enumerate(reader, start=2):
        if None in record or None in record.values():
            raise TableError(f"{path}, row {number}: has not as many cells as the header. Add or quote cells.")
        yield {k: v.strip() for k, v in record.items()}


def _wanted(path: Path, measure: str, header: Sequence[str]) -> tuple[str, ...]:
    if measure in RATIO_MEASURES:
        wanted: tuple[str, ...] = ("study", "value", "ci_lower", "ci_upper")
    else:
        wanted = ("study", "yi", "sei" if "sei" in header else "vi")
    missing = [c for c in wanted if c not in header]
    if missing:
        found = ", ".join(header) or "none"
        raise TableError(
            f"{path}: column {missing[0]!r} is missing; {measure} needs {', '.join(wanted)}. The header has: {found}."
        )
    return wanted


def _row(path: Path, number: int, record: Mapping[str, str], measure: str, wanted: tuple[str, ...]) -> EvidenceRow:
    def cell(column: str) -> float:
        return _number(path, number, column, record[column])

    if measure in RATIO_MEASURES:
        value, lower, upper = cell("value"), cell("ci_lower"), cell("ci_upper")
        level = cell("ci_level") if record.get("ci_level") else 0.95
    else:
        spread = cell(wanted[2])
        if spread <= 0:
            raise TableError(f"{path}, row {number}, column {wanted[2]}: {record[wanted[2]]} must be above 0.")
        half = _Z95 * (spread if wanted[2] == "sei" else math.sqrt(spread))
        value, level = cell("yi"), 0.95
        lower, upper = value - half, value + half
    return EvidenceRow(
        study=record["study"] or f"row {number}",
        year=_whole(path, number, "year", record),
        nct=None,
        line="",
        phase=None,
        masking=None,
        experimental=record.get("experimental", ""),
        comparator=record.get("comparator", ""),
        targets="",
        population="",
        endpoint=record.get("endpoint", ""),
        assessment=None,
        analysis="",
        measure=measure,
        value=value,
        ci_lower=lower,
        ci_upper=upper,
        ci_level=level,
        p_value=None,
        n_experimental=_whole(path, number, "n_experimental", record),
        n_comparator=_whole(path, number, "n_comparator", record),
        source=record.get("source", "") or path.name,
        locator=f"row {number}",
        as_printed=" ".join(record[c] for c in wanted[1:]),
        estimate_iri="",
        resolution=None,
    )


def _number(path: Path, number: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise TableError(
            f"{path}, row {number}, column {column}: {text!r} is not a number. Write it like 0.63."
        ) from None
    if not math.isfinite(value):
        raise TableError(f"{path}, row {number}, column {column}: {text!r} is not finite. Leave such a row out.")
    return value


def _whole(path: Path, number: int, column: str, record: Mapping[str, str]) -> int | None:
    text = record.get(column, "")
    if not text:
        return None
    value = _number(path, number, column, text)
    if value != int(value) or value < 0:
        raise TableError(f"{path}, row {number}, column {column}: {text!r} is not a whole number.")
    return int(value)
