"""Sections on the evidence: question, selection, rows, findings of the audit, sources."""

from __future__ import annotations

from collections.abc import Sequence

from hcckb.audit import Finding, audit
from hcckb.evidence import EvidenceTable, flow
from hcckb.plots.flow import flow_svg
from hcckb.queries import named
from hcckb.report.blocks import Block, Code, Figure, Link, Paragraph, Section, Table
from hcckb.report.documents import Document, documents
from hcckb.selection import DEFAULT_QUERY
from hcckb.store import Store
from hcckb.text.tables import digits_text, sizes_text


def question(table: EvidenceTable) -> Section:
    """Say what was asked, with the text of the query."""
    if not table.kb_version:
        return Section("Question", [Paragraph(f"{table.title}: every row of {table.query}.")])
    asked = "; ".join(f"{k.replace('_', ' ')}: {v}" for k, v in table.asked.items()) or "nothing else"
    query = named(table.query or DEFAULT_QUERY)
    blocks: list[Block] = [
        Paragraph(f"{query.title}. {query.summary}"),
        Paragraph(f"Asked of the query {query.name}: {asked}.", "note"),
        Code("sparql", query.text, f"{query.name}.rq"),
    ]
    return Section("Question", blocks)


def selection(store: Store, table: EvidenceTable) -> Section:
    """Show how many studies each step of the selection removed, and which."""
    steps = flow(store, table.query or None, **dict(table.asked))
    return Section("Selection", [Figure("flow", flow_svg(steps), "How the studies were selected")])


def evidence(store: Store | None, table: EvidenceTable) -> Section:
    """Show each estimate with its place in print, and what a curator decided."""
    known = documents(store)
    headers = ("Study", "Year", "Arms", "n", "Value (interval)", "Level", "As printed", "Source", "Place")
    rows = []
    for r in table.rows:
        arms = f"{r.experimental} against {r.comparator}" if r.experimental else ""
        sizes = sizes_text(r)
        rows.append(
            (
                r.study,
                str(r.year or ""),
                arms,
                sizes,
                digits_text(r),
                f"{100 * (r.ci_level or 0):g} %",
                r.as_printed,
                Link(r.source, known.get(r.source, Document()).address),
                r.locator,
            )
        )
    blocks: list[Block] = [Table(headers, rows, numeric=frozenset({1, 3}))]
    blocks += [
        Paragraph(f"{r.study}: {r.as_printed} was corrected or judged by a curator. {r.resolution_reason or ''}")
        for r in table.rows
        if r.resolution
    ]
    blocks += [Paragraph(w, "note") for w in table.warnings]
    if table.passed_over:
        told = f"{len(table.passed_over)} other reports of these contrasts were read and passed over."
        blocks.append(Paragraph(told, "note"))
    return Section("Evidence", blocks)


def doubts(store: Store, table: EvidenceTable) -> Section:
    """Show what the audit found about the estimates that entered and the reports passed over."""
    entered = {r.estimate_iri for r in table.rows}
    passed = {p.estimate_iri for p in table.passed_over if p.study in {r.study for r in table.rows}}
    found = audit(store)
    touching = [f for f in found if entered & set(f.nodes)]
    others = [f for f in found if f not in touching and passed & set(f.nodes)]
    blocks: list[Block] = [
        Paragraph(
            f"{len(touching)} findings of the audit touch an estimate that entered, {len(others)} a report of the same "
            "trials that was passed over."
        )
    ]
    for title, group in (("On estimates that entered", touching), ("On reports passed over", others)):
        if group:
            blocks.append(Table(("Severity", "Study", "Finding", "Computation", "Judgement"), _cells(group), title))
    return Section("Doubts", blocks)


def sources(store: Store | None, table: EvidenceTable) -> Section:
    """List the documents that the estimates were printed in."""
    known = documents(store)
    rows = []
    for key in dict.fromkeys(r.source for r in table.rows):
        found = known.get(key, Document())
        used = ", ".join(dict.fromkeys(r.study for r in table.rows if r.source == key))
        rows.append((Link(key, found.address), found.label, found.kind, found.year, used))
    return Section("Sources", [Table(("Key", "Document", "Type", "Year", "Used for"), rows, numeric=frozenset({3}))])


def _cells(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    judged = [f.resolution_reason if f.resolution else "none yet" for f in findings]
    return [
        (f.severity, ", ".join(f.studies), f.title, f.computation, j) for f, j in zip(findings, judged, strict=True)
    ]
