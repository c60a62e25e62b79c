"""Findings as Turtle, for RDF exports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import pyoxigraph as ox

from hcckb.audit.finding import Finding
from hcckb.terms import EV, KB, PREFIXES


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
