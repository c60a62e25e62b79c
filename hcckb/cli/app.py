"""The application: its commands, in the order in which the help shows them, each imported only when it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Annotated

import typer

from hcckb.version import VERSION

# Each command and the module of its function, which has the same name.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "queries": "find",
        "query": "find",
        "terms": "find",
        "select": "find",
        "pool": "synthesise",
        "medians": "measures",
        "convert": "measures",
        "network": "net",
        "influence": "probe",
        "cumulative": "probe",
        "bias": "bias",
        "evalue": "bias",
        "subgroup": "moderate",
        "regress": "moderate",
        "multilevel": "moderate",
        "gosh": "subsets",
        "multiverse": "subsets",
        "bayes": "models",
        "glmm": "models",
        "absolute": "judgement",
        "grade": "judgement",
        "report": "judgement",
        "why": "explain",
        "flow": "explain",
        "show": "explain",
        "check": "out",
        "reproduce": "synthesise",
        "audit": "judge",
        "options": "judge",
        "export": "out",
    }
)


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Build the application with these of its commands, all by default: one call runs only one of them."""
    app = typer.Typer(
        name="hcckb",
        no_args_is_help=True,
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(start)
    for name in names:
        app.command()(getattr(import_module(f"hcckb.cli.{COMMANDS[name]}"), name))
    return app


def start(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.", is_eager=True)] = False,
) -> None:
    """Evidence on systemic therapy of advanced hepatocellular carcinoma: query, select, pool, trace.

    Research tool, not medical advice.
    """
    if version:
        typer.echo(f"hcckb {VERSION}")
        raise typer.Exit
