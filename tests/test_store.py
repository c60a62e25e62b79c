"""Turtle in, graph out: errors that name file and line, named graphs, names, digits."""

from __future__ import annotations

import pyoxigraph as ox
import pytest

from hcckb import paths
from hcckb.errors import DataError, EngineError, ParseError
from hcckb.store import Solutions, load

PREFIXES = "@prefix ev: <https://w3id.org/hcckb/ns#> .\n@prefix kb: <https://w3id.org/hcckb/kb/> .\n"
KB = "https://w3id.org/hcckb/kb/"


def values(store, sparql):
    return [tuple(None if t is None else t.value for t in row.values()) for row in store.select(sparql)]


def test_a_syntax_error_names_the_file_and_the_line(write):
    bad = write("bad.ttl", PREFIXES + "kb:a ev:b 1 .\nkb:a ev:c ;;; oops\n")
    with pytest.raises(ParseError) as told:
        load(bad)
    assert (told.value.place, told.value.line) == (str(bad), 4)
    assert str(told.value).startswith(f"{bad}, line 4: ")
    assert "Mend the Turtle" in str(told.value)


def test_an_undeclared_prefix_is_named_with_its_line(write):
    bad = write("bad.ttl", PREFIXES + "kb:a ev:b nope:c .\n")
    with pytest.raises(ParseError, match=r"line 3: .*nope"):
        load(bad)


def test_bytes_that_are_not_utf_8_are_a_parse_error(tmp_path):
    bad = tmp_path / "bad.ttl"
    bad.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"bad\.ttl"):
        load(bad)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no such folder"):
        load(tmp_path / "missing")


def test_a_folder_without_turtle_is_refused(write, tmp_path):
    write("notes.md", "nothing")
    with pytest.raises(DataError, match=r"no file here ends in \.ttl"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["[] ev:b 1 .", "kb:a ev:b [ ev:c 1 ] .", "_:x ev:b 1 ."])
def test_blank_nodes_are_refused(write, text):
    with pytest.raises(DataError, match=r"bad\.ttl: a blank node near .* Give every node an IRI"):
        load(write("bad.ttl", PREFIXES + text))


def test_own_files_come_beside_the_shipped_ones(write, kb):
    own = write("own/a.ttl", PREFIXES + 'kb:mine a ev:Target ; ev:key "mine" .')
    both = load([own.parent])
    assert len(both) == len(kb) + 2
    assert both.called("mine") == {KB + "mine"}
    assert not load(own, shipped=False).called("SHARP")
    assert load(own, shipped=False).called("overall survival")


def test_names_are_found_in_upper_and_lower_case_and_without_regard_to_spelling_of_sharp_s(write):
    text = 'kb:one a ev:Target ; ev:key "Stra\u00dfe \\"A\\"" .\nkb:Two a ev:Target ; ev:key "quux" .'
    store = load(write("own/a.ttl", PREFIXES + text), shipped=False)
    assert store.called('STRASSE "a"') == store.called('stra\u00dfe "A"') == {KB + "one"}
    assert store.called("two") == store.called("TWO") == store.called("QUUX") == {KB + "Two"}
    assert not store.called("wo")


def test_a_node_lies_in_the_graph_of_its_source(small):
    rows = values(small, "SELECT DISTINCT ?g WHERE { GRAPH ?g { kb:a-os-final ?p ?o } }")
    assert rows == [("https://w3id.org/hcckb/graph/report-2018",)]


def test_resolutions_dataset_and_vocabulary_have_graphs_of_their_own(small):
    graph = "https://w3id.org/hcckb/graph/"
    for node, name in (
        ("kb:resolution-c-os", "resolutions"),
        ("kb:dataset", "dataset"),
        ("term:overall-survival", "vocabulary"),
        ("kb:study-a", "curation"),
    ):
        assert values(small, f"SELECT DISTINCT ?g WHERE {{ GRAPH ?g {{ {node} ?p ?o }} }}") == [(graph + name,)]


def test_without_a_graph_a_query_sees_the_union(small):
    rows = values(small, "SELECT ?label WHERE { kb:a-os-final ev:ofStudy/rdfs:label ?label }")
    assert rows == [("Study A",)]


def test_beside_a_graph_a_pattern_still_sees_the_union(small):
    text = "SELECT DISTINCT ?label WHERE { GRAPH ?g { kb:a-os-final ev:ofStudy ?s } ?s rdfs:label ?label }"
    assert values(small, text) == [("Study A",)]


def test_from_narrows_to_the_graphs_named(small):
    text = "SELECT DISTINCT ?s FROM graph:report-2015 WHERE { ?s a ev:Estimate } ORDER BY ?s"
    assert [r[0].removeprefix(KB) for r in values(small, text)] == ["a-os-final-2015", "a-os-interim", "a-os-primary"]


def test_the_word_from_in_a_comment_string_or_variable_narrows_nothing(small):
    text = '# from here\nSELECT ?from WHERE { ?from rdfs:label ?graph . FILTER(?graph != "from graph") } ORDER BY ?from'
    assert len(small.select(text)) > 5


def test_digits_stay_as_printed_in_quads_and_rdflib(small):
    wanted = ox.Literal("0.70", datatype=ox.NamedNode("http://www.w3.org/2001/XMLSchema#decimal"))
    assert any(q.subject.value == KB + "a-os-final" and q.object == wanted for q in small.quads)
    dataset = small.to_rdflib()
    assert len(dataset) == len(small)
    assert "0.70" in {str(o) for _, _, o, _ in dataset.quads()}
    assert "https://w3id.org/hcckb/graph/report-2018" in {str(g) for _, _, _, g in dataset.quads()}


def test_each_query_form_gives_its_kind_of_answer(small):
    assert small.ask("ASK { kb:study-a a ev:RandomisedTrial }") is True
    assert small.ask("ASK { kb:study-a a ev:CohortStudy }") is False
    triples = small.ask("CONSTRUCT { ?s a ev:Study } WHERE { ?s a ev:RandomisedTrial }")
    assert len(triples) == 5
    assert len(small.ask("DESCRIBE kb:study-f")) == 8
    rows = small.ask("SELECT ?s WHERE { ?s a ev:RandomisedTrial } ORDER BY ?s")
    assert isinstance(rows, Solutions)
    assert (rows.variables, len(rows), next(iter(rows))["s"].value) == (("s",), 5, KB + "study-a")


def test_select_refuses_another_form(small):
    with pytest.raises(ParseError, match="not a SELECT"):
        small.select("ASK { ?s ?p ?o }", "mine.rq")


def test_a_sparql_error_names_place_and_line(small):
    with pytest.raises(ParseError) as told:
        small.select("SELECT ?s\nWHERE { ?s ?p }", "mine.rq")
    assert (told.value.place, told.value.line) == ("mine.rq", 2)


def test_an_update_is_not_a_query(small):
    before = len(small)
    with pytest.raises(ParseError):
        small.ask("INSERT DATA { kb:x ev:y 1 }")
    assert len(small) == before


@pytest.mark.parametrize("form", ["SELECT *", "CONSTRUCT { ?s ?p ?o }", "ASK"])
def test_a_service_out_of_reach_is_an_engine_error(small, form):
    text = f"{form} WHERE {{ SERVICE <http://127.0.0.1:1/sparql> {{ ?s ?p ?o }} }}"
    with pytest.raises(EngineError, match=r"mine\.rq: the query calls a service"):
        small.ask(text, "mine.rq")


def test_names_are_found_whatever_their_case(kb):
    assert kb.called("reach-2") == kb.called("REACH-2") != frozenset()
    assert kb.called("NCT01140347") == {KB + "reach"}
    assert kb.called("no such thing") == frozenset()


def test_a_label_falls_back_to_the_shortened_iri(kb):
    assert kb.label(KB + "reach") == "REACH"
    assert kb.label("https://w3id.org/hcckb/term/overall-survival") == "Overall survival"
    assert kb.label(KB + "nothing-here") == "kb:nothing-here"


def test_describe_and_types_give_one_node_sorted(small):
    pairs = small.describe(KB + "target-x1")
    assert [p.rpartition("#")[2] for p, _ in pairs] == ["type", "label", "broader", "targetKind"]
    assert small.types(KB + "target-x1") == {"https://w3id.org/hcckb/ns#Target"}


def test_a_part_holds_only_what_it_was_given(small):
    quads = [q for q in small.quads if q.subject.value == KB + "target-x"]
    part = small.part(quads)
    assert len(part) == len(quads) == 3
    assert part.label(KB + "target-x") == "Target X"
    assert len(small) > 3


def test_the_shapes_file_is_not_data(kb):
    assert paths.SHAPES not in kb.files
    assert values(kb, "SELECT ?s WHERE { ?s a sh:NodeShape }") == []
