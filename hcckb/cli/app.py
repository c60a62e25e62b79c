"""The application: its commands, in the order in which the help shows them."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from hcckb.cli import (
    bias,
    explain,
    find,
    judge,
    judgement,
    measures,
    models,
    moderate,
    net,
    out,
    probe,
    subsets,
    synthesise,
)

app = typer.Typer(
    name="hcckb",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    find.queries,
    find.query,
    find.terms,
    find.select,
    synthesise.pool,
    measures.medians,
    measures.convert,
    net.network,
    probe.influence,
    probe.cumulative,
    bias.bias,
    bias.evalue,
    moderate.subgroup,
    moderate.regress,
    moderate.multilevel,
    subsets.gosh,
    subsets.multiverse,
    models.bayes,
    models.glmm,
    judgement.absolute,
    judgement.grade,
    judgement.report,
    explain.why,
    explain.flow,
    explain.show,
    out.check,
    synthesise.reproduce,
    judge.audit,
    judge.options,
    out.export,
):
    app.command()(command)


@app.callback()
def start(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.", is_eager=True)] = False,
) -> None:
    """Evidence on systemic therapy of advanced hepatocellular carcinoma: query, select, pool, trace.

    Research tool, not medical advice.
    """
    if version:
        typer.echo(f"hcckb {metadata.version('hcckb')}")
        raise typer.Exit
