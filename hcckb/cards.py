"""One node and what the graph says about it: the card behind `hcckb show`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyoxigraph as ox

from hcckb.queries import resolve
from hcckb.store import Store, Term
from hcckb.terms import EV, LABEL, PREF_LABEL, TYPE, compact

_ORDER = (
    "Study",
    "Arm",
    "Agent",
    "Target",
    "Regimen",
    "Source",
    "Estimate",
    "ArmResult",
    "Fact",
    "Resolution",
)


@dataclass(frozen=True, slots=True)
class Card:
    """A node's name, IRI, classes, own properties, and the nodes that point at it by kind."""

    name: str
    iri: str
    types: tuple[str, ...]
    properties: tuple[tuple[str, str], ...]
    linked: tuple[tuple[str, tuple[str, ...]], ...]


def card(store: Store, name: str) -> Card:
    """Describe one node of the graph.

    Parameters
    ----------
    store : Store
        The knowledge base.
    name : str
        A label, alternative name, notation, source key, registration number, prefixed name or IRI.

    Raises
    ------
    UnknownNameError
        If nothing has that name.
    """
    iri = resolve(store, name, "any")
    properties = tuple(
        (compact(predicate).partition(":")[2], _shown(store, value))
        for predicate, value in store.describe(iri)
        if predicate not in (TYPE, LABEL, PREF_LABEL)
    )
    types = tuple(sorted(compact(t).partition(":")[2] for t in store.types(iri)))
    return Card(store.label(iri), iri, types, properties, tuple(_linked(store, iri)))


def _linked(store: Store, iri: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    rows = store.select(
        f"SELECT DISTINCT ?node ?class ?printed ?endpoint ?where ?key WHERE {{ ?node ?p <{iri}> ; a ?class ."
        " OPTIONAL { ?node ev:asPrinted ?printed } OPTIONAL { ?node ev:endpoint ?endpoint }"
        " OPTIONAL { ?node ev:locator ?where . ?node ev:source/ev:key ?key } }"
        " ORDER BY ?class ?endpoint ?node"
    )
    groups: dict[str, list[str]] = {}
    for row in rows:
        kind = compact(row["class"].value if row["class"] else "").partition(":")[2]
        groups.setdefault(kind, []).append(_line(store, row["node"], row["endpoint"], row["printed"], row))
    for kind in sorted(groups, key=lambda k: (_ORDER.index(k) if k in _ORDER else len(_ORDER), k)):
        yield kind, tuple(dict.fromkeys(groups[kind]))


def _line(store: Store, node: Term | None, endpoint: Term | None, printed: Term | None, row: object) -> str:
    iri = node.value if node is not None else ""
    parts: Iterable[str] = (
        store.label(iri),
        store.label(endpoint.value) if endpoint is not None else "",
        printed.value if printed is not None else "",
        _place(row),
    )
    return " · ".join(p for p in parts if p)


def _place(row: object) -> str:
    key, where = row["key"], row["where"]  # type: ignore[index]
    return f"{key.value}, {where.value}" if key is not None and where is not None else ""


def _shown(store: Store, value: Term) -> str:
    if isinstance(value, ox.NamedNode):
        return store.label(value.value) if not value.value.startswith(EV) else compact(value.value)
    return value.value
