"""Rules about numbers in the wrong place: one endpoint's results under another, a neighbour's p-value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations

from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.finding import DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.interval import Interval
from hcckb.audit.ratios import ALWAYS, Ratio, joined, ratios, z_of
from hcckb.audit.slots import grouped, whole_trial

_TIMES = frozenset(
    {
        "overall-survival",
        "progression-free-survival",
        "time-to-progression",
        "time-to-symptomatic-progression",
        "duration-of-response",
    }
)
_SHARES = frozenset({"objective-response", "disease-control", "complete-response", "partial-response"})
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Result:
    """All that one document prints in one kind of analysis about a contrast's endpoint: ratio with limits, medians."""

    endpoint: str
    source: str
    nodes: tuple[Node, ...]
    figures: tuple[tuple[str, Figure], ...]

    def agrees(self, other: Result) -> int:
        """Count the figures that both print alike; -1 where one differs."""
        mine, count = dict(self.figures), 0
        for name, figure in other.figures:
            if name in mine:
                if _apart(mine[name].interval, figure.interval):
                    return -1
                count += 1
        return count


def _apart(one: Interval, other: Interval) -> bool:
    return min(one.high, other.high) - max(one.low, other.low) <= 1e-9


def results(book: Book) -> dict[tuple[str, ...], list[Result]]:
    """Collect results by study and population; the figures of an endpoint in one document belong together."""
    found: dict[tuple[str, ...], list[Result]] = {}
    nodes = [n for n in book.of("Estimate", "ArmResult") if n.term("endpoint") in _TIMES]
    names = ("ofStudy", "population", "endpoint", "source", "analysis", "criteria", "assessment")
    for key, group in grouped(nodes, lambda n: tuple(n.one(x) for x in names)).items():
        estimates = [n for n in group if n.kind == "Estimate" and n.figure("value") is not None]
        contrasts = {(n.one("experimental"), n.one("comparator")) for n in estimates}
        if len(contrasts) > 1:
            continue
        figures: dict[str, Figure] = {}
        for node in group:
            for name in ("value", "ciLower", "ciUpper", "medianMonths"):
                figure = node.figure(name)
                if figure is not None and figure.operator == "=":
                    figures.setdefault(f"{name} {node.one('arm')}", figure)
        result = Result(key[2], key[3], tuple(group), tuple(figures.items()))
        found.setdefault((key[0], key[1]), []).append(result)
    return found


def _misfiled(book: Book) -> Iterator[tuple[Result, Result, tuple[Result, ...]]]:
    """Give results whose numbers another document or place prints for another endpoint, with its own ones elsewhere."""
    for group in results(book).values():
        for one in group:
            twins = [t for t in group if t.endpoint != one.endpoint and _twin(one, t)]
            if not twins or (one.source == twins[0].source and len(twins) == 1 and not _elsewhere(one, group)):
                continue
            own = _elsewhere(one, group)
            if any(one.agrees(o) > 0 for o in group if o is not one and o.endpoint == one.endpoint):
                continue
            if not own and (_stronger(one, twins, group)):
                continue
            yield one, twins[0], tuple(own)


def _twin(one: Result, other: Result) -> bool:
    """Whether two endpoints share so many figures that chance is out: a ratio with both limits, or two medians."""
    names = {n.split(" ")[0] for n, _ in one.figures if n in dict(other.figures)}
    shared = one.agrees(other)
    return shared >= 3 or (shared == 2 and names == {"medianMonths"})


def _elsewhere(one: Result, group: list[Result]) -> list[Result]:
    return [o for o in group if o.endpoint == one.endpoint and o.source != one.source and one.agrees(o) < 0]


def _stronger(one: Result, twins: list[Result], group: list[Result]) -> bool:
    """Whether the twins are the odd ones: no other document files the numbers as the twins do, or more as this one."""
    mine = {o.source for o in group if o.endpoint == one.endpoint and (o is one or one.agrees(o) > 0)}
    return len(mine) >= len({t.source for t in twins})


def mislabelled(book: Book) -> set[str]:
    """Give the nodes that stand under the wrong endpoint."""
    return {n.iri for one, _, _ in _misfiled(book) for n in one.nodes}


def _endpoint_of_another(book: Book) -> Iterator[Draft]:
    for one, twin, own in _misfiled(book):
        shared = [str(f) for n, f in one.figures if n in dict(twin.figures)]
        wrong, right = book.name(one.endpoint), book.name(twin.endpoint)
        text = (
            f"{', '.join(shared)} stand under {wrong} in {_where(book, one)} and under {right} in {_where(book, twin)}"
        )
        if own:
            text += f"; {wrong} itself is {', '.join(str(f) for _, f in own[0].figures)} in {_where(book, own[0])}"
        nodes = [n.iri for r in (one, twin, *own) for n in r.nodes]
        severity = DECIDES if any(n.kind == "Estimate" for n in one.nodes) else MISLEADS
        title = f"{book.name(one.nodes[0].one('ofStudy'))} {wrong}"
        yield Draft(severity, title, text, tuple(dict.fromkeys(shared)), tuple(dict.fromkeys(nodes)))


def _where(book: Book, result: Result) -> str:
    return "; ".join(dict.fromkeys(book.place(n) for n in result.nodes))


def _p_of_neighbour(book: Book) -> Iterator[Draft]:
    own = {r.node.iri: r for r in ratios(book)}
    names = ("ofStudy", "experimental", "comparator", "population")
    nodes = [n for n in book.of("Estimate") if n.figure("pValue") is not None]
    drafts = []
    for group in grouped(nodes, lambda n: tuple(n.one(x) for x in names)).values():
        for node in group:
            p = node.figure("pValue")
            twins = [t for t in group if t.one("endpoint") != node.one("endpoint") and _same_p(p, t.figure("pValue"))]
            if p is None or not twins or p.operator != "=":
                continue
            why = _does_not_fit(book, node, p, own.get(node.iri), group) or _repeated(node, p, twins)
            if why and not _does_not_fit(book, twins[0], p, own.get(twins[0].iri), group):
                where = "; ".join(dict.fromkeys(f"{book.name(t.one('endpoint'))} in {book.place(t)}" for t in twins))
                text = f"P = {p.text} is also that of {where}; {why}"
                severity = (
                    DECIDES if p.value < 0.05 and node.iri in own and not own[node.iri].excludes_one else MISLEADS
                )
                drafts.append(
                    Draft(severity, book.what(node), text, (f"P {p.text}",), (node.iri, *(t.iri for t in twins)))
                )
    yield from _once(drafts)


def _once(drafts: list[Draft]) -> Iterator[Draft]:
    """Leave out a draft that says of two endpoints, the other way round, what an earlier one said."""
    told: list[frozenset[str]] = []
    for draft in joined(drafts):
        if frozenset(draft.nodes) not in told:
            told.append(frozenset(draft.nodes))
            yield draft


def _same_p(p: Figure | None, other: Figure | None) -> bool:
    return p is not None and other is not None and p.operator == other.operator and p.text == other.text


def _does_not_fit(book: Book, node: Node, p: Figure, ratio: Ratio | None, group: list[Node]) -> str:
    """Say why a p-value is not the endpoint's own: its interval, or another document, gives another."""
    if ratio is not None and not ratio.outside and node.one("pSides") != "1":
        z = abs(ratio.logs[0]) / ratio.se()
        if min(z_of(p.interval, s).gap(z) for s in (1, 2)) > ALWAYS:
            return f"the interval {ratio.lower}-{ratio.upper} of the endpoint gives another"
    for other in group:
        figure = other.figure("pValue")
        own = other.one("endpoint") == node.one("endpoint") and other.one("source") != node.one("source")
        if not own or figure is None or figure.operator != "=" or other.one("pSides"):
            continue
        if _apart(figure.interval, p.interval) and not _sided(figure, p):
            return f"{book.place(other)} prints P = {figure.text} for the endpoint"
    return ""


def _sided(one: Figure, other: Figure) -> bool:
    low, high = sorted((one, other), key=lambda f: f.value)
    return low.interval.scaled(2.0).meets(high.interval)


def _repeated(node: Node, p: Figure, twins: list[Node]) -> str:
    """Say that one place repeats a p-value of two digits for two different ratios, in the same breath."""
    near = [t for t in twins if (t.one("source"), t.one("locator")) == (node.one("source"), node.one("locator"))]
    value = node.figure("value")
    for twin in near:
        other = twin.figure("value")
        if value is None or other is None or len(p.text.lstrip("0.")) < 2 or p.value < 0.1:
            continue
        size, against = (max(abs(f.interval.log().low), abs(f.interval.log().high)) for f in (value, other))
        times = max(size, against) / max(min(size, against), 1e-9)
        if times > 3.0:
            return (
                f"one place gives it for ratios of {value} and {other}, whose z differ {times:.0f}-fold at equal width"
            )
    return ""


def _other_study(book: Book) -> Iterator[Draft]:
    """Compare contrasts of equal regimens between studies: equal medians of both arms, or equal ratio and limits."""
    found: dict[tuple[str, ...], list[tuple[str, tuple[Node, ...], str]]] = {}
    for node in book.of("Estimate"):
        figures = [node.figure(n) for n in ("value", "ciLower", "ciUpper")]
        if all(f is not None for f in figures) and all(_regimens(book, node)):
            key = ("ratio", node.one("endpoint"), *_regimens(book, node), *(str(f) for f in figures))
            found.setdefault(key, []).append((node.one("ofStudy"), (node,), " ".join(str(f) for f in figures)))
    for (study, endpoint, *_), results_ in _by_document(book).items():
        for one, other in _pairs_of_arms(results_):
            a, b = one.figure("medianMonths"), other.figure("medianMonths")
            regimens = tuple(sorted((_regimen(book, one.one("arm")), _regimen(book, other.one("arm")))))
            if a is not None and b is not None and all(regimens):
                figures_ = sorted((f"{_regimen(book, n.one('arm'))} {f}" for n, f in ((one, a), (other, b))))
                found.setdefault(("medians", endpoint, *regimens, *figures_), []).append(
                    (study, (one, other), f"{a} vs {b}")
                )
    for key, places in found.items():
        if len({study for study, _, _ in places}) > 1:
            names = ", ".join(sorted({book.name(study) for study, _, _ in places}))
            where = "; ".join(dict.fromkeys(f"{book.name(s)} in {book.place(n[0])}" for s, n, _ in places))
            nodes = tuple(n.iri for _, group, _ in places for n in group)
            text = f"{book.name(key[1])} {places[0][2]} stands for {where}"
            yield Draft(MISLEADS, f"{names}: {book.name(key[1])}", text, (places[0][2],), tuple(dict.fromkeys(nodes)))


def _same_percentages(book: Book) -> Iterator[Draft]:
    """Compare two studies of equal regimens: three equal percentages of response or disease control, wherever."""
    printed: dict[str, dict[str, list[Node]]] = {}
    for node in book.of("ArmResult"):
        share = node.figure("proportion")
        if share is not None and node.term("endpoint") in _SHARES and whole_trial(node):
            printed.setdefault(node.one("ofStudy"), {}).setdefault(str(share), []).append(node)
    given = {s: frozenset(a.one("regimen") for a in book.of("Arm") if a.one("ofStudy") == s) for s in printed}
    for one, other in combinations(sorted(printed), 2):
        same = sorted(printed[one].keys() & printed[other].keys())
        if len(same) < _ENOUGH or given[one] != given[other] or len(given[one]) < 2 or _declared(book, one, other):
            continue
        nodes = tuple(n.iri for study in (one, other) for key in same for n in printed[study][key])
        text = (
            f"{', '.join(same)} stand among response and disease control of {book.name(one)} and of "
            f"{book.name(other)}, which give the same regimens"
        )
        yield Draft(MISLEADS, f"{book.name(one)}, {book.name(other)}: percentages", text, tuple(same), nodes)


def _declared(book: Book, one: str, other: str) -> bool:
    return other in book.nodes[one].all("overlapsWith") or one in book.nodes[other].all("overlapsWith")


def _regimen(book: Book, arm: str) -> str:
    return book.nodes[arm].one("regimen") if arm in book.nodes else ""


def _regimens(book: Book, node: Node) -> tuple[str, str]:
    return _regimen(book, node.one("experimental")), _regimen(book, node.one("comparator"))


def _by_document(book: Book) -> dict[tuple[str, ...], list[Node]]:
    timed = (n for n in book.of("ArmResult") if n.figure("medianMonths") is not None)
    return grouped(
        timed, lambda n: tuple(n.one(x) for x in ("ofStudy", "endpoint", "population", "source", "analysis"))
    )


def _pairs_of_arms(nodes: list[Node]) -> Iterator[tuple[Node, Node]]:
    by = grouped(nodes, lambda n: n.one("arm"))
    arms = sorted(by)
    for i, one in enumerate(arms):
        for other in arms[i + 1 :]:
            yield by[one][0], by[other][0]


RULES = (
    Rule(
        "endpoint-of-another",
        "One endpoint's numbers under another endpoint",
        "The ratio with its limits, or both medians, stand under one endpoint in one place and under another "
        "elsewhere, "
        "while the endpoint itself has other numbers elsewhere or more documents file them the other way.",
        "three or more figures (or both medians) equal up to rounding between two endpoints of one study and "
        "population",
        "Two endpoints with really equal results: not reported when the document that prints both is the only one.",
        _endpoint_of_another,
    ),
    Rule(
        "p-of-another",
        "A neighbour's p-value",
        "A p-value that does not fit its own endpoint and is, digit for digit, that of another endpoint of the same "
        "comparison; or one repeated in the same breath for two quite different ratios.",
        "p_i = p_j in digits, and p_i does not fit interval i (as p-against-interval, either sidedness) or "
        "another document "
        "gives endpoint i another p; or |ln x_i| > 3 |ln x_j| in one place",
        "P-values of one digit coincide by chance, so the first form asks for a misfit as well.",
        _p_of_neighbour,
    ),
    Rule(
        "numbers-of-another-study",
        "One result under two studies",
        "Two studies of the same regimens have the same medians in both arms, the same ratio with the same limits, or "
        "three percentages of response and disease control in common.",
        "equal digits of (m_e, m_c), or of (x, l, u), for one endpoint and equal regimens; or of three proportions",
        "A study entered under two names: declare one of them superseded, or that the two overlap.",
        lambda book: chain(_other_study(book), _same_percentages(book)),
    ),
)
