"""GraphML of the evidence network: treatments are the nodes, the contrasts that trials report are the edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hcckb.candidates import EvidenceRow
from hcckb.evidence import select
from hcckb.export.format import Format
from hcckb.export.graphml import graphml_text
from hcckb.export.rdf_text import short_iri
from hcckb.store import Store

if TYPE_CHECKING:
    import networkx as nx

_ARMS = """
SELECT ?arm ?regimen ?n ?agent ?agent_class ?target WHERE {
  ?arm a ev:Arm ; ev:regimen ?regimen .
  OPTIONAL { ?arm ev:randomised ?n }
  OPTIONAL { ?regimen ev:agent ?agent
    OPTIONAL { ?agent ev:agentClass ?agent_class }
    OPTIONAL { ?agent ev:targets ?target } }
}
ORDER BY ?arm ?regimen ?agent ?agent_class ?target
"""
_EDGE = (
    "study", "year", "line", "endpoint", "measure", "population", "analysis", "assessment", "value", "ci_lower",
    "ci_upper", "ci_level", "n_experimental", "n_comparator", "source", "locator", "as_printed", "estimate_iri",
    "resolution",
)  # fmt: skip


def evidence_network(store: Store, endpoint: str | None = None) -> nx.MultiGraph[str]:
    """Lay out who was compared with whom: one estimate per contrast, endpoint and measure, chosen as for pooling.

    Parameters
    ----------
    store : Store
        The knowledge base.
    endpoint : str, optional
        Only this endpoint ("OS", or its term); all endpoints when absent, each an edge of its own.

    Returns
    -------
    networkx.MultiGraph
        Nodes are regimens ("term:sorafenib") with `iri`, `label`, `agents`, `agent_classes`, `targets` (joined by
        "; "), `studies` and `participants` (randomised to it in the trials of the network; absent when an arm's
        number is not curated). Edges have the estimate's shortened IRI as key; `experimental` and `comparator` name
        the two nodes, because an edge has no direction; then the columns of the evidence table that have a value, and
        `n`, the participants in both arms.

    Raises
    ------
    UnknownNameError
        If there is no such endpoint.
    """
    import networkx as nx

    rows = sorted(select(store, endpoint=endpoint), key=lambda row: (row.study.casefold(), row.estimate_iri))
    arms = _arms(store)
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    regimens = sorted({arms[a]["regimen"] for row in rows for a in (row.experimental_arm, row.comparator_arm)})
    for regimen in regimens:
        graph.add_node(short_iri(regimen), **_treatment(store, regimen, rows, arms))
    for row in rows:
        experimental = short_iri(arms[row.experimental_arm]["regimen"])
        comparator = short_iri(arms[row.comparator_arm]["regimen"])
        key = short_iri(row.estimate_iri)
        graph.add_edge(experimental, comparator, key=key, **_edge(row, experimental, comparator))
    return graph


def write(store: Store) -> Mapping[str, str]:
    """Write the evidence network of all endpoints as GraphML; the edges' `endpoint` tells them apart."""
    return {"": graphml_text(evidence_network(store))}


def _arms(store: Store) -> dict[str, dict[str, Any]]:
    """Give each arm's regimen and size, with the names of its agents, their classes and targets."""
    arms: dict[str, dict[str, Any]] = {}
    for row in store.select(_ARMS):
        given = {name: term.value for name, term in row.items() if term is not None}
        arm = arms.setdefault(
            given["arm"],
            {"regimen": given["regimen"], "n": None, "agent": set(), "agent_class": set(), "target": set()},
        )
        arm["n"] = int(given["n"]) if "n" in given else None
        for name in ("agent", "agent_class", "target"):
            if name in given:
                arm[name].add(store.label(given[name]))
    return arms


def _treatment(
    store: Store, regimen: str, rows: list[EvidenceRow], arms: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    both = {(a, row.study) for row in rows for a in (row.experimental_arm, row.comparator_arm)}
    mine = {(a, study) for a, study in both if arms[a]["regimen"] == regimen}
    sizes = [arms[a]["n"] for a, _ in sorted(mine)]
    about: dict[str, Any] = {"iri": regimen, "label": store.label(regimen)}
    for name, column in (("agent", "agents"), ("agent_class", "agent_classes"), ("target", "targets")):
        about[column] = "; ".join(sorted({label for a, _ in mine for label in arms[a][name]}))
    about["studies"] = len({study for _, study in mine})
    if None not in sizes:
        about["participants"] = sum(sizes)
    return about


def _edge(row: EvidenceRow, experimental: str, comparator: str) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in _EDGE}
    if row.n_experimental is not None and row.n_comparator is not None:
        found["n"] = row.n_experimental + row.n_comparator
    found = {name: value for name, value in found.items() if value is not None}
    return {"experimental": experimental, "comparator": comparator, **found}


FORMAT = Format(
    "graphml-network", ".graphml", "application/graphml+xml", "evidence network: treatments and trials", write
)
