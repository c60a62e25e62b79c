"""The audit of the shipped knowledge base: order, speed, filters, resolutions, RDF, and what it must find."""

from __future__ import annotations

import time

import pyoxigraph as ox
import pytest

from hcckb.audit import SEVERITIES, audit, findings_as_quads, findings_as_turtle
from hcckb.errors import UnknownNameError
from hcckb.store import load
from hcckb.terms import EV, KB


@pytest.fixture(scope="module")
def kb():
    return load()


@pytest.fixture(scope="module")
def findings(kb):
    return audit(kb)


def test_the_same_data_give_the_same_findings_in_order(kb, findings):
    assert audit(kb) == findings
    assert [SEVERITIES.index(f.severity) for f in findings] == sorted(SEVERITIES.index(f.severity) for f in findings)
    assert len(set(findings)) == len(findings)


def test_the_whole_knowledge_base_takes_less_than_two_seconds(kb):
    start = time.process_time()
    audit(kb)
    assert time.process_time() - start < 2.0


def test_every_finding_names_nodes_that_exist(kb, findings):
    for finding in findings:
        assert finding.nodes
        assert finding.computation
        assert all(kb.types(iri) for iri in finding.nodes)


MUST_FIND = [
    ("endpoint-of-another", "reach-ttp-itt-s000"),
    ("endpoint-of-another", "sharp-pfs-itt-pmc-11707515-table-3"),
    ("interval-level", "santoro-2013-ttp-itt-s000-table"),
    ("more-events-than-patients", "santoro-2013-ttp-itt-s000-table"),
    ("p-against-interval", "evolve-1-ttp-itt-s000"),
    ("p-of-another", "evolve-1-ttp-itt-s000"),
    ("p-of-another", "kang-2015-ttp-itt-s000-table"),
    ("p-of-another", "santoro-2013-os-met-low-s000"),
    ("p-against-interval", "kang-2015-os-itt-s000-table"),
    ("p-against-interval", "search-ttp-itt-s002"),
    ("text-and-table", "evolve-1-placebo-os-median-s000-text"),
    ("documents-disagree", "evolve-1-os-itt-s002"),
    ("documents-disagree", "brisk-ps-ttp-itt-s002"),
    ("documents-disagree", "search-orr-itt-s002"),
    ("documents-disagree", "reach-ramucirumab-orr-proportion-s002"),
    ("interval-uneven", "brisk-fl-os-itt-s002"),
    ("interval-uneven", "sharp-os-itt-wjgnet-v9-i21-5754"),
    ("interval-uneven", "reflect-os-itt-pmc-8380325-table-1"),
    ("value-outside-interval", "checkmate-459-os-itt-ilca-checkmate-459"),
    ("arms-exchanged", "sun1170-sunitinib-ttp-median-s002"),
    ("sizes-exchanged", "light-linifanib-fact-randomised-s002"),
    ("registrations-differ", "brisk-ps-fact-registration-s002"),
    ("pool-not-reproduced", "synthesis-kim2017-ttp-egger-p-value"),
    ("doubtful-input", "synthesis-kim2017-ttp-pooled-hazard-ratio"),
    ("target-of-another-branch", "fact-durvalumab-targets-pd-1-s003"),
]


@pytest.mark.parametrize(("rule", "node"), MUST_FIND)
def test_a_known_contradiction_is_found(findings, rule, node):
    assert any(f.rule == rule and KB + node in f.nodes for f in findings)


def test_differences_that_rounding_explains_are_no_findings(findings):
    told = {iri for f in findings if f.rule in ("documents-disagree", "text-and-table") for iri in f.nodes}
    assert KB + "reach-os-itt-s002" not in told  # 0.866 and 0.87
    assert KB + "brisk-ps-os-itt-s002" not in told  # P = 0.33 and 0.3307


def test_a_finding_carries_the_curators_resolution(findings):
    finding = next(f for f in findings if f.rule == "value-outside-interval")
    assert finding.resolution == KB + "resolution-checkmate-459-os-ilca"
    assert "0.85" in finding.resolution_reason


@pytest.mark.parametrize("name", ["S000", "REACH", "reach", "Kim 2017"])
def test_only_keeps_what_touches_a_source_or_study(kb, findings, name):
    kept = audit(kb, only=name)
    assert kept
    assert set(kept) < set(findings)


def test_an_unknown_name_is_refused_with_the_nearest_one(kb):
    with pytest.raises(UnknownNameError, match="REACH"):
        audit(kb, only="REECH")


def test_one_number_for_two_studies_names_the_statements_that_a_resolution_answers(findings):
    shared = next(f for f in findings if f.rule == "registrations-differ" and f.title == "NCT02702414")
    assert shared.resolution == KB + "resolution-keynote-224-registration"


def test_findings_become_quads_of_their_own_graph_with_the_statements_of_the_turtle(findings):
    quads = findings_as_quads(findings)
    assert {q.graph_name.value for q in quads} == {KB + "findings"}
    triples = ox.parse(findings_as_turtle(findings), format=ox.RdfFormat.TURTLE)
    assert {str(q.triple) for q in quads} == {str(t.triple if isinstance(t, ox.Quad) else t) for t in triples}


def test_findings_become_turtle(findings):
    text = findings_as_turtle(findings)
    triples = list(ox.parse(text, format=ox.RdfFormat.TURTLE))
    subjects = {t.subject.value for t in triples if t.object == ox.NamedNode(EV + "Finding")}
    assert len(subjects) == len(findings)
    assert findings_as_turtle(reversed(findings)) == text
