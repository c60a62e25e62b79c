"""The documents that numbers come from: what they are called, and where they can be read."""

from __future__ import annotations

from dataclasses import dataclass

from hcckb.queries import named
from hcckb.selection import text_of
from hcckb.store import Store


@dataclass(frozen=True, slots=True)
class Document:
    """A source of the graph; empty fields are not curated."""

    label: str = ""
    kind: str = ""
    year: str = ""
    address: str = ""


def documents(store: Store | None) -> dict[str, Document]:
    """Read every source of a store, by key; nothing without a store."""
    if store is None:
        return {}
    asked = named("sources")
    found = {}
    for row in store.select(asked.text, asked.place):
        doi, url = text_of(row["doi"]), text_of(row["url"])
        found[text_of(row["key"])] = Document(
            store.label(text_of(row["source"])),
            text_of(row["type"]).rpartition("/")[2].replace("-", " "),
            text_of(row["year"]),
            f"https://doi.org/{doi}" if doi else url,
        )
    return found
