"""A subgroup analysis as text and as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from hcckb.analysis.subgroup import Group, SubgroupResult
from hcckb.text.tables import DISCLAIMER, grid, model_text, p_text, ratio_text

COLUMNS = tuple(f.name for f in fields(Group))


def subgroup_text(found: SubgroupResult) -> str:
    """Write one line for each group, the whole below, and the tests."""
    pooled = found.pooled
    measure = pooled.measure.replace("-", " ")
    headers = (found.by, "k", "n", f"{measure} ({100 * pooled.level:g} % CI)", "p", "tau2", "I2", "Weight")
    cells = [
        (
            g.group,
            g.k,
            g.n,
            ratio_text(g.estimate, g.ci_lower, g.ci_upper),
            p_text(g.p_value).removeprefix("p = ").removeprefix("p "),
            f"{g.tau2:.4f}",
            f"{100 * g.i2:.0f} %",
            f"{100 * g.weight:.1f} %",
        )
        for g in (*found.groups, _whole(found))
    ]
    shared = "; one tau2 for all groups" if found.common_tau2 else ""
    model = model_text(pooled.model, pooled.tau2_method, pooled.ci_method)
    lines = [f"{pooled.title}, by {found.by} ({model}{shared}; k = {pooled.k})", "", grid(cells, headers), ""]
    lines += [*_tests(found), *(f"Note: {n}" for n in (*found.notes, *pooled.warnings)), DISCLAIMER]
    return "\n".join(lines)


def subgroup_records(found: SubgroupResult) -> tuple[list[Mapping[str, object]], Sequence[str]]:
    """Give one record for each group, and the columns."""
    return [{c: getattr(g, c) for c in COLUMNS} for g in found.groups], COLUMNS


def between_text(found: SubgroupResult) -> str:
    """Write the test of the difference between groups."""
    told = f"Q = {found.q_between:.2f}, df = {found.q_between_df}, {p_text(found.q_between_p_value)}"
    if found.f_between is None or found.f_p_value is None:
        return f"Between groups: {told}"
    kind = "Knapp-Hartung" if found.common_tau2 else "Welch"
    df2 = "inf" if found.f_df2 is None else f"{found.f_df2:.1f}"
    f_test = f"F({found.f_df1}, {df2}) = {found.f_between:.2f}, {p_text(found.f_p_value)} ({kind})"
    return f"Between groups: {f_test}; as chi-squared {told}"


def _tests(found: SubgroupResult) -> list[str]:
    within = f"Q = {found.q_within:.2f}, df = {found.q_within_df}, {p_text(found.q_within_p_value)}"
    return [between_text(found), f"Within groups: {within}"]


def _whole(found: SubgroupResult) -> Group:
    """Return the result of all rows in the shape of a group."""
    values = {name: getattr(found.pooled, name) for name in COLUMNS if hasattr(found.pooled, name)}
    return Group(**values, group="(all)", weight=1.0, studies=tuple(r.study for r in found.pooled.rows))
