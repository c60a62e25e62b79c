"""TriG: one named graph per source document and one of what the audit finds, so that who says what survives."""

from __future__ import annotations

from collections.abc import Mapping

import pyoxigraph as ox

from hcckb.export.format import Format
from hcckb.export.rdf_text import blocks, prefix_lines, text_of
from hcckb.store import Store


def write(store: Store) -> Mapping[str, str]:
    """Write the graph as TriG, sorted by named graph and node."""
    graphs: dict[str, list[ox.Triple]] = {}
    for quad in store.quads:
        name = "" if isinstance(quad.graph_name, ox.DefaultGraph) else text_of(quad.graph_name)
        graphs.setdefault(name, []).append(quad.triple)
    prefixes = prefix_lines((quad.triple for quad in store.quads), graphs)
    parts = [prefixes, *(_graph(name, graphs[name]) for name in sorted(graphs))]
    return {"": "\n".join(part for part in parts if part)}


def _graph(name: str, triples: list[ox.Triple]) -> str:
    body = "\n\n".join(blocks(triples))
    return f"{name} {{\n{body}\n}}\n" if name else body + "\n"


FORMAT = Format(
    "trig",
    ".trig",
    "application/trig",
    "RDF with one named graph per source document, and one of findings",
    write,
    has_findings=True,
)
