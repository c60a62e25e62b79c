"""A pool of dependent estimates as text and as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from hcckb.analysis.multilevel import LevelRow, MultilevelResult
from hcckb.text.tables import DISCLAIMER, grid, p_text, ratio_text

COLUMNS = tuple(f.name for f in fields(LevelRow))


def multilevel_text(found: MultilevelResult) -> str:
    """Write one line for each estimate, the pooled one, the variances and the robust test."""
    measure, level = found.measure.replace("-", " "), f"{100 * found.level:g} % CI"
    headers = ("Study", "Arms", measure, "Weight", "Shares", "Source")
    cells = (
        (
            r.study if r.cluster == r.study else f"{r.study} [{r.cluster}]",
            f"{r.experimental} vs {r.comparator}" if r.experimental else "",
            ratio_text(r.value, r.ci_lower, r.ci_upper),
            f"{100 * r.weight:.1f} %",
            r.shares,
            r.source,
        )
        for r in found.rows
    )
    kind = f"three-level model, {found.method}" if found.method else "generalised least squares"
    df = "z" if found.df is None else f"t, df = {found.df:g}"
    lines = [f"{found.title} ({kind}; {found.k} estimates of {found.clusters} clusters)", "", grid(cells, headers), ""]
    whole = ratio_text(found.estimate, found.ci_lower, found.ci_upper)
    lines.append(f"Pooled {measure} {whole} ({level}; {df}), {p_text(found.p_value)}{_new(found)}")
    if found.robust_p_value is not None:
        told = f"{found.robust_ci_lower:.2f} to {found.robust_ci_upper:.2f}"
        lines.append(f"Cluster-robust (CR2): {told}, df = {found.robust_df:.1f}, {p_text(found.robust_p_value)}")
    for v in found.variances:
        place = "between clusters" if v.level == "cluster" else "between estimates of a cluster"
        limits = "" if v.sigma2_upper is None else f" ({v.sigma2_lower:.4f} to {v.sigma2_upper:.4f})"
        lines.append(f"Variance {place}: {v.sigma2:.4f}{limits}, I2 = {100 * v.i2:.0f} %")
    lines.append(f"Heterogeneity: Q = {found.q:.2f} (df = {found.q_df}, {p_text(found.q_p_value)})")
    lines += [*(f"Note: {n}" for n in (*found.notes, *found.warnings)), DISCLAIMER]
    return "\n".join(lines)


def multilevel_records(found: MultilevelResult) -> tuple[list[Mapping[str, object]], Sequence[str]]:
    """Give one record for each estimate, and the columns."""
    return [{c: getattr(r, c) for c in COLUMNS} for r in found.rows], COLUMNS


def _new(found: MultilevelResult) -> str:
    if found.prediction_lower is None or found.prediction_upper is None:
        return ""
    return f"; prediction interval {found.prediction_lower:.2f} to {found.prediction_upper:.2f}"
