"""A user's table of medians into their (weighted) median, where no spread is printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hcckb.errors import TableError
from hcckb.pooling.medians import median_of_medians
from hcckb.usertable import Sheet, read_sheet
from hcckb.usertable.sheet import study

COLUMNS = ("study", "median", "n", "locator")


@dataclass(frozen=True, slots=True)
class MedianRead:
    """One study's median, as read."""

    study: str
    median: float
    n: int
    locator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledMedian:
    """A median of study medians with its interval, as `hcckb.pooling.medians.MedianOfMedians`, and what it is of."""

    method: str
    k: int
    n: int
    estimate: float
    ci_lower: float | None
    ci_upper: float | None
    level: float
    rows: tuple[MedianRead, ...]
    warnings: tuple[str, ...]
    title: str


def pool_medians(path: str | Path, *, weighted: bool = True, level: float = 0.95) -> PooledMedian:
    """Pool the medians of a CSV by their weighted median.

    Parameters
    ----------
    path : str or Path
        CSV with columns `study, median, n`.
    weighted : bool
        Count each study by its participants; otherwise all alike.
    level : float
        Level of the interval, in (0, 1).

    Raises
    ------
    TableError
        If a column is missing, there is no row, or a cell is no number; names file, row, column and value.
    DataError
        If the file cannot be read.
    PoolingError
        If `level` is not in (0, 1).
    """
    path = Path(path)
    sheet = read_sheet(path)
    rows = _rows(sheet)
    found = median_of_medians([r.median for r in rows], [r.n for r in rows], weighted=weighted, level=level)
    told = sheet.repeated()
    if found.ci_lower is None or found.ci_upper is None:
        told = (f"{found.k} studies leave the interval open at {100 * level:g} %.", *told)
    return PooledMedian(
        method="weighted median of medians" if weighted else "median of medians",
        k=found.k,
        n=found.n,
        estimate=found.estimate,
        ci_lower=found.ci_lower,
        ci_upper=found.ci_upper,
        level=level,
        rows=rows,
        warnings=told,
        title=f"table {path.name}",
    )


def _rows(sheet: Sheet) -> tuple[MedianRead, ...]:
    missing = [c for c in ("study", "median", "n") if c not in sheet.header]
    if missing:
        found = ", ".join(sheet.header) or "none"
        raise TableError(
            f"{sheet.path}: column {missing[0]!r} is missing; medians need study, median, n. The header has: {found}."
        )
    if not sheet.records:
        raise TableError(f"{sheet.path}: the table has a header and no rows. Add one row per study.")
    return tuple(
        MedianRead(study(i, r), sheet.number(i, "median", r), sheet.size(i, "n", r, 2), f"row {i}")
        for i, r in sheet.records
    )
