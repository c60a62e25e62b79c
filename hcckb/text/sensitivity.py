"""Sensitivity of a pooled result as text and as records."""

from __future__ import annotations

from dataclasses import fields

from hcckb.analysis.sensitivity import Sensitivity, UpToStudy, WithoutStudy
from hcckb.results import PooledResult
from hcckb.text.tables import DISCLAIMER, grid, model_text, p_text, ratio_text

INFLUENCE_COLUMNS = tuple(f.name for f in fields(WithoutStudy))
CUMULATIVE_COLUMNS = tuple(f.name for f in fields(UpToStudy))


def influence_text(found: Sensitivity[WithoutStudy]) -> str:
    """Write one line for each study: the result without it, and its diagnostics."""
    headers = ("Left out", "Year", interval_head(found.pooled), "tau2", "I2", "rstudent", "Cook", "Hat", "Flag")
    cells = [
        (
            row.study,
            row.year,
            ratio_text(row.estimate, row.ci_lower, row.ci_upper),
            f"{row.tau2:.4f}",
            f"{100 * row.i2:.0f} %",
            f"{row.rstudent:.2f}",
            f"{row.cook_distance:.3f}",
            f"{row.hat:.3f}",
            "*" if row.influential else "",
        )
        for row in found.rows
    ]
    pooled = found.pooled
    whole = ratio_text(pooled.estimate, pooled.ci_lower, pooled.ci_upper)
    cells.append(("(none)", None, whole, f"{pooled.tau2:.4f}", f"{100 * pooled.i2:.0f} %", "", "", "", ""))
    return page(found.pooled, grid(cells, headers), found.notes)


def cumulative_text(found: Sensitivity[UpToStudy]) -> str:
    """Write one line for each study that enters."""
    headers = ("k", "Entered", "Year", interval_head(found.pooled), "p", "tau2", "I2")
    cells = (
        (
            row.k,
            row.study,
            row.year,
            ratio_text(row.estimate, row.ci_lower, row.ci_upper),
            p_cell(row.p_value),
            f"{row.tau2:.4f}",
            f"{100 * row.i2:.0f} %",
        )
        for row in found.rows
    )
    return page(found.pooled, grid(cells, headers), found.notes)


def interval_head(pooled: PooledResult) -> str:
    """Head a column of estimates with their intervals."""
    return f"{pooled.measure.replace('-', ' ')} ({100 * pooled.level:g} % CI)"


def p_cell(p_value: float | None) -> str | None:
    """Round a P value for a cell."""
    return None if p_value is None else p_text(p_value).removeprefix("p = ").removeprefix("p ")


def page(pooled: PooledResult, table: str, notes: tuple[str, ...]) -> str:
    """Put the title, a table, notes, warnings and the disclaimer on one page."""
    model = model_text(pooled.model, pooled.tau2_method, pooled.ci_method)
    title = f"{pooled.title} ({model}; k = {pooled.k})"
    told = [f"Note: {note}" for note in (*notes, *pooled.warnings)]
    return "\n".join([title, "", table, "", *told, DISCLAIMER])
