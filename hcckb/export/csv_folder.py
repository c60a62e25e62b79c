"""CSV: a folder of tables with one row per node, that any spreadsheet, pandas or R reads without knowing RDF."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyoxigraph as ox

from hcckb.export.csv_columns import TABLES, Column, Kind, Table, table
from hcckb.export.format import Format
from hcckb.export.rdf_text import local_names
from hcckb.store import Store, Term
from hcckb.terms import EV, KB, LABEL, PREF_LABEL, RDFS, SOURCE, TERM, TYPE, expand

_PARENT = RDFS + "subClassOf"
_SOURCE_NODE = KB + "source-"
_NONE: frozenset[Term] = frozenset()


def write(store: Store) -> Mapping[str, str]:
    """Write every table of the folder, with its header also when it has no row.

    A property that no column foresees follows behind the columns, and a class that no table foresees gets a table
    of its own, so that nothing of a node is lost.
    """
    graph = _Graph.of(store)
    rows = graph.rows()
    tables = [*TABLES, *(t for t in rows if t not in TABLES)]
    return {f"{t.name}.csv": graph.text(t, rows.get(t, [])) for t in sorted(tables, key=lambda t: t.name)}


@dataclass(frozen=True, slots=True)
class _Graph:
    """The statements, found by subject and by object: predicate -> node -> terms; "^" marks the way back."""

    store: Store
    links: Mapping[str, Mapping[str, frozenset[Term]]]

    @classmethod
    def of(cls, store: Store) -> _Graph:
        links: dict[str, dict[str, set[Term]]] = {}
        for subject, predicate, term in {q.triple for q in store.quads}:
            links.setdefault(predicate.value, {}).setdefault(subject.value, set()).add(term)
            if isinstance(term, ox.NamedNode):
                links.setdefault("^" + predicate.value, {}).setdefault(term.value, set()).add(subject)
        frozen = {p: {node: frozenset(terms) for node, terms in ends.items()} for p, ends in links.items()}
        return cls(store, frozen)

    def ends(self, node: str, path: str) -> frozenset[Term]:
        """Walk a path of a column from a node."""
        found: frozenset[Term] = frozenset({ox.NamedNode(node)})
        for step in _steps(path):
            predicate, _, wanted = step.partition("(")
            ends = self.links.get(predicate, {})
            found = frozenset(t for f in found if isinstance(f, ox.NamedNode) for t in ends.get(f.value, _NONE))
            if wanted:
                of_class = self.links.get("^" + TYPE, {}).get(EV + wanted.rstrip(")"), _NONE)
                found &= of_class
        return found

    def rows(self) -> dict[Table, list[str]]:
        """Give every node to the first table that takes one of its classes; our classes come before SKOS."""
        homes = {c: t for t in reversed(TABLES) for c in t.classes}
        found: dict[Table, list[str]] = {}
        for node, classes in sorted(self.links.get(TYPE, {}).items()):
            mine = sorted({c for t in classes for c in self._upwards(t.value)})
            known = [homes[c] for c in mine if c in homes]
            if known:
                found.setdefault(min(known, key=TABLES.index), []).append(node)
            else:
                for iri in sorted(t.value for t in classes if t.value.startswith(EV)):
                    found.setdefault(table(_plural(iri.removeprefix(EV)), iri), []).append(node)
        return found

    def _upwards(self, iri: str) -> set[str]:
        """Give a class with all classes above it."""
        found, waiting = {iri}, [iri]
        while waiting:
            above = {t.value for t in self.links.get(_PARENT, {}).get(waiting.pop(), _NONE)} - found
            found |= above
            waiting += above
        return found

    def text(self, of: Table, nodes: Iterable[str]) -> str:
        """Write one table as RFC 4180."""
        nodes = list(nodes)
        columns = [*of.columns, *self._unforeseen(of, nodes)]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([c.name for c in columns])
        writer.writerows([self._cell(node, c) for c in columns] for node in nodes)
        return out.getvalue()

    def _unforeseen(self, of: Table, nodes: list[str]) -> Iterator[Column]:
        known = {TYPE, LABEL, PREF_LABEL, *(_steps(c.path)[0] for c in of.columns if c.path)}
        used = {p for p, ends in self.links.items() if p[0] != "^" and any(n in ends for n in nodes)}
        names = local_names(used - known, (c.name for c in of.columns))
        for predicate, name in sorted(names.items(), key=lambda item: item[1]):
            column = _snake(name)
            yield Column(column, f"<{predicate}>")
            if any(t.value.startswith(KB) for n in nodes for t in self.links[predicate].get(n, _NONE)):
                yield Column(column + "_iri", f"<{predicate}>", Kind.IRI)

    def _cell(self, node: str, column: Column) -> str:
        ends = self.ends(node, column.path)
        if column.kind is Kind.PLACE:
            return "; ".join(sorted(self._places(ends)))
        if column.kind is Kind.KEY:
            return "; ".join(sorted({k for t in ends for k in self._keys(t.value)}))
        if column.kind is Kind.LABEL:
            return "; ".join(sorted(self.store.label(t.value) for t in ends))
        if column.kind is Kind.IRI:
            return "; ".join(sorted(t.value for t in ends if isinstance(t, ox.NamedNode)))
        return "; ".join(sorted({self._name(t) for t in ends}))

    def _name(self, term: Term) -> str:
        if not isinstance(term, ox.NamedNode):
            return term.value
        for namespace in (TERM, EV):
            if term.value.startswith(namespace):
                return term.value.removeprefix(namespace)
        return self.store.label(term.value)

    def _keys(self, node: str) -> set[str]:
        """Give the key of a source, or those of the sources of any other node."""
        keys = self.links.get(EV + "key", {})
        if node in keys or node.startswith(_SOURCE_NODE):
            return {t.value for t in keys.get(node, ())} or {node.removeprefix(_SOURCE_NODE)}
        return {k for t in self.links.get(SOURCE, {}).get(node, _NONE) for k in self._keys(t.value)}

    def _places(self, nodes: frozenset[Term]) -> set[str]:
        locators = self.links.get(EV + "locator", {})
        places = {(k, t.value) for n in nodes for k in self._keys(n.value) for t in locators.get(n.value, _NONE)}
        several = len({key for key, _ in places}) > 1
        return {f"{key}: {place}" if several else place for key, place in places}


def _steps(path: str) -> tuple[str, ...]:
    """Write the steps of a path out: "^about" -> "^https://w3id.org/hcckb/ns#about"; a whole IRI is one step.

    A class in brackets behind a step keeps its nodes only: "^concerns(Resolution)".
    """
    if path.startswith("<"):
        return (path.strip("<>"),)
    return tuple(("^" if s[0] == "^" else "") + _full(s.removeprefix("^")) for s in path.split("/") if s)


def _full(name: str) -> str:
    return expand(name) if ":" in name else EV + name


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().replace(":", "_").replace("-", "_")


def _plural(name: str) -> str:
    snake = _snake(name)
    return snake[:-1] + "ies" if snake.endswith("y") else snake + "s"


FORMAT = Format(
    "csv", ".csv", "text/csv", "folder of tables, one row per node", write, is_folder=True, has_findings=True
)
