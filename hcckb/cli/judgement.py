"""`hcckb absolute`, `grade` and `report`: what a pooled effect means for patients, and how far it can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.errors import UsageError

if TYPE_CHECKING:
    from hcckb.analysis.absolute import AbsoluteEffects
    from hcckb.analysis.baselines import Baseline

Median = Annotated[list[float] | None, typer.Option(help="Median under the comparator, months. Repeatable.")]
Survival = Annotated[
    list[float] | None, typer.Option(help="Share free of the event under the comparator at --at, a proportion.")
]
Risk = Annotated[list[float] | None, typer.Option(help="Risk of the event under the comparator, a proportion.")]
At = Annotated[list[float] | None, typer.Option(help="Months at which risks are given, 12 when absent. Repeatable.")]


@selecting(pooling=True)
def absolute(asked: Asked, median: Median = None, survival: Survival = None, risk: Risk = None, at: At = None) -> None:
    """Say what a pooled effect means for patients: risks, medians and numbers needed to treat at a baseline.

    Without a baseline the lowest, middle and highest printed medians of the comparator arms are taken.

    Example: hcckb absolute second-line-placebo-vegfr --endpoint OS --at 12
    """
    from hcckb.text.absolute import absolute_records, absolute_text

    found = _effects(asked, median, survival, risk, at)
    asked.emit(lambda: absolute_text(found), found, lambda: absolute_records(found))


@selecting(pooling=True)
def grade(  # noqa: PLR0913, PLR0917 - one parameter per option
    asked: Asked,
    ratings: Annotated[Path | None, typer.Option(help="A person's ratings, a TOML file.")] = None,
    template: Annotated[bool, typer.Option("--template", help="Write a file of ratings to fill in.")] = False,
    median: Median = None,
    survival: Survival = None,
    risk: Risk = None,
    at: At = None,
) -> None:
    """Give a GRADE summary of findings: ratings entered by a person, with the numbers that inform each domain.

    Example: hcckb grade second-line-placebo-vegfr --endpoint OS --template
    """
    from hcckb.analysis.certainty import certainty, read_ratings
    from hcckb.analysis.certainty import template as written
    from hcckb.text.absolute import absolute_records, findings_text

    if template and ratings is not None:
        raise UsageError("--template writes a file of ratings, --ratings reads one. Give one of them.")
    found = _effects(asked, median, survival, risk, at)
    if template:
        o.emit(written(found.pooled), asked.given["output"])
        return
    rated = certainty(found.pooled, read_ratings(ratings) if ratings is not None else None)
    value = {"certainty": rated, "effects": found.rows, "pooled": found.pooled, "notes": found.notes}
    asked.emit(lambda: findings_text(found, rated), value, lambda: absolute_records(found))


@selecting(pooling=True)
def report(
    asked: Asked,
    ratings: Annotated[Path | None, typer.Option(help="A person's ratings of certainty, a TOML file.")] = None,
    median: Median = None,
    survival: Survival = None,
    risk: Risk = None,
    at: At = None,
) -> None:
    """Write one document on a pooled result: evidence, figures, doubts, sources, methods, R code that recomputes it.

    -o names an .html page, which holds everything, or an .md page, which has its figures beside it.

    Example: hcckb report second-line-placebo-vegfr --endpoint OS -o report.html
    """
    from hcckb.analysis.certainty import read_ratings
    from hcckb.report import pooled_report, write_report

    output: Path | None = asked.given["output"]
    if output is None:
        raise UsageError("a report is a file: name it with -o report.html, or -o report.md.")
    if asked.output_format is not o.Format.table:
        raise UsageError("a report is a page, not csv or json: leave --format out; its suffix names the format.")
    made = pooled_report(
        asked.table(),
        None if asked.data is not None else asked.store(),
        baselines=_baselines(median, survival, risk, at or [12.0]),
        months=at or [12.0],
        ratings=read_ratings(ratings) if ratings is not None else None,
        **asked.method,
    )
    o.say(f"wrote {write_report(made, output)}")


def _baselines(
    median: list[float] | None, survival: list[float] | None, risk: list[float] | None, months: list[float]
) -> list[Baseline]:
    from hcckb.analysis.baselines import Baseline

    found = [Baseline(label=f"median {m:g} months", kind="median", value=m) for m in median or ()]
    for share in survival or ():
        named = f"survival {100 * share:g} %"
        found += [Baseline(label=named, kind="survival", value=share, months=t) for t in months]
    return found + [Baseline(label=f"risk {100 * r:g} %", kind="risk", value=r) for r in risk or ()]


def _effects(
    asked: Asked,
    median: list[float] | None,
    survival: list[float] | None,
    risk: list[float] | None,
    at: list[float] | None,
) -> AbsoluteEffects:
    from hcckb.analysis.absolute import absolute as effects
    from hcckb.analysis.baselines import low_middle_high, printed_medians
    from hcckb.analysis.pool import pool

    table = asked.table()
    months = at or [12.0]
    baselines = _baselines(median, survival, risk, months)
    if not baselines:
        if asked.data is not None:
            raise UsageError("an absolute effect of your own table needs a baseline: --median, --survival or --risk.")
        baselines = list(low_middle_high(printed_medians(asked.store(), table)))
    return effects(pool(table, **asked.method), baselines, months=months)
