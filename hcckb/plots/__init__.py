"""Figures of pooled results and selections: SVG drawn here, PNG and PDF rendered from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hcckb.analysis.regression import RegressionResult
    from hcckb.analysis.subgroup import SubgroupResult
    from hcckb.plots.flow import FlowStep
    from hcckb.plots.forest_layout import ForestOptions
    from hcckb.pooling.trimfill import TrimFill
    from hcckb.results import PooledResult
    from hcckb.usertable import CountsRow

__all__ = [
    "save_bubble",
    "save_drapery",
    "save_flow",
    "save_forest",
    "save_funnel",
    "save_labbe",
    "save_radial",
    "save_subgroup_forest",
]


def save_forest(result: PooledResult, path: str | Path, *, options: ForestOptions | None = None) -> Path:
    """Write a forest plot of `result` to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.
    path : str or Path
        Where to; the suffix names the format.
    options : ForestOptions, optional
        Title, axis, words under the axis, links.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    EmptySelectionError, UsageError, OutputError
        As `forest_svg` and `write_figure` do.
    """
    from hcckb.plots.forest import ForestOptions, forest_svg
    from hcckb.plots.render import write_figure

    return write_figure(forest_svg(result, options=options or ForestOptions()), path)


def save_funnel(
    result: PooledResult, path: str | Path, *, contours: bool = True, filled: TrimFill | None = None
) -> Path:
    """Write a funnel plot of `result` to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.
    path : str or Path
        Where to; the suffix names the format.
    contours : bool
        Whether regions of significance are shaded.
    filled : TrimFill, optional
        Trim and fill of the same estimates, whose filled studies are drawn as open points.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    EmptySelectionError, UsageError, OutputError
        As `funnel_svg` and `write_figure` do.
    """
    from hcckb.plots.funnel import funnel_svg
    from hcckb.plots.render import write_figure

    return write_figure(funnel_svg(result, contours=contours, filled=filled), path)


def save_radial(result: PooledResult, path: str | Path) -> Path:
    """Write a radial (Galbraith) plot of `result` to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.
    path : str or Path
        Where to; the suffix names the format.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    EmptySelectionError, UsageError, OutputError
        As `radial_svg` and `write_figure` do.
    """
    from hcckb.plots.radial import radial_svg
    from hcckb.plots.render import write_figure

    return write_figure(radial_svg(result), path)


def save_drapery(result: PooledResult, path: str | Path) -> Path:
    """Write a drapery plot of `result` to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.
    path : str or Path
        Where to; the suffix names the format.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    EmptySelectionError, UsageError, OutputError
        As `drapery_svg` and `write_figure` do.
    """
    from hcckb.plots.drapery import drapery_svg
    from hcckb.plots.render import write_figure

    return write_figure(drapery_svg(result), path)


def save_labbe(result: PooledResult, counts: Sequence[CountsRow], path: str | Path) -> Path:
    """Write a L'Abbé plot of `result` to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    result : PooledResult
        What pooling gave.
    counts : sequence of CountsRow
        The tables that were pooled, in the order of the rows of `result`.
    path : str or Path
        Where to; the suffix names the format.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    EmptySelectionError, UsageError, OutputError
        As `labbe_svg` and `write_figure` do.
    """
    from hcckb.plots.labbe import labbe_svg
    from hcckb.plots.render import write_figure

    return write_figure(labbe_svg(result, counts), path)


def save_flow(steps: Sequence[FlowStep], path: str | Path, *, title: str = "Selection of studies") -> Path:
    """Write a flow diagram of `steps` to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    steps : sequence of FlowStep
        The steps of a selection, in order.
    path : str or Path
        Where to; the suffix names the format.
    title : str
        Heading of the figure.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    EmptySelectionError, UsageError, OutputError
        As `flow_svg` and `write_figure` do.
    """
    from hcckb.plots.flow import flow_svg
    from hcckb.plots.render import write_figure

    return write_figure(flow_svg(steps, title=title), path)


def save_subgroup_forest(found: SubgroupResult, path: str | Path, *, options: ForestOptions | None = None) -> Path:
    """Write a forest plot by group to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    found : SubgroupResult
        What :func:`hcckb.analysis.subgroup.subgroup` gave.
    path : str or Path
        Where to; the suffix names the format.
    options : ForestOptions, optional
        Title, axis, words under the axis, links.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UsageError, OutputError
        As `write_figure` does.
    """
    from hcckb.plots.forest_groups import subgroup_forest_svg
    from hcckb.plots.render import write_figure

    return write_figure(subgroup_forest_svg(found, options), path)


def save_bubble(found: RegressionResult, path: str | Path) -> Path:
    """Write a bubble plot of a meta-regression on one moderator to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    found : RegressionResult
        What :func:`hcckb.analysis.regression.regress` gave.
    path : str or Path
        Where to; the suffix names the format.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UsageError, OutputError
        As `bubble_svg` and `write_figure` do.
    """
    from hcckb.plots.bubble import bubble_svg
    from hcckb.plots.render import write_figure

    return write_figure(bubble_svg(found), path)
