"""Cells of a user's CSV: read once, found by row and column, refused with both."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcckb.errors import DataError, TableError

Z95 = 1.959963984540054
Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The header of a CSV, and its rows that are not blank with their numbers in the file, the header being row 1."""

    path: Path
    header: tuple[str, ...]
    records: tuple[tuple[int, Record], ...]

    @property
    def labels(self) -> list[str]:
        """Names of the studies, in order."""
        return [study(number, record) for number, record in self.records]

    def refuse(self, number: int, column: str, problem: str) -> TableError:
        """Make the error of one cell."""
        return TableError(f"{self.path}, row {number}, column {column}: {problem}")

    def number(self, number: int, column: str, record: Record) -> float:
        """Read a finite number.

        Raises
        ------
        TableError
            If the cell holds none.
        """
        text = record.get(column, "")
        try:
            value = float(text)
        except ValueError:
            raise self.refuse(number, column, f"{text!r} is not a number. Write it like 0.63.") from None
        if not math.isfinite(value):
            raise self.refuse(number, column, f"{text!r} is not finite. Leave such a row out.")
        return value

    def positive(self, number: int, column: str, record: Record) -> float:
        """Read a number above 0."""
        value = self.number(number, column, record)
        if value <= 0:
            raise self.refuse(number, column, f"{record[column]} must be above 0.")
        return value

    def interval(
        self, number: int, record: Record, columns: Sequence[str], *, ratio: bool
    ) -> tuple[float, float, float]:
        """Read an estimate with its limits; `ratio` where all three must be above 0."""
        value, lower, upper = (self.number(number, c, record) for c in columns)
        for column in columns if ratio else ():
            if float(record[column]) <= 0:
                raise self.refuse(number, column, f"{record[column]} is not positive. A ratio is above 0: is it a log?")
        limits = f"{columns[1]} {lower:g}, {columns[2]} {upper:g}"
        if lower > upper:
            raise self.refuse(
                number, columns[1], f"{limits} are reversed. Swap the limits if that is how they are printed."
            )
        if lower == upper:
            raise self.refuse(number, columns[1], f"{limits} leave no width. Give limits with more digits.")
        if not lower <= value <= upper:
            problem = f"{value:g} lies outside its interval ({limits}). Read it again in the report."
            raise self.refuse(number, columns[0], problem)
        return value, lower, upper

    def level(self, number: int, record: Record) -> float:
        """Read the level of the interval, 0.95 where there is none."""
        level = self.number(number, "ci_level", record) if record.get("ci_level") else 0.95
        if not 0 < level < 1:
            raise self.refuse(number, "ci_level", f"{record['ci_level']} is not in (0, 1). Write 0.95 for 95 %.")
        return level

    def whole(self, number: int, column: str, record: Record) -> int | None:
        """Read a count where there is one."""
        text = record.get(column, "")
        if not text:
            return None
        value = self.number(number, column, record)
        if value != int(value) or value < 0:
            problem = "is negative" if value < 0 else "is not a whole number"
            raise self.refuse(number, column, f"{text!r} {problem}. Give a count: 0, 1, 2 ...")
        return int(value)

    def count(self, number: int, column: str, record: Record) -> int:
        """Read a count that must be there."""
        value = self.whole(number, column, record)
        if value is None:
            raise self.refuse(number, column, "'' is no count. Fill it in, or leave the row out.")
        return value

    def size(self, number: int, column: str, record: Record, least: int = 1) -> int:
        """Read the participants of an arm."""
        n = self.count(number, column, record)
        if n < least:
            raise self.refuse(number, column, f"{record[column]!r} is no arm. Leave the row out.")
        return n

    def arm(self, number: int, record: Record, events: str, size: str) -> tuple[int, int]:
        """Read the events and the participants of one arm."""
        x, n = self.count(number, events, record), self.size(number, size, record)
        if x > n:
            problem = (
                f"{record[events]!r} is above {size} {record[size]!r}. Correct one of them; are the columns swapped?"
            )
            raise self.refuse(number, events, problem)
        return x, n

    def common(self, number: int, record: Record, measure: str, interval: tuple[float, float, float]) -> dict[str, Any]:
        """Return the fields that every kind of row fills alike."""
        blank = dict.fromkeys(("nct", "phase", "masking", "assessment", "p_value", "resolution"))
        empty = dict.fromkeys(("line", "targets", "population", "analysis", "estimate_iri"), "")
        named = {c: record.get(c, "") for c in ("experimental", "comparator", "endpoint")}
        value, lower, upper = interval
        return {
            **blank,
            **empty,
            **named,
            "study": study(number, record),
            "year": self.whole(number, "year", record),
            "measure": measure,
            "value": value,
            "ci_lower": lower,
            "ci_upper": upper,
            "ci_level": 0.95,
            "source": record.get("source", "") or self.path.name,
            "locator": f"row {number}",
        }

    def sizes(self, number: int, record: Record) -> dict[str, Any]:
        """Return the participants of both arms, where the table has them."""
        return {c: self.whole(number, c, record) for c in ("n_experimental", "n_comparator")}

    def repeated(self) -> tuple[str, ...]:
        """Warn of names that stand in several rows."""
        places: dict[str, list[str]] = {}
        for number, record in self.records:
            places.setdefault(study(number, record), []).append(str(number))
        return tuple(
            f"{name} stands in rows {', '.join(rows)}: are its participants counted more than once?"
            for name, rows in places.items()
            if len(rows) > 1
        )


def study(number: int, record: Record) -> str:
    """Name the study of a row."""
    return record["study"] or f"row {number}"


def read_sheet(path: Path) -> Sheet:
    """Read a CSV with a header.

    Raises
    ------
    TableError
        If it is not CSV, a column stands in the header twice, or a row has not as many cells as the header.
    DataError
        If the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = tuple(cell.strip() for cell in next(rows, []))
            _refuse_separator(path, header)
            twice = [name for name, times in Counter(header).items() if times > 1 and name]
            if twice:
                raise TableError(f"{path}: column {twice[0]!r} stands in the header twice. Rename one of them.")
            return Sheet(path, header, tuple(_records(path, header, rows)))
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Give --data a CSV file in UTF-8.") from None
    except csv.Error as error:
        raise TableError(f"{path}: is not CSV ({error}). Quote cells that hold commas or quotes.") from None


def _refuse_separator(path: Path, header: Sequence[str]) -> None:
    """Refuse a table whose columns are not separated by commas."""
    if len(header) != 1:
        return
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if sign in header[0]:
            raise TableError(
                f"{path}, row 1: columns are separated by {name}. Save it with commas between columns, and points in "
                "decimals: 0.63."
            )


def _records(path: Path, header: Sequence[str], rows: Iterator[list[str]]) -> Iterator[tuple[int, Record]]:
    for number, row in enumerate(rows, start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise TableError(f"{path}, row {number}: has not as many cells as the header. Add or quote cells.")
        yield number, dict(zip(header, cells, strict=True))
