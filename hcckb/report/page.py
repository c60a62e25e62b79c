"""A report as one HTML page, or as Markdown with its figures beside it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hcckb.errors import UsageError
from hcckb.files import write_whole
from hcckb.report.blocks import Figure, Link, Report

if TYPE_CHECKING:
    from jinja2 import Environment

FORMATS = (".html", ".md")


def write_report(report: Report, path: str | Path) -> Path:
    """Write a report to `path`: .html holds everything; .md has its figures in files beside it.

    Parameters
    ----------
    report : Report
        What to write.
    path : str or Path
        Where to; the suffix names the format.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UsageError
        If the suffix is neither .html nor .md.
    OutputError
        If the folder does not exist or cannot be written.
    """
    place = Path(path)
    if place.suffix not in FORMATS:
        raise UsageError(f"{place}: a report is written as {' or '.join(FORMATS)}, not {place.suffix!r}.")
    if place.suffix == ".html":
        write_whole(place, html(report))
        return place
    for block in (b for s in report.sections for b in s.blocks):
        if isinstance(block, Figure):
            write_whole(place.with_name(_file(place, block)), block.svg)
    write_whole(place, markdown(report, figure=lambda f: _file(place, f)))
    return place


def html(report: Report) -> str:
    """Give the page as HTML that needs no other file."""
    return _environment().get_template("report.html.j2").render(report=report)


def markdown(report: Report, figure: Callable[[Figure], str] = lambda f: f"{f.name}.svg") -> str:
    """Give the page as Markdown; `figure` names the file of a figure."""
    return _environment().get_template("report.md.j2").render(report=report, place=figure)


def _file(page: Path, figure: Figure) -> str:
    return f"{page.stem}-{figure.name}.svg"


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("hcckb.report"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["markdown_cell"] = _markdown_cell
    made.filters["download"] = _download
    return made


def _markdown_cell(cell: str | Link) -> str:
    text = str(cell).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return f"[{text}]({cell.address})" if isinstance(cell, Link) and cell.address else text


def _download(text: str) -> str:
    """Give an address that holds the text itself."""
    return "data:text/plain;charset=utf-8;base64," + base64.b64encode(text.encode("utf-8")).decode("ascii")
