"""Named queries: their headers, their parameters, and that every shipped one runs and says what it says."""

from __future__ import annotations

import re

import pyoxigraph as ox
import pytest

from hcckb import paths
from hcckb.errors import ParseError, UnknownNameError, UsageError
from hcckb.queries import Parameter, library, named, read, resolve, run, typed
from hcckb.store import Solutions

LIBRARY = library()
TERM = "https://w3id.org/hcckb/term/"
KB = "https://w3id.org/hcckb/kb/"
WIDER = {"decimal": ("integer",), "string": ("anyURI",)}
STEPPED = """#+ title: T
#+ kind: selection
SELECT ?study ?experimental_arm ?comparator_arm
WHERE {
  ?study a ev:RandomisedTrial .
  # step: arms | Two arms | ?study
  ?experimental_arm ev:ofStudy ?study ; ev:role term:experimental-arm .
  ?comparator_arm ev:ofStudy ?study ; ev:role term:placebo-arm .
  # keep
}
ORDER BY ?study
"""


def examples(query):
    return {p.name: p.example for p in query.parameters}


@pytest.mark.parametrize("name", LIBRARY)
def test_every_query_runs_with_its_example_and_gives_the_columns_it_declares(kb, name):
    query = LIBRARY[name]
    answer = run(kb, query, **examples(query))
    assert isinstance(answer, Solutions)
    assert answer.variables == tuple(query.columns)
    assert len(answer) > 0


@pytest.mark.parametrize("name", LIBRARY)
def test_every_declared_column_holds_what_it_declares(kb, name):
    query = LIBRARY[name]
    kinds = {"string": "string", "integer": "integer", "decimal": "decimal", "date": "date"}
    for row in run(kb, query, **examples(query)):
        for column, declared in query.columns.items():
            value = row[column]
            if value is None:
                assert declared.endswith("?"), f"{column} is declared {declared} and empty in {row}"
            elif declared.rstrip("?") == "iri" and column != "year":
                assert isinstance(value, ox.NamedNode), f"{column}: {value}"
            elif declared.rstrip("?") in kinds:
                datatype = value.datatype.value.rpartition("#")[2]
                wanted = {kinds[declared.rstrip("?")], *WIDER.get(declared.rstrip("?"), ())}
                assert datatype in wanted, f"{column}: {value}"


@pytest.mark.parametrize("name", LIBRARY)
def test_every_query_orders_its_rows_totally(kb, name):
    query = LIBRARY[name]
    tail = query.text.rpartition("ORDER BY")[2]
    ordered = re.findall(r"\?(\w+)", tail)
    assert ordered, "no ORDER BY"
    keys = [tuple(str(row.get(v)) for v in ordered) for row in run(kb, query, **examples(query))]
    assert len(set(keys)) == len(keys), f"rows tie under ORDER BY {ordered}"


@pytest.mark.parametrize("name", LIBRARY)
def test_every_query_has_title_and_summary_and_its_parameters_have_examples(name):
    query = LIBRARY[name]
    assert query.title != name
    assert query.summary.endswith(".")
    assert query.kind in ("table", "selection")
    assert all(p.example for p in query.parameters)


@pytest.mark.parametrize("name", [n for n, q in LIBRARY.items() if q.kind == "selection"])
def test_every_selection_gives_a_study_and_two_arms(name):
    query = LIBRARY[name]
    assert {"study", "experimental_arm", "comparator_arm"} <= set(query.columns)
    assert query.steps
    assert len({s.name for s in query.steps}) == len(query.steps)


def test_a_file_by_its_path_is_a_query(write, kb):
    path = write("mine.rq", "SELECT ?s WHERE { ?s a ev:RandomisedTrial } ORDER BY ?s")
    query = named(str(path))
    assert (query.name, query.kind, query.title) == ("mine", "table", "mine")
    assert len(run(kb, query)) >= 7


def test_an_unknown_query_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'second-line-placebo-vegfr'"):
        named("second-line-placebo-vegf")
    with pytest.raises(UnknownNameError):
        named("check/duplicate-estimate")
    with pytest.raises(UnknownNameError, match="query file"):
        named("missing.rq")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#+ title: [\nSELECT ?s WHERE { ?s ?p ?o }", r"line \d: the header is not YAML"),
        ("#+ a: b: c\nSELECT ?s WHERE { ?s ?p ?o }", "line 1: the header is not YAML"),
        ("# remark\n#+ title: T\n#+ a: b: c\nSELECT ?s WHERE { ?s ?p ?o }", "line 3: the header is not YAML"),
        ("#+ just words\nSELECT ?s WHERE { ?s ?p ?o }", "line 1: the header is not a mapping"),
        ("#+ parameters: [a]\nSELECT ?s WHERE { ?s ?p ?o }", "`parameters` in the header is not a mapping"),
        ("#+ columns: [s]\nSELECT ?s WHERE { ?s ?p ?o }", "`columns` in the header is not a mapping"),
        ("#+ parameters: {s: term}\nSELECT ?s WHERE { ?s ?p ?o }", "parameter 's' must be a mapping with `type`"),
        ("#+ parameters: {s: {scheme: line}}\nSELECT ?s WHERE { ?s ?p ?o }", "must be a mapping with `type`"),
        ("#+ parameters: {s: {type: term, what: 1}}\nSELECT ?s WHERE { ?s ?p ?o }", "and at most"),
        ("#+ parameters: {s: {type: planet}}\nSELECT ?s WHERE { ?s ?p ?o }", "has type 'planet', which is none of"),
        ("#+ parameters: {s: {type: [term]}}\nSELECT ?s WHERE { ?s ?p ?o }", "which is none of"),
        ("#+ columns: {s: iri, p: iri}\nSELECT ?s WHERE { ?s ?p ?o }", r"SELECT gives \['s'\]"),
        ("#+ columns: {o: iri, s: iri}\nSELECT ?s ?o WHERE { ?s ?p ?o }", r"SELECT gives \['s', 'o'\]"),
        (
            "#+ columns: {s: iri}\n#+ parameters: {line: {type: term}}\nSELECT ?s WHERE { ?s ?p ?o }",
            "parameter 'line' is not selected",
        ),
        ("#+ kind: selection\nSELECT ?study WHERE { ?study ?p ?o }", "a selection query needs `# step:"),
        (STEPPED.replace("  # keep\n", ""), "step 'arms' needs exactly one `# keep` line"),
        (STEPPED.replace("  # keep\n", "  # keep\n  # keep\n"), "step 'arms' needs exactly one `# keep` line"),
        ("#+ kind: selection\nSELECT ?study { ?study ?p ?o }", r"no WHERE \{ \.\.\. \} was found"),
    ],
)
def test_a_wrong_header_is_told_with_its_place(write, text, problem):
    path = write("wrong.rq", text)
    with pytest.raises(ParseError, match=problem) as told:
        read(path)
    assert str(told.value).startswith(str(path))


def test_bytes_that_are_not_utf_8_are_told(tmp_path):
    path = tmp_path / "x.rq"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ParseError, match=r"x\.rq: cannot be read"):
        read(path)


def test_a_select_with_expressions_is_compared_by_its_names(write):
    path = write("x.rq", "#+ columns: {s: iri, n: integer}\nSELECT ?s (COUNT(?o) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?s")
    assert list(read(path).columns) == ["s", "n"]


def test_steps_are_cut_at_their_marks(write):
    query = read(write("x.rq", STEPPED.replace("# keep\n", "# keep\n  FILTER(?study != kb:study-b)\n")))
    (step,) = query.steps
    assert (step.name, step.title, step.shows) == ("arms", "Two arms", "study")
    assert "ev:RandomisedTrial" in query.prelude
    assert "term:placebo-arm" in step.pattern
    assert step.keep.strip() == "FILTER(?study != kb:study-b)"


def test_values_go_in_as_typed_terms_at_the_head_of_where(kb):
    text = LIBRARY["trials-by-line"].bound(kb, {"line": "2L"})
    assert f"VALUES (?line) {{ (<{TERM}second-line>) }}" in text
    assert text.index("VALUES (?line)") < text.index("VALUES ?design")


def test_the_where_is_found_past_strings_comments_and_iris(write, kb):
    text = (
        "#+ title: T\n#+ parameters: {line: {type: term, scheme: line}}\n# where { is this\n"
        'SELECT ?line ("where { } #" AS ?x) WHERE { ?s ev:line ?line . FILTER("}" != \'{\') }'
    )
    answer = run(kb, read(write("x.rq", text)), line="1L")
    assert {row["line"].value for row in answer} == {TERM + "first-line"}


@pytest.mark.parametrize(
    "attack",
    [
        '2L" } UNION { ?s ?p ?o } #',
        "term:second-line) } UNION { ?study ?p ?o } VALUES (?line) { (term:first-line",
        "https://w3id.org/hcckb/term/second-line> } UNION { ?s ?p <x",
        "?line",
        "*",
        "",
    ],
)
def test_what_looks_like_sparql_is_an_unknown_name(kb, attack):
    with pytest.raises(UnknownNameError):
        run(kb, LIBRARY["trials-by-line"], line=attack)


def test_what_looks_like_sparql_stays_a_literal(write, kb):
    text = "#+ title: T\n#+ parameters: {word: {type: string}}\nSELECT ?word WHERE { BIND(1 AS ?one) }"
    attack = "\" } UNION { ?s ?p ?o } \\ \n ' #"
    (row,) = run(kb, read(write("x.rq", text)), word=attack)
    assert row["word"] == ox.Literal(attack)


@pytest.mark.parametrize(
    ("kind", "value", "lexical"),
    [
        ("integer", "1_000", "1000"),
        ("integer", " 7 ", "7"),
        ("decimal", "1e3", "1000"),
        ("decimal", "0.70", "0.70"),
        ("date", "20200131", "2020-01-31"),
        ("date", "2020-01-31", "2020-01-31"),
        ("string", "as it is", "as it is"),
    ],
)
def test_numbers_and_dates_are_written_as_their_type_writes_them(kb, kind, value, lexical):
    term = typed(kb, Parameter("x", kind, example="1"), value)
    assert (term.value, term.datatype.value.rpartition("#")[2]) == (lexical, kind)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "1.5"),
        ("integer", "many"),
        ("decimal", "NaN"),
        ("decimal", "inf"),
        ("decimal", "0,7"),
        ("date", "31.1.2020"),
        ("date", "2020-02-30"),
    ],
)
def test_a_value_of_another_type_is_a_usage_error(kb, kind, value):
    with pytest.raises(UsageError, match=f"is not of type {kind}, e.g. 1"):
        typed(kb, Parameter("x", kind, example="1"), value)


def test_missing_and_unknown_parameters_are_usage_errors(kb):
    with pytest.raises(UsageError, match=r"needs target\. Try: --param target=MET"):
        run(kb, LIBRARY["trials-by-target"])
    with pytest.raises(UsageError, match="has no parameter 'store'; it takes: target"):
        run(kb, LIBRARY["trials-by-target"], target="MET", store="x")
    with pytest.raises(UsageError, match="it takes: none"):
        run(kb, LIBRARY["studies"], query="x")


@pytest.mark.parametrize(
    ("name", "kind", "scheme", "iri"),
    [
        ("OS", "term", "endpoint", TERM + "overall-survival"),
        ("os", "term", "endpoint", TERM + "overall-survival"),
        ("Overall survival", "term", "endpoint", TERM + "overall-survival"),
        ("term:overall-survival", "term", "endpoint", TERM + "overall-survival"),
        (TERM + "overall-survival", "term", "endpoint", TERM + "overall-survival"),
        ("overall-survival", "term", "endpoint", TERM + "overall-survival"),
        ("VEGFR", "target", "", KB + "target-vegfr"),
        ("KDR", "target", "", KB + "target-vegfr2"),
        ("ramucirumab", "agent", "", KB + "agent-ramucirumab"),
        ("ramucirumab", "term", "regimen", TERM + "ramucirumab"),
        ("NCT01140347", "study", "", KB + "reach"),
        ("S000", "source", "", KB + "source-s000"),
    ],
)
def test_a_name_is_resolved_within_its_kind(kb, name, kind, scheme, iri):
    assert resolve(kb, name, kind, scheme) == iri


@pytest.mark.parametrize(
    ("name", "kind", "scheme", "told"),
    [
        (
            "OSS",
            "term",
            "endpoint",
            r"no endpoint is called 'OSS'\. Did you mean 'OS'\? List them: hcckb terms endpoint",
        ),
        ("2nd line", "term", "line", "no line is called '2nd line'.*hcckb terms line"),
        ("ramucirumap", "agent", "", "Did you mean '[Rr]amucirumab'"),
        ("RECH", "study", "", "Did you mean 'REACH'"),
        ("ramucirumab", "study", "", "no study is called"),
        ("nonsense-of-all-kinds", "any", "", "no node is called"),
    ],
)
def test_an_unknown_name_is_suggested_within_its_kind(kb, name, kind, scheme, told):
    with pytest.raises(UnknownNameError, match=told):
        resolve(kb, name, kind, scheme)


def test_no_query_evaluates_a_filter_around_a_path():
    for file in paths.QUERIES.rglob("*.rq"):
        body = "\n".join(x for x in file.read_text(encoding="utf-8").splitlines() if not x.lstrip().startswith("#"))
        for inner in re.findall(r"FILTER\s+(?:NOT\s+)?EXISTS\s*\{([^}]*)\}", body):
            assert not re.search(r"\w[*+](?=\s)|\w/\w+:", inner), f"{file.name}: {inner}"
