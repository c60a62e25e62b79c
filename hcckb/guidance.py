"""Rules of published guidance, and whether what is known of a patient meets their conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import TYPE_CHECKING

from hcckb.errors import UnknownNameError, UsageError
from hcckb.queries import named, resolve
from hcckb.terms import TERM

if TYPE_CHECKING:
    from hcckb.store import Row, Store, Term

_AFP = TERM + "alpha-fetoprotein"
_CHILD_PUGH, _CHILD_PUGH_SCORE = TERM + "child-pugh-class", TERM + "child-pugh-score"
_CLASSES = {"a": (5, 6), "b": (7, 9), "c": (10, 15)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a patient; None or absent means not known, which never rules anything out.

    `prior` names the agents or regimens received before, `line` the line of therapy that is asked about. `tolerated`
    and `progressed` tell of the prior therapy. `afp` is in ng/mL. `child_pugh` is a class ("A") or a score ("B7",
    "6"). `values` gives further variables by name: a number, or a code ({"MET": "met-high", "age": "70"}).
    """

    prior: tuple[str, ...] = ()
    tolerated: bool | None = None
    progressed: bool | None = None
    line: str | None = None
    afp: float | None = None
    child_pugh: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """A profile with its names resolved to IRIs; `numbers` are intervals, for a class is several scores."""

    prior: frozenset[str]
    tolerated: bool | None
    progressed: bool | None
    line: str
    numbers: Mapping[str, tuple[float, float]]
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One node of guidance: conditions and options as IRIs, words as they stand; `rank` orders the strengths."""

    name: str
    key: str
    strength: str
    rank: int
    locator: str
    as_printed: str
    restriction: str
    tolerated: bool | None
    progressed: bool | None
    line: str
    prior: tuple[str, ...]
    requires: tuple[str, ...]
    options: tuple[str, ...]
    basis: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule in words, and whether it holds; None where the profile does not tell."""

    text: str
    holds: bool | None


def rules(store: Store) -> tuple[Rule, ...]:
    """Read the rules of all published guidance, by their numbers."""
    query = named("guidance")
    groups: dict[str, list[Row]] = {}
    for row in store.select(query.text, query.place):
        groups.setdefault(_text(row["guidance"]), []).append(row)
    return tuple(_rule(rows) for rows in groups.values())


def _rule(rows: list[Row]) -> Rule:
    first = rows[0]
    return Rule(
        name=_text(first["rule"]),
        key=_text(first["key"]),
        strength=_text(first["strength"]),
        rank=int(_text(first["rank"])),
        locator=_text(first["locator"]),
        as_printed=_text(first["as_printed"]),
        restriction=_text(first["restriction"]),
        tolerated=_truth(first["tolerated"]),
        progressed=_truth(first["progressed"]),
        line=_text(first["line"]),
        prior=_several(rows, "prior_therapy"),
        requires=_several(rows, "requires"),
        options=_several(rows, "option"),
        basis=_several(rows, "basis"),
    )


def _several(rows: Iterable[Row], column: str) -> tuple[str, ...]:
    return tuple(sorted({_text(r[column]) for r in rows if r[column] is not None}))


def _text(term: Term | None) -> str:
    return "" if term is None else term.value


def _truth(term: Term | None) -> bool | None:
    return None if term is None else term.value in ("true", "1")


def known(store: Store, profile: Profile) -> Known:
    """Resolve the names of a profile.

    Raises
    ------
    UnknownNameError
        If a name is no agent, regimen, line, variable or code.
    UsageError
        If a number cannot be.
    """
    numbers: dict[str, tuple[float, float]] = {}
    codes: dict[str, str] = {}
    for name, value in profile.values.items():
        variable = resolve(store, name, "term", "variable")
        try:
            number = float(value)
        except ValueError:
            codes[variable] = resolve(store, value, "term", "code")
            continue
        if not isfinite(number):
            raise UsageError(f"{name} of {value} cannot be. Give a number.")
        numbers[variable] = (number, number)
    if profile.afp is not None:
        if not 0 <= profile.afp < inf:
            raise UsageError(f"an AFP of {profile.afp} ng/mL cannot be. Give a number from 0 up.")
        numbers[_AFP] = (profile.afp, profile.afp)
    if profile.child_pugh is not None:
        letter, numbers[_CHILD_PUGH_SCORE] = _child_pugh(profile.child_pugh)
        codes[_CHILD_PUGH] = f"{TERM}child-pugh-{letter}"
    line = resolve(store, profile.line, "term", "line") if profile.line else _line_after(profile.prior)
    prior = frozenset(agent for name in profile.prior for agent in _named_agents(store, name))
    return Known(prior, profile.tolerated, profile.progressed, line, numbers, codes)


def _line_after(prior: tuple[str, ...]) -> str:
    """Infer the line from what was received: nothing, or one therapy; several may be one combination or a sequence."""
    return {0: TERM + "first-line", 1: TERM + "second-line"}.get(len(prior), "")


def _child_pugh(text: str) -> tuple[str, tuple[float, float]]:
    """Read a class, a score, or both, as a class and the scores it may be.

    >>> _child_pugh("B"), _child_pugh("a6"), _child_pugh("7")
    (('b', (7, 9)), ('a', (6, 6)), ('b', (7, 7)))
    """
    folded = text.strip().casefold()
    letter, score = folded[:1], folded[1:]
    if folded.isdecimal():
        letter, score = next((c for c, (low, high) in _CLASSES.items() if low <= int(folded) <= high), ""), folded
    low, high = _CLASSES.get(letter, (1, 0))
    if letter in _CLASSES and not score:
        return letter, (low, high)
    if score.isdecimal() and low <= int(score) <= high:
        return letter, (int(score), int(score))
    raise UsageError(f"Child-Pugh {text!r} cannot be. Give a class (A, B, C) or a score (5 to 15), or both: B7.")


def _named_agents(store: Store, name: str) -> frozenset[str]:
    """Give the one agent, or the agents of the regimen, that a name means."""
    try:
        return frozenset({resolve(store, name, "agent")})
    except UnknownNameError as unknown:
        try:
            regimen = resolve(store, name, "term", "regimen")
        except UnknownNameError:
            raise unknown from None
        return agents_by_regimen(store).get(regimen, frozenset())


def agents_by_regimen(store: Store) -> dict[str, frozenset[str]]:
    """Give the agents of every regimen that has any."""
    found: dict[str, set[str]] = {}
    for row in store.select("SELECT ?regimen ?agent WHERE { ?regimen a ev:Regimen ; ev:agent ?agent }"):
        found.setdefault(_text(row["regimen"]), set()).add(_text(row["agent"]))
    return {regimen: frozenset(agents) for regimen, agents in found.items()}


def conditions(store: Store, rule: Rule, patient: Known) -> Iterator[Condition]:
    """Say of each condition of a rule whether it holds."""
    if rule.prior:
        names = " and ".join(store.label(agent) for agent in rule.prior)
        yield Condition(f"prior {names}", set(rule.prior) <= patient.prior)
    if rule.line:
        yield _line(store, rule, patient)
    tolerance, progression = "tolerance of the prior therapy", "progression on the prior therapy"
    yield from _stated(tolerance, rule.tolerated, patient.tolerated)
    yield from _stated(progression, rule.progressed, patient.progressed)
    for iri in rule.requires:
        yield _criterion(store, iri, patient)


def _line(store: Store, rule: Rule, patient: Known) -> Condition:
    text = store.label(rule.line).lower()
    if patient.line:
        return Condition(text, rule.line == patient.line)
    if patient.prior == set(rule.prior):  # several agents that the rule takes for one therapy
        return Condition(text, True)
    return Condition(f"{text} (line not given)", None)


def _stated(words: str, wanted: bool | None, given: bool | None) -> Iterator[Condition]:
    if wanted is None:
        return
    text = words if wanted else f"no {words}"
    yield Condition(f"{text} (not given)", None) if given is None else Condition(text, wanted == given)


def _criterion(store: Store, iri: str, patient: Known) -> Condition:
    """Compare a number with the limits of a criterion, or a code with its codes."""
    (first, *_), variable, demanded = _demand(store, iri)
    text, holds = store.label(iri), None
    if demanded and variable in patient.codes:
        holds = _has_code(store, patient.codes[variable], demanded)
    elif not demanded and variable in patient.numbers:
        holds = _within(first, *patient.numbers[variable])
    if holds is None:
        given = variable in patient.codes or variable in patient.numbers
        text = f"{text} ({store.label(variable)} {'not exact enough' if given else 'not given'})"
    return Condition(text, holds)


def _demand(store: Store, iri: str) -> tuple[tuple[Row, ...], str, set[str]]:
    """Read a criterion: its rows, its variable and its codes."""
    rows = store.select(
        "SELECT ?variable ?minimum ?maximum ?minimum_inclusive ?maximum_inclusive ?code WHERE {"
        f" <{iri}> ev:variable ?variable . OPTIONAL {{ <{iri}> ev:code ?code }}"
        f" OPTIONAL {{ <{iri}> ev:minimum ?minimum ; ev:minimumInclusive ?minimum_inclusive }}"
        f" OPTIONAL {{ <{iri}> ev:maximum ?maximum ; ev:maximumInclusive ?maximum_inclusive }} }}"
    ).rows
    if not rows:
        raise UnknownNameError(iri, "criterion", [], "hcckb query guidance")
    return rows, _text(rows[0]["variable"]), {_text(r["code"]) for r in rows if r["code"] is not None}


def _has_code(store: Store, given: str, demanded: set[str]) -> bool | None:
    """Compare codes along skos:broader: Japan is Asia; Asia may be Japan."""
    if ({given} | _above(store, given)) & demanded:
        return True
    return None if any(given in _above(store, code) for code in demanded) else False


def _above(store: Store, code: str) -> frozenset[str]:
    rows = store.select(f"SELECT ?broader WHERE {{ <{code}> skos:broader+ ?broader }}")
    return frozenset(_text(r["broader"]) for r in rows)


def _within(limits: Row, lowest: float, highest: float) -> bool | None:
    """Say whether an interval of possible values lies in a criterion: True, False, or None if only in part."""
    if _at_least(limits, lowest) and _at_most(limits, highest):
        return True
    return None if _at_least(limits, highest) and _at_most(limits, lowest) else False


def _at_least(limits: Row, value: float) -> bool:
    minimum = limits["minimum"]
    least = float("-inf") if minimum is None else float(minimum.value)
    return value > least or (value == least and _truth(limits["minimum_inclusive"]) is True)


def _at_most(limits: Row, value: float) -> bool:
    maximum = limits["maximum"]
    most = float("inf") if maximum is None else float(maximum.value)
    return value < most or (value == most and _truth(limits["maximum_inclusive"]) is True)
