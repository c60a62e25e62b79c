"""Evidence table in, one pooled estimate out where estimates depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hcckb.analysis.columns import categories
from hcckb.analysis.pool import RATIOS, Scale, effects_of, patients_once, refuse_unpoolable, title_of
from hcckb.candidates import EvidenceRow
from hcckb.errors import PoolingError, UsageError
from hcckb.evidence import EvidenceTable, warnings_of
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.multilevel import LEVELS, Multilevel, marginal_covariance
from hcckb.pooling.multilevel import multilevel as fit_levels
from hcckb.pooling.robust import Robust, robust
from hcckb.pooling.shared_arms import arm_variance, constant_correlation, shared_arm_covariance
from hcckb.usertable import CountsRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """One estimate: `weight` is its share in the mean; `shares` names what its covariance with others comes from."""

    study: str
    cluster: str
    experimental: str
    comparator: str
    value: float
    ci_lower: float
    ci_upper: float
    analysis_value: float
    se: float
    weight: float
    shares: str
    source: str
    estimate_iri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelVariance:
    """Variance between clusters, or between estimates of one cluster, with its profile interval and share I2."""

    level: str
    sigma2: float
    sigma2_lower: float | None
    sigma2_upper: float | None
    i2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MultilevelResult:
    """A pooled estimate of dependent estimates.

    `estimate` and limits are on the scale of the measure, `analysis_estimate`, `se` and `sigma2` on the analysis
    scale; `df` is None for Wald's tests. `robust_*` are by CR2 with Satterthwaite's degrees of freedom, None below two
    clusters. `rho` is None where every covariance follows from counts.
    """

    measure: str
    endpoint: str
    scale: str
    title: str
    method: str | None
    test: str
    level: float
    k: int
    clusters: int
    cluster: str
    rho: float | None
    estimate: float
    ci_lower: float
    ci_upper: float
    prediction_lower: float | None
    prediction_upper: float | None
    analysis_estimate: float
    se: float
    statistic: float
    df: float | None
    p_value: float
    variances: tuple[LevelVariance, ...]
    i2: float
    q: float
    q_df: int
    q_p_value: float
    log_likelihood: float
    robust_se: float | None
    robust_df: float | None
    robust_ci_lower: float | None
    robust_ci_upper: float | None
    robust_p_value: float | None
    rows: tuple[LevelRow, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def multilevel(
    table: EvidenceTable, *, cluster: str = "study", rho: float = 0.5, **method: str | float
) -> MultilevelResult:
    """Pool the estimates of a table by a three-level model with the sampling covariance of each cluster.

    Parameters
    ----------
    table : EvidenceTable
        Estimates of one endpoint and one measure; contrasts of one study may share an arm.
    cluster : str
        Column that names the clusters.
    rho : float
        Correlation of the sampling errors of two contrasts that share an arm, or for a user's own table of two
        estimates of one cluster, where counts do not tell it. Estimates of one cluster of the graph that share no
        arm have independent sampling errors.
    **method
        model="random" or "common" (no variance between estimates: generalised least squares); tau2="REML" or "ML";
        ci="wald" for normal tests, "hksj" (the default) for t on clusters - 1; level.

    Raises
    ------
    UsageError
        If the model, the estimator or the interval is none of these.
    UnknownNameError
        If there is no such column.
    PoolingError
        As :func:`hcckb.pooling.multilevel.multilevel`.
    """
    how = _checked(method)
    table, told = patients_once(_with_shared_arms(table))
    refuse_unpoolable(table)
    rows = table.rows
    names = categories(table, cluster)
    effects, scale = effects_of(rows)
    v, shares, assumed = _covariance(table, names, effects.variance, rho)
    levels = LEVELS if len(set(names)) < len(names) else ("cluster",)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            fit = fit_levels(
                effects.estimate,
                v,
                names,
                components=levels if how["model"] == "random" else (),
                method=str(how["tau2"]),
                test="wald" if how["ci"] == "wald" else "t",
                level=float(how["level"]),
            )
    except np.linalg.LinAlgError as error:
        raise PoolingError(
            f"the estimates are too far apart for the model ({error}). Look for a misprinted estimate or variance."
        ) from None
    phi = marginal_covariance(v, names, fit.components)
    sandwich = (
        robust(effects.estimate, phi, np.ones((len(rows), 1)), names, level=fit.level) if fit.clusters > 1 else None
    )
    warnings = (*warnings_of(rows), *told) if table.kb_version else table.warnings
    return MultilevelResult(
        measure=rows[0].measure,
        endpoint=rows[0].endpoint,
        scale=scale.name,
        title=title_of(table),
        cluster=cluster,
        rho=rho if assumed else None,
        notes=_notes(fit, sandwich, rho if assumed else None, shares),
        warnings=warnings,
        rows=tuple(
            _row(row, name, float(y), float(s), float(w), share)
            for row, name, y, s, w, share in zip(
                rows, names, effects.estimate, effects.se, fit.weights, shares, strict=True
            )
        ),
        **_numbers(fit, scale),
        **_robust_numbers(sandwich, scale),
    )


def _checked(method: dict[str, str | float]) -> dict[str, str | float]:
    how: dict[str, str | float] = {"model": "random", "tau2": "REML", "ci": "hksj", "level": 0.95, **method}
    if how["model"] not in ("random", "common"):
        raise UsageError(f"--model {how['model']}: dependent estimates are pooled by random or common.")
    if how["ci"] not in ("wald", "hksj"):
        raise UsageError(f"--ci {how['ci']}: dependent estimates are tested by wald (normal) or, with hksj, by t.")
    if how["tau2"] not in ("REML", "ML"):
        raise UsageError(f"--tau2 {how['tau2']}: the variances of dependent estimates are had by REML or ML.")
    return how


def _with_shared_arms(table: EvidenceTable) -> EvidenceTable:
    """Keep contrasts that share an arm: here their covariance is counted."""
    arms = {r.estimate_iri: {r.experimental_arm, r.comparator_arm} - {""} for r in table.rows}
    kept = tuple(o for o in table.overlaps if not arms.get(o.kept_iri, set()) & arms.get(o.dropped_iri, set()))
    return replace(table, overlaps=kept)


def _covariance(
    table: EvidenceTable, names: tuple[str, ...], variance: FloatArray, rho: float
) -> tuple[FloatArray, list[str], bool]:
    """Return the sampling covariance, what each row shares, and whether `rho` was used."""
    rows = table.rows
    if not table.extra:
        experimental, comparator = [r.experimental_arm for r in rows], [r.comparator_arm for r in rows]
        found = shared_arm_covariance(variance, experimental, comparator, rho=rho)
        shares = ["an arm" if np.count_nonzero(found[i]) > 1 else "" for i in range(len(rows))]
        return found, shares, any(shares)
    found = constant_correlation(variance, names, rho)
    shares = ["assumed" if np.count_nonzero(found[i]) > 1 else "" for i in range(len(rows))]
    if rho == 0.0:
        shares = ["assumed independent" if names.count(n) > 1 else "" for n in names]
    known = _counted(rows, names)
    for (i, j), value in known.items():
        found[i, j] = found[j, i] = value
        shares[i] = shares[j] = "comparator counts"
    pairs = sum(names[i] == names[j] for i in range(len(rows)) for j in range(i))
    return found, shares, pairs > len(known)


def _counted(rows: Sequence[EvidenceRow], names: Sequence[str]) -> dict[tuple[int, int], float]:
    """Return the covariances that counts tell: rows of one cluster with the same comparator arm."""
    found: dict[tuple[int, int], float] = {}
    for i, one in enumerate(rows):
        for j, other in enumerate(rows[:i]):
            if not (isinstance(one, CountsRow) and isinstance(other, CountsRow) and names[i] == names[j]):
                continue
            mine = (one.comparator, one.events_comparator, one.n_comparator)
            if mine != (other.comparator, other.events_comparator, other.n_comparator) or one.measure not in _COUNTED:
                continue
            events, size = float(one.events_comparator), float(one.n_comparator or 0)
            if 0 < events < size:
                found[i, j] = float(arm_variance([events], [size], one.measure)[0])
    return found


_COUNTED = tuple(m for m in (*RATIOS, "risk-difference") if m in ("odds-ratio", "risk-ratio", "risk-difference"))


def _row(row: EvidenceRow, cluster: str, y: float, se: float, weight: float, shares: str) -> LevelRow:
    value, lower, upper = (float(x) if x is not None else y for x in (row.value, row.ci_lower, row.ci_upper))
    return LevelRow(
        study=row.study,
        cluster=cluster,
        experimental=row.experimental,
        comparator=row.comparator,
        value=value,
        ci_lower=lower,
        ci_upper=upper,
        analysis_value=y,
        se=se,
        weight=weight,
        shares=shares,
        source=row.source,
        estimate_iri=row.estimate_iri,
    )


def _numbers(fit: Multilevel, scale: Scale) -> dict[str, Any]:
    low, high = fit.prediction_lower, fit.prediction_upper
    return {
        "method": fit.method,
        "test": fit.test,
        "level": fit.level,
        "k": fit.n,
        "clusters": fit.clusters,
        "estimate": scale.back(float(fit.beta[0])),
        "ci_lower": scale.back(float(fit.ci_lower[0])),
        "ci_upper": scale.back(float(fit.ci_upper[0])),
        "prediction_lower": None if low is None else scale.back(low),
        "prediction_upper": None if high is None else scale.back(high),
        "analysis_estimate": float(fit.beta[0]),
        "se": float(fit.se[0]),
        "statistic": float(fit.statistic[0]),
        "df": None if np.isinf(fit.df[0]) else float(fit.df[0]),
        "p_value": float(fit.p_value[0]),
        "variances": tuple(
            LevelVariance(level=c.level, sigma2=c.sigma2, sigma2_lower=c.lower, sigma2_upper=c.upper, i2=c.i2)
            for c in fit.components
        ),
        "i2": fit.i2,
        "q": fit.qe,
        "q_df": fit.qe_df,
        "q_p_value": fit.qe_p_value,
        "log_likelihood": fit.log_likelihood,
    }


def _robust_numbers(found: Robust | None, scale: Scale) -> dict[str, Any]:
    if found is None:
        return dict.fromkeys(f"robust_{name}" for name in ("se", "df", "ci_lower", "ci_upper", "p_value"))
    return {
        "robust_se": float(found.se[0]),
        "robust_df": float(found.df[0]),
        "robust_ci_lower": scale.back(float(found.ci_lower[0])),
        "robust_ci_upper": scale.back(float(found.ci_upper[0])),
        "robust_p_value": float(found.p_value[0]),
    }


def _notes(fit: Multilevel, found: Robust | None, rho: float | None, shares: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if rho is not None:
        notes.append(
            f"Correlation within clusters is assumed, rho = {rho:g}: see whether the answer hangs on it (--rho)."
        )
    if not any(shares):
        notes.append("No two estimates share a cluster: `hcckb pool` answers the same.")
    if found is not None and any(found.few):
        notes.append("Robust tests with fewer than 4 degrees of freedom are not to be trusted.")
    if any(c.sigma2 == 0.0 for c in fit.components):
        notes.append("A variance estimated as 0 is not known to be 0: see its interval.")
    return tuple(notes)
