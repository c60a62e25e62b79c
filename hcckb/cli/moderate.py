"""`hcckb subgroup`, `regress` and `multilevel`: what estimates differ by, and how they depend on each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.errors import UsageError

Plot = Annotated[list[Path] | None, typer.Option(help="Draw it to this file: .svg, .png, .pdf. Repeatable.")]


@selecting(pooling=True)
def subgroup(
    asked: Asked,
    by: Annotated[str, typer.Option(help="Column that names the groups: phase, targets, a column of your table ...")],
    common_tau2: Annotated[bool, typer.Option("--common-tau2", help="One between-study variance for all.")] = False,
    plot: Plot = None,
) -> None:
    """Pool each group of estimates, and test whether the groups differ.

    Example: hcckb subgroup second-line-placebo --endpoint OS --by phase
    """
    from hcckb.analysis.subgroup import subgroup as analyse
    from hcckb.text.subgroup import subgroup_records, subgroup_text

    found = analyse(asked.table(), by, common_tau2=common_tau2, **asked.method)
    if plot:
        from hcckb.plots import save_subgroup_forest

        for path in plot:
            save_subgroup_forest(found, path)
            o.say(f"wrote {path}")
    asked.emit(lambda: subgroup_text(found), found, lambda: subgroup_records(found))


@selecting(pooling=True)
def regress(  # noqa: PLR0913, PLR0917 - one parameter per option
    asked: Asked,
    on: Annotated[list[str], typer.Option(help="Moderator: a column; a:b for an interaction. Repeatable.")],
    reference: Annotated[
        list[str] | None, typer.Option(help="Reference level of a category, name=level. Repeatable.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Take this column of numbers as categories. Repeatable.")
    ] = None,
    no_intercept: Annotated[bool, typer.Option("--no-intercept", help="Fit without an intercept.")] = False,
    permute: Annotated[int | None, typer.Option(help="Permutation test with this many random permutations.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of random permutations.")] = 1,
    robust: Annotated[str | None, typer.Option(help="Column of clusters for robust (CR2) tests: study.")] = None,
    at: Annotated[list[str] | None, typer.Option(help="Predict here: year=2020,phase=phase-3. Repeatable.")] = None,
    plot: Plot = None,
) -> None:
    """Regress the estimates on moderators (meta-regression).

    Example: hcckb regress second-line-placebo --endpoint OS --on year
    """
    from hcckb.analysis.regression import regress as analyse
    from hcckb.text.regression import regression_records, regression_text

    found = analyse(
        asked.table(),
        on,
        references=_pairs(reference, "--reference"),
        as_categories=category or (),
        intercept=not no_intercept,
        permutations=permute,
        seed=seed,
        robust_by=robust,
        at=[_setting(text) for text in at or []],
        **asked.method,
    )
    if plot:
        from hcckb.plots import save_bubble

        for path in plot:
            save_bubble(found, path)
            o.say(f"wrote {path}")
    asked.emit(lambda: regression_text(found), found, lambda: regression_records(found))


@selecting(pooling=True)
def multilevel(
    asked: Asked,
    cluster: Annotated[str, typer.Option(help="Column of clusters.")] = "study",
    rho: Annotated[
        float, typer.Option(help="Correlation of estimates of one cluster whose covariance is not known.")
    ] = 0.5,
) -> None:
    """Pool estimates that depend on each other: several of one study, or contrasts that share an arm.

    Example: hcckb multilevel first-line-sorafenib-controlled --endpoint OS
    """
    from hcckb.analysis.multilevel import multilevel as analyse
    from hcckb.text.multilevel import multilevel_records, multilevel_text

    if not 0 <= rho < 1:
        raise UsageError(f"--rho {rho:g} must lie in 0 to 1, below 1: 0.5 is that of contrasts with equal arms.")
    found = analyse(asked.table(), cluster=cluster, rho=rho, **asked.method)
    asked.emit(lambda: multilevel_text(found), found, lambda: multilevel_records(found))


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """Split name=value pairs of one option."""
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{option} {text!r}: write it as name=value.")
        found[name.strip()] = value.strip()
    return found


def _setting(text: str) -> dict[str, str]:
    """Split one setting of the moderators: name=value, with commas between."""
    return _pairs(text.split(","), "--at")
