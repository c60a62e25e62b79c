"""Figures of a network: which there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from hcckb.errors import UsageError

if TYPE_CHECKING:
    from hcckb.analysis.network_results import NetworkResult


def save_network(result: NetworkResult, kind: str, path: str | Path) -> Path:
    """Write a figure of a network to `path`: .svg, .png or .pdf.

    Parameters
    ----------
    result : NetworkResult
        The fitted network.
    kind : {"plot", "forest", "rankogram", "league", "heat", "funnel"}
        Which figure.
    path : str or Path
        Where to; the suffix names the format.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UsageError
        If there is no such figure or format, or the result lacks what the figure shows.
    OutputError
        If the file cannot be written.
    """
    from hcckb.plots.render import write_figure

    if kind not in _FIGURES:
        raise UsageError(f"there is no figure {kind!r} of a network; there are {', '.join(_FIGURES)}.")
    return write_figure(_FIGURES[kind](result), path)


def _plot(result: NetworkResult) -> str:
    from hcckb.plots.network_graph import graph_svg

    return graph_svg(result)


def _forest(result: NetworkResult) -> str:
    from hcckb.plots.network_forest import network_forest_svg

    return network_forest_svg(result)


def _rankogram(result: NetworkResult) -> str:
    from hcckb.plots.rankogram import rankogram_svg

    return rankogram_svg(result)


def _league(result: NetworkResult) -> str:
    from hcckb.plots.network_tiles import league_svg

    return league_svg(result)


def _heat(result: NetworkResult) -> str:
    from hcckb.plots.network_tiles import heat_svg

    return heat_svg(result)


def _funnel(result: NetworkResult) -> str:
    from hcckb.plots.network_funnel import adjusted_funnel_svg

    return adjusted_funnel_svg(result)


_FIGURES: Mapping[str, Callable[[NetworkResult], str]] = MappingProxyType(
    {
        "plot": _plot,
        "forest": _forest,
        "rankogram": _rankogram,
        "league": _league,
        "heat": _heat,
        "funnel": _funnel,
    }
)
