"""Terms and triples as sorted Turtle text, every literal digit for digit; shared by the RDF formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pyoxigraph as ox

from hcckb.terms import EV, LABEL, PREF_LABEL, PREFIXES, TYPE, XSD, compact

_LOCAL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_SHORT = {
    XSD + "integer": re.compile(r"[+-]?[0-9]+"),
    XSD + "decimal": re.compile(r"[+-]?[0-9]*\.[0-9]+"),
    XSD + "boolean": re.compile(r"true|false"),
}
_WIDE = 100
_ORDER = ("kb", "term", "ev")
_FIRST = {TYPE: 0, LABEL: 1, PREF_LABEL: 1}


def short_iri(iri: str) -> str:
    """Shorten an IRI where every RDF syntax allows it; else it comes back whole.

    >>> short_iri("https://w3id.org/hcckb/term/overall-survival")
    'term:overall-survival'
    >>> short_iri("https://w3id.org/hcckb/term/a/b")
    'https://w3id.org/hcckb/term/a/b'
    """
    short = compact(iri)
    return short if short != iri and _LOCAL.fullmatch(short.partition(":")[2]) else iri


def text_of(term: object) -> str:
    """Write a term as Turtle: a prefixed name or <IRI>, a bare number or boolean, or a quoted literal."""
    if isinstance(term, ox.NamedNode):
        short = short_iri(term.value)
        return short if short != term.value else str(term)
    if isinstance(term, ox.Literal) and not term.language:
        datatype = term.datatype.value
        if datatype in _SHORT and _SHORT[datatype].fullmatch(term.value):
            return term.value
        if datatype != XSD + "string":
            return f"{ox.Literal(term.value)}^^{text_of(term.datatype)}"
    return str(term)


def ranked(predicate: str) -> tuple[int, str]:
    """Order predicates: the class, then the label, then the others by name."""
    return _FIRST.get(predicate, 2), compact(predicate)


def blocks(triples: Iterable[ox.Triple]) -> list[str]:
    """Write triples as Turtle, one block per subject, sorted; each ends in a full stop."""
    subjects: dict[str, dict[str, set[str]]] = {}
    for triple in triples:
        about = subjects.setdefault(text_of(triple.subject), {})
        about.setdefault(triple.predicate.value, set()).add(text_of(triple.object))
    return [_block(subject, subjects[subject]) for subject in sorted(subjects, key=_evidence_first)]


def _evidence_first(subject: str) -> tuple[int, str]:
    prefix = subject.partition(":")[0]
    return (_ORDER.index(prefix) if prefix in _ORDER else len(_ORDER)), subject


def _block(subject: str, about: dict[str, set[str]]) -> str:
    lines = (_line(predicate, sorted(about[predicate])) for predicate in sorted(about, key=ranked))
    return f"{subject} " + " ;\n    ".join(lines) + " ."


def _line(predicate: str, objects: list[str]) -> str:
    """Write a predicate with its objects, each on a line of its own where they are many."""
    name = "a" if predicate == TYPE else text_of(ox.NamedNode(predicate))
    line = f"{name} {', '.join(objects)}"
    return line if len(objects) == 1 or len(line) < _WIDE else f"{name}\n        " + ",\n        ".join(objects)


def prefix_lines(triples: Iterable[ox.Triple], graphs: Iterable[str] = ()) -> str:
    """Declare the prefixes that the text uses, in a fixed order; `graphs` are names of graphs."""
    used = {short_iri(iri).partition(":")[0] for triple in triples for iri in _iris(triple)}
    used |= {name.partition(":")[0] for name in graphs}
    return "".join(f"@prefix {p}: <{iri}> .\n" for p, iri in PREFIXES.items() if p in used)


def local_names(predicates: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Give each predicate a short name: its local name, ours first; one that is taken keeps its prefix.

    >>> local_names(["http://purl.org/dc/terms/source", "https://w3id.org/hcckb/ns#source"])
    {'https://w3id.org/hcckb/ns#source': 'source', 'http://purl.org/dc/terms/source': 'dcterms:source'}
    """
    names: dict[str, str] = {}
    used = {*taken, *PREFIXES}
    for predicate in sorted(set(predicates), key=lambda p: (not p.startswith(EV), p)):
        short = short_iri(predicate)
        local = short.partition(":")[2]
        names[predicate] = short if short == predicate or local in used else local
        used.add(names[predicate])
    return names


def _iris(triple: ox.Triple) -> Iterator[str]:
    for term in triple:
        if isinstance(term, ox.NamedNode) and term.value != TYPE:
            yield term.value
        elif isinstance(term, ox.Literal):
            yield term.datatype.value
