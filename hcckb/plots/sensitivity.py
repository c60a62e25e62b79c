"""Figures of sensitivity: influence panel, Baujat plot, and forest plots of pools without or up to each study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hcckb.plots.baujat import baujat_svg
from hcckb.plots.forest import forest_svg
from hcckb.plots.forest_axis import favours_words
from hcckb.plots.forest_layout import ForestOptions
from hcckb.plots.influence import influence_svg
from hcckb.plots.wording import figure_title

if TYPE_CHECKING:
    from hcckb.analysis.sensitivity import Sensitivity, UpToStudy, WithoutStudy
    from hcckb.results import PooledResult

__all__ = ["baujat_svg", "entered_svg", "influence_svg", "left_out_svg"]


def left_out_svg(found: Sensitivity[WithoutStudy]) -> str:
    """Draw a forest plot of the pooled result without each study, the whole pool below."""
    names = [f"Without {row.study}" for row in found.rows]
    return _pools_svg(found.pooled, found.rows, names, "leaving one study out")


def entered_svg(found: Sensitivity[UpToStudy]) -> str:
    """Draw a forest plot of the pooled result as the studies enter, the whole pool below."""
    names = [row.study if row.k == 1 else f"+ {row.study}" for row in found.rows]
    return _pools_svg(found.pooled, found.rows, names, "cumulative")


def _pools_svg(pooled: PooledResult, pools: Sequence[WithoutStudy | UpToStudy], names: Sequence[str], what: str) -> str:
    by_key = {(row.estimate_iri, row.study, row.experimental): row for row in pooled.rows}
    rows = tuple(
        replace(
            by_key[row.estimate_iri, row.study, row.experimental],
            study=name,
            year=row.year if what == "cumulative" else None,
            value=row.estimate,
            ci_lower=row.ci_lower,
            ci_upper=row.ci_upper,
            ci_level=pooled.level,
            weight=1.0,
            experimental="",
            comparator="",
            n_experimental=None,
            n_comparator=None,
            as_printed="",
            source="",
            locator="",
            resolution=None,
            resolution_reason=None,
        )
        for row, name in zip(pools, names, strict=True)
    )
    names_pooled = {row.study for row in pooled.rows}
    dropped = tuple(d for d in pooled.dropped if d.study not in names_pooled)
    options = ForestOptions(
        title=f"{figure_title(pooled)}, {what}",
        show_beside=False,
        show_weights=False,
        favours=favours_words(pooled),
    )
    return forest_svg(replace(pooled, rows=rows, dropped=dropped), options=options)
