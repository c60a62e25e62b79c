"""`hcckb bias`, `influence` and `cumulative`: what a pooled result hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from hcckb.cli import options as o
from hcckb.cli.find import Params, requested
from hcckb.cli.synthesise import Ci, Tau2
from hcckb.evidence import EvidenceTable
from hcckb.evidence import select as select_evidence
from hcckb.records import plain, to_csv, to_json

Model = Annotated[str, typer.Option(help="random, common, or rule:NAME (rule:kim2017).")]
Estimator = Annotated[Tau2, typer.Option(help="Between-study variance.")]
Interval = Annotated[Ci, typer.Option(help="Interval of the pooled estimate.")]
Level = Annotated[float, typer.Option(help="Level of the intervals, a proportion.")]


class By(StrEnum):
    """Orders in which studies enter."""

    year = "year"
    precision = "precision"


def bias(  # noqa: PLR0913, PLR0917 - one parameter per option
    name: o.Query = None,
    endpoint: o.Endpoint = None,
    measure: o.Measure = None,
    model: Model = "random",
    tau2: Estimator = Tau2.reml,
    ci: Interval = Ci.hksj,
    level: Level = 0.95,
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
    """Test the selected estimates for small-study effects: Begg, Egger, trim and fill.

    Example: hcckb bias second-line-placebo --endpoint OS
    """
    from hcckb import sensitivity, sensitivity_text

    given = locals()
    found = sensitivity.bias(_table(given), **_method(given))
    _emit(found, sensitivity_text.bias_text, sensitivity_text.BIAS_COLUMNS, output_format, output)


def influence(  # noqa: PLR0913, PLR0917 - one parameter per option
    name: o.Query = None,
    endpoint: o.Endpoint = None,
    measure: o.Measure = None,
    model: Model = "random",
    tau2: Estimator = Tau2.reml,
    ci: Interval = Ci.hksj,
    level: Level = 0.95,
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
    """Pool without each study in turn, and say on which studies the result hangs.

    Example: hcckb influence second-line-placebo --endpoint OS
    """
    from hcckb import sensitivity, sensitivity_text

    given = locals()
    found = sensitivity.influence(_table(given), **_method(given))
    _emit(found, sensitivity_text.influence_text, sensitivity_text.INFLUENCE_COLUMNS, output_format, output)


def cumulative(  # noqa: PLR0913, PLR0917 - one parameter per option
    name: o.Query = None,
    endpoint: o.Endpoint = None,
    by: Annotated[By, typer.Option(help="Order of entry: year of the primary report, or precision.")] = By.year,
    measure: o.Measure = None,
    model: Model = "random",
    tau2: Estimator = Tau2.reml,
    ci: Interval = Ci.hksj,
    level: Level = 0.95,
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
    """Pool the first study, the first two, and so on, by year or from the most precise.

    Example: hcckb cumulative second-line-placebo --endpoint OS --by year
    """
    from hcckb import sensitivity, sensitivity_text

    given = locals()
    found = sensitivity.cumulative(_table(given), by=by.value, **_method(given))
    _emit(found, sensitivity_text.cumulative_text, sensitivity_text.CUMULATIVE_COLUMNS, output_format, output)


def _table(given: dict[str, Any]) -> EvidenceTable:
    """Select what the options of a command ask for."""
    asked = requested(given["name"], given, given["param"])
    return select_evidence(o.open_store(given["kb"], given["only_kb"]), given["name"], **asked)


def _method(given: dict[str, Any]) -> dict[str, Any]:
    chosen = {"tau2": given["tau2"].value, "ci": given["ci"].value}
    return {"model": given["model"], **chosen, "level": given["level"]}


def _emit(
    found: Any, text: Callable[[Any], str], columns: Sequence[str], output_format: o.Format, output: Path | None
) -> None:
    if output_format is o.Format.table:
        shown = text(found)
    elif output_format is o.Format.json:
        shown = to_json({"pooled": plain(found.pooled), "rows": found.rows, "notes": found.notes})
    else:
        shown = to_csv([{c: getattr(row, c) for c in columns} for row in found.rows], columns)
    o.emit(shown, output)
