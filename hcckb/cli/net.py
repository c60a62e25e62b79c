"""`hcckb network`: all treatments of a selection compared with one another."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hcckb.cli.selecting import Asked, selecting


class NetworkModel(StrEnum):
    """Models of a network."""

    random = "random"
    common = "common"


class NetworkTau2(StrEnum):
    """Estimators of a network's between-study variance."""

    dl = "DL"
    reml = "REML"


@selecting(pooling=False, own=False)
def network(  # noqa: PLR0913, PLR0917 - one parameter per option
    asked: Asked,
    reference: Annotated[
        str | None, typer.Option(help="Show the others against this regimen; the most connected one when absent.")
    ] = None,
    model: Annotated[NetworkModel, typer.Option(help="Model.")] = NetworkModel.random,
    tau2: Annotated[NetworkTau2, typer.Option(help="Between-study variance.")] = NetworkTau2.dl,
    level: Annotated[float, typer.Option(help="Level of the intervals, a proportion.")] = 0.95,
    small_is_good: Annotated[
        bool | None, typer.Option("--small-is-good/--large-is-good", help="For P-scores; follows the endpoint.")
    ] = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="Fit each part of a network that falls apart by itself.")
    ] = False,
) -> None:
    """Compare all treatments of a selection with one another, directly and through common comparators.

    Example: hcckb network second-line-placebo --endpoint OS
    """
    from hcckb.analysis import network as nets
    from hcckb.text.network import league_records, network_text

    table = asked.table()
    method = nets.NetworkMethod(model=model.value, tau2=tau2.value, level=level, small_is_good=small_is_good)
    if parts:
        results = nets.networks(table, reference=reference, method=method)
    else:
        results = (nets.network(table, reference=reference, method=method),)
    asked.emit(
        lambda: "\n\n".join(network_text(r) for r in results),
        results if parts else results[0],
        lambda: league_records(results),
    )
