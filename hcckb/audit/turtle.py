"""Findings as RDF: Turtle text, and quads in a named graph of their own for exports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import pyoxigraph as ox

from hcckb.audit.finding import Finding
from hcckb.terms import EV, KB, LABEL, PREFIXES, TYPE

GRAPH = KB + "findings"
"""Name of the graph that holds findings: what the audit says, apart from what documents say."""


def findings_as_turtle(findings: Iterable[Finding]) -> str:
    """Write findings as ev:Finding nodes.

    Parameters
    ----------
    findings : iterable of Finding
        As `hcckb.audit.audit` gives them.

    Returns
    -------
    str
        A Turtle document; an IRI depends on rule, nodes and numbers only, so that it lasts from run to run.
    """
    head = [f"@prefix {name}: <{PREFIXES[name]}> ." for name in ("ev", "kb", "rdfs")]
    nodes = dict(sorted((finding_iri(f), f) for f in findings))
    return "\n".join([*head, *("\n" + " ;\n    ".join(_lines(iri, f)) + " ." for iri, f in nodes.items()), ""])


def findings_as_quads(findings: Iterable[Finding]) -> tuple[ox.Quad, ...]:
    """Give the statements of :func:`findings_as_turtle` as quads of the graph kb:findings, for an export."""
    return tuple(q for f in findings for q in _quads(f))


def _quads(finding: Finding) -> Iterator[ox.Quad]:
    graph, node = ox.NamedNode(GRAPH), ox.NamedNode(finding_iri(finding))
    yield ox.Quad(node, ox.NamedNode(TYPE), ox.NamedNode(EV + "Finding"), graph)
    words = ((LABEL, finding.title), *((EV + n, getattr(finding, n)) for n in ("rule", "severity", "computation")))
    for predicate, text in words:
        yield ox.Quad(node, ox.NamedNode(predicate), ox.Literal(text), graph)
    for about in finding.nodes:
        yield ox.Quad(node, ox.NamedNode(EV + "concerns"), ox.NamedNode(about), graph)
    if finding.resolution is not None:
        yield ox.Quad(node, ox.NamedNode(EV + "resolution"), ox.NamedNode(finding.resolution), graph)


def finding_iri(finding: Finding) -> str:
    """Give a finding's IRI: kb:finding-, the rule, and ten hexadecimal digits of its nodes, numbers and computation."""
    told = "\n".join((finding.rule, finding.title, *finding.nodes, *finding.numbers, finding.computation))
    return f"{KB}finding-{finding.rule}-{hashlib.sha256(told.encode()).hexdigest()[:10]}"


def _lines(iri: str, finding: Finding) -> Iterator[str]:
    yield f"{_term(iri)} a ev:Finding"
    yield f"rdfs:label {ox.Literal(finding.title)}"
    yield f"ev:rule {ox.Literal(finding.rule)}"
    yield f"ev:severity {ox.Literal(finding.severity)}"
    yield f"ev:computation {ox.Literal(finding.computation)}"
    for node in finding.nodes:
        yield f"ev:concerns {_term(node)}"
    if finding.resolution is not None:
        yield f"ev:resolution {_term(finding.resolution)}"


def _term(iri: str) -> str:
    """Write an IRI with a prefix where its local name needs no escape."""
    for prefix, namespace in (("kb", KB), ("ev", EV)):
        local = iri.removeprefix(namespace)
        if local != iri and local.replace("-", "").replace("_", "").isalnum() and local.isascii():
            return f"{prefix}:{local}"
    return str(ox.NamedNode(iri))
