"""Turtle: the union of all documents, one block per node, for reading and for git."""

from __future__ import annotations

from collections.abc import Mapping

from hcckb.export.format import Format
from hcckb.export.rdf_text import blocks, prefix_lines
from hcckb.store import Store


def write(store: Store) -> Mapping[str, str]:
    """Write the graph as Turtle, sorted, evidence before terms; what several documents state alike stands once."""
    triples = [quad.triple for quad in store.quads]
    parts = [prefix_lines(triples), *(f"{block}\n" for block in blocks(triples))]
    return {"": "\n".join(part for part in parts if part)}


FORMAT = Format("turtle", ".ttl", "text/turtle", "RDF for reading, the documents united", write)
