"""A user's own CSV into an evidence table, with every complaint naming row and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hcckb.candidates import EvidenceRow
from hcckb.errors import DataError, TableError, UsageError
from hcckb.evidence import EvidenceTable, PassedOver
from hcckb.pooling.counts import DOUBLE_ZERO_REASON, count_effects, two_arms
from hcckb.pooling.proportions import TRANSFORMS, exact_interval, proportion_effects

RATIO_MEASURES = ("hazard-ratio", "odds-ratio", "risk-ratio")
COUNT_MEASURES = ("risk-ratio", "odds-ratio", "risk-difference", "peto-odds-ratio")
MEASURES = (*RATIO_MEASURES, "risk-difference", "peto-odds-ratio", "proportion", "generic")
_RATIO = ("study", "value", "ci_lower", "ci_upper")
_COUNTS = ("study", "events_experimental", "n_experimental", "events_comparator", "n_comparator")
_PROPORTION = ("study", "events", "n")
_COUNTS_ONLY = frozenset(c for c in _COUNTS if c.startswith("events"))
_Z95 = 1.959963984540054
_Records = Sequence[tuple[int, Mapping[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionRow(EvidenceRow):
    """A proportion of one arm: `events` of its `n_experimental` participants.

    `value` is the proportion as counted, its interval Clopper and Pearson's; `transform` names the scale on
    which it is pooled.
    """

    events: int
    transform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsRow(EvidenceRow):
    """An effect of two arms with the counts it comes from, of `n_experimental` and `n_comparator` participants."""

    events_experimental: int
    events_comparator: int


def read_table(path: Path, measure: str, transform: str | None = None) -> EvidenceTable:
    """Read a user's CSV.

    Parameters
    ----------
    path : Path
        CSV with a header. Ratios: `study, value, ci_lower, ci_upper` and optionally `ci_level`; counts:
        `study, events_experimental, n_experimental, events_comparator, n_comparator`; proportions:
        `study, events, n`; generic: `study, yi` and `vi` or `sei`. Optional everywhere: `year`,
        `n_experimental`, `n_comparator`, `experimental`, `comparator`, `source`.
    measure : str
        One of :data:`MEASURES`. Odds and risk ratios come from counts where the header has their columns.
    transform : {"logit", "freeman-tukey", "arcsine", "none"}, optional
        Scale on which proportions are pooled, "logit" by default.

    Returns
    -------
    EvidenceTable
        Rows in the order of the file. Effects of counts come with their 95 % interval on the analysis scale.
        Tables of counts that tell nothing of a ratio are in `passed_over`; `warnings` say so, and which
        tables had a continuity correction.

    Raises
    ------
    TableError
        If a column is missing, a cell that must be a number is not, a count is not whole, negative or above
        its n, or there is no row; names file, row, column and value.
    DataError
        If the file cannot be read.
    PoolingError
        If no row of counts tells anything of the measure.
    UsageError
        If the measure or the transformation is not one of these, or no proportion is transformed.
    """
    _check_names(measure, transform)
    header, found = _records(path)
    records = list(enumerate(found, start=2))
    wanted = _wanted(path, measure, header)
    if not records:
        raise TableError(f"{path}: the table has a header and no rows. Add one row per study.")
    rows: Sequence[EvidenceRow]
    passed_over: tuple[PassedOver, ...] = ()
    warnings: tuple[str, ...] = ()
    if wanted == _COUNTS:
        rows, passed_over, warnings = _from_counts(path, records, measure)
        if "value" in header:
            warnings = ("The counts are pooled; the columns value, ci_lower and ci_upper are not used.", *warnings)
    elif wanted == _PROPORTION:
        rows, warnings = _from_proportions(path, records, transform or "logit")
    else:
        rows = [_printed(path, number, record, measure, wanted) for number, record in records]
    extra = {f"row {number}": record for number, record in records}
    return EvidenceTable(tuple(rows), passed_over, warnings, f"table {path.name}", path.stem, {}, "", extra=extra)


def _check_names(measure: str, transform: str | None) -> None:
    if measure not in MEASURES:
        raise UsageError(f"--measure {measure!r} is not one of: {', '.join(MEASURES)}.")
    if transform is not None and measure != "proportion":
        raise UsageError(f"--transform is for proportions, not for {measure}. Leave it out, or --measure proportion.")
    if transform is not None and transform not in TRANSFORMS:
        raise UsageError(f"--transform {transform!r} is not one of: {', '.join(TRANSFORMS)}.")


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
    """Return the columns that must be there, as the measure and the header have it."""
    hint = ""
    if measure == "proportion":
        wanted: tuple[str, ...] = _PROPORTION
    elif measure == "generic":
        wanted = ("study", "yi", "sei" if "sei" in header else "vi")
    elif measure not in RATIO_MEASURES or (measure in COUNT_MEASURES and not _COUNTS_ONLY.isdisjoint(header)):
        wanted = _COUNTS
    else:
        wanted = _RATIO
        hint = f" or, as counts, {', '.join(_COUNTS)}" if measure in COUNT_MEASURES else ""
    missing = [c for c in wanted if c not in header]
    if missing:
        found = ", ".join(header) or "none"
        raise TableError(
            f"{path}: column {missing[0]!r} is missing; {measure} needs {', '.join(wanted)}{hint}. "
            f"The header has: {found}."
        )
    return wanted


def _printed(path: Path, number: int, record: Mapping[str, str], measure: str, wanted: tuple[str, ...]) -> EvidenceRow:
    """Read a row whose effect is given as such."""

    def cell(column: str) -> float:
        return _number(path, number, column, record[column])

    if measure in RATIO_MEASURES:
        interval = cell("value"), cell("ci_lower"), cell("ci_upper")
        level = cell("ci_level") if record.get("ci_level") else 0.95
    else:
        spread = cell(wanted[2])
        if spread <= 0:
            raise TableError(f"{path}, row {number}, column {wanted[2]}: {record[wanted[2]]} must be above 0.")
        half = _Z95 * (spread if wanted[2] == "sei" else math.sqrt(spread))
        value, level = cell("yi"), 0.95
        interval = value, value - half, value + half
    common = _common(path, number, record, measure, interval)
    return EvidenceRow(
        **common,
        ci_level=level,
        n_experimental=_whole(path, number, "n_experimental", record),
        n_comparator=_whole(path, number, "n_comparator", record),
        as_printed=" ".join(record[c] for c in wanted[1:]),
    )


def _from_counts(
    path: Path, records: _Records, measure: str
) -> tuple[list[EvidenceRow], tuple[PassedOver, ...], tuple[str, ...]]:
    """Turn rows of two arms into effects with 95 % intervals; rows that tell nothing are passed over."""
    arms = [[*_arm(path, n, r, *_COUNTS[1:3]), *_arm(path, n, r, *_COUNTS[3:5])] for n, r in records]
    found = count_effects(two_arms(*zip(*arms, strict=True), labels=[_study(n, r) for n, r in records]), measure)
    rows: list[EvidenceRow] = []
    left: list[PassedOver] = []
    effects = zip(found.effects.estimate, found.effects.se, strict=True)
    for (number, record), (a, n1, c, n2), kept in zip(records, arms, found.kept, strict=True):
        printed = f"{a}/{n1} vs {c}/{n2}"
        if not kept:
            source = record.get("source", "") or path.name
            left.append(PassedOver(_study(number, record), "", printed, source, DOUBLE_ZERO_REASON))
            continue
        y, se = next(effects)
        limits = np.array([y, y - _Z95 * se, y + _Z95 * se])
        value, lower, upper = (float(x) for x in (limits if measure == "risk-difference" else np.exp(limits)))
        common = _common(path, number, record, measure, (value, lower, upper))
        rows.append(
            CountsRow(
                **common,
                ci_level=0.95,
                n_experimental=n1,
                n_comparator=n2,
                as_printed=printed,
                events_experimental=a,
                events_comparator=c,
            )
        )
    return rows, tuple(left), found.warnings


def _from_proportions(path: Path, records: _Records, transform: str) -> tuple[list[EvidenceRow], tuple[str, ...]]:
    """Turn rows of one arm into proportions with exact 95 % intervals."""
    arms = [_arm(path, number, record, "events", "n") for number, record in records]
    events, sizes = zip(*arms, strict=True)
    warnings = proportion_effects(events, sizes, transform, labels=[_study(n, r) for n, r in records]).warnings
    low, high = exact_interval(events, sizes)
    rows: list[EvidenceRow] = []
    for i, (number, record) in enumerate(records):
        x, n = arms[i]
        common = _common(path, number, record, "proportion", (x / n, float(low[i]), float(high[i])))
        rows.append(
            ProportionRow(
                **common,
                ci_level=0.95,
                n_experimental=n,
                n_comparator=None,
                as_printed=f"{x}/{n}",
                events=x,
                transform=transform,
            )
        )
    return rows, warnings


def _common(
    path: Path, number: int, record: Mapping[str, str], measure: str, interval: tuple[float, float, float]
) -> dict[str, Any]:
    """Return the fields that every kind of row fills alike."""
    blank = dict.fromkeys(("nct", "phase", "masking", "assessment", "p_value", "resolution"))
    empty = dict.fromkeys(("line", "targets", "population", "analysis", "estimate_iri"), "")
    named = {c: record.get(c, "") for c in ("experimental", "comparator", "endpoint")}
    value, lower, upper = interval
    return {
        **blank,
        **empty,
        **named,
        "study": _study(number, record),
        "year": _whole(path, number, "year", record),
        "measure": measure,
        "value": value,
        "ci_lower": lower,
        "ci_upper": upper,
        "source": record.get("source", "") or path.name,
        "locator": f"row {number}",
    }


def _study(number: int, record: Mapping[str, str]) -> str:
    return record["study"] or f"row {number}"


def _arm(path: Path, number: int, record: Mapping[str, str], events: str, size: str) -> tuple[int, int]:
    """Read the events and the participants of one arm."""
    x, n = _count(path, number, events, record), _count(path, number, size, record)
    if n < 1:
        raise TableError(f"{path}, row {number}, column {size}: {record[size]!r} is no arm. Leave the row out.")
    if x > n:
        raise TableError(
            f"{path}, row {number}, column {events}: {record[events]!r} is above {size} {record[size]!r}. "
            "Correct one of them; are the columns swapped?"
        )
    return x, n


def _count(path: Path, number: int, column: str, record: Mapping[str, str]) -> int:
    value = _whole(path, number, column, record)
    if value is None:
        raise TableError(f"{path}, row {number}, column {column}: '' is no count. Fill it in, or leave the row out.")
    return value


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
        problem = "is negative" if value < 0 else "is not a whole number"
        raise TableError(f"{path}, row {number}, column {column}: {text!r} {problem}. Give a count: 0, 1, 2 ...")
    return int(value)
