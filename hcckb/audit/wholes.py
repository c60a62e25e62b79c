"""Rules about parts and wholes: response and disease control, arms and trial, sizes of two groups."""

from __future__ import annotations

from collections.abc import Iterator

from hcckb.audit.book import Book, Node
from hcckb.audit.finding import DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.interval import total
from hcckb.audit.shares import Share, attainable, shares, subject
from hcckb.audit.slots import grouped, printed_sizes

_PARTS = (
    ("objective-response", ("complete-response", "partial-response")),
    ("disease-control", ("objective-response", "stable-disease")),
    ("disease-control", ("complete-response", "partial-response", "stable-disease")),
)
_ABOVE = (
    ("objective-response", "disease-control"),
    ("complete-response", "objective-response"),
    ("partial-response", "objective-response"),
    ("complete-response", "disease-control"),
    ("partial-response", "disease-control"),
    ("stable-disease", "disease-control"),
)


def _slot(node: Node) -> tuple[str, ...]:
    names = ("arm", "population", "source", "analysis", "assessment", "criteria")
    return tuple(node.one(n) for n in names)


def _by_endpoint(book: Book) -> Iterator[dict[str, list[Share]]]:
    own = (s for s in shares(book) if s.node.kind == "ArmResult")
    for group in grouped(own, lambda s: _slot(s.node)).values():
        yield grouped(group, lambda s: s.node.term("endpoint"))


def _best_parts(book: Book) -> Iterator[Draft]:
    for by in _by_endpoint(book):
        for whole, names in _PARTS:
            if whole not in by or any(n not in by for n in names):
                continue
            parts, all_ = [by[n][0] for n in names], by[whole][0]
            summed = total([p.interval for p in parts])
            if summed.meets(all_.interval):
                continue
            words = " + ".join(f"{book.name(p.node.one('endpoint'))} {p.share}" for p in parts)
            text = f"{words} = {100 * sum(p.share.value for p in parts):.4g} %, printed {all_.share}"
            nodes = (all_.node.iri, *(p.node.iri for p in parts))
            yield Draft(MISLEADS, subject(book, all_.node), text, tuple(str(s.share) for s in (all_, *parts)), nodes)


def _above_control(book: Book) -> Iterator[Draft]:
    for by in _by_endpoint(book):
        for part, whole in _ABOVE:
            for p in by.get(part, ()):
                for w in by.get(whole, ()):
                    if p.share.operator == w.share.operator == "=" and p.interval.low > w.interval.high:
                        text = f"{book.name(p.node.one('endpoint'))} {p.share} is part of "
                        text += f"{book.name(w.node.one('endpoint'))} {w.share} and cannot exceed it"
                        numbers = (str(p.share), str(w.share))
                        yield Draft(DECIDES, subject(book, p.node), text, numbers, (p.node.iri, w.node.iri))


def _arms_to_total(book: Book) -> Iterator[Draft]:
    for study in book.studies:
        arms = book.arms.get(study.iri, ())
        arms = tuple(a for a in arms if a.term("role") != "dose-level")
        if len(arms) < 2:
            continue
        for source, wholes in grouped(_totals(book, study), lambda n: n.one("source")).items():
            found = [[f for nodes in printed_sizes(book, a.iri).values() for f in nodes] for a in arms]
            chosen = [[f for f in facts if f.one("source") == source] for facts in found]
            if not all(chosen):
                continue
            options = _sums([sorted({int(f.one("states")) for f in facts}) for facts in chosen])
            for whole in wholes:
                if int(whole.one("states")) in options:
                    continue
                words = " + ".join(f"{book.arm(a.iri)} {f[0].one('states')}" for a, f in zip(arms, chosen, strict=True))
                text = f"{words} = {min(options)}, the whole is printed as {whole.one('states')}"
                nodes = (whole.iri, *(f[0].iri for f in chosen))
                numbers = (whole.one("states"), *(f[0].one("states") for f in chosen))
                yield Draft(MISLEADS, book.name(study.iri), text, numbers, nodes)


def _sums(options: list[list[int]]) -> set[int]:
    sums = {0}
    for sizes in options:
        sums = {s + n for s in sums for n in sizes}
    return sums


def _totals(book: Book, study: Node) -> list[Node]:
    found = book.about.get(study.iri, ())
    return [f for f in found if f.one("attribute").endswith("#actualSize") and f.one("states").isdigit()]


def _sizes_exchanged(book: Book) -> Iterator[Draft]:
    for study in book.studies:
        arms = book.arms.get(study.iri, ())
        for i, one in enumerate(arms):
            for other in arms[i + 1 :]:
                first, second = printed_sizes(book, one.iri), printed_sizes(book, other.iri)
                both = sorted(
                    n for n in first if n in second and any(m != n and m in second and m in first for m in first)
                )
                if len(both) == 2:
                    yield _exchange(book, (one, other), (first, second), (both[0], both[1]))


def _exchange(
    book: Book, arms: tuple[Node, Node], sizes: tuple[dict[int, list[Node]], ...], pair: tuple[int, int]
) -> Draft:
    low, high = pair
    percents = [[s for s in shares(book) if s.node.one("arm") == a.iri and not s.node.one("n")] for a in arms]
    counts = []
    for n1, n0 in ((low, high), (high, low)):
        fits = [[attainable(s.interval, n) for s in p] for p, n in zip(percents, (n1, n0), strict=True)]
        counts.append(sum(map(sum, fits)))
    number = sum(map(len, percents))
    first, second = (book.arm(a.iri) for a in arms)
    text = (
        f"{first} {low} and {second} {high} in {_places(book, sizes[0][low])}; {first} {high} and {second} {low} in "
        f"{_places(book, sizes[0][high])}. Of {number} printed percentages {counts[0]} are attainable with the former "
        f"sizes, {counts[1]} with the latter"
    )
    wrong = high if counts[0] >= counts[1] else low
    doubtful = [f.iri for f in sizes[0][wrong]] + [f.iri for f in sizes[1][low + high - wrong]]
    rest = [f.iri for f in sizes[0][low + high - wrong]] + [f.iri for f in sizes[1][wrong]]
    study = book.name(arms[0].one("ofStudy"))
    return Draft(MISLEADS, f"{study}, sizes of the groups", text, (str(low), str(high)), (*doubtful, *rest))


def _places(book: Book, nodes: list[Node]) -> str:
    return "; ".join(dict.fromkeys(book.place(n) for n in nodes))


RULES = (
    Rule(
        "parts-and-whole",
        "Response rates that do not add up",
        "Complete and partial response do not add to response, or response and stable disease to disease control.",
        "CR + PR = ORR, ORR + SD = DCR, as sums of rounding intervals within one document, analysis and assessment",
        "Best response by different readers under one heading.",
        _best_parts,
    ),
    Rule(
        "response-above-control",
        "A part larger than its whole",
        "Response above disease control, or complete response above response, in one arm of one document.",
        "ORR <= DCR, CR <= ORR, PR <= ORR, SD <= DCR",
        "Response and control assessed by different criteria under one heading.",
        _above_control,
    ),
    Rule(
        "arms-and-total",
        "Arms that do not add to the trial",
        "The sizes of all arms in a document do not add to the size of the study in that document.",
        "n = sum of n_arm",
        "A dose-finding part or a safety run-in counted in the total.",
        _arms_to_total,
    ),
    Rule(
        "sizes-exchanged",
        "Sizes of two groups exchanged",
        "Two places give the sizes of two groups the other way round; the percentages say which way fits better.",
        "n1 = m0 and n0 = m1; number of percentages attainable each way",
        "None known.",
        _sizes_exchanged,
    ),
)
