"""The statements of a knowledge base, ready to be recomputed: nodes with their figures, digit for digit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property

import pyoxigraph as ox

from hcckb.audit.interval import Interval, rounded
from hcckb.store import Store
from hcckb.terms import EV, KB, LABEL, NOTATION, PREF_LABEL, STUDY_CLASSES, TERM, TYPE

_TOKEN = re.compile(r"\d+(?:[.,\N{MIDDLE DOT}]\d+)?|[.,\N{MIDDLE DOT}]\d+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_FIGURES = (
    "value", "ciLower", "ciUpper", "pValue", "univariateP", "medianMonths", "proportion", "atMonths", "correlation",
    "percent", "count", "n",
)  # fmt: skip
_PERCENT_OF = frozenset({"proportion", "ciLower", "ciUpper"})
_PERCENT_MEASURES = frozenset({"proportion", "rate-at-time", "risk-difference"})
STUDIES = frozenset(iri.removeprefix(EV) for iri in STUDY_CLASSES)


@dataclass(frozen=True, slots=True)
class Figure:
    """One printed number: its digits, how many decimals stand in print, and the operator before it."""

    text: str
    decimals: int
    operator: str = "="
    percent: bool = False

    @property
    def value(self) -> float:
        """The number as printed."""
        return float(self.text)

    @property
    def interval(self) -> Interval:
        """What it can have been before rounding; below or above it where the print says < or >."""
        if self.operator in ("<", "<=", "≤"):
            return Interval(0.0, self.value)
        if self.operator in (">", ">=", "≥"):
            return Interval(self.value, float("inf"))
        return rounded(self.text, self.decimals)

    @property
    def unit(self) -> float:
        """One unit of the last printed place."""
        return float(10.0**-self.decimals)

    def __str__(self) -> str:
        sign = "" if self.operator == "=" else f"{self.operator} "
        if self.percent:
            return f"{sign}{100 * self.value:.{max(0, self.decimals - 2)}f} %"
        return f"{sign}{Decimal(self.text):.{self.decimals}f}"


@dataclass(frozen=True)
class Node:
    """One node of the graph: its class and properties by their short names, literals digit for digit."""

    iri: str
    kind: str
    properties: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """Give the first value of a property, "" where there is none."""
        values = self.properties.get(name, ())
        return values[0] if values else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Give all values of a property."""
        return self.properties.get(name, ())

    def term(self, name: str) -> str:
        """Give the local name of a term: term:overall-survival is "overall-survival"."""
        return self.one(name).removeprefix(TERM)

    def count(self, name: str) -> int | None:
        """Give a whole number, None where there is none."""
        text = self.one(name)
        return int(text) if text.isdigit() else None

    def figure(self, name: str) -> Figure | None:
        """Give a printed number with the decimals that stand in print, None where there is none."""
        return self._figures.get(name)

    @cached_property
    def _figures(self) -> Mapping[str, Figure]:
        found = ((name, self._figure(name)) for name in _FIGURES if name in self.properties)
        return {name: figure for name, figure in found if figure is not None}

    def _figure(self, name: str) -> Figure | None:
        text = self.one(name)
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        percent = self.term("measure") in _PERCENT_MEASURES and name in (*_PERCENT_OF, "value")
        percent = percent or self.term("statistic") == "i-squared"
        return Figure(text, self._decimals(number, text, percent), self._operator(name), percent)

    @cached_property
    def _tokens(self) -> tuple[tuple[Decimal, int], ...]:
        return printed_tokens(self.one("asPrinted"))

    def _operator(self, name: str) -> str:
        if name == "pValue" or (name == "value" and self.term("statistic").endswith("p-value")):
            return self.one("pOperator") or "="
        if name == "univariateP":
            return self.one("univariatePOperator") or "="
        if name == "correlation" or name.startswith("ci"):
            return "="
        return self.one("valueOperator") or "="

    def _decimals(self, number: Decimal, text: str, percent: bool) -> int:
        """Count the decimals of the same number in ev:asPrinted; where it is not there, of the literal."""
        found = [d for token, d in self._tokens if token == number]
        if percent:
            found += [d + 2 for token, d in self._tokens if token == 100 * number]
        own = max(0, -int(Decimal(text).as_tuple().exponent))
        if not found:
            return max(own, 2) if percent else own
        return own if own in found else max(found)


def printed_tokens(text: str) -> tuple[tuple[Decimal, int], ...]:
    """Give the numbers of a printed text with their decimals; a comma may be a decimal point or part thousands.

    >>> printed_tokens("HR 0.80 (0·62-1,03)")
    ((Decimal('0.80'), 2), (Decimal('0.62'), 2), (Decimal('1.03'), 2))
    """
    found = []
    for reading in dict.fromkeys((text, _THOUSANDS.sub("", text))):
        for token in _TOKEN.findall(reading):
            plain = token.replace(",", ".").replace("\N{MIDDLE DOT}", ".")
            found.append((Decimal(plain), len(plain.partition(".")[2])))
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Book:
    """All nodes of a knowledge base by class, with names for people."""

    nodes: Mapping[str, Node]
    kinds: Mapping[str, tuple[Node, ...]] = field(repr=False)

    def of(self, *kinds: str) -> tuple[Node, ...]:
        """Give the nodes of these classes in the order of their IRIs, superseded ones left out."""
        return tuple(n for kind in kinds for n in self.kinds.get(kind, ()))

    @cached_property
    def studies(self) -> tuple[Node, ...]:
        """All studies, of whatever class."""
        return tuple(sorted(self.of(*sorted(STUDIES)), key=lambda n: n.iri))

    @cached_property
    def arms(self) -> Mapping[str, tuple[Node, ...]]:
        """Study IRI -> its arms."""
        found: dict[str, list[Node]] = {}
        for arm in self.of("Arm"):
            found.setdefault(arm.one("ofStudy"), []).append(arm)
        return {study: tuple(arms) for study, arms in found.items()}

    @cached_property
    def about(self) -> Mapping[str, tuple[Node, ...]]:
        """Node IRI -> the facts about it."""
        found: dict[str, list[Node]] = {}
        for fact in self.of("Fact"):
            found.setdefault(fact.one("about"), []).append(fact)
        return {iri: tuple(facts) for iri, facts in found.items()}

    @cached_property
    def results_of_arm(self) -> Mapping[str, tuple[Node, ...]]:
        """Arm IRI -> the results printed for it."""
        found: dict[str, list[Node]] = {}
        for result in self.of("ArmResult"):
            found.setdefault(result.one("arm"), []).append(result)
        return {iri: tuple(results) for iri, results in found.items()}

    def get(self, iri: str) -> Node | None:
        """Give a node by its IRI."""
        return self.nodes.get(iri)

    def name(self, iri: str) -> str:
        """Give the display name of a node: its notation, label, or local name."""
        node = self.nodes.get(iri)
        if node is not None:
            for predicate in ("key", "notation", "label", "prefLabel"):
                if predicate == "notation" and not iri.startswith(TERM):
                    continue
                if node.one(predicate):
                    return node.one(predicate)
        return iri.rpartition("/")[2].rpartition("#")[2]

    def words(self, iri: str) -> str:
        """Give the preferred label of a term, the display name of anything else."""
        node = self.nodes.get(iri)
        return (node.one("prefLabel") if node is not None else "") or self.name(iri)

    def study_of(self, node: Node) -> str:
        """Give the IRI of the study a node belongs to, "" where it belongs to none."""
        if node.kind in STUDIES:
            return node.iri
        for name in ("ofStudy", "about", "ofSynthesis", "ofCrossTable"):
            near = self.nodes.get(node.one(name))
            if near is not None:
                return near.iri if near.kind in STUDIES else self.study_of(near)
        return ""

    def source_of(self, node: Node) -> str:
        """Give the key of the document that prints a node."""
        source = node.one("source")
        if not source and node.one("ofCrossTable"):
            table = self.nodes.get(node.one("ofCrossTable"))
            source = table.one("source") if table is not None else ""
        return self.name(source) if source else ""

    def place(self, node: Node) -> str:
        """Name the document and the place in it."""
        return ", ".join(p for p in (self.source_of(node), self._locator(node)) if p)

    def _locator(self, node: Node) -> str:
        table = self.nodes.get(node.one("ofCrossTable"))
        return node.one("locator") or (table.one("locator") if table is not None else "")

    def what(self, node: Node) -> str:
        """Name what a statement is about: study, arm or population, endpoint."""
        home = self.study_of(node) or node.one("ofSynthesis")
        parts = [self.name(home)] if home else []
        if node.one("arm"):
            parts.append(self.arm(node.one("arm")))
        if node.one("endpoint"):
            parts.append(self.name(node.one("endpoint")))
        if node.kind == "CrossTableCell":
            table = self.nodes.get(node.one("ofCrossTable"))
            parts += [self.words(table.one("variable")) if table is not None else "", node.one("category")]
        if node.kind == "FactorEstimate":
            parts += [self.words(node.one("factor")), node.one("level")]
        population = node.one("population")
        if population.startswith(KB):
            parts.append(f"({self.name(population)})")
        return " ".join(p for p in parts if p)

    def arm(self, iri: str) -> str:
        """Name an arm by what it receives."""
        node = self.nodes.get(iri)
        regimen = node.one("regimen") if node is not None else ""
        return self.words(regimen) if regimen in self.nodes else self.name(iri)


def read(store: Store) -> Book:
    """Read every node of a store, literals digit for digit as they stand in the files."""
    found: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, str] = {}
    for quad in store.quads:
        if not isinstance(quad.subject, ox.NamedNode) or isinstance(quad.object, ox.Triple):
            continue
        iri, predicate, value = quad.subject.value, quad.predicate.value, quad.object.value
        if predicate == TYPE:
            if value.startswith(EV) or iri not in kinds:
                kinds[iri] = _short(value)
            continue
        values = found.setdefault(iri, {}).setdefault(_short(predicate), [])
        if value not in values:
            values.append(value)
    nodes = {
        iri: Node(iri, kinds.get(iri, ""), {name: tuple(v) for name, v in found.get(iri, {}).items()})
        for iri in sorted({*found, *kinds})
    }
    return Book(nodes, _by_kind(nodes.values()))


def _by_kind(nodes: Iterable[Node]) -> Mapping[str, tuple[Node, ...]]:
    kinds: dict[str, list[Node]] = {}
    for node in nodes:
        if not node.one("supersededBy"):
            kinds.setdefault(node.kind, []).append(node)
    return {kind: tuple(found) for kind, found in kinds.items()}


_SHORTENED = {LABEL: "label", PREF_LABEL: "prefLabel", NOTATION: "notation"}


def _short(iri: str) -> str:
    return _SHORTENED.get(iri) or iri.rpartition("#")[2].rpartition("/")[2]
