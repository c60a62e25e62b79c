"""`hcckb network`: all treatments of a selection compared with one another."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.find import Params, requested
from hcckb.evidence import select as select_evidence
from hcckb.records import to_csv, to_json


class NetworkModel(StrEnum):
    """Models of a network."""

    random = "random"
    common = "common"


class NetworkTau2(StrEnum):
    """Estimators of a network's between-study variance."""

    dl = "DL"
    reml = "REML"


def network(  # noqa: PLR0913, PLR0917 - one parameter per option
    name: o.Query = None,
    endpoint: o.Endpoint = None,
    reference: Annotated[
        str | None, typer.Option(help="Show the others against this regimen; the most connected one when absent.")
    ] = None,
    measure: o.Measure = None,
    model: Annotated[NetworkModel, typer.Option(help="Model.")] = NetworkModel.random,
    tau2: Annotated[NetworkTau2, typer.Option(help="Between-study variance.")] = NetworkTau2.dl,
    level: Annotated[float, typer.Option(help="Level of the intervals, a proportion.")] = 0.95,
    small_is_good: Annotated[
        bool | None, typer.Option("--small-is-good/--large-is-good", help="For P-scores; follows the endpoint.")
    ] = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="Fit each part of a network that falls apart by itself.")
    ] = False,
    line: o.Line = None,
    comparator: o.Comparator = None,
    target: o.Target = None,
    agent: o.Agent = None,
    agent_class: o.AgentClass = None,
    phase: o.Phase = None,
    masking: o.Masking = None,
    year: o.Year = None,
    only: o.Only = False,
    population: o.Population = None,
    analysis: o.Analysis = None,
    assessment: o.Assessment = None,
    source: o.Source = None,
    as_printed: o.AsPrinted = False,
    param: Params = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Compare all treatments of a selection with one another, directly and through common comparators.

    Example: hcckb network second-line-placebo --endpoint OS
    """
    from hcckb import network as nets
    from hcckb.network_text import league_records, network_text

    asked = requested(name, locals(), param)
    table = select_evidence(o.open_store(kb, only_kb), name, **asked)
    method = nets.NetworkMethod(model=model.value, tau2=tau2.value, level=level, small_is_good=small_is_good)
    if parts:
        results = nets.networks(table, reference=reference, method=method)
    else:
        results = (nets.network(table, reference=reference, method=method),)
    if output_format is o.Format.table:
        text = "\n\n".join(network_text(r) for r in results)
    elif output_format is o.Format.json:
        text = to_json(results if parts else results[0])
    else:
        text = to_csv(*league_records(results))
    o.emit(text, output)
