"""Small-study effects and E-values as text and as records."""

from __future__ import annotations

import textwrap
from dataclasses import fields

from hcckb.analysis.bias_rows import BiasTest
from hcckb.analysis.evalue import EValueRow, EValues
from hcckb.analysis.sensitivity import Sensitivity
from hcckb.text.sensitivity import interval_head, p_cell, page
from hcckb.text.tables import grid, ratio_text

BIAS_COLUMNS = tuple(f.name for f in fields(BiasTest))
EVALUE_COLUMNS = tuple(f.name for f in fields(EValueRow))


def bias_text(found: Sensitivity[BiasTest]) -> str:
    """Write one line for each test and each adjusted estimate, beginning with the result that they adjust."""
    interval = interval_head(found.pooled)
    headers = ("Method", "Form", "Tests", "Statistic", "df", "p", "p one-sided", "Studies", interval, "")
    pooled = found.pooled
    own = ratio_text(pooled.estimate, pooled.ci_lower, pooled.ci_upper)
    cells: list[tuple[str | None, ...]] = [("(as pooled)", *[None] * 6, str(pooled.k), own, None)]
    cells += [
        (
            row.method,
            row.form,
            row.tests,
            None if row.statistic is None else f"{row.statistic:.2f}",
            None if row.df is None else f"{row.df:g}",
            p_cell(row.p_value),
            p_cell(row.p_value_one_sided),
            _studies(row),
            None if row.estimate is None else ratio_text(row.estimate, row.ci_lower, row.ci_upper),
            textwrap.shorten(row.note, 60, placeholder=" …"),
        )
        for row in found.rows
    ]
    told = (
        "Estimates are adjusted: regressions and limit meta-analysis as the standard error goes to 0, trim and fill "
        "with the studies filled in, selection models before selection by P value."
    )
    return page(pooled, grid(cells, headers), (told, *found.notes))


def evalue_text(found: EValues) -> str:
    """Write one line for each study and one for the pooled result."""
    headers = ("Study", "Year", interval_head(found.pooled), "As risk ratio", "E-value", "of the limit")
    cells = [
        (
            row.study,
            row.year,
            ratio_text(row.value, row.ci_lower, row.ci_upper),
            f"{row.risk_ratio:.2f}",
            f"{row.e_value:.2f}",
            f"{row.e_value_limit:.2f}",
        )
        for row in found.rows
    ]
    return page(found.pooled, grid(cells, headers), found.notes)


def _studies(row: BiasTest) -> str | None:
    if row.number is not None:
        return str(row.number)
    return None if row.k0 is None else f"{row.k0} {row.side}"
