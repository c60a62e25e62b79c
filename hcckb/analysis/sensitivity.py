"""Evidence table in, sensitivity of its pooled result out: by study, by time, by small-study effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from hcckb.analysis.pool import pool
from hcckb.errors import PoolingError, UnknownNameError, UsageError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.bias import FEW, EggerTest, RankTest, begg, egger
from hcckb.pooling.influence import cumulative as cumulative_arrays
from hcckb.pooling.influence import influence as influence_arrays
from hcckb.pooling.pooled import Pooled, row_of
from hcckb.pooling.trimfill import ESTIMATORS, TrimFill, trim_and_fill
from hcckb.results import PooledResult, PooledRow

ORDERS = ("year", "precision")
Row = TypeVar("Row")
T = TypeVar("T")


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
class BiasTest:
    """One test for small-study effects, or one trim and fill.

    `estimate` and `ci_*` are on the scale of the measure: for Egger's test the estimate as the standard
    error goes to 0, for trim and fill the pooled one with the `k0` filled studies on `side`. The one-sided
    P looks in the direction observed. What a method does not have is None; `note` says why where nothing
    could be computed.
    """

    method: str
    form: str
    statistic: float | None = None
    df: float | None = None
    p_value: float | None = None
    p_value_one_sided: float | None = None
    side: str = ""
    k0: int | None = None
    estimate: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    note: str = ""


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
    y, v = _arrays(result)
    found = influence_arrays(y, v, **_options(result))
    rows = []
    for i, row in enumerate(result.rows):
        out = row_of(found.left_out, i)
        rows.append(
            WithoutStudy(
                **_named(row),
                **_told(out, result.scale),
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
    return Sensitivity(pooled=result, rows=tuple(rows), notes=(*_few(result.k), note))


def cumulative(table: EvidenceTable, *, by: str = "year", **method: str | float) -> Sensitivity[UpToStudy]:
    """Pool the first study, the first two, and so on.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    by : {"year", "precision"}
        Order of entry: year of the primary report, studies of one year by name; or smallest standard
        error first, which shows what the small studies add.
    **method
        As for :func:`hcckb.analysis.pool.pool`. A rule chooses the model once, from all studies.

    Raises
    ------
    UnknownNameError
        If there is no such order.
    UsageError
        If a study has no year.
    PoolingError
        If fewer than two estimates can be pooled, or as :func:`hcckb.analysis.pool.pool`.
    """
    if by not in ORDERS:
        raise UnknownNameError(by, "order of entry", ORDERS, ", ".join(ORDERS))
    result = pool(table, **method)
    order = sorted(range(result.k), key=lambda i: _entry(result.rows[i], by))
    y, v = _arrays(result)
    many = cumulative_arrays(y, v, order, **_options(result))
    rows = tuple(
        UpToStudy(k=j + 1, **_named(result.rows[i]), **_told(row_of(many, j), result.scale))
        for j, i in enumerate(order)
    )
    notes = ["Looking again after each study is not a sequential test: the P values are not adjusted for it."]
    if result.ci_method == "hksj":
        guarded = cumulative_arrays(y, v, order, **{**_options(result), "ci": "hksj-guarded"})
        narrow = ", ".join(str(k) for k in many.k[many.se < guarded.se])
        if narrow:
            notes.append(f"Narrower than the Wald interval at k = {narrow}; --ci hksj-guarded never is.")
    return Sensitivity(pooled=result, rows=rows, notes=tuple(notes))


def bias(table: EvidenceTable, **method: str | float) -> Sensitivity[BiasTest]:
    """Test for small-study effects, in all the forms that are in use, and trim and fill.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    **method
        As for :func:`hcckb.analysis.pool.pool`; trim and fill pools by it.

    Returns
    -------
    Sensitivity of BiasTest
        A method that cannot be computed from these estimates has a row that says why.

    Raises
    ------
    PoolingError
        If fewer than three estimates can be pooled, or as :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    if result.k < 3:
        raise PoolingError(f"a test of asymmetry needs at least 3 estimates, got {result.k}. Widen the selection.")
    y, v = _arrays(result)
    options = _options(result)
    rows = [*_begg_rows(y, v)]
    rows += [_egger_row(y, v, model, tau2, result) for model, tau2 in (("multiplicative", "REML"), ("random", "REML"))]
    rows += [_egger_row(y, v, "random", "DL", result)]
    for estimator in ESTIMATORS:
        filled = _attempt(partial(trim_and_fill, y, v, estimator=estimator, **options), "Trim and fill", estimator)
        rows.append(filled if isinstance(filled, BiasTest) else _fill_row(filled, result.scale))
    cause = "Asymmetry has other causes than unpublished studies, heterogeneity among them."
    filling = "Filled studies are not data: read the change of the estimate, not the adjusted estimate."
    return Sensitivity(pooled=result, rows=tuple(rows), notes=(*_few(result.k), cause, filling))


def _arrays(result: PooledResult) -> tuple[FloatArray, FloatArray]:
    """Estimates and variances on the analysis scale."""
    return np.array([r.analysis_value for r in result.rows]), np.array([r.se for r in result.rows]) ** 2


def _options(result: PooledResult) -> dict[str, Any]:
    """How the result was pooled, a rule resolved."""
    how = {"model": result.model, "tau2": result.tau2_method or "REML", "ci": result.ci_method}
    return {**how, "level": result.level}


def _named(row: PooledRow) -> dict[str, Any]:
    names = ("study", "year", "experimental", "comparator", "source", "estimate_iri")
    return {name: getattr(row, name) for name in names}


def _back(value: float, scale: str) -> float:
    return float(np.exp(value)) if scale == "log" else float(value)


def _told(pooled: Pooled, scale: str) -> dict[str, Any]:
    there = {name: _back(getattr(pooled, name), scale) for name in ("estimate", "ci_lower", "ci_upper")}
    return {**there, **{name: getattr(pooled, name) for name in ("p_value", "tau2", "i2", "q")}}


def _entry(row: PooledRow, by: str) -> tuple[float, str, str]:
    if by == "precision":
        return row.se, row.study, row.experimental
    if row.year is None:
        raise UsageError(f"{row.study} has no year to order by. Use --by precision, or give it a year.")
    return row.year, row.study, row.experimental


def _few(k: int) -> tuple[str, ...]:
    if k >= FEW:
        return ()
    return (f"{k} studies: below {FEW} these methods have little power and tell little, whatever they show.",)


def _attempt(method: Callable[[], T], name: str, form: str) -> T | BiasTest:
    """Compute, or say why it cannot be: one method that fails does not take the others with it."""
    try:
        return method()
    except PoolingError as error:
        return BiasTest(method=name, form=form, note=f"Not computed: {error}")


def _begg_rows(y: FloatArray, v: FloatArray) -> list[BiasTest]:
    test = _attempt(lambda: begg(y, v), "Begg", "rank correlation")
    if isinstance(test, BiasTest):
        return [test]
    exact = "" if test.p_value_exact is not None else "Not computed: ties, or 50 studies and more."
    return [
        _begg_row(test, "exact", None, test.p_value_exact, test.p_value_exact_one_sided, exact),
        _begg_row(test, "normal", test.statistic, test.p_value, test.p_value_one_sided),
        _begg_row(
            test,
            "normal, continuity corrected",
            test.statistic_corrected,
            test.p_value_corrected,
            test.p_value_corrected_one_sided,
        ),
    ]


def _begg_row(
    test: RankTest, form: str, statistic: float | None, p: float | None, one_sided: float | None, note: str = ""
) -> BiasTest:
    told = note or f"tau = {test.tau:.2f}"
    return BiasTest(method="Begg", form=form, statistic=statistic, p_value=p, p_value_one_sided=one_sided, note=told)


def _egger_row(y: FloatArray, v: FloatArray, model: str, tau2: str, result: PooledResult) -> BiasTest:
    form = "weighted regression, t" if model == "multiplicative" else f"mixed effects, {tau2}, z"
    test = _attempt(lambda: egger(y, v, model=model, tau2=tau2, level=result.level), "Egger", form)
    return test if isinstance(test, BiasTest) else _egger_told(test, form, result.scale)


def _egger_told(test: EggerTest, form: str, scale: str) -> BiasTest:
    return BiasTest(
        method="Egger",
        form=form,
        statistic=test.statistic,
        df=None if np.isinf(test.df) else test.df,
        p_value=test.p_value,
        p_value_one_sided=test.p_value_one_sided,
        estimate=_back(test.limit_estimate, scale),
        ci_lower=_back(test.limit_lower, scale),
        ci_upper=_back(test.limit_upper, scale),
        note=f"slope = {test.bias:.2f}",
    )


def _fill_row(found: TrimFill, scale: str) -> BiasTest:
    return BiasTest(
        method="Trim and fill",
        form=found.estimator,
        p_value_one_sided=found.p_k0,
        side=found.side,
        k0=found.k0,
        estimate=_back(found.adjusted.estimate, scale),
        ci_lower=_back(found.adjusted.ci_lower, scale),
        ci_upper=_back(found.adjusted.ci_upper, scale),
    )
