"""Sensitivity of a pooled result as text and as records."""

from __future__ import annotations

import textwrap
from dataclasses import fields

from hcckb.analysis.sensitivity import BiasTest, Sensitivity, UpToStudy, WithoutStudy
from hcckb.results import PooledResult
from hcckb.text.tables import DISCLAIMER, grid, model_text, p_text, ratio_text

INFLUENCE_COLUMNS = tuple(f.name for f in fields(WithoutStudy))
CUMULATIVE_COLUMNS = tuple(f.name for f in fields(UpToStudy))
BIAS_COLUMNS = tuple(f.name for f in fields(BiasTest))


def influence_text(found: Sensitivity[WithoutStudy]) -> str:
    """Write one line for each study: the result without it, and its diagnostics."""
    headers = ("Left out", "Year", _interval(found.pooled), "tau2", "I2", "rstudent", "Cook", "Hat", "Flag")
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
    return _page(found.pooled, grid(cells, headers), found.notes)


def cumulative_text(found: Sensitivity[UpToStudy]) -> str:
    """Write one line for each study that enters."""
    headers = ("k", "Entered", "Year", _interval(found.pooled), "p", "tau2", "I2")
    cells = (
        (
            row.k,
            row.study,
            row.year,
            ratio_text(row.estimate, row.ci_lower, row.ci_upper),
            _p(row.p_value),
            f"{row.tau2:.4f}",
            f"{100 * row.i2:.0f} %",
        )
        for row in found.rows
    )
    return _page(found.pooled, grid(cells, headers), found.notes)


def bias_text(found: Sensitivity[BiasTest]) -> str:
    """Write one line for each test, and below them the results of trim and fill."""
    headers = ("Test", "Form", "Statistic", "df", "p", "p one-sided", "k0", f"Estimate, {_interval(found.pooled)}", "")
    cells = (
        (
            row.method,
            row.form,
            None if row.statistic is None else f"{row.statistic:.2f}",
            None if row.df is None else f"{row.df:g}",
            _p(row.p_value),
            _p(row.p_value_one_sided),
            None if row.k0 is None else f"{row.k0} {row.side}",
            None if row.estimate is None else ratio_text(row.estimate, row.ci_lower, row.ci_upper),
            textwrap.shorten(row.note, 60, placeholder=" …"),
        )
        for row in found.rows
    )
    told = "Estimate: Egger's as the standard error goes to 0; trim and fill's with the k0 filled studies."
    return _page(found.pooled, grid(cells, headers), (told, *found.notes))


def _interval(pooled: PooledResult) -> str:
    return f"{pooled.measure.replace('-', ' ')} ({100 * pooled.level:g} % CI)"


def _p(p_value: float | None) -> str | None:
    return None if p_value is None else p_text(p_value).removeprefix("p = ").removeprefix("p ")


def _page(pooled: PooledResult, table: str, notes: tuple[str, ...]) -> str:
    model = model_text(pooled.model, pooled.tau2_method, pooled.ci_method)
    title = f"{pooled.title} ({model}; k = {pooled.k})"
    told = [f"Note: {note}" for note in (*notes, *pooled.warnings)]
    return "\n".join([title, "", table, "", *told, DISCLAIMER])
