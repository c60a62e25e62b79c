"""Rules about correlations: their p-values, and parts correlated with their wholes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from scipy.special import stdtr

from hcckb.audit.book import Book, Node
from hcckb.audit.finding import COSMETIC, DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.interval import Interval


def correlation_p(r: Interval, n: int) -> Interval:
    """Give the two-sided p-value of a correlation, over the rounding interval of r.

    t = r sqrt((n - 2) / (1 - r^2)) on n - 2 degrees of freedom.

    >>> from hcckb.audit.interval import rounded
    >>> p = correlation_p(rounded("0.176"), 14)
    >>> round(p.low, 2), round(p.high, 2)
    (0.55, 0.55)
    """

    def tail(size: float) -> float:
        size = min(size, 1.0 - 1e-12)
        return float(2.0 * stdtr(n - 2, -size * math.sqrt((n - 2) / (1.0 - size**2))))

    return abs(r).falling(tail)


def _correlation(book: Book) -> Iterator[Draft]:
    for node in book.of("Association"):
        r, p, n = node.figure("correlation"), node.figure("pValue"), node.count("n")
        if r is None or p is None or n is None or n < 4 or abs(r.value) >= 1.0:
            continue
        implied = correlation_p(r.interval, n)
        if implied.meets(p.interval):
            continue
        title = _pair(book, node)
        away = max(implied.low / p.interval.high, p.interval.low / implied.high) if implied.high else math.inf
        text = (
            f"t = {r} sqrt({n - 2} / (1 - {r}^2)) on {n - 2} degrees of freedom gives P = {implied.low:.2g} to "
            f"{implied.high:.2g}; printed {p.operator} {p.text}"
        )
        crosses = (implied.high < 0.05) != (p.value < 0.05)
        severity = DECIDES if crosses else COSMETIC if away < 1.25 else MISLEADS
        yield Draft(severity, title, text, (f"r {r}", f"n {n}", f"P {p.operator} {p.text}"), (node.iri,))


def _pair(book: Book, node: Node) -> str:
    words = f"{book.name(book.study_of(node))}, {book.name(node.one('x'))} and {book.name(node.one('y'))}"
    return f"{words}, {book.name(node.one('population'))}" if node.one("population") else words


_PARTS_OF = {
    "overall-survival": (
        "survival-after",
        "post-progression-survival",
        "time-to-treatment-failure",
        "time-on-treatment",
    ),
}


def _part_whole(book: Book) -> Iterator[Draft]:
    found: dict[tuple[str, str, str], list[Node]] = {}
    for node in book.of("Association"):
        for part, whole in ((node.one("x"), node.one("y")), (node.one("y"), node.one("x"))):
            if _is_part(book, part, whole):
                found.setdefault((node.one("ofStudy"), part, whole), []).append(node)
    for (study, part, whole), nodes in found.items():
        figures = [str(r) for n in nodes for r in [n.figure("correlation")] if r is not None]
        text = (
            f"{book.name(whole)} = {book.name(part)} + the rest, so r > 0 even if part and rest are unrelated: "
            f"r = sd(part) / sd(whole); printed r {', '.join(dict.fromkeys(figures))}, {len(nodes)} times"
        )
        title = f"{book.name(study)}: {book.name(part)} is part of {book.name(whole)}"
        yield Draft(MISLEADS, title, text, tuple(dict.fromkeys(figures)), tuple(n.iri for n in nodes))


def _is_part(book: Book, part: str, whole: str) -> bool:
    node = book.get(part)
    if node is not None and whole in (*node.all("isPartOf"), *node.all("partOf")):
        return True
    local, known = part.rpartition("/")[2], _PARTS_OF.get(whole.rpartition("/")[2], ())
    return any(local.startswith(name) for name in known)


RULES = (
    Rule(
        "correlation-p",
        "A p-value that a correlation does not give",
        "The p-value recomputed from a correlation and its number of patients differs from the printed one.",
        "t = r sqrt((n - 2) / (1 - r^2)) on n - 2 degrees of freedom, over the rounding interval of r",
        "Weighted regression: the weights change the p-value somewhat.",
        _correlation,
    ),
    Rule(
        "part-and-whole-correlated",
        "A part correlated with its whole",
        "A correlation between an interval and a longer one that contains it, such as survival after "
        "sorafenib and overall "
        "survival.",
        "whole = part + rest, so cov(part, whole) = var(part) + cov(part, rest)",
        "None: the correlation is right as a number and says little about the effect of the part.",
        _part_whole,
    ),
)
