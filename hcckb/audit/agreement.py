"""Rules about one result printed twice: text against table, document against document, arms exchanged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.copies import mislabelled
from hcckb.audit.finding import COSMETIC, DECIDES, MISLEADS, SEVERITIES, Draft, Rule
from hcckb.audit.interval import Interval
from hcckb.audit.ratios import Ratio
from hcckb.audit.slots import grouped

QUANTITIES = ("value", "ciLower", "ciUpper", "pValue", "medianMonths", "proportion", "correlation", "count", "n")
_WORDS = {
    "value": "ratio",
    "ciLower": "lower limit",
    "ciUpper": "upper limit",
    "pValue": "P",
    "medianMonths": "median",
    "proportion": "proportion",
    "correlation": "correlation",
    "count": "count",
    "n": "n",
}
_WHEN_MATTERS = frozenset({"conference", "interim", "updated"})
_MOVES = 0.1
"""A shift of the log ratio, or a relative change of its standard error, that counts as a change of the pool."""


@dataclass(frozen=True, slots=True)
class Print:
    """One printed quantity: where it stands and what it says."""

    node: Node
    quantity: str
    figure: Figure

    @property
    def specification(self) -> tuple[str, ...]:
        """What the document says about how the number came about: assessment and criteria, or the sides of a P."""
        if self.quantity == "pValue":
            return (self.node.one("pSides"),)
        return self.node.one("assessment"), self.node.one("criteria")


def slots(book: Book) -> dict[tuple[str, ...], list[Node]]:
    """Group statements that speak of one result: same study, arms, endpoint, measure, population, analysis."""
    names = {
        "Estimate": ("ofStudy", "experimental", "comparator", "endpoint", "population", "measure"),
        "ArmResult": ("ofStudy", "arm", "endpoint", "population", "measure", "atMonths", "grade"),
        "FactorEstimate": ("ofStudy", "endpoint", "factor", "level", "referenceLevel", "factorModel"),
        "Association": ("ofStudy", "population", "x", "y"),
    }
    found: dict[tuple[str, ...], list[Node]] = {}
    for kind, parts in names.items():
        for node in book.of(kind):
            key = (kind, *(node.one(p) for p in parts), _cut(book, node))
            found.setdefault(key, []).append(node)
    for cell in book.of("CrossTableCell"):
        table = book.get(cell.one("ofCrossTable"))
        if table is not None:
            key = ("CrossTableCell", table.one("ofStudy"), table.one("variable"), cell.one("category"), cell.one("arm"))
            found.setdefault(key, []).append(cell)
    return found


def _cut(book: Book, node: Node) -> str:
    """Tell analyses apart that may rest on different follow-up: by kind, and by year where the kind leaves it open."""
    kind = node.term("analysis")
    if kind not in _WHEN_MATTERS:
        return kind
    source = book.get(node.one("source"))
    return f"{kind} {node.one('dataCutoff') or (source.one('year') if source is not None else '')}"


def prints(nodes: list[Node], quantity: str) -> list[Print]:
    """Give one quantity of these statements, where it is printed."""
    return [Print(n, quantity, f) for n in nodes for f in [n.figure(quantity)] if f is not None]


def _agree(one: Print, other: Print) -> bool:
    """Whether two figures can be one number, rounded: their intervals share more than an end."""
    a, b = one.figure.interval, other.figure.interval
    return min(a.high, b.high) - max(a.low, b.low) > 1e-9 * max(abs(a.high), abs(b.high), 1e-3)


def _levels_differ(one: Print, other: Print) -> bool:
    levels = [float(p.node.one("ciLevel") or 0.95) for p in (one, other)]
    return one.quantity.startswith("ci") and abs(levels[0] - levels[1]) > 1e-3


def _comparable_specifications(one: list[Print], other: list[Print]) -> bool:
    """Whether two clusters can be about the same assessment: one leaves it open, or two prints are compatible."""
    said = [{p.specification for p in c if any(p.specification)} for c in (one, other)]
    if not said[0] or not said[1]:
        return True
    return any(all(not x or not y or x == y for x, y in zip(a, b, strict=True)) for a in said[0] for b in said[1])


def _within(book: Book) -> Iterator[Draft]:
    for nodes in slots(book).values():
        for own in grouped(nodes, lambda n: (book.source_of(n), n.one("assessment"), n.one("criteria"))).values():
            if len(own) > 1:
                yield from _conflicts(book, own, lambda n: n.iri)


def _between(book: Book) -> Iterator[Draft]:
    told = {iri for draft in _arms_exchanged(book) for iri in draft.nodes} | mislabelled(book)
    for nodes in slots(book).values():
        kept = [n for n in nodes if n.iri not in told]
        if len({book.source_of(n) for n in kept}) > 1:
            yield from _conflicts(book, kept, book.source_of)


def _conflicts(book: Book, nodes: list[Node], place: Callable[[Node], str]) -> Iterator[Draft]:
    told, doubtful, others, numbers, grave = [], [], [], [], [COSMETIC]
    for quantity in QUANTITIES:
        clusters = _clusters(prints(nodes, quantity), place)
        if len(clusters) < 2:
            continue
        told.append(_sentence(book, quantity, clusters))
        grave.append(_gravity(quantity, clusters))
        minority = min(clusters, key=lambda c: (len({place(p.node) for p in c}), c[0].node.iri))
        doubtful += [p.node.iri for p in minority]
        others += [p.node.iri for c in clusters if c is not minority for p in c]
        numbers += [f"{_WORDS[quantity]} {c[0].figure}" for c in clusters]
    if told:
        severity = min(grave, key=SEVERITIES.index)
        keys = tuple(dict.fromkeys((*doubtful, *others)))
        yield Draft(severity, book.what(nodes[0]), "; ".join(told), tuple(dict.fromkeys(numbers)), keys)


def _clusters(found: list[Print], place: Callable[[Node], str]) -> list[list[Print]]:
    """Part prints into those that agree, each document in one part, and give the parts that contradict another."""
    clusters: list[list[Print]] = []
    for p in sorted(found, key=lambda p: (-p.figure.decimals, p.figure.operator != "=", p.node.iri)):
        home = next((c for c in clusters if all(_agree(p, q) for q in c)), None)
        if home is None:
            clusters.append([p])
        else:
            home.append(p)

    def voice(p: Print) -> tuple[str, ...]:
        return place(p.node), *p.specification

    for c in sorted(clusters, key=lambda c: len({place(p.node) for p in c})):
        elsewhere = {voice(p) for other in clusters if other is not c for p in other}
        if len(clusters) > 1:
            c[:] = [p for p in c if voice(p) not in elsewhere]
    clusters = [c for c in clusters if c]
    return [c for c in clusters if any(_contradict(c, other) for other in clusters if other is not c)]


def _contradict(one: list[Print], other: list[Print]) -> bool:
    pairs = ((p, q) for p in one for q in other)
    return _comparable_specifications(one, other) and any(
        not _agree(p, q) and not _levels_differ(p, q) for p, q in pairs
    )


def _sentence(book: Book, quantity: str, clusters: list[list[Print]]) -> str:
    parts = []
    for cluster in sorted(clusters, key=lambda c: (-len(c), c[0].node.iri)):
        places = "; ".join(dict.fromkeys(_place(book, p) for p in cluster))
        parts.append(f"{cluster[0].figure} ({places})")
    return f"{_WORDS[quantity]} {' against '.join(parts)}{_slip(quantity, clusters)}"


def _place(book: Book, printed: Print) -> str:
    said = [book.name(x) for x in printed.specification if x.startswith("http")]
    return book.place(printed.node) + (f", {', '.join(said)}" if said else "")


def _slip(quantity: str, clusters: list[list[Print]]) -> str:
    """Say how one figure may have become the other."""
    pairs = [(a[0].figure, b[0].figure) for i, a in enumerate(clusters) for b in clusters[i + 1 :]]
    found = [slip(a, b, sided=quantity == "pValue") for a, b in pairs]
    said = list(dict.fromkeys(f for f in found if f))
    return f" [{', '.join(said)}]" if said else ""


def slip(one: Figure, other: Figure, *, sided: bool = False) -> str:
    """Name the slip that turns one printed number into another, "" where none of the usual ones does.

    >>> slip(Figure("0.78", 2), Figure("0.87", 2)), slip(Figure("0.92", 2), Figure("0.929", 3))
    ('digits exchanged', 'cut off instead of rounded')
    >>> slip(Figure("0.238", 3), Figure("0.0238", 4)), slip(Figure("3.9", 1), Figure("13.9", 1))
    ('decimal point moved', 'a digit lost')
    """
    a, b = one.text, other.text
    long, short = (a, b) if len(a) > len(b) else (b, a)
    if _cut_off(one, other):
        return "cut off instead of rounded"
    if a.replace(".", "").lstrip("0") == b.replace(".", "").lstrip("0"):
        return "decimal point moved"
    if len(a) == len(b) and any(a[:i] + a[i + 1] + a[i] + a[i + 2 :] == b for i in range(len(a) - 1)):
        return "digits exchanged"
    if len(long) == len(short) + 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long))):
        return "a digit lost"
    return _other_side(one, other) if sided else ""


def _cut_off(one: Figure, other: Figure) -> bool:
    coarse, fine = sorted((one, other), key=lambda f: f.decimals)
    scale = 10**coarse.decimals
    cut = math.floor(fine.value * scale + 1e-9) / scale
    return fine.decimals > coarse.decimals and math.isclose(cut, coarse.value, abs_tol=1e-12)


def _other_side(one: Figure, other: Figure) -> str:
    half, whole = sorted((one, other), key=lambda f: f.value)
    if half.interval.scaled(2.0).meets(whole.interval):
        return "one-sided and two-sided"
    if one.interval.scaled(0.5).meets(_complement(other)) or other.interval.scaled(0.5).meets(_complement(one)):
        return "two-sided, and one-sided in the other direction"
    return ""


def _complement(p: Figure) -> Interval:
    return Interval(1.0 - p.interval.high, 1.0 - p.interval.low)


def _gravity(quantity: str, clusters: list[list[Print]]) -> str:
    figures = [c[0].figure for c in clusters]
    low, high = min(figures, key=lambda f: f.value), max(figures, key=lambda f: f.value)
    by_unit = high.value - low.value <= 1.01 * max(low.unit, high.unit)
    slips = {slip(a, b) for a in figures for b in figures if a is not b}
    if quantity == "pValue":
        crosses = low.value < 0.05 <= high.value
        return DECIDES if crosses else COSMETIC if high.value < 0.001 or by_unit else MISLEADS
    if not _comparable(clusters):
        return COSMETIC
    if quantity in ("value", "ciLower", "ciUpper"):
        return DECIDES if _moves(clusters) else COSMETIC
    cut = slips == {"cut off instead of rounded"}
    return COSMETIC if by_unit or cut else MISLEADS


def _comparable(clusters: list[list[Print]]) -> bool:
    """Whether both sides say, or both leave open, by which criteria they assessed."""
    return len({any(p.node.one("criteria") for p in c) for c in clusters}) == 1


def _moves(clusters: list[list[Print]]) -> bool:
    """Whether two printed estimates differ by a tenth of a standard error, in log ratio or in standard error."""
    found = []
    for cluster in clusters:
        node = cluster[0].node
        value, low, high = (node.figure(n) for n in ("value", "ciLower", "ciUpper"))
        if value is None or low is None or high is None or low.value <= 0.0 or high.value <= low.value:
            return True
        found.append(Ratio(node, value, low, high, float(node.one("ciLevel") or 0.95)))
    logs = [math.log(r.value.value) for r in found]
    ses = [(r.se().low + r.se().high) / 2 for r in found]
    return max(logs) - min(logs) > _MOVES * min(ses) or max(ses) / min(ses) > 1.0 + _MOVES


def _arms_exchanged(book: Book) -> Iterator[Draft]:
    names = ("ofStudy", "endpoint", "population", "measure", "atMonths", "grade")
    for nodes in grouped(book.of("ArmResult"), lambda n: (*(n.one(x) for x in names), _cut(book, n))).values():
        for quantity in ("medianMonths", "proportion"):
            yield from _exchanges(book, prints(nodes, quantity))


def _exchanges(book: Book, found: list[Print]) -> Iterator[Draft]:
    by_document = list(grouped(found, lambda p: p.node.one("source")).values())
    pairs = []
    for document in by_document:
        arms = grouped(document, lambda p: p.node.one("arm"))
        names = sorted(arms)
        pairs += [(arms[a][0], arms[b][0]) for i, a in enumerate(names) for b in names[i + 1 :]]
    usual = [p for p in pairs if sum(_crossed(p, q) for q in pairs) * 2 < len(_comparables(p, pairs))]
    for pair in pairs:
        crossed = [q for q in pairs if _crossed(pair, q)]
        if not crossed or (pair in usual and crossed[0] not in usual):
            continue
        if pair not in usual or pair[0].node.iri < crossed[0][0].node.iri:
            yield _exchanged_draft(book, pair, crossed)


def _comparables(pair: tuple[Print, Print], pairs: list[tuple[Print, Print]]) -> list[tuple[Print, Print]]:
    return [
        q
        for q in pairs
        if (q[0].node.one("arm"), q[1].node.one("arm")) == (pair[0].node.one("arm"), pair[1].node.one("arm"))
    ]


def _crossed(one: tuple[Print, Print], other: tuple[Print, Print]) -> bool:
    if [p.node.one("arm") for p in one] != [p.node.one("arm") for p in other]:
        return False
    apart = not one[0].figure.interval.meets(one[1].figure.interval)
    across = one[0].figure.interval.meets(other[1].figure.interval) and one[1].figure.interval.meets(
        other[0].figure.interval
    )
    return apart and across


def _exchanged_draft(book: Book, pair: tuple[Print, Print], crossed: list[tuple[Print, Print]]) -> Draft:
    first, second = (book.arm(p.node.one("arm")) for p in pair)
    elsewhere = "; ".join(dict.fromkeys(book.place(q[0].node) for q in crossed))
    text = (
        f"{first} {pair[0].figure} and {second} {pair[1].figure} in {book.place(pair[0].node)}; {first} "
        f"{crossed[0][0].figure} and {second} {crossed[0][1].figure} in {elsewhere}"
    )
    nodes = (*(p.node.iri for p in pair), *(p.node.iri for q in crossed for p in q))
    study, endpoint = book.name(pair[0].node.one("ofStudy")), book.name(pair[0].node.one("endpoint"))
    numbers = (f"{pair[0].figure} vs {pair[1].figure}", f"{crossed[0][0].figure} vs {crossed[0][1].figure}")
    return Draft(MISLEADS, f"{study} {endpoint}", text, numbers, nodes)


RULES = (
    Rule(
        "text-and-table",
        "One document prints a result twice, differently",
        "Two places of one document give different numbers for the same result, beyond rounding.",
        "rounding intervals of value, limits, P, median, proportion do not meet within one study, arms, endpoint, "
        "population, analysis, assessment and criteria",
        "Two analyses that the document does not tell apart.",
        _within,
    ),
    Rule(
        "documents-disagree",
        "Two documents print a result differently",
        "Documents give different numbers for the same result, beyond rounding; the finding says whether digits were "
        "exchanged, cut off or lost, and whether one P is half of the other.",
        "as text-and-table, between documents; a document that prints several values agrees when one of them does",
        "Different follow-up or criteria that a document does not state; such findings are cosmetic where "
        "only one side "
        "names its criteria.",
        _between,
    ),
    Rule(
        "arms-exchanged",
        "Two arms exchanged",
        "One document gives the medians or rates of two arms the other way round than another document.",
        "a1 = b2 and a2 = b1 up to rounding, a1 <> a2 beyond rounding",
        "None known.",
        _arms_exchanged,
    ),
)
