"""JSON-LD: plain JSON objects with a context that makes them RDF; one named graph per source document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyoxigraph as ox

from hcckb.export.format import Format
from hcckb.export.rdf_text import local_names, short_iri
from hcckb.store import Store
from hcckb.terms import PREFIXES, TYPE, XSD

_STRING = XSD + "string"
_CANONICAL = re.compile(r"true|false|0|-?[1-9][0-9]*")


def write(store: Store) -> Mapping[str, str]:
    """Write the graph as JSON-LD 1.1.

    Decimals and dates are strings that the context types, because a JSON number does not keep the digits of 0.80;
    whole numbers and booleans are JSON's own.
    """
    names = local_names((q.predicate.value for q in store.quads if q.predicate.value != TYPE), ("id", "type"))
    kinds = _coercions(store.quads)
    graphs: dict[str, dict[str, dict[str, set[Any]]]] = {}
    for quad in store.quads:
        name = quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else ""
        about = graphs.setdefault(name, {}).setdefault(_id(quad.subject), {})
        about.setdefault(quad.predicate.value, set()).add(quad.object)
    content: list[dict[str, Any]] = []
    for graph in sorted(graphs):
        nodes = [_node(iri, about, names, kinds) for iri, about in sorted(graphs[graph].items())]
        content += [{"id": short_iri(graph), "@graph": nodes}] if graph else nodes
    document = {"@context": _context(names, kinds), "@graph": content}
    return {"": json.dumps(document, ensure_ascii=False, indent=2) + "\n"}


def _coercions(quads: Iterable[ox.Quad]) -> dict[str, str]:
    """Give the type that all objects of a predicate share: "@id", a datatype, or "" when they differ."""
    seen: dict[str, set[str]] = {}
    for quad in quads:
        seen.setdefault(quad.predicate.value, set()).add(_kind(quad.object))
    shared = {p: next(iter(kinds)) if len(kinds) == 1 else "" for p, kinds in seen.items()}
    return {p: "" if kind in (_STRING, "@language") else kind for p, kind in shared.items()}


def _kind(term: object) -> str:
    if not isinstance(term, ox.Literal):
        return "@id"
    return "@language" if term.language else term.datatype.value


def _context(names: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, Any]:
    context: dict[str, Any] = {"@version": 1.1, **PREFIXES, "id": "@id", "type": "@type"}
    for predicate, name in sorted(names.items(), key=lambda item: item[1]):
        entry = {"@id": short_iri(predicate)}
        if kinds[predicate]:
            entry["@type"] = short_iri(kinds[predicate])
        context[name] = entry
    return context


def _node(
    iri: str, about: Mapping[str, set[Any]], names: Mapping[str, str], kinds: Mapping[str, str]
) -> dict[str, Any]:
    node: dict[str, Any] = {"id": iri}
    if TYPE in about:
        node["type"] = _one_or_more(sorted(short_iri(t.value) for t in about[TYPE]))
    for predicate in sorted(about.keys() - {TYPE}, key=lambda p: names[p]):
        terms = sorted(about[predicate], key=str)
        node[names[predicate]] = _one_or_more([_value(t, kinds[predicate]) for t in terms])
    return node


def _one_or_more(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _value(term: object, kind: str) -> Any:
    """Write an object; `kind` is what the context already says of it."""
    if not isinstance(term, ox.Literal):
        return _id(term) if kind == "@id" else {"id": _id(term)}
    if term.language:
        return {"@value": term.value, "@language": term.language}
    if not kind and term.datatype.value != _STRING:
        return {"@value": term.value, "@type": short_iri(term.datatype.value)}
    native = kind == XSD + "boolean" or kind == XSD + "integer"
    return json.loads(term.value) if native and _CANONICAL.fullmatch(term.value) else term.value


def _id(term: object) -> str:
    return short_iri(term.value) if isinstance(term, ox.NamedNode) else str(term)


FORMAT = Format("jsonld", ".jsonld", "application/ld+json", "RDF as JSON objects, with named graphs", write)
