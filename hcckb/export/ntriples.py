"""N-Triples: one statement a line, sorted, for bulk loaders, grep and diff."""

from __future__ import annotations

from collections.abc import Mapping

from hcckb.export.format import Format
from hcckb.store import Store


def write(store: Store) -> Mapping[str, str]:
    """Write the union of all documents as sorted lines."""
    return {"": "".join(sorted({f"{quad.triple} .\n" for quad in store.quads}))}


FORMAT = Format("ntriples", ".nt", "application/n-triples", "RDF, one statement a line, sorted", write)
