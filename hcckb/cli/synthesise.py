"""`hcckb pool` and `reproduce`: numbers out of the evidence."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.find import Params, requested
from hcckb.errors import UsageError
from hcckb.evidence import EvidenceTable
from hcckb.evidence import select as select_evidence
from hcckb.records import to_csv, to_json


class Tau2(StrEnum):
    """Estimators of the between-study variance."""

    dl = "DL"
    pm = "PM"
    reml = "REML"
    ml = "ML"
    sj = "SJ"
    he = "HE"
    hs = "HS"
    eb = "EB"


class Transform(StrEnum):
    """Scales on which proportions are pooled."""

    logit = "logit"
    freeman_tukey = "freeman-tukey"
    arcsine = "arcsine"
    none = "none"


class Ci(StrEnum):
    """Intervals of the pooled estimate."""

    wald = "wald"
    hksj = "hksj"
    guarded = "hksj-guarded"


def pool(  # noqa: PLR0913, PLR0917 - one parameter per option
    name: o.Query = None,
    endpoint: o.Endpoint = None,
    data: Annotated[Path | None, typer.Option(help="Pool this CSV of your own instead of the graph.")] = None,
    measure: o.Measure = None,
    transform: Annotated[
        Transform | None, typer.Option(help="Scale for --measure proportion: logit when absent.")
    ] = None,
    model: Annotated[str, typer.Option(help="random, common, or rule:NAME (rule:kim2017).")] = "random",
    tau2: Annotated[Tau2, typer.Option(help="Between-study variance.")] = Tau2.reml,
    ci: Annotated[Ci, typer.Option(help="Interval of the pooled estimate.")] = Ci.hksj,
    level: Annotated[float, typer.Option(help="Level of the intervals, a proportion.")] = 0.95,
    by: Annotated[str | None, typer.Option(help="Pool each value of this column by itself: targets, phase ...")] = None,
    plot: Annotated[
        list[Path] | None,
        typer.Option(help="Draw the forest plot to this file: .svg, .png, .pdf. Repeatable."),
    ] = None,
    funnel: Annotated[list[Path] | None, typer.Option(help="Draw the funnel plot to this file. Repeatable.")] = None,
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
    """Pool the estimates that a query selects, or those of your own table.

    Example: hcckb pool second-line-placebo-vegfr --endpoint OS --tau2 DL -f csv
    """
    from hcckb import analysis as analyses

    asked = requested(name, locals(), param)
    if data is not None:
        table = _own_table(data, measure, name, asked, transform)
    elif transform is not None:
        raise UsageError("--transform is for a table of your own: --data FILE.csv --measure proportion.")
    else:
        table = select_evidence(o.open_store(kb, only_kb), name, **asked)
    method: dict[str, str | float] = {"model": model, "tau2": tau2.value, "ci": ci.value, "level": level}
    if by is not None:
        if plot or funnel:
            raise UsageError("--by pools several groups, --plot draws one pool. Leave one of them out.")
        _emit_groups(analyses.pool_by(table, by, **method), output_format, output)
        return
    result = analyses.pool(table, **method)
    _draw(result, plot or [], funnel or [])
    _emit_one(result, output_format, output)


_SHORT = {"HR": "hazard-ratio", "OR": "odds-ratio", "RR": "risk-ratio", "RD": "risk-difference"}


def _own_table(
    data: Path, measure: str | None, query: str | None, asked: dict[str, object], transform: Transform | None
) -> EvidenceTable:
    from hcckb.usertable import MEASURES, read_table

    if query is not None:
        raise UsageError(f"--data pools a table of your own; the query {query!r} selects from the graph. Give one.")
    ignored = [k for k, v in asked.items() if v not in (None, False) and k not in ("measure", "endpoint")]
    if ignored:
        raise UsageError(f"--{ignored[0].replace('_', '-')} selects from the graph and means nothing with --data.")
    if measure is None:
        raise UsageError(f"--data needs --measure: {', '.join(MEASURES)}.")
    return read_table(data, _SHORT.get(measure, measure), transform.value if transform else None)


def _draw(result: object, plots: list[Path], funnels: list[Path]) -> None:
    if not plots and not funnels:
        return
    from hcckb.plots import save_forest, save_funnel

    for path in plots:
        save_forest(result, path)  # type: ignore[arg-type]
        o.say(f"wrote {path}")
    for path in funnels:
        save_funnel(result, path)  # type: ignore[arg-type]
        o.say(f"wrote {path}")


def _emit_one(result: object, output_format: o.Format, output: Path | None) -> None:
    from hcckb import tables
    from hcckb.results import PooledResult

    assert isinstance(result, PooledResult)
    if output_format is o.Format.table:
        text = tables.pooled_text(result)
    elif output_format is o.Format.json:
        text = to_json(result)
    else:
        text = to_csv(*tables.pooled_records([("", result)]))
    o.emit(text, output)


def _emit_groups(groups: object, output_format: o.Format, output: Path | None) -> None:
    from hcckb import tables

    pairs = list(groups)  # type: ignore[call-overload]
    if output_format is o.Format.table:
        text = "\n\n".join(f"## {name or '(none)'}\n\n{tables.pooled_text(result)}" for name, result in pairs)
    elif output_format is o.Format.json:
        text = to_json(dict(pairs))
    else:
        text = to_csv(*tables.pooled_records(pairs))
    o.emit(text, output)


def reproduce(
    synthesis: Annotated[str | None, typer.Argument(help="A published synthesis; all when absent.")] = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Recompute a published synthesis from the graph, number by number, beside what it printed.

    Example: hcckb reproduce
    """
    from hcckb import tables
    from hcckb.reproduced import COLUMNS
    from hcckb.reproduction import reproduce as recompute

    found = recompute(o.open_store(kb, only_kb), synthesis)
    if output_format is o.Format.table:
        text = tables.reproduction_text(found)
    elif output_format is o.Format.json:
        text = to_json(found)
    else:
        text = to_csv([{c: getattr(r, c) for c in COLUMNS} for r in found], COLUMNS)
    o.emit(text, output)
