"""`hcckb network`: all treatments of a selection compared with one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.errors import UsageError

if TYPE_CHECKING:
    from hcckb.analysis.network import NetworkMethod
    from hcckb.analysis.network_results import NetworkResult
    from hcckb.evidence import EvidenceTable


class NetworkModel(StrEnum):
    """Models of a network."""

    random = "random"
    common = "common"


class NetworkTau2(StrEnum):
    """Estimators of a network's between-study variance."""

    dl = "DL"
    reml = "REML"


class Of(StrEnum):
    """What names a treatment."""

    regimen = "regimen"
    agent = "agent"
    agent_class = "agent-class"
    target = "target"


def _to(what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=f"Draw {what} to this file: .svg, .png, .pdf.")
    return option


@selecting(pooling=False)
def network(  # noqa: PLR0913, PLR0917 - one parameter per option
    asked: Asked,
    reference: Annotated[
        str | None, typer.Option(help="Show the others against this regimen; the most connected one when absent.")
    ] = None,
    model: Annotated[NetworkModel, typer.Option(help="Model.")] = NetworkModel.random,
    tau2: Annotated[NetworkTau2, typer.Option(help="Between-study variance.")] = NetworkTau2.dl,
    level: Annotated[float, typer.Option(help="Level of the intervals, a proportion.")] = 0.95,
    small_is_good: Annotated[
        bool | None, typer.Option("--small-is-good/--large-is-good", help="For ranks; follows the endpoint.")
    ] = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="Fit each part of a network that falls apart by itself.")
    ] = False,
    of: Annotated[Of, typer.Option(help="What names a treatment of the graph.")] = Of.regimen,
    components: Annotated[
        bool, typer.Option("--components", help="Take the effects of a combination's components to add up.")
    ] = False,
    inactive: Annotated[str | None, typer.Option(help="Component without effect, for --components.")] = None,
    rank_samples: Annotated[int, typer.Option(min=0, help="Draws of the ranks; 0 for none.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 1,
    plot: Annotated[Path | None, _to("the network")] = None,
    forest: Annotated[Path | None, _to("all treatments against the reference")] = None,
    rankogram: Annotated[Path | None, _to("the ranks")] = None,
    league: Annotated[Path | None, _to("the league table as a heat map")] = None,
    heat: Annotated[Path | None, _to("the net heat of the designs")] = None,
    funnel: Annotated[Path | None, _to("the comparison-adjusted funnel")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a report of the network to this .html or .md page.")
    ] = None,
) -> None:
    """Compare all treatments of a selection with one another, directly and through common comparators.

    Example: hcckb network second-line-placebo --endpoint OS
    """
    from hcckb.analysis import network as nets

    figures = {"plot": plot, "forest": forest, "rankogram": rankogram, "league": league, "heat": heat, "funnel": funnel}
    wanted = {name: path for name, path in figures.items() if path is not None}
    method = nets.NetworkMethod(
        model=model.value, tau2=tau2.value, level=level, small_is_good=small_is_good, samples=rank_samples, seed=seed
    )
    if components:
        _refuse_beside_components(parts, reference, {**wanted, **({"report": report} if report else {})})
        _components(asked, _table(asked, Of.agent if of is Of.regimen else of), inactive, method)
        return
    if inactive is not None:
        raise UsageError("--inactive names a component: add --components.")
    if report is not None and parts:
        raise UsageError("--parts fits several networks, --report is on one. Leave one of them out.")
    if parts and wanted:
        raise UsageError(f"--parts fits several networks, --{next(iter(wanted))} draws one. Leave one of them out.")
    table = _table(asked, of)
    results = _network(asked, table, reference, method, parts=parts, figures=wanted)
    if report is not None:
        _report(asked, table, results[0], report)


def _table(asked: Asked, of: Of) -> EvidenceTable:
    """Select from the graph, with the treatments named as asked, or read the user's own network."""
    from hcckb.analysis.regrouping import regrouped
    from hcckb.evidence import select
    from hcckb.usertable_network import NETWORK_MEASURES, read_network_table

    if asked.given.get("transform") is not None:
        raise UsageError("--transform is for proportions: hcckb pool --data FILE.csv --measure proportion.")
    criteria = asked.criteria()
    if asked.data is None:
        store = asked.store()
        return regrouped(select(store, asked.query, **criteria), store, of.value)
    asked.refuse_filters(criteria)
    if of not in (Of.regimen, Of.agent):
        raise UsageError(f"--of {of.value} reads the graph and means nothing with --data.")
    measure = asked.given["measure"]
    if measure is None:
        raise UsageError(f"--data needs --measure: {', '.join(NETWORK_MEASURES)}.")
    return read_network_table(asked.data, measure)


def _refuse_beside_components(parts: bool, reference: str | None, figures: Mapping[str, Path]) -> None:
    beside = [*(["parts"] if parts else []), *(["reference"] if reference else []), *figures]
    if beside:
        raise UsageError(f"--components fits the whole as sums of components: leave out --{beside[0]}.")


def _components(asked: Asked, table: EvidenceTable, inactive: str | None, method: NetworkMethod) -> None:
    from hcckb.analysis.network_components import components
    from hcckb.text.network import component_records, components_text

    found = components(table, inactive=inactive, method=method)
    asked.emit(lambda: components_text(found), found, lambda: component_records(found))


def _network(
    asked: Asked,
    table: EvidenceTable,
    reference: str | None,
    method: NetworkMethod,
    *,
    parts: bool,
    figures: Mapping[str, Path],
) -> Sequence[NetworkResult]:
    from hcckb.analysis import network as nets
    from hcckb.text.network import league_records, network_text

    results: Sequence[NetworkResult]
    if parts:
        results = nets.networks(table, reference=reference, method=method)
    else:
        results = (nets.network(table, reference=reference, method=method),)
    _draw(results[0], figures)
    asked.emit(
        lambda: "\n\n".join(network_text(r) for r in results),
        results if parts else results[0],
        lambda: league_records(results),
    )
    return results


def _report(asked: Asked, table: EvidenceTable, result: NetworkResult, path: Path) -> None:
    from hcckb.report import network_report, write_report

    store = None if asked.data is not None else asked.store()
    o.say(f"wrote {write_report(network_report(table, result, store), path)}")


def _draw(result: NetworkResult, figures: Mapping[str, Path]) -> None:
    if not figures:
        return
    from hcckb.plots.networks import save_network

    for kind, path in figures.items():
        save_network(result, kind, path)
        o.say(f"wrote {path}")
