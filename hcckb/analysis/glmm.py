"""A user's counts in, a mixed model's result out, on the scale of the measure."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hcckb.errors import DataError, EmptySelectionError, TableError, UsageError
from hcckb.measures import measure_named
from hcckb.pooling.counts import two_arms
from hcckb.pooling.glmm import FORMS, RATE_FORMS, glmm_odds_ratio, glmm_proportion, glmm_rate, glmm_rate_ratio
from hcckb.pooling.glmm_result import GlmmPooled

COLUMNS = {
    "odds-ratio": ("events_experimental", "n_experimental", "events_comparator", "n_comparator"),
    "incidence-rate-ratio": ("events_experimental", "time_experimental", "events_comparator", "time_comparator"),
    "proportion": ("events", "n"),
    "incidence-rate": ("events", "time"),
}
DEFAULT_FORM = "cm-el"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """One study as given, and whether the model could use it. `n_*` are participants or person-time."""

    study: str
    events_experimental: float
    n_experimental: float
    events_comparator: float | None
    n_comparator: float | None
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GlmmResult:
    """A mixed model's answer on the scale of the measure; `fitted` has it on the log (odds) scale, with tau2."""

    measure: str
    form: str | None
    level: float
    k: int
    estimate: float
    ci_lower: float
    ci_upper: float
    prediction_lower: float | None
    prediction_upper: float | None
    estimate_common: float
    ci_lower_common: float
    ci_upper_common: float
    fitted: GlmmPooled
    rows: tuple[CountRow, ...]
    source: str


def glmm(
    path: str | Path, measure: str, *, form: str | None = None, coding: float = 0.5, level: float = 0.95
) -> GlmmResult:
    """Pool a user's CSV of counts in a mixed model, without continuity correction.

    Parameters
    ----------
    path : str or Path
        CSV with `study` and the columns of `COLUMNS` for the measure.
    measure : str
        A key of `COLUMNS`, or its short name.
    form : str, optional
        One of `hcckb.pooling.glmm.FORMS`, "cm-el" by default; only where two arms are compared.
    coding : float
        0.5 or 1.0: see :func:`hcckb.pooling.glmm.glmm_odds_ratio`.
    level : float
        Level of the intervals, in (0, 1).

    Raises
    ------
    UsageError
        If there is no such measure, or no such form for it.
    DataError, TableError
        If the file cannot be read, a column is missing or a cell is no number.
    PoolingError, ConvergenceError
        As :func:`hcckb.pooling.glmm.glmm_odds_ratio`.
    """
    path, measure = Path(path), measure_named(measure)
    if measure not in COLUMNS:
        raise UsageError(f"--measure {measure!r} is not one of: {', '.join(COLUMNS)}.")
    form = _form(measure, form)
    names, columns = _read(path, COLUMNS[measure])
    if measure == "odds-ratio":
        fitted = glmm_odds_ratio(two_arms(*columns, labels=names), form or DEFAULT_FORM, coding=coding, level=level)
    elif measure == "incidence-rate-ratio":
        a, t1, c, t2 = columns
        fitted = glmm_rate_ratio(a, t1, c, t2, form or DEFAULT_FORM, coding=coding, level=level, labels=names)
    elif measure == "proportion":
        fitted = glmm_proportion(columns[0], columns[1], level=level, labels=names)
    else:
        fitted = glmm_rate(columns[0], columns[1], level=level, labels=names)
    return _result(fitted, names, columns, path.name)


def _form(measure: str, form: str | None) -> str | None:
    if measure in ("proportion", "incidence-rate"):
        if form is not None:
            raise UsageError(f"--form is for two arms, not for --measure {measure}. Leave it out.")
        return None
    known = FORMS if measure == "odds-ratio" else RATE_FORMS
    if form is not None and form not in known:
        raise UsageError(f"--form {form!r} is not one of: {', '.join(known)}.")
    return form or DEFAULT_FORM


def _read(path: Path, wanted: Sequence[str]) -> tuple[list[str], list[list[float]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            reader.fieldnames = [h.strip() for h in reader.fieldnames or []]
            header, records = reader.fieldnames, list(reader)
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Give --data a CSV file in UTF-8.") from None
    except csv.Error as error:
        raise TableError(f"{path}: is not CSV ({error}). Quote cells that hold commas or quotes.") from None
    for column in ("study", *wanted):
        if column not in header:
            raise TableError(f"{path}: column {column!r} is missing; needed are study, {', '.join(wanted)}.")
    if not records:
        raise EmptySelectionError(f"{path}: has no row below its header. Add the studies.")
    names = [(record["study"] or "").strip() or f"row {i}" for i, record in enumerate(records, start=2)]
    return names, [[_number(path, i, c, r) for i, r in enumerate(records, start=2)] for c in wanted]


def _number(path: Path, row: int, column: str, record: Mapping[str, str | None]) -> float:
    text = (record[column] or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TableError(f"{path}, row {row}, column {column}: {text!r} is not a number. Write it like 12.")
    return value


def _result(fitted: GlmmPooled, names: Sequence[str], columns: Sequence[Sequence[float]], source: str) -> GlmmResult:
    back = _expit if fitted.measure == "proportion" else math.exp
    rows = [
        CountRow(
            study=name,
            events_experimental=columns[0][i],
            n_experimental=columns[1][i],
            events_comparator=columns[2][i] if len(columns) > 2 else None,
            n_comparator=columns[3][i] if len(columns) > 2 else None,
            used=bool(fitted.kept[i]),
        )
        for i, name in enumerate(names)
    ]
    return GlmmResult(
        measure=fitted.measure,
        form=fitted.form,
        level=fitted.level,
        k=fitted.k,
        estimate=back(fitted.estimate),
        ci_lower=back(fitted.ci_lower),
        ci_upper=back(fitted.ci_upper),
        prediction_lower=None if fitted.prediction_lower is None else back(fitted.prediction_lower),
        prediction_upper=None if fitted.prediction_upper is None else back(fitted.prediction_upper),
        estimate_common=back(fitted.estimate_common),
        ci_lower_common=back(fitted.ci_lower_common),
        ci_upper_common=back(fitted.ci_upper_common),
        fitted=fitted,
        rows=tuple(rows),
        source=source,
    )


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
