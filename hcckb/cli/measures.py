"""`hcckb medians` and `convert`: medians without a spread, and one measure as another."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.errors import UsageError
from hcckb.records import plain, to_csv, to_json


def medians(
    data: Annotated[Path, typer.Option(help="CSV of your own with columns study, median, n.")],
    weighted: Annotated[bool, typer.Option(help="Count each study by its participants, or all alike.")] = True,
    level: Annotated[float, typer.Option(help="Level of the interval, a proportion.")] = 0.95,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
) -> None:
    """Pool medians that come without interval or quartiles, by their weighted median.

    Example: hcckb medians --data medians.csv
    """
    from hcckb.analysis.medians import COLUMNS, pool_medians
    from hcckb.text.measures import medians_text

    found = pool_medians(data, weighted=weighted, level=level)
    if output_format is o.Format.table:
        text = medians_text(found)
    elif output_format is o.Format.json:
        text = to_json(found)
    else:
        text = to_csv([plain(row) for row in found.rows], COLUMNS)
    o.emit(text, output)


def convert(
    measure: Annotated[str, typer.Argument(help="What the numbers are: OR, RR, HR, SMD.")],
    to: Annotated[str, typer.Argument(help="What they are to be: OR, RR, HR, RD, SMD.")],
    values: Annotated[list[float], typer.Argument(help="Numbers: an estimate, its limits. After -- if negative.")],
    baseline_risk: Annotated[float | None, typer.Option(help="Risk without the treatment, a proportion.")] = None,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
) -> None:
    """Turn numbers of one measure into another, at a baseline risk.

    Example: hcckb convert OR RR 0.5 0.35 0.72 --baseline-risk 0.3
    """
    from hcckb.analysis.convert import convert as convert_numbers
    from hcckb.text.measures import conversion_text

    if baseline_risk is not None and not 0 < baseline_risk < 1:
        raise UsageError(f"--baseline-risk {baseline_risk:g} must lie between 0 and 1: write 0.3 for 30 %.")
    if not all(isfinite(value) for value in values):
        raise UsageError("a number to convert must be finite.")
    found = convert_numbers(values, measure, to, baseline_risk)
    if output_format is o.Format.table:
        text = conversion_text(found)
    elif output_format is o.Format.json:
        text = to_json(found)
    else:
        text = to_csv([plain(row) for row in found.rows], ("value", "converted"))
    o.emit(text, output)
