"""Rules about one ratio: its value, its interval, the level of the interval, and its p-value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from scipy.special import ndtr, ndtri

from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.finding import COSMETIC, DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.interval import Interval
from hcckb.audit.slots import grouped, sizes

RATIOS = ("hazard-ratio", "odds-ratio", "risk-ratio")
KINDS = ("Estimate", "FactorEstimate", "SynthesisResult")
ALWAYS, WITH_OTHER_READING = 0.2, 0.1
"""How far z of the p-value may lie from z of the interval: log-rank and Wald differ by so much in sound reports."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio with its interval, as printed."""

    node: Node
    value: Figure
    lower: Figure
    upper: Figure
    level: float
    lender: Node | None = None
    """The statement that prints the limits, where the ratio's own does not."""

    @property
    def logs(self) -> tuple[Interval, Interval, Interval]:
        """Logs of value, lower and upper limit."""
        return self.value.interval.log(), self.lower.interval.log(), self.upper.interval.log()

    def se(self, level: float | None = None) -> Interval:
        """Give the standard error of the log, (ln u - ln l) / (2 z)."""
        _, low, high = self.logs
        return (high - low).scaled(1.0 / (2.0 * float(ndtri((1.0 + (level or self.level)) / 2.0))))

    @property
    def outside(self) -> bool:
        """Whether the value lies outside its own interval, whatever was rounded."""
        value = self.value.interval
        return value.low > self.upper.interval.high + 1e-12 or value.high < self.lower.interval.low - 1e-12

    @property
    def uneven(self) -> float:
        """Distance of the value from the middle of the limits on the log scale, beyond rounding."""
        value, low, high = self.logs
        return (low + high).scaled(0.5).gap(value)

    @property
    def excludes_one(self) -> bool:
        """Whether the printed interval leaves 1 out."""
        return self.lower.value > 1.0 or self.upper.value < 1.0

    @property
    def numbers(self) -> tuple[str, ...]:
        """Value and limits as printed."""
        return (f"{self.value} ({self.lower}-{self.upper})", f"level {100 * self.level:g} %")


def ratios(book: Book, *nodes: Node) -> Iterator[Ratio]:
    """Give every ratio that is printed with both limits, of these nodes or of all."""
    for node in nodes or book.of(*KINDS):
        kind = node.term("measure") or node.term("statistic")
        if kind.removeprefix("pooled-") not in RATIOS and node.kind != "FactorEstimate":
            continue
        value, lower, upper = (node.figure(name) for name in ("value", "ciLower", "ciUpper"))
        if value is None or lower is None or upper is None or lower.value <= 0 or upper.value <= lower.value:
            continue
        yield Ratio(node, value, lower, upper, float(node.one("ciLevel") or 0.95))


def joined(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Join drafts that repeat the same figures, as table and text of one document or two documents do."""
    found: dict[tuple[str, ...], Draft] = {}
    for draft in drafts:
        old = found.setdefault((draft.title, *draft.numbers), draft)
        if old is not draft:
            found[draft.title, *draft.numbers] = replace(old, nodes=tuple(dict.fromkeys((*old.nodes, *draft.nodes))))
    yield from found.values()


def _value_outside(book: Book) -> Iterator[Draft]:
    yield from joined(_outside(book, r) for r in ratios(book) if r.outside)
    for node in book.of("ArmResult"):
        for name in ("medianMonths", "proportion"):
            value, low, high = node.figure(name), node.figure("ciLower"), node.figure("ciUpper")
            if value is None or low is None or high is None:
                continue
            if value.interval.low > high.interval.high or value.interval.high < low.interval.low:
                text = f"{value} lies outside {low} to {high}"
                yield Draft(MISLEADS, _title(book, node), text, (f"{value} ({low}-{high})",), (node.iri,))


def _outside(book: Book, r: Ratio) -> Draft:
    middle = math.sqrt(r.lower.value * r.upper.value)
    text = f"{r.value} lies outside {r.lower} to {r.upper}, whose middle on the log scale is {middle:.3f}"
    return Draft(DECIDES, _title(book, r.node), text, r.numbers, (r.node.iri,))


def _title(book: Book, node: Node) -> str:
    return book.what(node) or book.name(node.iri)


def _uneven(book: Book) -> Iterator[Draft]:
    yield from joined(_off_middle(book, r) for r in ratios(book) if r.uneven > 0.0 and not r.outside)


def _off_middle(book: Book, r: Ratio) -> Draft:
    value, low, high = r.logs
    middle = (low + high).scaled(0.5).exp()
    share = r.uneven / r.se().high
    fits = {
        "value": (low + high).scaled(0.5).exp(),
        "lower limit": (value.scaled(2.0) - high).exp(),
        "upper limit": (value.scaled(2.0) - low).exp(),
    }
    would = "; ".join(f"{name} {i.low:.3f} to {i.high:.3f}" for name, i in fits.items())
    hint = "".join(
        f"; {name} {figure} with two digits exchanged would be {other}"
        for (name, i), figure in zip(fits.items(), (r.value, r.lower, r.upper), strict=True)
        for other in exchanged(figure)
        if i.meets(other.interval)
    )
    text = (
        f"sqrt({r.lower} x {r.upper}) lies in {middle.low:.3f} to {middle.high:.3f}, the value is printed as "
        f"{r.value}; "
        f"off by {share:.2f} standard errors beyond rounding. One of these would mend it: {would}{hint}"
    )
    return Draft(DECIDES if share > 0.1 else COSMETIC, _title(book, r.node), text, r.numbers, (r.node.iri,))


def exchanged(figure: Figure) -> tuple[Figure, ...]:
    """Give the figures that differ by two neighbouring digits exchanged.

    >>> [str(f) for f in exchanged(Figure("0.78", 2))]
    ['0.87']
    """
    text, found = figure.text, []
    for i in range(len(text) - 1):
        if text[i] != text[i + 1] and (text[i] + text[i + 1]).isdigit():
            found.append(Figure(text[:i] + text[i + 1] + text[i] + text[i + 2 :], figure.decimals))
    return tuple(found)


def z_of(p: Interval, sides: int = 2) -> Interval:
    """Give the normal quantiles of a p-value: |z| of a two-sided one, z of a one-sided one."""
    bounded = (min(max(x, 1e-300), 1.0) for x in (p.low, p.high))
    low, high = (float(-ndtri(x / sides)) for x in bounded)
    return Interval(high, low)


def _readings(r: Ratio, p: Interval) -> Mapping[str, tuple[float, str]]:
    """Give, for each way to read interval and p-value, how far apart their z are, and what p would be."""
    value = r.logs[0]
    size, found = abs(value), {}
    for level in dict.fromkeys((r.level, 0.90, 0.95, 0.99)):
        z = size / r.se(level)
        name = "two-sided" if level == r.level else f"two-sided, the interval being of {100 * level:g} %"
        found[name] = (z_of(p).gap(z), _p_text(z, 2))
    z = size / r.se()
    found["one-sided"] = (z_of(p, 1).gap(z), _p_text(z, 1))
    other = z.scaled(-1.0)
    found["one-sided against the direction observed"] = (z_of(p, 1).gap(other), _p_text(other, 1))
    return found


def _p_text(z: Interval, sides: int) -> str:
    low, high = (float(sides * ndtr(-x)) for x in (z.high, z.low))
    return f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g}"


def _p_against_interval(book: Book) -> Iterator[Draft]:
    drafts = []
    for r in (*ratios(book), *_lent(book)):
        p = _p_value(book, r.node)
        if p is None or r.outside or r.uneven / r.se().high > 0.1:
            continue
        draft = _p_draft(book, r, p)
        if draft is not None:
            drafts.append(draft)
    yield from joined(drafts)


def _lent(book: Book) -> Iterator[Ratio]:
    """Give ratios with a p-value and no interval, each with the interval that another document prints for it."""
    lenders = grouped((r for r in ratios(book) if r.node.kind == "Estimate"), lambda r: _slot(r.node))
    for node in book.of("Estimate"):
        value = node.figure("value")
        if value is None or node.figure("pValue") is None or node.one("ciLower"):
            continue
        for r in lenders.get(_slot(node), ()):
            if r.node.term("analysis") == node.term("analysis") and r.value.interval.meets(value.interval):
                yield replace(r, node=node, value=value, lender=r.node)
                break


def _p_value(book: Book, node: Node) -> Figure | None:
    """Give the p-value beside a ratio; that of a pooled ratio is a result of its own."""
    if node.kind != "SynthesisResult":
        return node.figure("pValue")
    names = ("ofSynthesis", "endpoint", "population", "source", "locator")
    found = (r for r in book.of("SynthesisResult") if all(r.one(n) == node.one(n) for n in names))
    return next((r.figure("value") for r in found if r.term("statistic") == "pooled-p-value"), None)


def _p_draft(book: Book, r: Ratio, p: Figure) -> Draft | None:
    readings = _readings(r, p.interval)
    sided = [n for n in readings if n.startswith("one-sided")] if r.node.one("pSides") == "1" else ["two-sided"]
    own = min(sided, key=lambda n: readings[n][0])
    others = [n for n, (gap, _) in readings.items() if gap == 0.0 and n not in sided and sided == ["two-sided"]]
    if not (readings[own][0] > ALWAYS or (readings[own][0] > WITH_OTHER_READING and others)):
        return None
    crosses = (
        sided == ["two-sided"] and abs(r.level - 0.95) < 1e-3 and r.excludes_one != _small(p) and p.operator != ">"
    )
    bound = p.operator == "=" and _is_bound(p) and z_of(p.interval).high < (abs(r.logs[0]) / r.se()).low
    said = f" It fits read as {' or '.join(others)}." if others else _moved_point(r, p)
    said = f" The print probably lost a sign: P < {p.text}." if bound else said
    text = (
        f"z = |ln {r.value}| / se with se = ln({r.upper}/{r.lower}) / (2 z) gives p = {readings[own][1]} "
        f"({own}); printed "
        f"{_p(p)}.{said}"
    )
    severity = COSMETIC if bound else DECIDES if crosses and r.lender is None else MISLEADS
    text += f" The limits are those of {book.place(r.lender)}." if r.lender is not None else ""
    nodes = (r.node.iri, *(() if r.lender is None else (r.lender.iri,)))
    return Draft(severity, _title(book, r.node), text, (*r.numbers, f"P {_p(p)}"), nodes)


def _moved_point(r: Ratio, p: Figure) -> str:
    """Say whether the p-value fits with its decimal point one place to the left."""
    if r.node.one("pSides") == "1":
        return " No usual reading fits."
    moved = Figure(f"{p.value / 10:.{p.decimals + 1}f}", p.decimals + 1)
    fits = [n for n, (gap, _) in _readings(r, moved.interval).items() if gap == 0.0 and "interval" not in n]
    return (
        f" With the decimal point moved, {moved.text} fits {' or '.join(fits)}." if fits else " No usual reading fits."
    )


def _p(p: Figure) -> str:
    return f"{p.operator} {p.text}"


def _small(p: Figure) -> bool:
    return p.value < 0.05 or (p.operator == "<" and p.value <= 0.05)


def _is_bound(p: Figure) -> bool:
    return p.text.lstrip("0.").rstrip("0") == "1" and p.value <= 0.01


def _level_elsewhere(book: Book) -> Iterator[Draft]:
    for group in grouped(ratios(book), lambda r: _slot(r.node)).values():
        levels = {r.level for r in group}
        for r in group:
            others = [o for o in group if o.level != r.level and _same_limits(r, o)]
            if len(levels) > 1 and others and r.level == max(r.level, *(o.level for o in others)):
                yield _level_draft(book, [o for o in group if o.level == r.level and _same_limits(r, o)], others, r)


def _slot(node: Node) -> tuple[str, ...]:
    names = ("ofStudy", "experimental", "comparator", "endpoint", "population", "measure")
    return tuple(node.one(n) for n in names) if node.kind == "Estimate" else (node.iri,)


def _same_limits(one: Ratio, other: Ratio) -> bool:
    near = one.lower.interval.meets(other.lower.interval) and one.upper.interval.meets(other.upper.interval)
    return near and one.value.interval.meets(other.value.interval)


def _level_draft(book: Book, same: list[Ratio], others: list[Ratio], r: Ratio) -> Draft:
    elsewhere = "; ".join(f"{100 * o.level:g} % in {book.place(o.node)}" for o in others)
    here = "; ".join(book.place(o.node) for o in same)
    factor = float(ndtri((1 + r.level) / 2) / ndtri((1 + others[0].level) / 2))
    text = (
        f"{r.lower}-{r.upper} is called a {100 * r.level:g} % interval in {here}, and {elsewhere}; the standard error "
        f"differs by a factor of {factor:.2f}, the weight in a pool by {factor**2:.2f}"
    )
    nodes = tuple(o.node.iri for o in (*same, *others))
    numbers = tuple(f"{o.value} ({o.lower}-{o.upper}), {100 * o.level:g} %" for o in (same[0], *others))
    severity = DECIDES if factor > 1.1 else MISLEADS
    return Draft(severity, book.what(r.node), text, tuple(dict.fromkeys(numbers)), nodes)


def _too_many_events(book: Book) -> Iterator[Draft]:
    drafts = []
    for r in ratios(book):
        n1, n0 = sizes(book, r.node)
        if r.node.term("measure") != "hazard-ratio" or n1 is None or n0 is None:
            continue
        least, widest = 1.0 / n1 + 1.0 / n0, r.se().high ** 2
        if widest >= least:
            continue
        share = n1 / (n1 + n0)
        text = (
            f"se = {r.se().high:.4f} at most, so 1 / (se^2 x {share:.2f} x {1 - share:.2f}) = "
            f"{1 / (widest * share * (1 - share)):.0f} events at least, of {n1} + {n0} = {n1 + n0} patients. "
            f"As a 90 % interval it needs {1 / (r.se(0.90).high ** 2 * share * (1 - share)):.0f}."
        )
        drafts.append(Draft(DECIDES, _title(book, r.node), text, (*r.numbers, f"n {n1} + {n0}"), (r.node.iri,)))
    yield from joined(drafts)


RULES = (
    Rule(
        "value-outside-interval",
        "A value outside its own interval",
        "A ratio, median or proportion that lies outside its printed limits whatever was rounded.",
        "not (l - half a unit <= x <= u + half a unit)",
        "None known: no method gives such an interval.",
        _value_outside,
    ),
    Rule(
        "interval-uneven",
        "An interval that is not even about its ratio",
        "The value of a ratio is not the middle of its limits on the log scale, beyond what rounding explains.",
        "ln x = (ln l + ln u) / 2, each over its rounding interval",
        "Profile-likelihood and exact intervals are slightly uneven; the finding says by how many standard errors.",
        _uneven,
    ),
    Rule(
        "p-against-interval",
        "A p-value and an interval that do not fit",
        "The p-value recomputed from ratio and interval differs from the printed one; the finding says which "
        "sidedness or "
        "level would fit.",
        "z = |ln x| / se, se = (ln u - ln l) / (2 z_level), p = 2 (1 - Phi(z)); the two z may be 0.2 apart, "
        "or 0.1 where "
        "another reading fits exactly; a ratio printed without limits is judged by those that another document prints "
        "with the same ratio",
        "The p-value of a log-rank test stratified otherwise than the model of the ratio can be further away.",
        _p_against_interval,
    ),
    Rule(
        "interval-level",
        "One interval printed with two levels",
        "The same ratio with the same limits is called a 95 % interval in one place and of another level elsewhere.",
        "equal limits, unequal ev:ciLevel; se scales with 1 / z_level",
        "A reader who took the level from a table heading that does not apply to this row.",
        _level_elsewhere,
    ),
    Rule(
        "more-events-than-patients",
        "An interval too narrow for its patients",
        "A hazard ratio whose standard error needs more events than there are patients.",
        "se^2 >= 1/n1 + 1/n0, with equality if every patient had an event; events = 1 / (se^2 pi (1 - pi))",
        "A covariate that predicts survival strongly does not narrow the interval of a hazard ratio; paired "
        "designs do.",
        _too_many_events,
    ),
)
