"""Rules about median times and rates at a time: against the hazard ratio, each other, and the order of endpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.finding import COSMETIC, DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.ratios import Ratio, joined, ratios
from hcckb.audit.slots import grouped, sizes

_MEDIAN_SPREAD = 1.0 / math.log(2.0)
"""Standard error of a log ratio of two medians over that of the log hazard ratio, for exponential times."""


def _medians(book: Book, arm: str, like: Node) -> list[tuple[Node, Figure]]:
    """Give the medians that one document prints for an arm, of the endpoint, population and analysis of a statement."""
    found = []
    for node in book.results_of_arm.get(arm, ()):
        figure = node.figure("medianMonths")
        same = all(node.one(n) == like.one(n) for n in ("endpoint", "population", "source", "analysis"))
        if figure is not None and figure.operator == "=" and same:
            found.append((node, figure))
    return found


def _compatible(one: Node, other: Node) -> bool:
    names = ("assessment", "criteria", "dataCutoff")
    return all(not one.one(n) or not other.one(n) or one.one(n) == other.one(n) for n in names)


def _against_ratio(book: Book) -> Iterator[Draft]:
    found: list[Draft] = []
    for node in book.of("Estimate"):
        value = node.figure("value")
        if value is None or node.term("measure") != "hazard-ratio" or 1.0 in value.interval:
            continue
        pairs = [
            (e, c)
            for e in _medians(book, node.one("experimental"), node)
            for c in _medians(book, node.one("comparator"), node)
            if _compatible(node, e[0]) and _compatible(node, c[0]) and _compatible(e[0], c[0])
        ]
        if not pairs or any(not _opposed(value, e[1], c[1]) for e, c in pairs):
            continue
        (first, e), (second, c) = pairs[0]
        draft = _opposed_draft(book, node, value, (first, e), (second, c))
        if draft is not None:
            found.append(draft)
    yield from joined(found)


def _opposed(value: Figure, e: Figure, c: Figure) -> bool:
    better = value.value < 1.0
    return e.interval.high < c.interval.low if better else e.interval.low > c.interval.high


def _opposed_draft(
    book: Book, node: Node, value: Figure, first: tuple[Node, Figure], second: tuple[Node, Figure]
) -> Draft | None:
    e, c = first[1], second[1]
    ratio = next((r for r in ratios(book, node)), None)
    se = _se(book, node, ratio)
    away = abs(math.log(e.value / c.value) + math.log(value.value)) if e.value and c.value else math.inf
    z = away / (_MEDIAN_SPREAD * se)
    if z < 1.0:
        return None
    text = (
        f"HR {value} says {'longer' if value.value < 1 else 'shorter'} times in the experimental arm, the "
        f"medians are {e} and "
        f"{c} months; |ln({e}/{c}) + ln {value}| = {away:.2f} is {z:.1f} standard errors (exponential times)"
    )
    severity = MISLEADS if z > 2.0 or (ratio is not None and ratio.excludes_one) else COSMETIC
    title = book.what(node)
    return Draft(severity, title, text, (str(value), f"{e} vs {c}"), (first[0].iri, second[0].iri, node.iri))


def _se(book: Book, node: Node, ratio: Ratio | None) -> float:
    if ratio is not None:
        return max(ratio.se().high, 1e-6)
    n1, n0 = sizes(book, node)
    return math.sqrt(1.0 / (n1 or 100) + 1.0 / (n0 or 100))


def _rate_against_median(book: Book) -> Iterator[Draft]:
    names = ("arm", "endpoint", "population", "source", "analysis")
    timed = [n for n in book.of("ArmResult") if n.term("measure") in ("median-time", "rate-at-time")]
    for group in grouped(timed, lambda n: tuple(n.one(x) for x in names)).values():
        medians = [(n, f) for n in group for f in [n.figure("medianMonths")] if f is not None and f.operator == "="]
        for node in group:
            rate, months = node.figure("proportion"), node.figure("atMonths")
            if rate is None or months is None:
                continue
            for other, median in medians:
                above = rate.interval.low > 0.5 and median.interval.high < months.value
                below = rate.interval.high < 0.5 and median.interval.low > months.value
                if _compatible(node, other) and (above or below):
                    text = (
                        f"{rate} free of the event at {months.text} months, so the median lies "
                        f"{'after' if above else 'before'} {months.text} months; printed {median}"
                    )
                    title = book.what(node)
                    yield Draft(MISLEADS, title, text, (str(rate), str(median)), (node.iri, other.iri))


_ORDER = (
    ("progression-free-survival", "overall-survival", "a death ends both", MISLEADS),
    ("time-to-progression", "overall-survival", "progression comes before death", COSMETIC),
    ("progression-free-survival", "time-to-progression", "PFS counts deaths as well", COSMETIC),
)


def _order(book: Book) -> Iterator[Draft]:
    names = ("arm", "population", "source", "analysis")
    timed = [n for n in book.of("ArmResult") if n.figure("medianMonths") is not None]
    for group in grouped(timed, lambda n: tuple(n.one(x) for x in names)).values():
        by = grouped(group, lambda n: n.term("endpoint"))
        for early, late, why, severity in _ORDER:
            for one in by.get(early, ()):
                for other in by.get(late, ()):
                    a, b = one.figure("medianMonths"), other.figure("medianMonths")
                    if a is None or b is None or a.operator != "=" or b.operator != "=":
                        continue
                    if a.interval.low > b.interval.high and _compatible(one, other):
                        text = f"median {book.name(one.one('endpoint'))} {a} above median "
                        text += f"{book.name(other.one('endpoint'))} {b}: {why}"
                        title = book.what(one)
                        yield Draft(severity, title, text, (str(a), str(b)), (one.iri, other.iri))


def _rates_fall(book: Book) -> Iterator[Draft]:
    names = ("arm", "endpoint", "population", "source", "analysis")
    timed = [n for n in book.of("ArmResult") if n.term("measure") == "rate-at-time" and n.one("atMonths")]
    for group in grouped(timed, lambda n: tuple(n.one(x) for x in names)).values():
        ordered = sorted(group, key=lambda n: float(n.one("atMonths")))
        for one, other in pairwise(ordered):
            a, b = one.figure("proportion"), other.figure("proportion")
            later = float(other.one("atMonths")) > float(one.one("atMonths"))
            if (
                a is not None
                and b is not None
                and later
                and b.interval.low > a.interval.high
                and _compatible(one, other)
            ):
                text = (
                    f"{a} at {one.one('atMonths')} months, {b} at {other.one('atMonths')} months: a curve cannot rise"
                )
                title = book.what(one)
                yield Draft(DECIDES, title, text, (str(a), str(b)), (other.iri, one.iri))


def _control_and_rate(book: Book) -> Iterator[Draft]:
    names = ("arm", "population", "source")
    for group in grouped(book.of("ArmResult"), lambda n: tuple(n.one(x) for x in names)).values():
        controls = [n for n in group if n.term("endpoint") == "disease-control" and n.term("measure") == "proportion"]
        rates = [
            n
            for n in group
            if n.term("endpoint") == "progression-free-survival" and n.term("measure") == "rate-at-time"
        ]
        for control in controls:
            for rate in rates:
                share, free = control.figure("proportion"), rate.figure("proportion")
                if share is None or free is None or share.operator != "=" or float(rate.one("atMonths") or 0) < 2.0:
                    continue
                if free.interval.low > share.interval.high:
                    text = f"{free} free of progression at {rate.one('atMonths')} months, but disease control {share}: "
                    text += "who is free of progression after the first scans had disease control"
                    yield Draft(MISLEADS, book.what(control), text, (str(share), str(free)), (control.iri, rate.iri))


def _factor_direction(book: Book) -> Iterator[Draft]:
    names = ("ofStudy", "endpoint", "factor", "source")
    for group in grouped(book.of("FactorEstimate"), lambda n: tuple(n.one(x) for x in names)).values():
        medians = {n.one("level"): f for n in group for f in [n.figure("medianMonths")] if f is not None}
        for node in group:
            value, own = node.figure("value"), medians.get(node.one("level"))
            reference = medians.get(node.one("referenceLevel"))
            if value is None or own is None or reference is None or 1.0 in value.interval:
                continue
            if _opposed(value, own, reference):
                text = f"HR {value} of {node.one('level')} against {node.one('referenceLevel')}, medians {own} and "
                text += f"{reference} months"
                text += ": the direction turns with adjustment"
                nodes = [n.iri for n in group if n.one("level") in (node.one("level"), node.one("referenceLevel"))]
                numbers = (str(value), f"{own} vs {reference}")
                yield Draft(COSMETIC, book.what(node), text, numbers, tuple(dict.fromkeys((node.iri, *nodes))))


RULES = (
    Rule(
        "medians-and-ratio",
        "Medians and hazard ratio in opposite directions",
        "The hazard ratio favours one arm and the medians of the same document the other.",
        "HR < 1 and m_e < m_c (or the reverse) beyond rounding, and |ln(m_e/m_c) + ln HR| >= se(ln HR) / ln 2",
        "Curves that cross: such findings are cosmetic unless the interval leaves 1 out or the distance exceeds two "
        "standard errors.",
        _against_ratio,
    ),
    Rule(
        "rate-and-median",
        "A rate at a time that the median contradicts",
        "More than half are free of the event at a time after the median, or fewer than half before it.",
        "S(t) > 0.5 implies median >= t, S(t) < 0.5 implies median <= t",
        "A rate of another data cut-off printed beside the median.",
        _rate_against_median,
    ),
    Rule(
        "rates-rise",
        "A survival curve that rises",
        "A rate at a later time above the rate at an earlier time, in one arm of one document.",
        "S(t2) <= S(t1) for t2 > t1",
        "Rates of different data cut-offs in one table.",
        _rates_fall,
    ),
    Rule(
        "order-of-endpoints",
        "An earlier endpoint later than a later one",
        "Median progression-free survival above median overall survival, or above median time to progression.",
        "PFS <= OS and PFS <= TTP in every patient, hence in the medians",
        "Endpoints assessed by different readers or criteria; time to progression can exceed survival because "
        "deaths are "
        "left out of it.",
        _order,
    ),
    Rule(
        "control-and-rate",
        "More patients free of progression than with disease control",
        "The rate of progression-free survival at two months or later exceeds the disease control rate of the "
        "same arm.",
        "S_PFS(t) <= DCR for t after the first scans",
        "Disease control defined by a minimum duration longer than t.",
        _control_and_rate,
    ),
    Rule(
        "factor-and-medians",
        "A prognostic factor whose medians point the other way",
        "The hazard ratio of a level of a factor and the medians of level and reference have opposite directions.",
        "HR > 1 and m > m_ref, or HR < 1 and m < m_ref, beyond rounding",
        "Adjustment for other factors can turn a direction: always cosmetic.",
        _factor_direction,
    ),
)
