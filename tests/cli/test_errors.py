"""What cannot be answered: one paragraph with place and mend, the right exit code, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TABLES = TESTS / "data" / "tables"
OWN = ("--kb", TESTS / "data" / "kb-small", "--only-kb")
FLAGSHIP = "second-line-placebo-vegfr"
BAD = {
    # code, arguments, what the message must hold
    "unknown-query": (4, ["select", "second-line-placebo-vegf"], f"Did you mean '{FLAGSHIP}'"),
    "unknown-study": (4, ["why", "RECH", FLAGSHIP], "Did you mean 'REACH'"),
    "unknown-endpoint": (4, ["select", "--endpoint", "OSS"], "hcckb terms endpoint"),
    "unknown-target": (4, ["select", "--target", "VEGFRR"], "Did you mean"),
    "unknown-node": (4, ["show", "REACH-3"], "Did you mean 'REACH-2'"),
    "unknown-vocabulary": (4, ["terms", "endpiont"], "Did you mean 'endpoint'"),
    "unknown-synthesis": (4, ["reproduce", "S999"], "no synthesis"),
    "unknown-rule": (4, ["pool", FLAGSHIP, "--endpoint", "OS", "--model", "rule:nope"], "kim2017"),
    "unknown-format": (4, ["export", "word"], "word"),
    "unknown-query-file": (4, ["query", "missing.rq"], "missing.rq"),
    "unknown-model": (2, ["pool", FLAGSHIP, "--endpoint", "OS", "--model", "fixed"], "rule:NAME"),
    "unknown-column": (4, ["pool", FLAGSHIP, "--endpoint", "OS", "--by", "colour"], "List them: study"),
    "unknown-parameter": (2, ["query", "studies", "--param", "store=x"], "it takes: none"),
    "unknown-selection-parameter": (2, ["select", "--param", "query=x"], "has no parameter 'query'"),
    "parameter-without-value": (2, ["query", "trials-by-target", "--param", "target"], "name=value"),
    "parameter-missing": (2, ["query", "trials-by-target"], "--param target=MET"),
    "parameter-of-another-type": (2, ["query", "trials-by-year", "-p", "year=soon"], "is not of type integer"),
    "asked-twice": (2, ["select", "trials-by-target", "--target", "MET", "-p", "target=MET"], "ask the same"),
    "not-a-selection": (2, ["pool", "studies", "--endpoint", "OS"], "hcckb query studies"),
    "only-kb-without-kb": (2, ["select", "--only-kb"], "--kb"),
    "by-with-plot": (2, ["pool", FLAGSHIP, "--endpoint", "OS", "--by", "phase", "--plot", "x.svg"], "--by"),
    "data-without-measure": (2, ["pool", "--data", TABLES / "ratios.csv"], "--measure"),
    "data-with-query": (2, ["pool", FLAGSHIP, "--data", TABLES / "ratios.csv", "--measure", "HR"], "--data"),
    "data-with-filter": (2, ["pool", "--line", "2L", "--data", TABLES / "ratios.csv", "--measure", "HR"], "--line"),
    "data-with-odd-measure": (2, ["pool", "--data", TABLES / "ratios.csv", "--measure", "smile"], "hazard-ratio"),
    "no-such-folder": (3, ["select", "--kb", "missing-folder"], "there is no such folder"),
    "data-missing": (3, ["pool", "--data", "missing.csv", "--measure", "HR"], "missing.csv"),
    "data-missing-column": (3, ["pool", "--data", TABLES / "missing-column.csv", "--measure", "HR"], "'ci_upper'"),
    "data-text": (3, ["pool", "--data", TABLES / "text-in-number.csv", "--measure", "HR"], "row 3, column value"),
    "data-nan": (3, ["pool", "--data", TABLES / "nan.csv", "--measure", "HR"], "row 2, column value"),
    "data-empty": (3, ["pool", "--data", TABLES / "empty.csv", "--measure", "HR"], "empty.csv"),
    "value-outside": (3, ["pool", "--data", TABLES / "value-outside.csv", "--measure", "HR"], "row 2"),
    "not-positive": (3, ["pool", "--data", TABLES / "not-positive.csv", "--measure", "HR"], "is not positive"),
    "reversed": (3, ["pool", "--data", TABLES / "reversed.csv", "--measure", "HR"], "are reversed"),
    "zero-width": (3, ["pool", "--data", TABLES / "zero-width.csv", "--measure", "HR"], "leave no width"),
    "percent-level": (3, ["pool", "--data", TABLES / "percent-level.csv", "--measure", "HR"], "Write 0.95"),
    "level": (2, ["pool", FLAGSHIP, "--endpoint", "OS", "--level", "95"], "95"),
    "semicolons": (
        3,
        ["pool", "--data", TABLES / "semicolons.csv", "--measure", "HR"],
        "row 1: columns are separated by",
    ),
    "p-of-percent": (
        3,
        ["pool", "--data", TABLES / "p-of-percent.csv", "--measure", "HR"],
        "row 2, column p_value: 4.2",
    ),
    "nothing-selected": (5, ["pool", FLAGSHIP, "--endpoint", "OS", "--agent", "nivolumab"], "hcckb flow"),
    "nothing-in-groups": (5, ["pool", *OWN, "--endpoint", "TTP", "--by", "phase", "-f", "csv"], "hcckb flow"),
    "mixed-measures": (5, ["pool", *OWN, "--endpoint", "ORR"], "--measure"),
    "mixed-endpoints": (5, ["pool", FLAGSHIP], "--endpoint"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_told_in_one_paragraph(command, tmp_path, monkeypatch, case):
    code, line, told = BAD[case]
    monkeypatch.chdir(tmp_path)
    ran = command(*line)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("hcckb: ")
    assert told in ran.err
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "text", "place"),
    [
        (["select", "--kb", "broken.ttl"], "@prefix ev: <x:#> .\nev:a ev:b\n", "broken.ttl, line "),
        (["select", "--kb", "blank.ttl"], "[] <x:p> 1 .", "blank.ttl: a blank node"),
        (["query", "broken.rq"], "SELECT ?s\nWHERE { ?s ?p }", "broken.rq, line 2: "),
        (["query", "header.rq"], "#+ a: b: c\nSELECT ?s WHERE { ?s ?p ?o }", "header.rq, line 1: "),
        (["query", "list.rq"], "#+ parameters: [a]\nSELECT ?s WHERE { ?s ?p ?o }", "list.rq: `parameters`"),
    ],
)
def test_a_file_that_does_not_parse_is_named_with_its_line(command, write, monkeypatch, line, text, place):
    monkeypatch.chdir(write(line[-1], text).parent)
    ran = command(*line)
    assert (ran.code, ran.out, ran.err.count("\n")) == (3, "", 1)
    assert ran.err.startswith(f"hcckb: {place}")


def test_a_folder_without_turtle_is_named(command, tmp_path):
    ran = command("select", "--kb", tmp_path)
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert f"{tmp_path}: no file here ends in .ttl" in ran.err


def test_a_service_out_of_reach_ends_with_6(command, write):
    path = write("far.rq", "SELECT * WHERE { SERVICE <http://127.0.0.1:1/sparql> { ?s ?p ?o } }")
    ran = command("query", path)
    assert (ran.code, ran.out, ran.err.count("\n")) == (6, "", 1)


WRITING = {
    "select": ["select", FLAGSHIP, "--endpoint", "OS", "-o"],
    "pool": ["pool", FLAGSHIP, "--endpoint", "OS", "-f", "json", "-o"],
    "plot": ["pool", FLAGSHIP, "--endpoint", "OS", "--plot"],
    "funnel": ["pool", FLAGSHIP, "--endpoint", "OS", "--funnel"],
    "flow": ["flow", FLAGSHIP, "--plot"],
    "query": ["query", "studies", "-o"],
    "export": ["export", "turtle", "-o"],
    "reproduce": ["reproduce", "-o"],
}


@pytest.mark.parametrize("where", ["folder.svg", "missing/x.svg", "file.txt/x.svg"])
@pytest.mark.parametrize("name", WRITING)
def test_an_output_that_cannot_be_written_leaves_nothing_behind(command, tmp_path, name, where):
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    ran = command(*WRITING[name], tmp_path / where)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert str(tmp_path / where) in ran.err
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file.txt", "folder.svg"]


@pytest.mark.parametrize(
    "line",
    [
        ["pool", FLAGSHIP, "--tau2", "XX"],
        ["pool", FLAGSHIP, "--level", "much"],
        ["select", "-f", "xml"],
        ["select", "--year", "soon"],
        ["nonsense"],
        ["show"],
        [],
    ],
)
def test_wrong_usage_ends_with_2(command, line):
    ran = command(*line)
    assert ran.code == 2
    assert "Usage: hcckb" in ran.out + ran.err
    assert "Traceback" not in ran.err
