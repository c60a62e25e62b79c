"""Evidence table in, E-values out: of each study and of the pooled result."""

from __future__ import annotations

from dataclasses import dataclass

from hcckb.analysis.pool import pool
from hcckb.errors import UsageError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.evalue import e_value
from hcckb.results import PooledResult, PooledRow

_MEASURES = {
    "hazard-ratio": "hazard-ratio",
    "odds-ratio": "odds-ratio",
    "peto-odds-ratio": "odds-ratio",
    "risk-ratio": "risk-ratio",
    "standardised-mean-difference": "standardised-mean-difference",
}
POOLED = "(pooled)"


@dataclass(frozen=True, slots=True, kw_only=True)
class EValueRow:
    """E-values of one study, or of the pooled result, whose `study` is "(pooled)".

    `value` and `ci_*` are on the scale of the measure; `risk_ratio` is what they were turned into. `e_value_limit`
    is that of the limit nearer to no effect, 1 where the interval holds no effect.
    """

    study: str
    year: int | None
    value: float
    ci_lower: float
    ci_upper: float
    risk_ratio: float
    e_value: float
    e_value_limit: float
    estimate_iri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EValues:
    """E-values of the studies and, last, of the pooled result."""

    pooled: PooledResult
    rare: bool
    rows: tuple[EValueRow, ...]
    notes: tuple[str, ...]


def evalues(table: EvidenceTable, *, rare: bool = False, **method: str | float) -> EValues:
    """Say how strong unmeasured confounding would have to be to explain each result away.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    rare : bool
        Whether fewer than 15 % had the event by the end of follow-up.
    **method
        As for :func:`hcckb.analysis.pool.pool`.

    Raises
    ------
    UsageError
        If the measure has no E-value.
    PoolingError
        As :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    measure = _MEASURES.get(result.measure)
    if measure is None:
        known = ", ".join(_MEASURES)
        raise UsageError(f"{result.measure} has no E-value. Measures that have one: {known}.")
    pooled = (result.estimate, result.ci_lower, result.ci_upper)
    rows = [_row(r, (r.value, r.ci_lower, r.ci_upper), measure, rare=rare) for r in result.rows]
    rows.append(_row(None, pooled, measure, rare=rare))
    notes = [e_value(*pooled, measure=measure, rare=rare).note] if measure != "risk-ratio" else []
    notes.append(
        "E-value: the least association, as a risk ratio, of an unmeasured confounder with both treatment and outcome "
        "that could explain the estimate away. Randomised arms are not confounded at the start."
    )
    return EValues(pooled=result, rare=rare, rows=tuple(rows), notes=tuple(notes))


def _row(row: PooledRow | None, numbers: tuple[float, float, float], measure: str, *, rare: bool) -> EValueRow:
    found = e_value(*numbers, measure=measure, rare=rare)
    return EValueRow(
        study=POOLED if row is None else row.study,
        year=None if row is None else row.year,
        value=numbers[0],
        ci_lower=numbers[1],
        ci_upper=numbers[2],
        risk_ratio=found.risk_ratio,
        e_value=found.estimate,
        e_value_limit=found.limit if found.limit is not None else 1.0,
        estimate_iri="" if row is None else row.estimate_iri,
    )
