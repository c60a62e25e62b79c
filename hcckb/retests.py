"""Printed tests of counts and correlations, recomputed from the counts and the r that stand beside them."""

from __future__ import annotations

from collections.abc import Iterator

from hcckb.audit.book import Book, Figure, Node, read
from hcckb.audit.correlations import correlation_p
from hcckb.audit.crosstabs import forms, full_counts, tables
from hcckb.reproduced import DIFFERS, MATCH, Reproduced, judged
from hcckb.store import Store


def retests(store: Store) -> Iterator[Reproduced]:
    """Recompute the p-value of every printed cross table and correlation.

    A p-value matches when the recomputed one rounds to the printed digits; a correlation's, when the interval that r
    can have had before rounding gives such a value.
    """
    book = read(store)
    reasons = _reasons(store)
    for table in tables(book):
        p, counts = table.node.figure("pValue"), full_counts(table)
        if p is None or counts is None:
            continue
        name, value, verdict = judged(lambda x, p=p: _fits(p, x), list(forms(counts).items()))  # type: ignore[misc]
        yield _row(book, table.node, book.words(table.node.one("variable")), p, (name, value, verdict), reasons)
    for node in book.of("Association"):
        r, p, n = node.figure("correlation"), node.figure("pValue"), node.count("n")
        if r is None or p is None or n is None or n < 4:
            continue
        implied = correlation_p(r.interval, n)
        verdict = MATCH if implied.meets(p.interval) else DIFFERS
        middle = (implied.low + implied.high) / 2
        pair = f"{book.words(node.one('x'))} with {book.words(node.one('y'))}, {book.words(node.one('population'))}"
        yield _row(book, node, pair, p, ("t test of r", middle, verdict), reasons)


def _row(
    book: Book, node: Node, what: str, p: Figure, found: tuple[str, float | None, str], reasons: dict[str, str]
) -> Reproduced:
    name, value, verdict = found
    operator = "" if p.operator == "=" else p.operator
    return Reproduced(
        book.name(book.study_of(node)),
        what,
        "p-value",
        f"{operator}{p.text}",
        value,
        name,
        verdict,
        reasons.get(node.iri, "") if verdict != MATCH else "",
        book.source_of(node),
        node.one("locator"),
    )


def _fits(p: Figure, value: float) -> bool:
    return p.interval.low <= value <= p.interval.high


def _reasons(store: Store) -> dict[str, str]:
    rows = store.select("SELECT ?node ?reason WHERE { ?resolution ev:concerns ?node ; ev:reason ?reason }")
    return {r["node"].value: r["reason"].value for r in rows if r["node"] is not None and r["reason"] is not None}
