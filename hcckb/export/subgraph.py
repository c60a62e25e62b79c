"""The part of a graph that the rows of a query refer to, with all that a reader needs to understand it."""

from __future__ import annotations

from collections.abc import Iterable

import pyoxigraph as ox

from hcckb.errors import UsageError
from hcckb.store import Solutions, Store
from hcckb.terms import EV, KB, SKOS, TERM, TYPE

_OURS = (KB, TERM, EV)
# A source reports on many studies, a scheme lists many terms: these links are kept, not followed.
_LOOSE = frozenset({EV + "reportsOn", SKOS + "narrower", SKOS + "hasTopConcept", SKOS + "member"})
# What is said elsewhere of a node and belongs to it: facts and resolutions, and the arms of a study.
_INCOMING = frozenset({EV + "about", EV + "concerns"})
_OF_STUDY = EV + "ofStudy"
_ARM = EV + "arm"
_CONTRAST = (EV + "experimental", EV + "comparator")


def subgraph(store: Store, rows: Solutions) -> Store:
    """Cut the part of a graph out that the rows of a query refer to.

    The nodes named in the rows, the results of the arms among them (estimates of a contrast when both its arms are
    named) and, step by step, all that their statements name: from an estimate to its study, arms,
    regimens, agents, targets and their broader targets, terms with their scheme, and source; then the arms of a
    study, and the facts and resolutions about a node. The description of the dataset, with its version and licence,
    always comes along. Every node of the knowledge base that is mentioned is described. The one statement left out
    is that a source reports on a study which is not in the part.

    Parameters
    ----------
    store : Store
        The whole graph.
    rows : Solutions
        The answer of a query; its IRIs are taken, from every column.

    Returns
    -------
    Store
        Read-only as its origin, each statement in its named graph.

    Raises
    ------
    UsageError
        If there are rows, and none names a node of the graph.
    """
    named = {t.value for row in rows for t in row.values() if isinstance(t, ox.NamedNode)}
    about, incoming = _index(store.quads)
    if rows.rows and not named & about.keys():
        columns = ", ".join(rows.variables)
        raise UsageError(f"no row names a node of the graph (columns: {columns}). Select its IRI as well.")
    dataset = ox.NamedNode(EV + "Dataset")
    kept = (named & about.keys()) | _results(store.quads, named)
    kept |= {q.subject.value for q in store.quads if q.predicate.value == TYPE and q.object == dataset}  # type: ignore[union-attr]
    waiting = sorted(kept)
    while waiting:
        node = waiting.pop()
        near = {q.object.value for q in about[node] if _followed(q)}  # type: ignore[union-attr]
        fresh = ((near | incoming.get(node, set())) & about.keys()) - kept
        kept |= fresh
        waiting += fresh
    return store.part(q for q in store.quads if q.subject.value in kept and _stays(q, kept))  # type: ignore[union-attr]


def _index(quads: Iterable[ox.Quad]) -> tuple[dict[str, list[ox.Quad]], dict[str, set[str]]]:
    """Give the statements about each node, and the nodes that belong to it."""
    about: dict[str, list[ox.Quad]] = {}
    incoming: dict[str, set[str]] = {}
    links: list[ox.Quad] = []
    arms: set[str] = set()
    for quad in quads:
        subject = quad.subject.value  # type: ignore[union-attr]
        about.setdefault(subject, []).append(quad)
        if quad.predicate.value in _INCOMING or quad.predicate.value == _OF_STUDY:
            links.append(quad)
        elif quad.predicate.value == TYPE and quad.object.value == EV + "Arm":  # type: ignore[union-attr]
            arms.add(subject)
    for quad in links:
        subject = quad.subject.value  # type: ignore[union-attr]
        if quad.predicate.value != _OF_STUDY or subject in arms:
            incoming.setdefault(quad.object.value, set()).add(subject)  # type: ignore[union-attr]
    return about, incoming


def _results(quads: Iterable[ox.Quad], arms: set[str]) -> set[str]:
    """Give the results of these arms, and the estimates that compare two of them."""
    sides: dict[str, set[str]] = {}
    found: set[str] = set()
    for quad in quads:
        if quad.predicate.value in (_ARM, *_CONTRAST) and quad.object.value in arms:  # type: ignore[union-attr]
            subject = quad.subject.value  # type: ignore[union-attr]
            if quad.predicate.value == _ARM:
                found.add(subject)
            else:
                sides.setdefault(subject, set()).add(quad.predicate.value)
    return found | {estimate for estimate, seen in sides.items() if len(seen) == len(_CONTRAST)}


def _followed(quad: ox.Quad) -> bool:
    """Whether a statement leads to a node of ours that has to be described with it."""
    if not isinstance(quad.object, ox.NamedNode) or quad.predicate.value in _LOOSE:
        return False
    return quad.object.value.startswith(_OURS)


def _stays(quad: ox.Quad, kept: set[str]) -> bool:
    return quad.predicate.value not in _LOOSE or quad.object.value in kept  # type: ignore[union-attr]
