"""What the audit finds goes with an export: apart from the documents, on request, and only where its nodes go."""

from __future__ import annotations

import csv
import io

import pyoxigraph as ox
import pytest

from hcckb.audit import audit
from hcckb.checks import check
from hcckb.export import export
from hcckb.store import load
from hcckb.terms import EV, KB, TYPE

SYNTAX = {
    "turtle": ox.RdfFormat.TURTLE,
    "trig": ox.RdfFormat.TRIG,
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "jsonld": ox.RdfFormat.JSON_LD,
}
FINDING = ox.NamedNode(EV + "Finding")


def quads(text, name):
    return list(ox.parse(text, format=SYNTAX[name]))


def findings_in(text, name):
    return {q.subject.value for q in quads(text, name) if q.predicate.value == TYPE and q.object == FINDING}


@pytest.fixture(scope="module")
def found(shipped):
    return audit(shipped)


@pytest.mark.parametrize("name", SYNTAX)
def test_every_rdf_format_carries_the_findings_when_asked(shipped, found, name):
    assert len(findings_in(export(shipped, name, findings=True), name)) == len(found)


@pytest.mark.parametrize("name", ["turtle", "ntriples", "jsonld"])
def test_where_documents_are_united_findings_come_only_when_asked(shipped, name):
    assert not findings_in(export(shipped, name), name)


def test_trig_has_them_in_a_graph_of_their_own(shipped, found):
    text = export(shipped, "trig")
    graphs = {q.graph_name.value for q in quads(text, "trig") if q.object == FINDING and q.predicate.value == TYPE}
    assert graphs == {KB + "findings"}
    assert len(findings_in(text, "trig")) == len(found)
    assert not findings_in(export(shipped, "trig", findings=False), "trig")


def test_the_csv_folder_has_a_row_for_each_finding(shipped, found, tmp_path):
    export(shipped, "csv", tmp_path / "tables")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tables" / "findings.csv").read_text(encoding="utf-8"))))
    assert sorted((r["rule"], r["title"], r["severity"]) for r in rows) == sorted(
        (f.rule, f.title, f.severity) for f in found
    )
    assert {r["resolution_iri"] for r in rows} >= {f.resolution for f in found if f.resolution}


def test_part_of_a_graph_gets_the_findings_whose_statements_it_holds(shipped, found):
    rows = shipped.select("SELECT ?e { VALUES ?e { kb:search-os-itt-s002 } ?e ev:value ?value }")
    text = export(shipped, "turtle", rows=rows, findings=True)
    described = {q.subject.value for q in quads(text, "turtle")}
    part = findings_in(text, "turtle")
    assert 0 < len(part) < len(found)
    about = [q.object.value for q in quads(text, "turtle") if q.predicate.value == EV + "concerns"]
    assert described.issuperset(about)
    assert not findings_in(export(shipped, "trig", rows=rows), "trig")


def test_an_export_with_findings_passes_the_checks(shipped, tmp_path):
    (tmp_path / "all.ttl").write_text(export(shipped, "turtle", findings=True), encoding="utf-8")
    assert not [f for f in check(load(tmp_path, shipped=False)) if f.severity == "error"]
