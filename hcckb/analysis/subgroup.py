"""Evidence table in, subgroup analysis out: each group pooled, and the test of their difference."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hcckb.analysis.columns import categories
from hcckb.analysis.pool import Scale, effects_of, patients_once, pool
from hcckb.evidence import EvidenceTable
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.intervals import quantile
from hcckb.pooling.pooled import Pooled
from hcckb.pooling.subgroups import Subgroups
from hcckb.pooling.subgroups import subgroups as subgroup_arrays
from hcckb.results import PooledResult

FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The pooled result of one group: fields as of `hcckb.results.PooledResult`, `weight` its share of all.

    `studies` names those in the group, in the order of the table.
    """

    group: str
    k: int
    n: int | None
    weight: float
    estimate: float
    ci_lower: float
    ci_upper: float
    prediction_lower: float | None
    prediction_upper: float | None
    analysis_estimate: float
    se: float
    statistic: float
    p_value: float
    ci_method: str
    tau2: float
    tau2_lower: float | None
    tau2_upper: float | None
    i2: float
    h2: float
    q: float
    df: int
    q_p_value: float
    studies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupResult:
    """Subgroup analysis of an evidence table; tests as `hcckb.pooling.subgroups.Subgroups` names them.

    `pooled` is the result of all rows, `groups` those of the groups, `members` the group of each row of `pooled`.
    """

    by: str
    common_tau2: bool
    groups: tuple[Group, ...]
    q_between: float
    q_between_df: int
    q_between_p_value: float
    f_between: float | None
    f_df1: int | None
    f_df2: float | None
    f_p_value: float | None
    p_value: float
    q_within: float
    q_within_df: int
    q_within_p_value: float
    q_total: float
    q_total_df: int
    members: tuple[str, ...]
    notes: tuple[str, ...]
    pooled: PooledResult


def subgroup(table: EvidenceTable, by: str, *, common_tau2: bool = False, **method: str | float) -> SubgroupResult:
    """Pool each group of rows that share a value of a column, and test whether the groups differ.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    by : str
        A column of the table or of the user's file; groups come in alphabetical order.
    common_tau2 : bool
        Whether all groups share one between-study variance.
    **method
        As for :func:`hcckb.analysis.pool.pool`. A rule chooses the model once, from all rows.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    TableError
        If a row has no value in it.
    PoolingError
        If there are fewer than two groups, or as :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    table, _ = patients_once(table)
    order = np.argsort(np.array(categories(table, by)), kind="stable")
    table = replace(table, rows=tuple(table.rows[i] for i in order))
    names = categories(table, by)
    effects, scale = effects_of(table.rows)
    how = {"tau2": result.tau2_method or "REML", "ci": _ci(result, method), "level": result.level}
    found = subgroup_arrays(
        effects.estimate,
        effects.variance,
        names,
        common_tau2=common_tau2 and result.model == "random",
        model=result.model,
        **how,  # type: ignore[arg-type]
    )
    tests = {f: getattr(found, f) for f in _TESTS}
    if found.f_df2 is not None and np.isinf(found.f_df2):
        tests |= {"f_df2": None}
    return SubgroupResult(
        by=by,
        common_tau2=found.common_tau2,
        groups=tuple(_group(table, found, g, scale) for g in range(len(found.names))),
        members=names,
        notes=_notes(found, effects.variance),
        pooled=_in_order(result, order.tolist()),
        **tests,
    )


_TESTS = (
    *("q_between", "q_between_df", "q_between_p_value", "f_between", "f_df1", "f_df2", "f_p_value", "p_value"),
    *("q_within", "q_within_df", "q_within_p_value", "q_total", "q_total_df"),
)


def _ci(result: PooledResult, method: dict[str, str | float]) -> str:
    """Return the interval asked for; that of the whole may have been changed for equal estimates."""
    ruled = str(method.get("model", "")).startswith("rule:")
    return result.ci_method if ruled else str(method.get("ci", "hksj"))


def _in_order(result: PooledResult, order: list[int]) -> PooledResult:
    return replace(result, rows=tuple(result.rows[i] for i in order))


def _group(table: EvidenceTable, found: Subgroups, g: int, scale: Scale) -> Group:
    one: Pooled = found.groups[g]
    rows = [table.rows[i] for i in found.members[g]]
    low, high = one.prediction_lower, one.prediction_upper
    return Group(
        group=found.names[g],
        k=one.k,
        n=sum((r.n_experimental or 0) + (r.n_comparator or 0) for r in rows) or None,
        weight=float(found.share[g]),
        estimate=scale.back(one.estimate),
        ci_lower=scale.back(one.ci_lower),
        ci_upper=scale.back(one.ci_upper),
        prediction_lower=None if low is None else scale.back(low),
        prediction_upper=None if high is None else scale.back(high),
        analysis_estimate=one.estimate,
        se=one.se,
        statistic=one.statistic,
        p_value=one.p_value,
        ci_method=one.ci_method,
        tau2=one.tau2,
        tau2_lower=one.tau2_lower,
        tau2_upper=one.tau2_upper,
        i2=one.i2,
        h2=one.h2,
        q=one.q,
        df=one.df,
        q_p_value=one.q_p_value,
        studies=tuple(r.study for r in rows),
    )


def _notes(found: Subgroups, variance: FloatArray) -> tuple[str, ...]:
    notes = ["Studies were not randomised to groups: a difference may have other causes than the one that names them."]
    small = [n for n, g in zip(found.names, found.groups, strict=True) if g.k < FEW]
    if small and found.overall.model == "random" and not found.common_tau2:
        few = ", ".join(small)
        notes.append(f"Fewer than {FEW} estimates ({few}) say little of their own tau2: one for all may serve better.")
    alone = [n for n, g in zip(found.names, found.groups, strict=True) if g.k == 1]
    if alone and found.overall.model == "random" and not found.common_tau2:
        notes.append(f"One estimate alone ({', '.join(alone)}) enters the test without between-study variance.")
    narrow = [n for g, n in enumerate(found.names) if _narrower(found, g, variance)]
    if narrow:
        told = ", ".join(narrow)
        notes.append(f"The Hartung-Knapp interval is narrower than the Wald one ({told}); hksj-guarded never is.")
    return tuple(notes)


def _narrower(found: Subgroups, g: int, variance: FloatArray) -> bool:
    """Whether the Hartung-Knapp interval of a group is narrower than Wald's."""
    group = found.groups[g]
    if group.ci_method != "hksj":
        return False
    total = float(np.sum(1.0 / (variance[list(found.members[g])] + group.tau2)))
    wald = 2.0 * quantile(np.array([np.inf]), group.level)[0] / np.sqrt(total)
    return bool(group.ci_upper - group.ci_lower < wald)
