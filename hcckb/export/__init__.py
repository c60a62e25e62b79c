"""A graph, or the part of it that a query's rows refer to, written in a format that other programs read."""

from __future__ import annotations

from pathlib import Path

from hcckb.errors import UsageError
from hcckb.export.findings import with_findings
from hcckb.export.folder import write_folder
from hcckb.export.format import Format, find_format, formats
from hcckb.export.graphml import to_networkx
from hcckb.export.graphml_network import evidence_network
from hcckb.export.subgraph import subgraph
from hcckb.files import write_whole
from hcckb.store import Solutions, Store

__all__ = ["Format", "evidence_network", "export", "find_format", "formats", "subgraph", "to_networkx"]


def export(
    store: Store,
    format: str,  # noqa: A002 - the word that users of the command know
    path: Path | str | None = None,
    *,
    rows: Solutions | None = None,
    findings: bool | None = None,
) -> str | None:
    """Write a knowledge base in one of the known formats; the same graph gives the same bytes.

    Parameters
    ----------
    store : Store
        The knowledge base.
    format : str
        A name of :func:`formats`: "turtle", "trig", "ntriples", "jsonld", "graphml", "graphml-network" or "csv".
    path : pathlib.Path or str, optional
        The file to write, for a format of several files the folder. It is put in place whole or not at all.
    rows : Solutions, optional
        The answer of a query: only what its rows refer to is written (see :func:`subgraph`).
    findings : bool, optional
        Whether what the audit finds is written too, as ev:Finding nodes. Absent: for a whole graph where findings
        stand apart, in the tables of "csv" and the named graphs of "trig".

    Returns
    -------
    str or None
        The text when `path` is None, nothing when a file was written.

    Raises
    ------
    UnknownNameError
        If there is no such format; the nearest is suggested.
    UsageError
        If a format of several files gets no path, or no row names a node of the graph.
    OutputError
        If the path cannot be written: names it and the reason.
    """
    chosen = find_format(format)
    if chosen.is_folder and path is None:
        raise UsageError(f"{chosen.name} is a folder of files. Name it: hcckb export {chosen.name} -o FOLDER")
    part = store if rows is None else subgraph(store, rows)
    if (chosen.has_findings and rows is None) if findings is None else findings:
        part = with_findings(part, store)
    written = chosen.writer(part)
    if path is None:
        return "".join(written.values())
    if chosen.is_folder:
        write_folder(Path(path), written)
    else:
        write_whole(Path(path), "".join(written.values()))
    return None
