"""What published guidance offers for a patient profile: rules that hold, what decided, and the trials behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hcckb.evidence import select
from hcckb.guidance import Condition, Profile, Rule, agents_by_regimen, conditions, known, rules
from hcckb.terms import TERM

if TYPE_CHECKING:
    from hcckb.candidates import EvidenceRow
    from hcckb.store import Store

__all__ = ["DISCLAIMER", "Disagreement", "Option", "Profile", "TrialResult", "disagreements", "options"]

DISCLAIMER = "Research tool, not medical advice: it repeats what documents say and does not know the patient."
_LAST_OFFERED = 3  # rank of guidance-strength; the ranks after it speak against an option


@dataclass(frozen=True, slots=True)
class TrialResult:
    """An estimate of a randomised trial, with the agents that its patients had received before."""

    row: EvidenceRow
    prior: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One regimen that one rule of one document offers, or speaks against, under a profile.

    `strength` is a term of guidance-strength and `rank` its order. `held` are the conditions that the profile meets,
    `unknown` those it does not tell enough about. `regimen` is "" where a rule says that no option is established.
    `evidence` holds overall-survival estimates of randomised trials of the regimen, in the line that the rule (or
    else the profile) names; first those of the patients whom the rule is about.
    """

    name: str
    regimen: str
    strength: str
    rank: int
    rule: str
    source: str
    locator: str
    as_printed: str
    held: tuple[str, ...]
    unknown: tuple[str, ...]
    restriction: str
    basis: tuple[str, ...]
    evidence: tuple[TrialResult, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A regimen to which documents give different strengths under one profile."""

    name: str
    regimen: str
    positions: tuple[Option, ...]

    @property
    def certain(self) -> bool:
        """Whether every condition of every rule is known to hold."""
        return not any(p.unknown for p in self.positions)


def options(store: Store, profile: Profile) -> tuple[Option, ...]:
    """Give what guidance offers for a profile, and speaks against, the strongest first.

    Parameters
    ----------
    store : Store
        The knowledge base.
    profile : Profile
        What is known of the patient. Where it names no line, none or one prior therapy tells it.

    Returns
    -------
    tuple of Option
        One for each regimen of each rule that the profile does not rule out. A regimen whose agents were all
        received before is not offered again.

    Raises
    ------
    UnknownNameError
        If a name of the profile is no agent, regimen, line, variable or code.
    UsageError
        If a number of the profile cannot be.
    """
    patient = known(store, profile)
    agents = agents_by_regimen(store)
    trials = _Trials(store, agents)
    found = []
    for rule in rules(store):
        decided = tuple(conditions(store, rule, patient))
        if any(c.holds is False for c in decided):
            continue
        for regimen in rule.options or ("",):
            received = agents.get(regimen, frozenset())
            again = bool(received) and received <= patient.prior
            if not (again and rule.rank <= _LAST_OFFERED):
                found.append(
                    _option(store.label(regimen), regimen, rule, decided, trials.of(rule, regimen, patient.line))
                )
    return tuple(sorted(found, key=lambda o: (o.rank, len(o.unknown), o.name.casefold(), o.rule)))


def disagreements(found: Iterable[Option]) -> tuple[Disagreement, ...]:
    """Give the regimens to which documents give different strengths, by name.

    Parameters
    ----------
    found : iterable of Option
        What :func:`options` gave for one profile.
    """
    groups: dict[str, list[Option]] = {}
    for option in found:
        if option.regimen:
            groups.setdefault(option.regimen, []).append(option)
    told = []
    for regimen, group in groups.items():
        strengths: dict[str, set[str]] = {}
        for option in group:
            strengths.setdefault(option.source, set()).add(option.strength)
        if len({frozenset(s) for s in strengths.values()}) > 1:
            told.append(Disagreement(group[0].name, regimen, tuple(sorted(group, key=lambda o: (o.source, o.rule)))))
    return tuple(sorted(told, key=lambda d: d.name.casefold()))


def _option(
    name: str, regimen: str, rule: Rule, decided: Iterable[Condition], evidence: tuple[TrialResult, ...]
) -> Option:
    decided = tuple(decided)
    return Option(
        name=name if regimen else "no option named",
        regimen=regimen,
        strength=rule.strength.removeprefix(TERM),
        rank=rule.rank,
        rule=rule.name,
        source=rule.key,
        locator=rule.locator,
        as_printed=rule.as_printed,
        held=tuple(c.text for c in decided if c.holds),
        unknown=tuple(c.text for c in decided if c.holds is None),
        restriction=rule.restriction,
        basis=rule.basis,
        evidence=evidence,
    )


class _Trials:
    """Overall-survival estimates of randomised trials, looked up by line, population and agents."""

    def __init__(self, store: Store, agents: Mapping[str, frozenset[str]]) -> None:
        self._store, self._agents = store, agents
        self._regimens = _pairs(store, "?one a ev:Arm ; ev:regimen ?other")
        self._criteria = _pairs(store, "?one a ev:Population ; ev:criterion ?other")
        self._prior = _pairs(store, "?one ev:priorTherapy ?other")
        self._tables: dict[tuple[str, str], tuple[EvidenceRow, ...]] = {}

    def of(self, rule: Rule, regimen: str, line: str) -> tuple[TrialResult, ...]:
        """Give the estimates of a regimen, first those of populations defined by just the rule's criteria."""
        if not regimen:
            return ()
        wanted = set(rule.requires)
        populations = sorted(p for p, criteria in self._criteria.items() if criteria == wanted)
        rows = (r for p in (*populations, "") for r in self._table(rule.line or line, p) if self._tests(r, regimen))
        unique = {row.estimate_iri: row for row in rows}
        return tuple(TrialResult(row, self._received(row)) for row in unique.values())

    def _received(self, row: EvidenceRow) -> tuple[str, ...]:
        return tuple(sorted(self._store.label(agent) for agent in self._prior.get(row.study_iri, ())))

    def _table(self, line: str, population: str) -> tuple[EvidenceRow, ...]:
        if (line, population) not in self._tables:
            asked: dict[str, Any] = {"line": line or None, "population": population or None}
            self._tables[line, population] = select(self._store, endpoint="OS", **asked).rows
        return self._tables[line, population]

    def _tests(self, row: EvidenceRow, regimen: str) -> bool:
        """Say whether one arm receives the regimen, or another with the same agents."""
        arms = self._regimens.get(row.experimental_arm, set()) | self._regimens.get(row.comparator_arm, set())
        agents = self._agents.get(regimen)
        return regimen in arms or (agents is not None and agents in {self._agents.get(arm) for arm in arms})


def _pairs(store: Store, pattern: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in store.select(f"SELECT ?one ?other WHERE {{ {pattern} }}"):
        one, other = row["one"], row["other"]
        if one is not None and other is not None:
            found.setdefault(one.value, set()).add(other.value)
    return found
