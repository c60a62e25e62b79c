"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hcckb.errors import OutputError, UsageError
from hcckb.files import write_whole
from hcckb.store import Store, load


class Format(StrEnum):
    """How results are written."""

    table = "table"
    csv = "csv"
    json = "json"


Kb = Annotated[
    list[Path] | None,
    typer.Option("--kb", help="Folder of Turtle of your own, added to the shipped knowledge base. Repeatable."),
]
OnlyKb = Annotated[bool, typer.Option("--only-kb", help="Use --kb instead of the shipped knowledge base.")]
AsFormat = Annotated[Format, typer.Option("--format", "-f", help="table, csv or json.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")]
Query = Annotated[str | None, typer.Argument(metavar="QUERY", help="A selection query; `hcckb queries` lists them.")]
Endpoint = Annotated[str | None, typer.Option(help="Endpoint: OS, PFS, TTP, ORR ... or its term.")]
Line = Annotated[str | None, typer.Option(help="Line of therapy: 1L, 2L, 3L.")]
Comparator = Annotated[str | None, typer.Option(help="Regimen of the comparator arm: placebo, sorafenib ...")]
Target = Annotated[str | None, typer.Option(help="Target, family or pathway: VEGFR, MET, PD-1 ...")]
Agent = Annotated[str | None, typer.Option(help="Agent of the experimental arm.")]
AgentClass = Annotated[str | None, typer.Option(help="Class of an agent: TKI, ICI, monoclonal-antibody ...")]
Phase = Annotated[str | None, typer.Option(help="Phase: 2, 3.")]
Masking = Annotated[str | None, typer.Option(help="double-blind, open-label ...")]
Year = Annotated[int | None, typer.Option(help="Primary report of this year or later.")]
Only = Annotated[bool, typer.Option("--only", help="Leave out studies that admit more than one line of therapy.")]
Measure = Annotated[str | None, typer.Option(help="Measure: HR, OR, RR ... or its term.")]
Population = Annotated[str | None, typer.Option(help="A subgroup by name instead of the whole trial.")]
Analysis = Annotated[str | None, typer.Option(help="Prefer this analysis: primary, final, updated, interim.")]
Assessment = Annotated[str | None, typer.Option(help="Reader: central-review, investigator.")]
Source = Annotated[str | None, typer.Option(help="Only what this source printed: S000 ... or a page's key.")]
AsPrinted = Annotated[bool, typer.Option("--as-printed", help="What was printed, without a curator's resolutions.")]


def open_store(kb: list[Path] | None, only_kb: bool) -> Store:
    """Load the knowledge base that --kb and --only-kb ask for."""
    if only_kb and not kb:
        raise UsageError("--only-kb leaves the shipped knowledge base out. Name a folder of your own with --kb.")
    return load(kb or (), shipped=not only_kb)


def emit(text: str, output: Path | None) -> None:
    """Write to `output`, or to stdout."""
    ended = text if text.endswith("\n") else text + "\n"
    if output is not None:
        write_whole(output, ended)
        say(f"wrote {output}")
        return
    try:
        sys.stdout.write(ended)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader had enough: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror}. Choose a file with -o.") from None


def say(text: str) -> None:
    """Write words to stderr, so that data on stdout stay clean."""
    print(text, file=sys.stderr)
