"""Shapes and data rules over a loaded knowledge base: what is wrong, where, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyoxigraph as ox
import yaml

from hcckb import paths
from hcckb.errors import ParseError
from hcckb.queries import read
from hcckb.store import Store
from hcckb.terms import EV, SH, TERM, compact

if TYPE_CHECKING:
    import rdflib

SEVERITIES = ("error", "warning", "info")
_SHACL_SEVERITIES = {SH + "Violation": "error", SH + "Warning": "warning", SH + "Info": "info"}
_SUBJECT = re.compile(r"^((?:kb|term|ev):[^\s;,]+|<[^>\s]+>)(?=\s)", re.MULTILINE)
_FIGURE = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_CARDINALS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ORDINALS = ("second", "third", "fourth", "fifth")
_SPELLED = {word: Decimal(n) for words in (_CARDINALS, _ORDINALS) for n, word in enumerate(words, start=2)} | {
    "half": Decimal("0.5"),
    "three-fourths": Decimal("0.75"),
}
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")
_PRINTED = (
    *("value", "ciLower", "ciUpper", "pValue", "medianMonths", "proportion", "correlation", "percent", "count"),
    *("univariateP", "survivalMonths", "rangeLower", "rangeUpper"),
)
_CONCERNED = "SELECT DISTINCT ?node WHERE { ?resolution a ev:Resolution ; ev:concerns ?node }"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a shape or a rule found: which, how grave, where, what decided, and what to do.

    `severity` is "error", "warning" or "info"; `node` an IRI and `label` its display name; `value` what decided,
    as text; `file` and `line` where the node is described ("" and None where no loaded file begins a statement
    with it).
    """

    rule: str
    severity: str
    node: str
    label: str
    value: str
    problem: str
    fix: str
    file: str = ""
    line: int | None = None

    @property
    def _key(self) -> tuple[object, ...]:
        return (SEVERITIES.index(self.severity), self.rule, self.node, self.value, self.problem, self.fix)


@dataclass(frozen=True, slots=True)
class Rule:
    """One data rule: a row of its query is a violation.

    `resolved` is the severity once a curator's ev:Resolution concerns the node, for mistakes that a document
    can print; "" where nothing excuses the violation. `query` is "" for the rule that is not written in SPARQL.
    """

    name: str
    title: str
    problem: str
    fix: str
    severity: str
    resolved: str = ""
    query: str = ""
    place: str = ""


FIGURES_RULE = Rule(
    "figures-not-printed",
    "A number that is not in its print",
    "A number of the record does not occur among the figures of ev:asPrinted.",
    "Read the printed page again; mend the number or ev:asPrinted.",
    "error",
)
"""The one rule in Python: it compares digits, and engines that answer SPARQL turn 0.80 into 0.8."""


def check(store: Store, *, shapes: bool = True) -> tuple[Finding, ...]:
    """Run the data rules, and the shapes, over a knowledge base.

    Parameters
    ----------
    store : Store
        The knowledge base.
    shapes : bool
        False leaves out the SHACL shapes, which take most of the time.

    Returns
    -------
    tuple of Finding
        Errors first, then by rule and node; the same data give the same findings.

    Raises
    ------
    ParseError
        If a rule's header or query, or the file of shapes, is wrong.
    """
    found = {*_figures(store)}
    concerned = frozenset(row["node"].value for row in store.select(_CONCERNED) if row["node"] is not None)
    for rule in rules():
        found.update(_violations(store, rule, concerned))
    if shapes:
        found.update(_shape_violations(store))
    return _placed(store, sorted(found, key=lambda f: f._key))


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give the findings that are errors, in their order."""
    return tuple(f for f in findings if f.severity == "error")


def rules(folder: Path | None = None) -> tuple[Rule, ...]:
    """Read the data rules of a folder (default: the shipped `queries/check/`), by name.

    Raises
    ------
    ParseError
        If a header lacks title, problem, fix or severity, or a query does not give ?node and ?value.
    """
    return tuple(_rule(p) for p in sorted((folder or paths.CHECKS).glob("*.rq")))


def _rule(path: Path) -> Rule:
    query = read(path)
    lines = [line[2:].removeprefix(" ") for line in query.text.splitlines() if line.startswith("#+")]
    header = yaml.safe_load("\n".join(lines)) or {}
    missing = [name for name in ("title", "problem", "fix", "severity") if not header.get(name)]
    if missing or list(query.columns) != ["node", "value"]:
        problem = f"the header of a rule needs {', '.join(missing) or 'the columns node and value'}"
        raise ParseError(query.place, None, problem, "Write them as the other rules in queries/check do.")
    severity, resolved = str(header["severity"]), str(header.get("resolved", ""))
    if severity not in SEVERITIES or resolved not in ("", *SEVERITIES):
        problem = f"severity {severity!r} or resolved {resolved!r} is none of {', '.join(SEVERITIES)}"
        raise ParseError(query.place, None, problem, "Mend the header.")
    title, problem, fix = (str(header[name]) for name in ("title", "problem", "fix"))
    return Rule(path.stem, title, problem, fix, severity, resolved, query.text, query.place)


def _violations(store: Store, rule: Rule, concerned: frozenset[str]) -> Iterator[Finding]:
    for row in store.select(rule.query, rule.place):
        node, value = row["node"], row["value"]
        iri = "" if node is None else node.value
        severity = rule.resolved if rule.resolved and iri in concerned else rule.severity
        yield _finding(store, rule, severity, iri, "" if value is None else value.value)


def _finding(store: Store, rule: Rule, severity: str, iri: str, value: str) -> Finding:
    return Finding(rule.name, severity, iri, store.label(iri), compact(value), rule.problem, rule.fix)


def _figures(store: Store) -> Iterator[Finding]:
    """Compare each number with the figures of its print, as decimals; a share may be printed as percent."""
    numbers: dict[str, list[tuple[str, str]]] = {}
    prints: dict[str, str] = {}
    shares: set[str] = set()
    names = {EV + name: name for name in _PRINTED}
    for quad in store.quads:
        subject, predicate = quad.subject.value, quad.predicate.value  # type: ignore[union-attr]
        if predicate in names and isinstance(quad.object, ox.Literal):
            numbers.setdefault(subject, []).append((names[predicate], quad.object.value))
            if predicate == EV + "proportion":
                shares.add(subject)
        elif predicate == EV + "asPrinted" and isinstance(quad.object, ox.Literal):
            prints[subject] = prints.get(subject, "") + " " + quad.object.value
        elif isinstance(quad.object, ox.NamedNode) and quad.object.value in _SHARES:
            shares.add(subject)
    for subject in numbers.keys() & prints.keys():
        figures = printed_figures(prints[subject])
        for name, text in numbers[subject]:
            if not _is_printed(text, figures, percent=subject in shares):
                value = f"{name} {text} is not in {prints[subject].strip()!r}"
                yield _finding(store, FIGURES_RULE, FIGURES_RULE.severity, subject, value)


_SHARES = frozenset(TERM + name for name in ("i-squared", "risk-difference", "rate-at-time", "proportion"))


def printed_figures(text: str) -> frozenset[Decimal]:
    """Give the numbers in a printed text; a middle dot or comma is a decimal point, a comma may also part thousands.

    Numbers in words count too, as far as the documents print them so: two to ten, second to fifth, half,
    three-fourths.

    >>> sorted(printed_figures("HR 0,80 (0·62-1.03), n = 12,035"))
    [Decimal('0.62'), Decimal('0.80'), Decimal('1.03'), Decimal('12.035'), Decimal('12035')]
    """
    joined = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    pointed = (re.sub("(?<=\\d)[,\N{MIDDLE DOT}](?=\\d)", ".", reading) for reading in (text, joined))
    figures = {Decimal(figure) for reading in pointed for figure in _FIGURE.findall(reading)}
    return frozenset(figures | {_SPELLED[word] for word in _WORD.findall(text.lower()) if word in _SPELLED})


def _is_printed(text: str, figures: frozenset[Decimal], *, percent: bool) -> bool:
    try:
        number = abs(Decimal(text))
    except ArithmeticError:
        return False
    return number in figures or (percent and number * 100 in figures)


def _shape_violations(store: Store) -> Iterator[Finding]:
    """Validate with pySHACL, without inference: the shapes name every class they are for."""
    import pyshacl
    import rdflib

    place, mend = paths.shown(paths.SHAPES), "Mend the shapes there."
    shapes = rdflib.Graph()
    try:
        shapes.parse(paths.SHAPES, format="turtle")
    except (OSError, SyntaxError) as error:
        raise ParseError(place, None, f"the shapes cannot be read ({error})", mend) from None
    data = store.to_rdflib_graph()
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes, advanced=False, inference="none", inplace=True)
    if not isinstance(report, rdflib.Graph):
        raise ParseError(place, None, f"the shapes cannot be used ({report})", mend)
    for result in report.objects(None, rdflib.URIRef(SH + "result")):
        yield _shape_finding(store, dict(report.predicate_objects(result)))


def _shape_finding(store: Store, result: Mapping[rdflib.term.Node, rdflib.term.Node]) -> Finding:
    told = {str(predicate).removeprefix(SH): str(thing) for predicate, thing in result.items()}
    shape = compact(told["sourceShape"])
    parts = (compact(told[name]) for name in ("resultPath", "value") if name in told)
    return Finding(
        rule=shape.removeprefix("ev:"),
        severity=_SHACL_SEVERITIES.get(told["resultSeverity"], "error"),
        node=told["focusNode"],
        label=store.label(told["focusNode"]),
        value=" ".join(part for part in parts if part.strip()) or "the node as a whole",
        problem=told.get("resultMessage", "the shape does not hold").rstrip(".") + ".",
        fix=f"Mend the node as the message says; {shape} in ontology/shapes.ttl has the full condition.",
    )


def _placed(store: Store, findings: list[Finding]) -> tuple[Finding, ...]:
    """Say in which file and line each finding's node is described; files are read only if there are findings."""
    wanted = {f.node for f in findings}
    if not wanted:
        return ()
    written = {name: iri for iri in wanted for name in (compact(iri), f"<{iri}>")}
    places: dict[str, tuple[str, int]] = {}
    for file in store.files:
        text = file.read_text(encoding="utf-8")
        for match in _SUBJECT.finditer(text):
            iri = written.get(match[1])
            if iri is not None and iri not in places:
                places[iri] = paths.shown(file), text.count("\n", 0, match.start()) + 1
    nowhere: tuple[str, None] = ("", None)
    return tuple(replace(f, file=place, line=line) for f in findings for place, line in [places.get(f.node, nowhere)])
