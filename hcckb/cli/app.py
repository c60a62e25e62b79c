"""The application: its commands, in the order in which the help shows them."""

from __future__ import annotations

import typer

from hcckb.cli import explain, find, judge, out, synthesise

app = typer.Typer(
    name="hcckb",
    help="Evidence on systemic therapy of advanced hepatocellular carcinoma: query, select, pool, trace. "
    "Research tool, not medical advice.",
    no_args_is_help=True,
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
