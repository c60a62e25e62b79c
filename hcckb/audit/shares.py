"""Rules about percentages of patients: against the size of their group, a count, an interval."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil, floor

from scipy.special import betaincinv, ndtri

from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.finding import COSMETIC, MISLEADS, Draft, Rule
from hcckb.audit.interval import Interval, exactly
from hcckb.audit.ratios import joined
from hcckb.audit.slots import printed_sizes, whole_trial

_COUNT_OF = re.compile(r"(\d+)\s*(?:/|of|out of)\s*(\d+)\D{0,12}?(\d+(?:\.\d+)?)\s?%")
_NEAR = 4


@dataclass(frozen=True, slots=True)
class Share:
    """A printed proportion of one group: the figure, and the count and group size printed beside it."""

    node: Node
    share: Figure
    count: int | None
    size: int | None

    @property
    def interval(self) -> Interval:
        """What the proportion can have been, between 0 and 1."""
        found = self.share.interval
        return Interval(max(0.0, found.low), min(1.0, found.high))


def shares(book: Book) -> Iterator[Share]:
    """Give every printed proportion of patients: results of arms, and cells of tables with a percentage."""
    for node in book.of("ArmResult"):
        share = node.figure("proportion")
        if share is not None and node.term("measure") == "proportion":
            yield Share(node, share, node.count("events"), node.count("n"))
    for node in book.of("CrossTableCell"):
        percent = node.figure("percent")
        if percent is not None:
            share = Figure(f"{percent.value / 100:.{percent.decimals + 2}f}", percent.decimals + 2, "=", True)
            yield Share(node, share, node.count("count"), node.count("groupSize"))


def attainable(share: Interval, size: int) -> bool:
    """Tell whether a whole number of `size` patients rounds to the share (the GRIM test).

    >>> from hcckb.audit.interval import rounded
    >>> attainable(rounded("0.167"), 48), attainable(rounded("0.188"), 102)
    (True, False)
    """
    low, high = share.low * size, share.high * size
    return floor(high + 1e-9) >= ceil(low - 1e-9)


def fitting_sizes(parts: Iterable[Interval], near: int) -> tuple[int, ...]:
    """Give the sizes nearest to `near`, within a tenth of it or at least 5, that all the shares can come from."""
    shares_, reach = list(parts), max(5, near // 10)
    sizes = sorted(range(max(1, near - reach), near + reach + 1), key=lambda n: (abs(n - near), n))
    return tuple(n for n in sizes if all(attainable(s, n) for s in shares_))[:_NEAR]


def subject(book: Book, node: Node) -> str:
    """Name what a proportion is of."""
    arm = book.arm(node.one("arm")) if node.kind == "CrossTableCell" and node.one("arm") else ""
    study = book.what(node)
    return " ".join(p for p in (study, arm) if p)


def _not_attainable(book: Book) -> Iterator[Draft]:
    yield from joined(_unattainable(book))


def _unattainable(book: Book) -> Iterator[Draft]:
    for s in shares(book):
        if s.share.operator != "=" or (s.count is not None and s.size is not None):
            continue
        stated = [s.size] if s.size else sorted(_arm_sizes(book, s.node))
        if not stated or any(attainable(s.interval, n) for n in stated):
            continue
        told = []
        for n in stated:
            k = round(s.share.value * n)
            fits = ", ".join(map(str, fitting_sizes([s.interval], n))) or "none"
            patients = f"{s.share.value * n:.2f} patients ({k}/{n} = {100 * k / n:.2f} %)"
            told.append(f"of {n} would be {patients}, sizes nearby that fit: {fits}")
        text = f"{s.share} {'; '.join(told)}{_siblings(book, s, stated[-1])}"
        severity = MISLEADS if s.size else COSMETIC
        yield Draft(severity, subject(book, s.node), text, (str(s.share), *(f"n {n}" for n in stated)), (s.node.iri,))


def _siblings(book: Book, s: Share, size: int) -> str:
    """Say which sizes fit all percentages that the document prints for the group."""
    if s.node.kind != "ArmResult":
        return ""
    near = [n for n in book.results_of_arm.get(s.node.one("arm"), ()) if n.one("source") == s.node.one("source")]
    own = {n.iri for n in near if n.one("population") == s.node.one("population")}
    parts = [o.interval for o in shares(book) if o.node.iri in own and o.share.operator == "="]
    if len(parts) < 3:
        return ""
    fits = ", ".join(map(str, fitting_sizes(parts, size))) or "none"
    return f"; sizes that fit all {len(parts)} percentages of the group: {fits}"


def _arm_sizes(book: Book, node: Node) -> set[int]:
    """Give every size that is printed for the arm of a whole-trial result, by any document or result."""
    arm = node.one("arm")
    if not arm or not whole_trial(node):
        return set()
    curated = book.nodes[arm].count("randomised") if arm in book.nodes else None
    evaluated = {n for r in book.results_of_arm.get(arm, ()) for n in [r.count("n")] if n and whole_trial(r)}
    return {*printed_sizes(book, arm), *evaluated, *([curated] if curated else [])}


def _count_and_percent(book: Book) -> Iterator[Draft]:
    for s in shares(book):
        if s.count is None or s.size is None or s.size == 0 or s.share.operator != "=":
            continue
        if s.interval.gap(exactly(s.count / s.size)) > 0.0:
            yield _mismatch(book, s.node, s.count, s.size, s.share)
    for node in book.of("ArmResult", "Fact", "CrossTableCell"):
        for count, size, percent in _COUNT_OF.findall(node.one("asPrinted")):
            decimals = len(percent.partition(".")[2])
            share = Figure(f"{float(percent) / 100:.{decimals + 2}f}", decimals + 2, "=", True)
            pair = node.count("events" if node.kind == "ArmResult" else "count"), node.count("n")
            if int(size) and share.interval.gap(exactly(int(count) / int(size))) > 0.0 and pair[0] != int(count):
                yield _mismatch(book, node, int(count), int(size), share)


def _mismatch(book: Book, node: Node, count: int, size: int, share: Figure) -> Draft:
    fits = [k for k in range(size + 1) if share.interval.gap(exactly(k / size)) == 0.0]
    would = f"{share} of {size} would be {fits[0]} patients" if fits else f"no count of {size} gives {share}"
    others = ", ".join(map(str, (n for n in range(count, 4 * size) if share.interval.gap(exactly(count / n)) == 0.0)))
    text = f"{count}/{size} = {100 * count / size:.2f} %, printed {share}; {would}; {count} patients fit n = "
    text += f"{others or '-'}"
    return Draft(MISLEADS, subject(book, node), text, (f"{count}/{size}", str(share)), (node.iri,))


def binomial_limits(count: int, size: int, level: float) -> dict[str, tuple[float, float]]:
    """Give the usual intervals of a proportion.

    Clopper-Pearson from quantiles of the beta distribution, Wilson's score interval, and Wald's. Source: Agresti &
    Coull 1998, Am Stat 52:119-126, doi:10.1080/00031305.1998.10480550.

    >>> [round(x, 3) for x in binomial_limits(16, 50, 0.95)["Clopper-Pearson"]]
    [0.195, 0.467]
    """
    tail, p, z = (1 - level) / 2, count / size, float(ndtri((1 + level) / 2))
    exact = (
        float(betaincinv(count, size - count + 1, tail)) if count else 0.0,
        float(betaincinv(count + 1, size - count, 1 - tail)) if count < size else 1.0,
    )
    middle, half = p + z * z / (2 * size), z * math.sqrt(p * (1 - p) / size + z * z / (4 * size * size))
    wilson = ((middle - half) / (1 + z * z / size), (middle + half) / (1 + z * z / size))
    wald = z * math.sqrt(p * (1 - p) / size)
    return {"Clopper-Pearson": exact, "Wilson": wilson, "Wald": (p - wald, p + wald)}


def _interval_of_share(book: Book) -> Iterator[Draft]:
    for s in shares(book):
        low, high = s.node.figure("ciLower"), s.node.figure("ciUpper")
        if low is None or high is None or s.share.operator != "=":
            continue
        level = float(s.node.one("ciLevel") or 0.95)
        sizes = {s.size} if s.size else _arm_sizes(book, s.node)
        pairs = [(k, n) for n in sorted(sizes) for k in _counts(s, n)]
        pairs = [(k, n) for k, n in pairs if s.interval.gap(exactly(k / n)) == 0.0] if s.size is None else pairs
        if not pairs and s.count:
            pairs = [(s.count, n) for n in range(s.count, 50 * s.count) if s.interval.gap(exactly(s.count / n)) == 0.0]
        if not pairs or any(_has_limits(k, n, level, low, high) for k, n in pairs):
            continue
        k, n = pairs[0]
        told = ", ".join(
            f"{name} {100 * a:.1f}-{100 * b:.1f} %" for name, (a, b) in binomial_limits(k, n, level).items()
        )
        near = range(max(1, n - 10), n + 11)
        found = [(j, m) for m in near for j in range(m + 1) if _has_limits(j, m, level, low, high)]
        closest = sorted((abs(j - k) + abs(m - n), j, m) for j, m in found)
        fits = ", ".join(f"{j}/{m}" for _, j, m in closest[:_NEAR]) or "none"
        text = f"{k}/{n}: {told}; printed {low} to {high}. Counts nearby that give it: {fits}"
        numbers = (f"{s.share} ({low}-{high})", f"{k}/{n}")
        yield Draft(MISLEADS, subject(book, s.node), text, numbers, (s.node.iri,))


def _counts(s: Share, size: int) -> list[int]:
    if s.count is not None:
        return [s.count]
    low, high = ceil(s.interval.low * size - 1e-9), floor(s.interval.high * size + 1e-9)
    return list(range(low, high + 1)) or [round(s.share.value * size)]


def _has_limits(count: int, size: int, level: float, low: Figure, high: Figure) -> bool:
    """Whether a usual interval has these limits, one unit of the last printed place allowed for either."""
    found = binomial_limits(count, size, level).values()
    return any(abs(a - low.value) <= 1.001 * low.unit and abs(b - high.value) <= 1.001 * high.unit for a, b in found)


def _bound_with_decimals(book: Book) -> Iterator[Draft]:
    for s in shares(book):
        if s.share.operator in ("<", ">") and abs(100 * s.share.value - round(100 * s.share.value)) > 1e-9:
            sizes = sorted({s.size} if s.size else _arm_sizes(book, s.node))
            plain = Interval(s.share.value - s.share.unit / 2, s.share.value + s.share.unit / 2)
            fits = [f"{round(s.share.value * n)}/{n}" for n in sizes if n and attainable(plain, n)]
            text = f"{s.share} is printed as a bound, with decimals" + (
                f"; {', '.join(fits)} gives it as it stands" if fits else ""
            )
            yield Draft(COSMETIC, subject(book, s.node), text, (str(s.share),), (s.node.iri,))


RULES = (
    Rule(
        "percent-not-attainable",
        "A percentage that no whole number of patients gives",
        "A proportion that cannot come from the size of its group; the finding names sizes nearby that can.",
        "exists k: k / n within the rounding interval of the percentage (GRIM)",
        "Response among evaluable patients instead of all randomised: cosmetic unless the size stands beside the "
        "percentage. Percentages estimated by Kaplan-Meier are left out.",
        _not_attainable,
    ),
    Rule(
        "count-and-percent",
        "A count and a percentage that do not fit",
        "Events over patients, printed beside a percentage, give another percentage.",
        "k / n within the rounding interval of the percentage",
        "A percentage of another group printed behind the count.",
        _count_and_percent,
    ),
    Rule(
        "interval-of-share",
        "A proportion whose interval its counts do not give",
        "The printed interval of a proportion is none of the usual ones for its count and group size.",
        "Clopper-Pearson, Wilson and Wald intervals of k / n, one unit of the last place allowed",
        "Less usual intervals (mid-P, bootstrap), or an interval adjusted for two-stage designs.",
        _interval_of_share,
    ),
    Rule(
        "bound-with-decimals",
        "An observed percentage printed as a bound",
        "A percentage with decimals behind a less-than or greater-than sign: counts give a number, and bounds "
        "are round.",
        "operator < or > and a percentage that is not whole; k / n that gives the figure without the sign",
        "A limit that a protocol states, such as < 0.5 %.",
        _bound_with_decimals,
    ),
)
