"""RDF exports read back, by rdflib and by Oxigraph, as the graph that was written."""

import json

import pyoxigraph as ox
import pytest
import rdflib

from hcckb.export import export, subgraph
from hcckb.export.rdf_text import blocks, short_iri, text_of
from hcckb.store import Store
from hcckb.terms import EV, KB, XSD

OX = {
    "turtle": ox.RdfFormat.TURTLE,
    "trig": ox.RdfFormat.TRIG,
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "jsonld": ox.RdfFormat.JSON_LD,
}
RDFLIB = {"turtle": "turtle", "trig": "trig", "ntriples": "nt", "jsonld": "json-ld"}
NAMED = {"trig", "jsonld"}


@pytest.fixture(params=["whole", "part", "shipped"])
def graph(request: pytest.FixtureRequest) -> Store:
    if request.param == "part":
        return subgraph(request.getfixturevalue("store"), request.getfixturevalue("beta_rows"))
    return request.getfixturevalue("store" if request.param == "whole" else "shipped")


@pytest.mark.parametrize("name", OX)
def test_oxigraph_reads_back_every_statement_digit_for_digit(graph: Store, name: str):
    found = list(ox.parse(export(graph, name, findings=False), format=OX[name]))
    if name in NAMED:
        assert set(found) == set(graph.quads)
    else:
        assert {q.triple for q in found} == {q.triple for q in graph.quads}
        assert len(found) == len({q.triple for q in graph.quads})


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning:rdflib")  # of its own parsers
@pytest.mark.parametrize("name", RDFLIB)
def test_rdflib_reads_back_the_graph_of_to_rdflib(graph: Store, name: str):
    expected = graph.to_rdflib()
    if name in NAMED:
        found = rdflib.Dataset()
        found.parse(data=export(graph, name, findings=False), format=RDFLIB[name])
        assert set(found.quads()) == set(expected.quads())
    else:
        alone = rdflib.Graph()
        alone.parse(data=export(graph, name, findings=False), format=RDFLIB[name])
        assert set(alone) == {(s, p, o) for s, p, o, _ in expected.quads()}


@pytest.mark.parametrize("name", OX)
def test_printed_digits_survive(store: Store, name: str):
    found = {q.triple for q in ox.parse(export(store, name, findings=False), format=OX[name])}
    decimal = ox.NamedNode(XSD + "decimal")
    for node, prop, digits in (("alpha-os-s000", "value", "0.80"), ("alpha-os-s000", "ciUpper", "1.00")):
        literal = ox.Literal(digits, datatype=decimal)
        assert ox.Triple(ox.NamedNode(KB + node), ox.NamedNode(EV + prop), literal) in found


def test_ntriples_are_sorted_unique_lines(store: Store):
    lines = export(store, "ntriples").splitlines()
    assert lines == sorted(set(lines))
    assert f'<{KB}alpha-os-s000> <{EV}value> "0.80"^^<{XSD}decimal> .' in lines


def test_turtle_is_written_for_readers(store: Store, beta_rows):
    text = export(store, "turtle", rows=beta_rows)
    assert text.startswith("@prefix ev: <https://w3id.org/hcckb/ns#> .\n")
    assert "kb:beta-os-s000 a ev:Estimate ;\n    ev:analysis term:primary ;" in text
    assert "    ev:ciLower 0.86 ;\n" in text
    assert not [p for p in ("sh", "graph", "rdf") if f"@prefix {p}:" in text]
    assert text.index("\nkb:") < text.index("\nterm:") < text.index("\nev:")


def test_trig_keeps_what_each_document_says_apart(store: Store):
    text = export(store, "trig")
    told = text.split("graph:journal-of-tests-2013 {", 1)[1].split("\n}\n", 1)[0]
    assert "kb:alpha-os-journal a ev:Estimate" in told
    assert "kb:alpha-os-s000 a" not in told


def test_jsonld_is_plain_json_with_digits_as_text_and_counts_as_numbers(store: Store):
    document = json.loads(export(store, "jsonld"))
    nodes = {n["id"]: n for g in document["@graph"] for n in g["@graph"] if n["id"].startswith("kb:alpha")}
    estimate = nodes["kb:alpha-os-s000"]
    assert estimate["value"] == "0.80"
    assert estimate["endpoint"] == "term:overall-survival"
    assert nodes["kb:alpha-drug"]["randomised"] == 263
    assert document["@context"]["value"] == {"@id": "ev:value", "@type": "xsd:decimal"}


def test_turtle_writes_what_has_no_short_form_in_full():
    odd = ox.Triple(
        ox.NamedNode(KB + "a/b"), ox.NamedNode(EV + "p"), ox.Literal('say "no"\n', datatype=ox.NamedNode(EV + "t"))
    )
    tagged = ox.Triple(ox.NamedNode(KB + "c."), ox.NamedNode(EV + "p"), ox.Literal("nein", language="de"))
    number = ox.Triple(
        ox.NamedNode(KB + "d"), ox.NamedNode(EV + "p"), ox.Literal("4", datatype=ox.NamedNode(XSD + "decimal"))
    )
    text = f"@prefix ev: <{EV}> . @prefix kb: <{KB}> . @prefix xsd: <{XSD}> .\n" + "\n".join(
        blocks([odd, tagged, number])
    )
    assert {q.triple for q in ox.parse(text, format=ox.RdfFormat.TURTLE)} == {odd, tagged, number}
    assert short_iri(KB + "a/b") == KB + "a/b"
    assert text_of(ox.Literal("4", datatype=ox.NamedNode(XSD + "decimal"))) == '"4"^^xsd:decimal'
