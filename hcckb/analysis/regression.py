"""Evidence table in, meta-regression out: moderators by name, their tests, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hcckb.analysis.columns import categories, column
from hcckb.analysis.pool import Scale, effects_of, patients_once, pool
from hcckb.errors import UnknownNameError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.coding import Coded, code
from hcckb.pooling.permutation import PermutationTest, permute_moderators
from hcckb.pooling.regression import MetaRegression, meta_regression, predict
from hcckb.pooling.robust import Robust
from hcckb.pooling.robust import robust as robust_arrays
from hcckb.pooling.term_tests import term_test, variance_inflation
from hcckb.results import PooledResult

ENOUGH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """One coefficient, on the analysis scale; `df` is None for the normal.

    `ratio*` is its exponential where the analysis scale is the log: the factor by which the measure changes with one
    unit more of the moderator. `permutation_p_value` and `robust_*` are None where they were not asked for.
    """

    name: str
    term: str
    beta: float
    se: float
    ci_lower: float
    ci_upper: float
    statistic: float
    df: float | None
    p_value: float
    ratio: float | None
    ratio_lower: float | None
    ratio_upper: float | None
    permutation_p_value: float | None
    robust_se: float | None
    robust_df: float | None
    robust_ci_lower: float | None
    robust_ci_upper: float | None
    robust_p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Joint test of the columns of one moderator; `df2` is None for chi-squared. `vif` is None beside no other."""

    term: str
    reference: str | None
    statistic: float
    df1: int
    df2: float | None
    p_value: float
    vif: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The mean at one setting of the moderators, on the scale of the measure, with where a new study would lie."""

    at: Mapping[str, float | str]
    estimate: float
    ci_lower: float
    ci_upper: float
    prediction_lower: float | None
    prediction_upper: float | None
    analysis_estimate: float
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One estimate with its moderators and its weight in the regression."""

    study: str
    moderators: Mapping[str, float | str]
    value: float
    analysis_value: float
    se: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionResult:
    """A meta-regression of an evidence table; fields as `hcckb.pooling.regression.MetaRegression` names them.

    `qm_df_residual` is None for chi-squared. `permutation` and `robust` say how these P values were had. `curve` holds
    predictions along a single number, for the bubble plot. `pooled` is the result without moderators.
    """

    on: tuple[str, ...]
    model: str
    tau2_method: str | None
    ci_method: str
    level: float
    k: int
    p: int
    coefficients: tuple[Coefficient, ...]
    terms: tuple[Term, ...]
    qm: float
    qm_df: int
    qm_df_residual: float | None
    qm_p_value: float
    qm_permutation_p_value: float | None
    qe: float
    qe_df: int
    qe_p_value: float
    tau2: float
    tau2_lower: float
    tau2_upper: float
    i2: float
    h2: float
    tau2_without: float | None
    r2: float | None
    permutation: Mapping[str, object] | None
    robust: Mapping[str, object] | None
    predictions: tuple[Prediction, ...]
    rows: tuple[Point, ...]
    curve: tuple[Prediction, ...]
    notes: tuple[str, ...]
    pooled: PooledResult


def regress(  # noqa: PLR0913 - every option is a keyword
    table: EvidenceTable,
    on: Sequence[str],
    *,
    references: Mapping[str, str] | None = None,
    as_categories: Sequence[str] = (),
    intercept: bool = True,
    permutations: int | None = None,
    seed: int = 1,
    robust_by: str | None = None,
    at: Sequence[Mapping[str, str]] = (),
    **method: str | float,
) -> RegressionResult:
    """Regress the estimates of a table on some of its columns.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    on : sequence of str
        Columns of the table or of the user's file; "a:b" for an interaction. Columns of text are categories.
    references : mapping of str to str, optional
        Reference level of a category.
    as_categories : sequence of str
        Columns of numbers to take as categories.
    intercept : bool
        Whether to fit an intercept.
    permutations : int, optional
        Number of random permutations of a permutation test; all are taken where they are few.
    seed : int
        Of the random permutations.
    robust_by : str, optional
        Column of clusters for CR2 standard errors.
    at : sequence of mapping of str to str
        Settings of the moderators at which to predict.
    **method
        As for :func:`hcckb.analysis.pool.pool`. A rule chooses the model once, from all rows.

    Raises
    ------
    UnknownNameError
        If there is no such column or level.
    TableError
        If a row has no value in a column; the study is named.
    PoolingError
        As :func:`hcckb.pooling.regression.meta_regression` or :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    table, _ = patients_once(table)
    effects, scale = effects_of(table.rows)
    columns = _columns(table, on, as_categories)
    coded = code(columns, on, references=references, intercept=intercept)
    ci = result.ci_method if str(method.get("model", "")).startswith("rule:") else str(method.get("ci", "hksj"))
    how = {"tau2": result.tau2_method or "REML", "ci": ci if result.model == "random" else "wald"}
    fit = meta_regression(
        effects.estimate,
        effects.variance,
        coded.matrix,
        names=coded.names,
        intercept=intercept,
        model=result.model,
        level=result.level,
        **how,
    )
    arrays = effects.estimate, effects.variance, coded.matrix
    shuffled = None
    if permutations is not None:
        shuffled = permute_moderators(fit, *arrays, permutations=permutations, seed=seed)
    clustered = _robust(fit, *arrays, categories(table, robust_by)) if robust_by else None
    tested = {f: getattr(fit, f) for f in _TOLD}
    return RegressionResult(
        on=tuple(on),
        coefficients=_coefficients(fit, coded, scale, shuffled, clustered),
        terms=_terms(fit, coded),
        qm_df_residual=_finite(fit.qm_df_residual),
        qm_permutation_p_value=shuffled.qm_p_value if shuffled else None,
        permutation=_permuted(shuffled),
        robust=_clusters(clustered, robust_by),
        predictions=_predictions(fit, coded, scale, [_typed(coded, setting) for setting in at]),
        rows=_points(table, fit, columns, effects.estimate, effects.variance),
        curve=_curve(fit, coded, scale, columns),
        notes=_notes(fit, clustered),
        pooled=result,
        **tested,
    )


_TOLD = (
    *("model", "tau2_method", "ci_method", "level", "k", "p", "qm", "qm_df", "qm_p_value", "qe", "qe_df"),
    *("qe_p_value", "tau2", "tau2_lower", "tau2_upper", "i2", "h2", "tau2_without", "r2"),
)


def _columns(
    table: EvidenceTable, on: Sequence[str], as_categories: Sequence[str]
) -> dict[str, tuple[str | float, ...]]:
    names = dict.fromkeys(part for term in on for part in term.split(":"))
    for name in as_categories:
        if name not in names:
            raise UnknownNameError(name, "moderator of this regression", names, ", ".join(names))
    return {name: categories(table, name) if name in as_categories else column(table, name) for name in names}


def _robust(fit: MetaRegression, y: FloatArray, v: FloatArray, x: FloatArray, cluster: Sequence[str]) -> Robust:
    """Estimate the variance again from clusters."""
    design = np.column_stack([np.ones(len(x)), x]) if fit.intercept else x
    tested = list(range(int(fit.intercept), fit.p))
    return robust_arrays(y, v + fit.tau2, design, cluster, level=fit.level, tested=tested)


def _coefficients(
    fit: MetaRegression, coded: Coded, scale: Scale, shuffled: PermutationTest | None, clustered: Robust | None
) -> tuple[Coefficient, ...]:
    term_of = ["intercept"] * int(fit.intercept) + [term for term, at in coded.terms for _ in at]
    found = []
    for i, name in enumerate(fit.names):
        limits = [float(x[i]) for x in (fit.beta, fit.ci_lower, fit.ci_upper)]
        ratios = [float(np.exp(np.minimum(x, 700.0))) if scale.name == "log" else None for x in limits]
        robust = (
            (clustered.se, clustered.df, clustered.ci_lower, clustered.ci_upper, clustered.p_value)
            if clustered
            else None
        )
        cluster = [float(x[i]) for x in robust] if robust else [None] * 5
        found.append(
            Coefficient(
                name=name,
                term=term_of[i],
                beta=limits[0],
                se=float(fit.se[i]),
                ci_lower=limits[1],
                ci_upper=limits[2],
                statistic=float(fit.statistic[i]),
                df=_finite(fit.df_ci),
                p_value=float(fit.p_value[i]),
                ratio=ratios[0],
                ratio_lower=ratios[1],
                ratio_upper=ratios[2],
                permutation_p_value=float(shuffled.p_value[i]) if shuffled else None,
                robust_se=cluster[0],
                robust_df=cluster[1],
                robust_ci_lower=cluster[2],
                robust_ci_upper=cluster[3],
                robust_p_value=cluster[4],
            )
        )
    return tuple(found)


def _terms(fit: MetaRegression, coded: Coded) -> tuple[Term, ...]:
    levels, found = dict(coded.levels), []
    for term, columns in coded.terms:
        at = [i + int(fit.intercept) for i in columns]
        test = term_test(fit, at)
        others = fit.p - int(fit.intercept) > len(at)
        found.append(
            Term(
                term=term,
                reference=levels[term][0] if term in levels and len(levels[term]) > len(at) else None,
                statistic=test.statistic,
                df1=test.df1,
                df2=_finite(test.df2),
                p_value=test.p_value,
                vif=variance_inflation(fit, at) if others else None,
            )
        )
    return tuple(found)


def _typed(coded: Coded, setting: Mapping[str, str]) -> dict[str, float | str]:
    """Turn the values of a setting into numbers where the moderator is one."""
    kinds, found = dict(coded.levels), {}
    for name, text in setting.items():
        try:
            found[name] = text if name in kinds else float(text)
        except ValueError:
            found[name] = text
    return found


def _predictions(
    fit: MetaRegression, coded: Coded, scale: Scale, settings: Sequence[Mapping[str, float | str]]
) -> tuple[Prediction, ...]:
    if not settings:
        return ()
    told = predict(fit, np.array([coded.row(s) for s in settings]))
    new = fit.model == "random"
    return tuple(
        Prediction(
            at=dict(s),
            estimate=scale.back(float(told.estimate[i])),
            ci_lower=scale.back(float(told.ci_lower[i])),
            ci_upper=scale.back(float(told.ci_upper[i])),
            prediction_lower=scale.back(float(told.prediction_lower[i])) if new else None,
            prediction_upper=scale.back(float(told.prediction_upper[i])) if new else None,
            analysis_estimate=float(told.estimate[i]),
            se=float(told.se[i]),
        )
        for i, s in enumerate(settings)
    )


def _curve(
    fit: MetaRegression, coded: Coded, scale: Scale, columns: Mapping[str, Sequence[float | str]]
) -> tuple[Prediction, ...]:
    """Predict along the range of a single number, or at each level of a single category."""
    if len(coded.parts) != 1:
        return ()
    name = coded.parts[0]
    if coded.levels:
        return _predictions(fit, coded, scale, [{name: level} for level in coded.levels[0][1]])
    values = [float(v) for v in columns[name]]
    return _predictions(fit, coded, scale, [{name: float(x)} for x in np.linspace(min(values), max(values), 41)])


def _points(
    table: EvidenceTable,
    fit: MetaRegression,
    columns: Mapping[str, Sequence[float | str]],
    y: FloatArray,
    v: FloatArray,
) -> tuple[Point, ...]:
    w = 1.0 / (v + fit.tau2)
    w = w / w.sum()
    return tuple(
        Point(
            study=row.study,
            moderators={name: values[i] for name, values in columns.items()},
            value=float(row.value) if row.value is not None else float(y[i]),
            analysis_value=float(y[i]),
            se=float(np.sqrt(v[i])),
            weight=float(w[i]),
        )
        for i, row in enumerate(table.rows)
    )


def _permuted(found: PermutationTest | None) -> Mapping[str, object] | None:
    if found is None:
        return None
    return {f: getattr(found, f) for f in ("exact", "permutations", "possible", "seed")}


def _clusters(found: Robust | None, by: str | None) -> Mapping[str, object] | None:
    if found is None:
        return None
    joint = {"f": found.f, "f_df1": found.f_df1, "f_df2": found.f_df2, "f_p_value": found.f_p_value}
    return {"cluster": by, "clusters": found.clusters, "correction": found.correction, **joint}


def _notes(fit: MetaRegression, clustered: Robust | None) -> tuple[str, ...]:
    notes = ["Studies were not randomised to their moderators: an association across studies is not an effect of them."]
    per = fit.k / max(1, fit.p - int(fit.intercept))
    if per < ENOUGH:
        notes.append(f"{per:.1f} estimates for each coefficient: below {ENOUGH} the fit follows chance easily.")
    if clustered is not None and any(clustered.few):
        notes.append("Robust tests with fewer than 4 degrees of freedom are not to be trusted.")
    return tuple(notes)


def _finite(value: float) -> float | None:
    return None if np.isinf(value) else float(value)
