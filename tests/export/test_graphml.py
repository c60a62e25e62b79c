"""GraphML read back by networkx is the graph that was built, with typed attributes."""

import io

import networkx as nx
import pytest

from hcckb.errors import UnknownNameError
from hcckb.evidence import select
from hcckb.export import evidence_network, export, to_networkx
from hcckb.store import Store
from hcckb.terms import TYPE


def reread(text: str) -> nx.Graph:
    return nx.read_graphml(io.BytesIO(text.encode()), force_multigraph=True)


def attributes(graph: nx.Graph) -> list:
    return [*(data for _, data in graph.nodes(data=True)), *(data for *_, data in graph.edges(data=True))]


def test_a_node_per_resource_and_an_edge_per_link(store: Store):
    graph = to_networkx(store)
    links = {q.triple for q in store.quads if str(q.object).startswith("<") and q.predicate.value != TYPE}
    assert graph.number_of_edges() == len(links)
    assert graph.nodes["kb:alpha"]["label"] == "ALPHA"
    assert graph.nodes["kb:alpha"]["type"] == "ev:RandomisedTrial"
    assert graph.nodes["kb:alpha-drug"]["randomised"] == 263
    assert graph.nodes["kb:alpha-os-s000"]["value"] == 0.8
    assert graph.nodes["kb:criterion-afp-at-least-400"]["minimumInclusive"] is True
    assert graph.has_edge("kb:alpha-drug", "kb:alpha", key="ofStudy")
    assert graph.nodes["kb:alpha"]["altLabel"] == 'Alpha; or, "the first"; Альфа'


def test_the_property_graph_reads_back(store: Store):
    graph, found = to_networkx(store), reread(export(store, "graphml"))
    assert found.is_directed()
    assert dict(found.nodes(data=True)) == dict(graph.nodes(data=True))
    expected = sorted((s, t, d["predicate"]) for s, t, d in graph.edges(data=True))
    assert sorted((s, t, d["predicate"]) for s, t, d in found.edges(data=True)) == expected
    assert len({key for *_, key in found.edges(keys=True)}) == found.number_of_edges()


@pytest.mark.parametrize("name", ["graphml", "graphml-network"])
def test_no_attribute_is_empty(store: Store, name: str):
    assert "None" not in export(store, name)
    graph = to_networkx(store) if name == "graphml" else evidence_network(store)
    assert all(value is not None for data in attributes(graph) for value in data.values())


def test_the_evidence_network_has_treatments_and_trials(store: Store):
    graph = evidence_network(store, "OS")
    assert sorted(graph.nodes) == ["term:brivanib", "term:everolimus", "term:placebo"]
    assert graph.nodes["term:placebo"]["participants"] == 132 + 184
    assert graph.nodes["term:placebo"]["studies"] == 2
    assert graph.nodes["term:brivanib"]["targets"] == "VEGFR-2"
    assert graph.nodes["term:brivanib"]["agent_classes"]
    edge = graph.edges["term:brivanib", "term:placebo", "kb:alpha-os-s000"]
    assert (edge["study"], edge["endpoint"], edge["measure"]) == ("ALPHA", "overall-survival", "hazard-ratio")
    assert (edge["value"], edge["ci_lower"], edge["ci_upper"], edge["n"]) == (0.8, 0.69, 1.0, 395)
    assert (edge["experimental"], edge["comparator"]) == ("term:brivanib", "term:placebo")
    assert (edge["source"], edge["locator"]) == ("S000", "Table 2")


def test_the_evidence_network_takes_the_resolved_view(store: Store):
    edge = evidence_network(store, "TTP").edges["term:brivanib", "term:placebo", "kb:alpha-os-journal"]
    assert edge["value"] == 0.6
    assert edge["resolution"].endswith("resolution-alpha-os-journal")


def test_the_evidence_network_reads_back(store: Store):
    graph, found = evidence_network(store), reread(export(store, "graphml-network"))
    assert not found.is_directed()
    assert dict(found.nodes(data=True)) == dict(graph.nodes(data=True))
    assert {k: d for *_, k, d in found.edges(keys=True, data=True)} == {
        k: d for *_, k, d in graph.edges(keys=True, data=True)
    }


def test_one_edge_per_selected_estimate_of_the_shipped_data(shipped: Store):
    table = select(shipped, endpoint="OS")
    graph = evidence_network(shipped, "OS")
    assert graph.number_of_edges() == len(table) > 0
    assert {data["estimate_iri"] for *_, data in graph.edges(data=True)} == {row.estimate_iri for row in table}


def test_an_unknown_endpoint_is_named(store: Store):
    with pytest.raises(UnknownNameError, match="OSS"):
        evidence_network(store, "OSS")
