"""The part of a graph that rows refer to is complete, closed and no larger than it must be."""

import pyoxigraph as ox
import pytest

from hcckb.errors import UsageError
from hcckb.export import subgraph
from hcckb.queries import named
from hcckb.store import Solutions, Store
from hcckb.terms import EV, KB, TERM


def nodes(store: Store) -> set[str]:
    return {q.subject.value for q in store.quads}


def rows_of(*iris: str) -> Solutions:
    return Solutions(("node",), tuple({"node": ox.NamedNode(iri)} for iri in iris))


def dangling(store: Store) -> set[str]:
    mentioned = {q.object.value for q in store.quads if isinstance(q.object, ox.NamedNode)}
    return {iri for iri in mentioned - nodes(store) if iri.startswith((KB, TERM))}


def test_an_estimate_brings_all_that_explains_it(store: Store):
    found = nodes(subgraph(store, rows_of(KB + "alpha-os-journal")))
    kb = {
        "alpha", "alpha-drug", "alpha-placebo", "agent-brivanib", "agent-sorafenib", "target-vegfr2", "target-vegfr",
        "target-vegf-pathway", "source-journal-of-tests-2013", "source-s000", "resolution-alpha-os-journal",
        "alpha-os-s000", "alpha-fact-phase-s000", "alpha-drug-fact-randomised-s000", "agent-brivanib-fact-target-s000",
        "criterion-afp-at-least-400", "dataset",
    }  # fmt: skip
    assert {KB + name for name in kb} <= found
    terms = {"overall-survival", "scheme-endpoint", "time-to-progression", "brivanib", "mislabelled-endpoint"}
    assert {TERM + name for name in terms} <= found


def test_what_the_rows_do_not_refer_to_stays_out(store: Store):
    found = nodes(subgraph(store, rows_of(KB + "alpha-os-journal")))
    assert not {i for i in found if "beta" in i or "gamma" in i or "synthesis" in i or "mtor" in i}
    assert KB + "alpha-os-afp" not in found


def test_arms_in_the_rows_bring_their_results(store: Store):
    both = nodes(subgraph(store, rows_of(KB + "alpha-drug", KB + "alpha-placebo")))
    assert {KB + "alpha-os-s000", KB + "alpha-os-journal", KB + "alpha-os-afp", KB + "alpha-drug-os-median"} <= both
    one = nodes(subgraph(store, rows_of(KB + "alpha-placebo")))
    assert not {KB + "alpha-os-journal", KB + "alpha-drug-os-median"} & one


def test_a_part_says_nothing_that_the_whole_does_not(store: Store, beta_rows: Solutions):
    part = subgraph(store, beta_rows)
    assert set(part.quads) < set(store.quads)
    assert len(part) == len({q.triple for q in part.quads})


def test_a_part_answers_queries(store: Store, beta_rows: Solutions):
    query = named("evidence")
    assert [r["estimate"].value for r in subgraph(store, beta_rows).select(query.text)] == [KB + "beta-os-s000"]


@pytest.mark.parametrize("name", ["alpha-os-journal", "alpha", "agent-brivanib", "synthesis-test-os", "source-s000"])
def test_nothing_dangles_in_a_part(store: Store, name: str):
    assert dangling(subgraph(store, rows_of(KB + name))) == set()


def test_nothing_dangles_in_any_part_that_the_whole_describes(shipped: Store):
    query = named("second-line-placebo-vegfr")
    part = subgraph(shipped, shipped.select(query.text, query.place))
    assert dangling(part) <= dangling(shipped)
    assert 0 < len(part) < len(shipped)


def test_no_rows_leave_the_dataset_alone(store: Store):
    found = nodes(subgraph(store, Solutions(("node",), ())))
    assert KB + "dataset" in found
    assert all(iri.startswith((EV, KB + "dataset")) for iri in found)


def test_rows_without_a_node_are_refused(store: Store):
    with pytest.raises(UsageError, match=r"no row names a node.*columns: n"):
        subgraph(store, store.select("SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"))
