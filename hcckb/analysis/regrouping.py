"""An evidence table with coarser treatments: regimens by their agents, agent classes or targets, from the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hcckb.candidates import EvidenceRow
from hcckb.errors import UnknownNameError
from hcckb.evidence import EvidenceTable, PassedOver
from hcckb.store import Store

GROUPS = ("regimen", "agent", "agent-class", "target")

_AGENTS = """
PREFIX ev: <https://w3id.org/hcckb/ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
SELECT ?regimen ?agent ?class ?target WHERE {
  ?r a ev:Regimen ; skos:prefLabel ?regimen ; ev:agent ?a .
  ?a rdfs:label ?agent ; ev:agentClass ?c . ?c skos:prefLabel ?class .
  OPTIONAL { ?a ev:targets ?t . ?t rdfs:label ?target }
}
ORDER BY ?regimen ?agent ?class ?target
"""


def regrouped(table: EvidenceTable, store: Store, by: str) -> EvidenceTable:
    """Name the treatments of a table by what they consist of.

    Parameters
    ----------
    table : EvidenceTable
        Rows whose treatments are regimens.
    store : Store
        The graph they come from.
    by : {"regimen", "agent", "agent-class", "target"}
        What names a treatment: "agent" leaves out doses and schedules, "agent-class" gives each agent its class,
        "target" its targets. Agents of a combination are joined by " + "; a regimen without a curated agent
        (placebo, best supportive care) keeps its name.

    Returns
    -------
    EvidenceTable
        With a warning that says what was merged. Where a study compares two groups more than once, the first
        contrast stays and the rest are passed over: patients of the shared arm would count twice.

    Raises
    ------
    UnknownNameError
        If there is no such grouping.
    """
    if by not in GROUPS:
        raise UnknownNameError(by, "grouping of treatments", GROUPS, ", ".join(GROUPS))
    if by == "regimen":
        return table
    names = _names(store, by)
    rows, left, seen = [], list(table.passed_over), set()
    for r in table.rows:
        row = replace(
            r, experimental=names.get(r.experimental, r.experimental), comparator=names.get(r.comparator, r.comparator)
        )
        pair = (r.study, frozenset((row.experimental, row.comparator)))
        if pair in seen and row.experimental != row.comparator:
            reason = f"{by}: {r.experimental} against {r.comparator} repeats a comparison of this study"
            left.append(PassedOver(r.study, r.estimate_iri, r.as_printed, r.source, reason))
            continue
        seen.add(pair)
        rows.append(row)
    before, after = _treatments(table.rows), _treatments(rows)
    told = (
        f"Treatments are grouped by {by.replace('-', ' ')}: {before} regimens are {after} groups, "
        "and all of a group are taken to have one effect."
    )
    return replace(table, rows=tuple(rows), passed_over=tuple(left), warnings=(*table.warnings, told))


def _treatments(rows: Iterable[EvidenceRow]) -> int:
    return len({name for r in rows for name in (r.experimental, r.comparator)})


def _names(store: Store, by: str) -> Mapping[str, str]:
    """Name each regimen that has agents by the groups of its agents."""
    agents: dict[str, dict[str, set[str]]] = {}
    column = {"agent": "agent", "agent-class": "class", "target": "target"}[by]
    for row in store.select(_AGENTS):
        told = {name: term.value for name, term in row.items() if term is not None}
        found = agents.setdefault(told["regimen"], {}).setdefault(told["agent"], set())
        found.add(told.get(column, told["agent"]))
    return {
        regimen: " + ".join(sorted({"/".join(sorted(parts)) for parts in own.values()}, key=str.casefold))
        for regimen, own in agents.items()
    }
