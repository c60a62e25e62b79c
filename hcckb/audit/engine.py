"""Runs the rules of the audit over a store and adds to each finding its studies, sources and resolution."""

from __future__ import annotations

from hcckb.audit import (
    agreement,
    copies,
    correlations,
    crosstabs,
    designs,
    medians,
    ratios,
    shares,
    syntheses,
    wholes,
)
from hcckb.audit.book import Book, Node, read
from hcckb.audit.finding import SEVERITIES, Draft, Finding, Rule
from hcckb.errors import UnknownNameError
from hcckb.store import Store

_FAMILIES = (ratios, shares, wholes, crosstabs, correlations, medians, agreement, copies, syntheses, designs)
RULES: tuple[Rule, ...] = tuple(rule for family in _FAMILIES for rule in family.RULES)
"""Every rule, in the order of the documentation."""


def audit(store: Store, only: str | None = None) -> tuple[Finding, ...]:
    """Recompute what can be recomputed from the printed figures, and report what does not agree.

    Parameters
    ----------
    store : Store
        The knowledge base.
    only : str, optional
        Name, key or local name of a source, a study or a synthesis; findings that touch it remain.

    Returns
    -------
    tuple of Finding
        Gravest first, then by rule and node; the same data give the same findings.

    Raises
    ------
    UnknownNameError
        If `only` names no source, study or synthesis.
    """
    book = read(store)
    wanted = _asked(book, only) if only is not None else None
    judged = _judged(book)
    found = {_finding(book, rule, draft, judged) for rule in RULES for draft in rule.find(book)}
    kept = (f for f in found if wanted is None or wanted & {*f.studies, *f.sources})
    return tuple(sorted(kept, key=_order))


def _order(finding: Finding) -> tuple[object, ...]:
    return (SEVERITIES.index(finding.severity), finding.rule, finding.nodes, finding.title, finding.computation)


def _asked(book: Book, only: str) -> set[str]:
    nodes = [*book.of("Source"), *book.studies, *book.of("Synthesis")]
    names = {n.iri: _names(book, n) for n in nodes}
    folded = only.casefold()
    found = {book.name(iri) for iri, called in names.items() if folded in {c.casefold() for c in called}}
    if not found:
        known = sorted({c for called in names.values() for c in called if not c.startswith("http")})
        raise UnknownNameError(only, "source or study", known, "hcckb query sources, hcckb query studies")
    return found


def _names(book: Book, node: Node) -> set[str]:
    local = node.iri.rpartition("/")[2]
    return {book.name(node.iri), local, local.removeprefix("source-"), *node.all("label"), *node.all("altLabel")} | {
        *node.all("key"),
        *node.all("acronym"),
    }


def _judged(book: Book) -> dict[str, list[Node]]:
    judged: dict[str, list[Node]] = {}
    for resolution in book.of("Resolution"):
        for iri in resolution.all("concerns"):
            judged.setdefault(iri, []).append(resolution)
    return judged


def _finding(book: Book, rule: Rule, draft: Draft, judged: dict[str, list[Node]]) -> Finding:
    nodes = [n for n in (book.get(iri) for iri in draft.nodes) if n is not None]
    studies = dict.fromkeys(book.name(s) for s in (_home(book, n) for n in nodes) if s)
    sources = dict.fromkeys(s for s in (book.source_of(n) for n in nodes) if s)
    resolutions = [r for iri in draft.nodes for r in judged.get(iri, ())]
    counts = {r.iri: resolutions.count(r) for r in resolutions}
    best = min(resolutions, key=lambda r: (-counts[r.iri], draft.nodes.index(_first(r, draft)), r.iri), default=None)
    return Finding(
        rule.name,
        draft.severity,
        draft.title,
        draft.computation,
        draft.numbers,
        draft.nodes,
        tuple(sorted(studies)),
        tuple(sorted(sources)),
        best.iri if best is not None else None,
        best.one("reason") if best is not None else "",
    )


def _first(resolution: Node, draft: Draft) -> str:
    return next(iri for iri in draft.nodes if iri in resolution.all("concerns"))


def _home(book: Book, node: Node) -> str:
    return book.study_of(node) or node.one("ofSynthesis") or (node.iri if node.kind == "Synthesis" else "")
