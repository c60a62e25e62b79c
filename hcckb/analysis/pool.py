"""Evidence table and method in, pooled result out: the only place where data meets statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hcckb.analysis.cells import CELL_MODELS, pool_cells
from hcckb.analysis.columns import cells
from hcckb.analysis.provenance import provenance_of
from hcckb.analysis.scales import RATIOS, Scale, effects_of
from hcckb.candidates import EvidenceRow
from hcckb.errors import EmptySelectionError, PoolingError, UsageError
from hcckb.evidence import EvidenceTable, PassedOver, warnings_of
from hcckb.overlaps import to_drop
from hcckb.pooling.effects import Effects
from hcckb.pooling.pairwise import Pooled
from hcckb.pooling.pairwise import pool as pool_arrays
from hcckb.pooling.rules import resolve_rule
from hcckb.results import Dropped, ModelSummary, PooledResult, PooledRow

__all__ = [
    "RATIOS",
    "Ci",
    "Method",
    "Scale",
    "effects_of",
    "patients_once",
    "pool",
    "pool_by",
    "refuse_unpoolable",
    "title_of",
]

Ci = Literal["wald", "hksj", "hksj-guarded", "kenward-roger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How to pool: `model` is "random", "common", "mantel-haenszel", "peto" or "rule:NAME"; `level` is a proportion.

    `prediction` and `tau2_interval` name the prediction interval and the interval of tau2, as
    :func:`hcckb.pooling.pairwise.pool` has them.
    """

    model: str = "random"
    tau2: str = "REML"
    ci: str = "hksj"
    level: float = 0.95
    prediction: str = "hts"
    tau2_interval: str = "q-profile"


def pool(table: EvidenceTable, **method: str | float) -> PooledResult:
    """Pool the estimates of an evidence table.

    Parameters
    ----------
    table : EvidenceTable
        Estimates of one endpoint and one measure.
    **method
        The fields of :class:`Method`: model="random", tau2="REML", ci="hksj", level=0.95, prediction="hts",
        tau2_interval="q-profile".

    Returns
    -------
    PooledResult
        With the common-effect and the DerSimonian-Laird answers beside it.

    Raises
    ------
    EmptySelectionError
        If the table is empty.
    PoolingError
        If endpoints or measures are mixed, a row has no interval, or two rows share an arm.
    UnknownNameError
        If a model rule does not exist.
    """
    how = Method(**method)  # type: ignore[arg-type]
    table, shared = patients_once(table)
    refuse_unpoolable(table)
    _refuse_shared_arms(table)
    rows = table.rows
    effects, scale = effects_of(rows)
    fitted, told = _fitted(rows, effects, how)
    noted = (*warnings_of(rows), *shared) if table.kb_version else table.warnings
    warnings = (*told, *_warnings(rows, effects, fitted, scale), *noted)
    result = _result(table, effects, fitted, scale, warnings)
    return replace(result, tau2_interval=how.tau2_interval if fitted.tau2_lower is not None else None)


def pool_by(table: EvidenceTable, column: str, **method: str | float) -> tuple[tuple[str, PooledResult], ...]:
    """Pool each group of rows that share a value of `column`, groups in alphabetical order.

    `column` is one of the evidence table or of a user's own file; rows without a value form the group "".

    Raises
    ------
    UnknownNameError
        If the table has no such column.
    EmptySelectionError
        If the table is empty.
    PoolingError
        As :func:`pool`, for any of the groups.
    """
    if not table.rows:
        raise EmptySelectionError(_why_empty(table))
    groups: dict[str, list[EvidenceRow]] = {}
    for row, name in zip(table.rows, cells(table, column), strict=True):
        groups.setdefault(name, []).append(row)
    return tuple((name, pool(_group(table, groups[name]), **method)) for name in sorted(groups))


def _group(table: EvidenceTable, rows: Sequence[EvidenceRow]) -> EvidenceTable:
    """Give the table of one group: its rows, and what was passed over but for the studies of other groups."""
    others = {r.study for r in table.rows} - {r.study for r in rows}
    passed = tuple(p for p in table.passed_over if p.study not in others)
    return replace(table, rows=tuple(rows), passed_over=passed)


def patients_once(table: EvidenceTable) -> tuple[EvidenceTable, tuple[str, ...]]:
    """Drop the smaller of two rows that share patients, where both are in the table, and say so."""
    gone = to_drop(table.overlaps, (r.estimate_iri for r in table.rows))
    if not gone:
        return table, ()
    dropped = tuple(
        PassedOver(r.study, r.estimate_iri, r.as_printed, r.source, gone[r.estimate_iri].reason, "overlap")
        for r in table.rows
        if r.estimate_iri in gone
    )
    rows = tuple(r for r in table.rows if r.estimate_iri not in gone)
    arms = {r.estimate_iri: {r.experimental_arm, r.comparator_arm} - {""} for r in table.rows}
    told = tuple(
        f"{o.study}: one contrast was dropped, it {o.reason}."
        + (" `hcckb multilevel` pools both." if arms[o.kept_iri] & arms[o.dropped_iri] else "")
        for o in gone.values()
    )
    return replace(table, rows=rows, passed_over=(*dropped, *table.passed_over)), told


def refuse_unpoolable(table: EvidenceTable) -> None:
    """Refuse a table that is empty or mixes endpoints or measures."""
    rows = table.rows
    if not rows:
        raise EmptySelectionError(_why_empty(table))
    for column in ("endpoint", "measure"):
        values = sorted({str(getattr(r, column)) for r in rows})
        if len(values) > 1:
            found = ", ".join(values)
            raise PoolingError(f"the selection mixes {len(values)} {column}s ({found}). Name one with --{column}.")


def _refuse_shared_arms(table: EvidenceTable) -> None:
    """Refuse contrasts that share an arm: pooling takes estimates as independent."""
    seen: dict[str, EvidenceRow] = {}
    for other in table.rows:
        mine = [arm for arm in (other.experimental_arm, other.comparator_arm) if arm]
        one = next((seen[arm] for arm in mine if arm in seen), None)
        if one is not None:
            arms = f"{one.experimental} and {other.experimental}" if one.study == other.study else one.study
            raise PoolingError(
                f"{one.study} enters twice ({arms}) with a shared arm: its patients would be counted twice. "
                "Keep one contrast with --agent, or pool both with their covariance: `hcckb multilevel`."
            )
        seen.update(dict.fromkeys(mine, other))


def _why_empty(table: EvidenceTable) -> str:
    text = f"{table.query or 'the table'} selects no estimate"
    asked = ", ".join(f"{k}={v}" for k, v in table.asked.items())
    text += f" ({asked})." if asked else "."
    if table.passed_over:
        first = table.passed_over[0]
        text += f" {len(table.passed_over)} were read and passed over, e.g. {first.study}: {first.reason}."
    return text + " See where they left with `hcckb flow`."


def _fitted(rows: Sequence[EvidenceRow], effects: Effects, how: Method) -> tuple[Pooled, tuple[str, ...]]:
    """Pool the effects, or the cells they come from, and say what a rule chose."""
    if how.model in CELL_MODELS:
        return pool_cells(rows, how.model, how.level), ()
    model, tau2, ci, told = _resolved_model(how, effects)
    fitted = pool_arrays(
        effects.estimate,
        effects.variance,
        model=model,
        tau2=tau2,
        ci=ci,
        level=how.level,
        prediction=how.prediction,
        tau2_interval=how.tau2_interval,
    )
    return fitted, told


def _resolved_model(how: Method, effects: Effects) -> tuple[str, str, str, tuple[str, ...]]:
    if how.model in ("random", "common"):
        return how.model, how.tau2, how.ci, ()
    kind, _, name = how.model.partition(":")
    if kind != "rule":
        raise UsageError(
            f"--model {how.model!r} is none of: random, common, {', '.join(CELL_MODELS)}, rule:NAME (rule:kim2017)."
        )
    choice = resolve_rule(name, effects.estimate, effects.variance)
    return choice.model, choice.tau2 or "DL", choice.ci, (f"rule:{name}: {choice.reason}",)


def _warnings(rows: Sequence[EvidenceRow], effects: Effects, fitted: Pooled, scale: Scale) -> Iterable[str]:
    if len(rows) == 1:
        yield f"Only {rows[0].study} was selected: this is that study's own result, not a pooled one."
    levels = Counter(r.ci_level for r in rows)
    if len(levels) > 1:
        usual = levels.most_common(1)[0][0]
        odd = [f"{r.study} {100 * (r.ci_level or 0):g} %" for r in rows if r.ci_level != usual]
        yield f"Interval levels differ ({', '.join(odd)}): each standard error comes from its own level."
    if fitted.ci_method == "hksj" and len(rows) > 1:
        wald = pool_arrays(
            effects.estimate,
            effects.variance,
            model="random",
            tau2=fitted.tau2_method or "REML",
            ci="wald",
            level=fitted.level,
        )
        if fitted.ci_upper - fitted.ci_lower < wald.ci_upper - wald.ci_lower:
            yield "The Hartung-Knapp interval is narrower than the Wald one; --ci hksj-guarded never is."
    if len(rows) > 1 and rows[0].estimate_iri and any(r.n_experimental is None or r.n_comparator is None for r in rows):
        yield "Not every arm's size is curated; n counts those that are."
    if (
        rows[0].measure == "proportion"
        and scale.name == "identity"
        and not 0 <= fitted.ci_lower <= fitted.ci_upper <= 1
    ):
        yield "The interval reaches beyond 0 to 1; --transform logit keeps it inside."
    if rows[0].measure == "incidence-rate" and fitted.ci_lower < 0 and scale.name == "identity":
        yield "The interval reaches below 0; --transform log keeps it above."


def _beside(effects: Effects, fitted: Pooled, scale: Scale) -> tuple[ModelSummary, ...]:
    if fitted.k < 2:
        return ()
    asked = (
        ("Random effects, DL, Wald", "random", "DL", "wald"),
        ("Random effects, REML, Hartung-Knapp", "random", "REML", "hksj"),
        ("Random effects, REML, guarded Hartung-Knapp", "random", "REML", "hksj-guarded"),
        ("Common effect, inverse variance", "common", "DL", "wald"),
    )
    out = []
    mine = (fitted.model, fitted.tau2_method, fitted.ci_method)
    for label, model, tau2, ci in asked:
        other = pool_arrays(
            effects.estimate,
            effects.variance,
            model=model,
            tau2=tau2,
            ci=ci,
            level=fitted.level,
        )
        if (other.model, other.tau2_method, other.ci_method) == mine:
            continue
        out.append(
            ModelSummary(
                label=label,
                model=model,
                tau2_method=other.tau2_method,
                ci_method=other.ci_method,
                estimate=scale.back(other.estimate),
                ci_lower=scale.back(other.ci_lower),
                ci_upper=scale.back(other.ci_upper),
                p_value=other.p_value,
                tau2=other.tau2,
            )
        )
    return tuple(out)


def _result(
    table: EvidenceTable, effects: Effects, fitted: Pooled, scale: Scale, warnings: tuple[str, ...]
) -> PooledResult:
    rows = table.rows
    pooled_rows = tuple(
        _row(r, y, s, w)
        for r, y, s, w in zip(rows, effects.estimate, effects.se, np.atleast_1d(fitted.weights), strict=True)
    )
    low, high = fitted.prediction_lower, fitted.prediction_upper
    return PooledResult(
        measure=rows[0].measure,
        endpoint=rows[0].endpoint,
        scale=scale.name,
        harmonic_size=scale.harmonic_size,
        model=fitted.model,
        tau2_method=fitted.tau2_method,
        ci_method=fitted.ci_method,
        level=fitted.level,
        k=fitted.k,
        n=sum((r.n_experimental or 0) + (r.n_comparator or 0) for r in rows) or None,
        estimate=scale.back(fitted.estimate),
        ci_lower=scale.back(fitted.ci_lower),
        ci_upper=scale.back(fitted.ci_upper),
        prediction_lower=None if low is None else scale.back(low),
        prediction_upper=None if high is None else scale.back(high),
        analysis_estimate=fitted.estimate,
        se=fitted.se,
        statistic=fitted.statistic,
        p_value=fitted.p_value,
        tau2=fitted.tau2,
        tau2_lower=fitted.tau2_lower,
        tau2_upper=fitted.tau2_upper,
        i2=fitted.i2,
        h2=fitted.h2,
        q=fitted.q,
        df=fitted.df,
        q_p_value=fitted.q_p_value,
        rows=pooled_rows,
        beside=_beside(effects, fitted, scale),
        dropped=tuple(Dropped(p.study, p.reason, p.estimate_iri, p.step) for p in table.passed_over),
        warnings=warnings,
        title=title_of(table),
        provenance=provenance_of(table),
    )


def title_of(table: EvidenceTable) -> str:
    """Return the title of a table, with its endpoint in words."""
    endpoint = table.rows[0].endpoint.replace("-", " ")
    return f"{table.title}: {endpoint}" if endpoint else table.title


def _row(row: EvidenceRow, analysis_value: float, se: float, weight: float) -> PooledRow:
    value, lower, upper, level = (float(getattr(row, c)) for c in ("value", "ci_lower", "ci_upper", "ci_level"))
    return PooledRow(
        study=row.study,
        value=value,
        ci_lower=lower,
        ci_upper=upper,
        ci_level=level,
        analysis_value=float(analysis_value),
        se=float(se),
        weight=float(weight),
        year=row.year,
        experimental=row.experimental,
        comparator=row.comparator,
        n_experimental=row.n_experimental,
        n_comparator=row.n_comparator,
        source=row.source,
        locator=row.locator,
        as_printed=row.as_printed,
        estimate_iri=row.estimate_iri,
        resolution=row.resolution,
        resolution_reason=row.resolution_reason,
    )
