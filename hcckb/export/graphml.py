"""GraphML of the whole graph: a node per resource, an edge per link, for networkx, Gephi and Cytoscape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyoxigraph as ox

from hcckb.export.format import Format
from hcckb.export.rdf_text import local_names, short_iri
from hcckb.store import Store
from hcckb.terms import LABEL, TYPE, XSD

if TYPE_CHECKING:
    import networkx as nx

_NUMBERS = {XSD + "integer": int, XSD + "decimal": float, XSD + "double": float}


def to_networkx(store: Store) -> nx.MultiDiGraph[str]:
    """Copy the graph into networkx as a property graph.

    Returns
    -------
    networkx.MultiDiGraph
        A node per resource, called by its shortened IRI ("kb:brisk-ps"), with `iri`, `label`, `type` and its
        literals by the local name of their property. A property that holds one number or boolean per node has
        Python's type, all else is text, several values sorted and joined by "; ". An edge per link between
        resources, its key and `predicate` the property's name. A resource that is only mentioned has no `type`.
    """
    import networkx as nx

    names = local_names((q.predicate.value for q in store.quads), ("iri", "label", "type", "id", "predicate"))
    triples = sorted({q.triple for q in store.quads}, key=str)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    links = [t for t in triples if isinstance(t.object, ox.NamedNode) and t.predicate.value != TYPE]
    resources = {_iri(t) for t in triples} | {t.object.value for t in links}  # type: ignore[union-attr]
    properties = _properties(triples, names)
    for iri in sorted(resources, key=short_iri):
        graph.add_node(short_iri(iri), iri=iri, label=store.label(iri), **properties.get(iri, {}))
    for link in links:
        name = names[link.predicate.value]
        graph.add_edge(short_iri(_iri(link)), short_iri(link.object.value), key=name, predicate=name)  # type: ignore[union-attr]
    return graph


def graphml_text(graph: nx.Graph[str]) -> str:
    """Write a networkx graph as GraphML; the keys of its edges become their ids and must be unique."""
    import networkx as nx

    writer = nx.readwrite.graphml.GraphMLWriter(prettyprint=True, infer_numeric_types=True)
    writer.add_graph_element(graph)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{writer}'.rstrip() + "\n"


def write(store: Store) -> Mapping[str, str]:
    """Write the property graph as GraphML; an edge's id is its source, predicate and target."""
    import networkx as nx

    found = to_networkx(store)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.add_nodes_from(found.nodes(data=True))
    for source, target, name, data in found.edges(keys=True, data=True):
        graph.add_edge(source, target, key=f"{source} {name} {target}", **data)
    return {"": graphml_text(graph)}


def _properties(triples: Iterable[ox.Triple], names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Give the classes and literals of each node by name; a label is read through the store."""
    found: dict[str, dict[str, list[ox.Literal]]] = {}
    classes: dict[str, list[str]] = {}
    for triple in triples:
        if triple.predicate.value == TYPE:
            classes.setdefault(_iri(triple), []).append(short_iri(triple.object.value))  # type: ignore[union-attr]
        elif isinstance(triple.object, ox.Literal) and triple.predicate.value != LABEL:
            found.setdefault(triple.predicate.value, {}).setdefault(_iri(triple), []).append(triple.object)
    nodes: dict[str, dict[str, Any]] = {iri: {"type": "; ".join(sorted(types))} for iri, types in classes.items()}
    for predicate in sorted(found, key=lambda p: names[p]):
        make = _maker(found[predicate].values())
        for iri, literals in found[predicate].items():
            nodes.setdefault(iri, {})[names[predicate]] = make(literals)
    return nodes


def _maker(values: Iterable[list[ox.Literal]]) -> Any:
    """Choose how the values of one property are written: by Python's type where each node has one, else as text."""
    values = list(values)
    kinds = {literal.datatype.value for literals in values for literal in literals}
    if all(len(literals) == 1 for literals in values):
        if kinds == {XSD + "boolean"}:
            return lambda literals: literals[0].value in ("true", "1")
        if kinds == {XSD + "integer"}:
            return lambda literals: int(literals[0].value)
        if kinds <= _NUMBERS.keys():
            return lambda literals: float(literals[0].value)
    return lambda literals: "; ".join(sorted(literal.value for literal in literals))


def _iri(triple: ox.Triple) -> str:
    return triple.subject.value  # type: ignore[union-attr]


FORMAT = Format("graphml", ".graphml", "application/graphml+xml", "property graph: resources and their links", write)
