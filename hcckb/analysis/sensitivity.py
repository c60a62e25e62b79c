"""Evidence table in, sensitivity of its pooled result out: by study and by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from hcckb.analysis.cells import CELL_MODELS
from hcckb.analysis.columns import cells
from hcckb.analysis.pool import pool
from hcckb.analysis.scales import Scale, scale_of
from hcckb.candidates import EvidenceRow
from hcckb.errors import UsageError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.baujat import Baujat, baujat
from hcckb.pooling.bias import FEW
from hcckb.pooling.influence import cumulative as cumulative_arrays
from hcckb.pooling.influence import influence as influence_arrays
from hcckb.pooling.pooled import Pooled, row_of
from hcckb.results import PooledResult, PooledRow

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutStudy:
    """The pooled result without one study, and what the study does to it.

    `estimate` and `ci_*` are on the scale of the measure, the rest on the analysis scale;
    `hcckb.pooling.influence.Influence` defines the diagnostics. `weight` lies in [0, 1].
    """

    study: str
    year: int | None
    experimental: str
    comparator: str
    estimate: float
    ci_lower: float
    ci_upper: float
    p_value: float
    tau2: float
    i2: float
    q: float
    rstudent: float
    dffits: float
    cook_distance: float
    covariance_ratio: float
    dfbetas: float
    hat: float
    weight: float
    influential: bool
    source: str
    estimate_iri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToStudy:
    """The pooled result of the first `k` studies, of which this one came last."""

    k: int
    study: str
    year: int | None
    experimental: str
    comparator: str
    estimate: float
    ci_lower: float
    ci_upper: float
    p_value: float
    tau2: float
    i2: float
    q: float
    source: str
    estimate_iri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity(Generic[Row]):
    """A pooled result with one row for each way of looking at it, and how far they can be trusted."""

    pooled: PooledResult
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def influence(table: EvidenceTable, **method: str | float) -> Sensitivity[WithoutStudy]:
    """Pool without each study in turn, and measure its influence.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    **method
        As for :func:`hcckb.analysis.pool.pool`. A rule chooses the model once, from all studies.

    Raises
    ------
    PoolingError
        If fewer than three estimates can be pooled, or as :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    y, v = arrays_of(result)
    found = influence_arrays(y, v, **options_of(result))
    rows = []
    for i, row in enumerate(result.rows):
        out = row_of(found.left_out, i)
        rows.append(
            WithoutStudy(
                **_named(row),
                **_told(out, scale_of(result)),
                rstudent=float(found.rstudent[i]),
                dffits=float(found.dffits[i]),
                cook_distance=float(found.cook_distance[i]),
                covariance_ratio=float(found.covariance_ratio[i]),
                dfbetas=float(found.dfbetas[i]),
                hat=float(found.hat[i]),
                weight=float(found.weight[i]),
                influential=bool(found.influential[i]),
            )
        )
    note = "A flag says that the result hangs on a study, not that the study is wrong."
    return Sensitivity(pooled=result, rows=tuple(rows), notes=(*few(result.k), note))


def cumulative(table: EvidenceTable, *, by: str = "year", **method: str | float) -> Sensitivity[UpToStudy]:
    """Pool the first study, the first two, and so on.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    by : str
        Order of entry: "year" of the primary report; "precision", the smallest standard error first, which shows
        what the small studies add; "order", that of the table; or a column of the table, numbers before text.
        Studies of one value enter by name; those without a value enter last, and a note names them.
    **method
        As for :func:`hcckb.analysis.pool.pool`. A rule chooses the model once, from all studies.

    Raises
    ------
    UnknownNameError
        If the table has no such column.
    PoolingError
        If fewer than two estimates can be pooled, or as :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    entries = _entries(table, result, by)
    order = sorted(range(result.k), key=lambda i: entries[i])
    y, v = arrays_of(result)
    many = cumulative_arrays(y, v, order, **options_of(result))
    rows = tuple(
        UpToStudy(k=j + 1, **_named(result.rows[i]), **_told(row_of(many, j), scale_of(result)))
        for j, i in enumerate(order)
    )
    notes = ["Looking again after each study is not a sequential test: the P values are not adjusted for it."]
    notes += _without_value(result, entries, by)
    if result.ci_method == "hksj":
        guarded = cumulative_arrays(y, v, order, **{**options_of(result), "ci": "hksj-guarded"})
        narrow = ", ".join(str(k) for k in many.k[many.se < guarded.se])
        if narrow:
            notes.append(f"Narrower than the Wald interval at k = {narrow}; --ci hksj-guarded never is.")
    return Sensitivity(pooled=result, rows=rows, notes=tuple(notes))


def baujat_of(result: PooledResult) -> Baujat:
    """Return Baujat's coordinates of the rows of a pool; formulas in `hcckb.pooling.baujat.coordinates`.

    Raises
    ------
    PoolingError
        If there are fewer than three rows.
    """
    y, v = arrays_of(result)
    return baujat(y, v, model=result.model, tau2=result.tau2_method or "REML")


def arrays_of(result: PooledResult) -> tuple[FloatArray, FloatArray]:
    """Estimates and variances on the analysis scale."""
    return np.array([r.analysis_value for r in result.rows]), np.array([r.se for r in result.rows]) ** 2


def options_of(result: PooledResult) -> dict[str, Any]:
    """How the result was pooled, a rule resolved.

    Raises
    ------
    UsageError
        If its cells were pooled: what changes with the studies is asked of effects.
    """
    if result.model in CELL_MODELS:
        raise UsageError(f"--model {result.model} pools cells, this command effects: take --model common.")
    how = {"model": result.model, "tau2": result.tau2_method or "REML", "ci": result.ci_method}
    return {**how, "level": result.level}


def _named(row: PooledRow) -> dict[str, Any]:
    names = ("study", "year", "experimental", "comparator", "source", "estimate_iri")
    return {name: getattr(row, name) for name in names}


def _told(pooled: Pooled, scale: Scale) -> dict[str, Any]:
    there = {name: scale.back(getattr(pooled, name)) for name in ("estimate", "ci_lower", "ci_upper")}
    return {**there, **{name: getattr(pooled, name) for name in ("p_value", "tau2", "i2", "q")}}


_Entry = tuple[int, float, str, str, str]


def _entries(table: EvidenceTable, result: PooledResult, by: str) -> list[_Entry]:
    """Give the place of each row in the order of entry: kind (number, text, none), value, then names."""
    if by == "order":
        return [(0, float(i), "", "", "") for i in range(result.k)]
    if by == "precision":
        return [(0, row.se, "", row.study, row.experimental) for row in result.rows]
    texts = dict(zip(map(_place, table.rows), cells(table, by), strict=True))
    return [_entry(texts[_place(row)], row) for row in result.rows]


def _entry(text: str, row: PooledRow) -> _Entry:
    try:
        return 0, float(text), "", row.study, row.experimental
    except ValueError:
        return (1 if text else 2), 0.0, text.casefold(), row.study, row.experimental


def _place(row: EvidenceRow | PooledRow) -> tuple[str, str, str, str, str]:
    return row.estimate_iri, row.study, row.source, row.locator, row.experimental


def _without_value(result: PooledResult, entries: Sequence[_Entry], by: str) -> list[str]:
    """Name the studies that have no value to order by."""
    lacking = [row.study for row, entry in zip(result.rows, entries, strict=True) if entry[0] == 2]
    if not lacking:
        return []
    if len(lacking) == result.k:
        return [f"No study has a value of {by}: they enter by name. --by order takes the order of the table."]
    return [f"Without a value of {by}, so last: {', '.join(lacking)}."]


def few(k: int) -> tuple[str, ...]:
    """Say that there are too few studies, where that is so."""
    if k >= FEW:
        return ()
    return (f"{k} studies: below {FEW} these methods have little power and tell little, whatever they show.",)
