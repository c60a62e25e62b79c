"""The command line: formats, help, files, golden output, pipes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hcckb.cli.app import application
from hcckb.evidence import COLUMNS
from hcckb.reproduced import COLUMNS as REPRODUCED

TESTS = Path(__file__).resolve().parents[1]
SMALL = TESTS / "data" / "kb-small"
TABLES = TESTS / "data" / "tables"
FLAGSHIP = "second-line-placebo-vegfr"
COMMANDS = {c.callback.__name__: c.callback for c in application().registered_commands}
OWN = ("--kb", SMALL, "--only-kb")
FORMATTED = {
    "queries": [],
    "query": ["trials-by-target", "--param", "target=MET"],
    "select": [FLAGSHIP, "--endpoint", "OS"],
    "pool": [FLAGSHIP, "--endpoint", "OS"],
    "why": ["SHARP", FLAGSHIP],
    "flow": [FLAGSHIP, "--endpoint", "OS"],
    "show": ["REACH-2"],
    "reproduce": [],
}


def examples():
    for name, callback in COMMANDS.items():
        for line in re.findall(r"Example: hcckb (.+)", callback.__doc__ or ""):
            yield pytest.param(shlex.split(line), id=name)


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def shell(*arguments, cwd=None, stdout=subprocess.PIPE, **environment):
    """Run `hcckb` as a process of its own, its output buffered as usual."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-m", "hcckb", *arguments],
        cwd=cwd,
        env={**inherited, "PYTHONPATH": str(TESTS.parent), **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )


def test_every_command_has_an_example():
    assert {p.id for p in examples()} == set(COMMANDS)


@pytest.mark.parametrize("line", list(examples()))
def test_the_examples_of_the_help_run(command, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(TESTS / "data" / "tables" / "bcg-counts.csv", "counts.csv")
    Path("medians.csv").write_text("study,median,n\nA,10.6,379\nB,7.8,194\nC,8.5,283\n", encoding="utf-8")
    own = ("counts.csv", "medians.csv")
    ran = command(*line)
    written = [n.name for n in tmp_path.iterdir() if n.name not in own]
    assert (ran.code, ran.err) == (0, "".join(f"wrote {n}\n" for n in written))
    assert written or ran.out.endswith("\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(command, name):
    for flag in ("-h", "--help"):
        ran = command(name, flag)
        assert ran.code == 0
        assert f"Usage: hcckb {name}" in ran.out


@pytest.mark.parametrize("name", FORMATTED)
def test_every_format_of_every_command(command, name):
    shown = command(name, *FORMATTED[name])
    as_csv = command(name, *FORMATTED[name], "--format", "csv")
    as_json = command(name, *FORMATTED[name], "-f", "json")
    for ran in (shown, as_csv, as_json):
        assert (ran.code, ran.err) == (0, "")
    assert rows(as_csv.out)
    assert "\r\n" in as_csv.out
    assert as_json.json()
    assert shown.out not in (as_csv.out, as_json.out)


def test_select_gives_the_columns_of_the_contract(command):
    ran = command("select", FLAGSHIP, "--endpoint", "OS", "-f", "csv")
    found = rows(ran.out)
    assert tuple(found[0]) == COLUMNS
    assert len(found) == 7
    told = command("select", FLAGSHIP, "--endpoint", "OS", "-f", "json").json()
    assert [r["study"] for r in told["rows"]] == [r["study"] for r in found]
    assert set(told) >= {"rows", "passed_over", "warnings"}


def test_csv_and_json_keep_full_precision(command):
    told = command("pool", FLAGSHIP, "--endpoint", "OS", "-f", "json").json()
    (row,) = rows(command("pool", FLAGSHIP, "--endpoint", "OS", "-f", "csv").out)
    for name in ("estimate", "ci_lower", "ci_upper", "tau2", "i2", "p_value", "analysis_estimate"):
        assert float(row[name]) == told[name]
    assert told["k"] == int(row["k"]) == 7


def test_reproduce_gives_its_columns(command):
    assert tuple(rows(command("reproduce", "S000", "-f", "csv").out)[0]) == REPRODUCED


def test_the_same_question_gives_the_same_bytes(command):
    line = ("pool", FLAGSHIP, "--endpoint", "OS", "-f", "json")
    assert command(*line).out == command(*line).out


def test_pool_options_reach_the_statistics(command):
    told = command(
        *("pool", FLAGSHIP, "--endpoint", "OS", "--tau2", "DL", "--ci", "wald", "--level", "0.9", "-f", "json")
    ).json()
    assert (told["tau2_method"], told["ci_method"], told["level"]) == ("DL", "wald", 0.9)
    common = command("pool", FLAGSHIP, "--endpoint", "OS", "--model", "common", "-f", "json").json()
    assert (common["model"], common["tau2"], common["prediction_lower"]) == ("common", 0.0, None)
    rule = command("pool", FLAGSHIP, "--endpoint", "OS", "--model", "rule:kim2017").out
    assert "Note: rule:kim2017: Q has P = " in rule


def test_s000_as_printed_gives_its_pooled_numbers(command):
    line = ("pool", "--source", "S000", "--as-printed", "--tau2", "DL", "--ci", "wald", "-f", "json")
    told = command(*line, "--endpoint", "OS").json()
    assert [round(told[n], 2) for n in ("estimate", "ci_lower", "ci_upper", "i2")] == [0.86, 0.74, 1.01, 0.56]


def test_pool_by_gives_a_result_for_each_group(command):
    line = ("pool", FLAGSHIP, "--endpoint", "OS", "--by", "experimental")
    assert {r["group"]: r["k"] for r in rows(command(*line, "-f", "csv").out)}["Ramucirumab"] == "2"
    assert command(*line, "-f", "json").json()["Ramucirumab"]["k"] == 2
    assert "## Ramucirumab" in command(*line).out


@pytest.mark.parametrize("measure", ["HR", "OR", "RR", "hazard-ratio"])
def test_a_table_of_ones_own_is_pooled(command, measure):
    """Weights 45.92, 66.34 and 41.12 by hand: the mean log ratio is -0.2348."""
    line = ("pool", "--data", TABLES / "ratios.csv", "--measure", measure, "--model", "common", "-f", "json")
    told = command(*line).json()
    assert (told["k"], told["scale"]) == (3, "log")
    assert told["analysis_estimate"] == pytest.approx(-0.2348, abs=5e-5)


def test_a_generic_table_is_pooled_on_its_own_scale(command):
    told = command("pool", "--data", TABLES / "generic-error.csv", "--measure", "generic", "-f", "json").json()
    assert (told["scale"], told["estimate"]) == ("identity", told["analysis_estimate"])


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_plots_go_to_files_and_words_about_them_to_stderr(command, tmp_path, suffix):
    forest, funnel = tmp_path / f"forest{suffix}", tmp_path / f"funnel{suffix}"
    ran = command("pool", FLAGSHIP, "--endpoint", "OS", "--plot", forest, "--funnel", funnel, "-f", "json")
    assert ran.json()["k"] == 7
    assert ran.err == f"wrote {forest}\nwrote {funnel}\n"
    assert forest.stat().st_size > 1000
    assert funnel.stat().st_size > 1000


def test_the_flow_is_drawn(command, tmp_path):
    ran = command("flow", FLAGSHIP, "--plot", tmp_path / "flow.svg")
    assert (ran.code, ran.err) == (0, f"wrote {tmp_path / 'flow.svg'}\n")
    assert "REACH" in ran.out


def test_output_goes_to_a_file_whole(command, tmp_path):
    path = tmp_path / "out.csv"
    ran = command("select", FLAGSHIP, "--endpoint", "OS", "-f", "csv", "-o", path)
    assert (ran.code, ran.out, ran.err) == (0, "", f"wrote {path}\n")
    assert len(rows(path.read_bytes().decode("utf-8"))) == 7
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("ASK { kb:reach a ev:RandomisedTrial }", "true\n"),
        ("ASK { kb:reach a ev:CohortStudy }", "false\n"),
        (
            "CONSTRUCT { ?s a ev:Study } WHERE { VALUES ?s { kb:reach } ?s a ?t }",
            "<https://w3id.org/hcckb/kb/reach> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
            "<https://w3id.org/hcckb/ns#Study> .\n",
        ),
    ],
)
def test_a_query_file_of_any_form_runs(command, write, text, out):
    ran = command("query", write("mine.rq", text))
    assert (ran.code, ran.out) == (0, out)


def test_describe_gives_triples(command, write):
    lines = command("query", write("mine.rq", "DESCRIBE kb:reach")).out.splitlines()
    assert '<https://w3id.org/hcckb/kb/reach> <https://w3id.org/hcckb/ns#acronym> "REACH" .' in lines
    assert lines == sorted(lines)


def test_a_parameter_may_be_written_as_an_option_or_as_param(command):
    by_param = command("select", "trials-by-target", "--param", "target=MET", "--endpoint", "OS", "-f", "csv")
    by_option = command("select", "trials-by-target", "--target", "MET", "--endpoint", "OS", "-f", "csv")
    by_filter = command("select", "--target", "MET", "--endpoint", "OS", "-f", "csv")
    assert by_param.code == 0
    assert by_param.out == by_option.out == by_filter.out


def test_terms_lists_vocabularies_and_their_terms(command):
    schemes = command("terms").out.split()
    assert {"endpoint", "line", "measure", "agent-class"} <= set(schemes)
    for scheme in schemes:
        assert command("terms", scheme).code == 0
    assert re.search(r"^OS +Overall survival", command("terms", "endpoint").out, re.MULTILINE)


def test_an_own_folder_is_added_or_used_alone(command):
    added = command("select", "--endpoint", "OS", "--kb", SMALL, "-f", "json").json()
    alone = command("select", "--endpoint", "OS", *OWN, "-f", "json").json()
    assert {r["study"] for r in alone["rows"]} == {"Study A", "Study B", "Study C", "Study D", "Study E"}
    assert {r["study"] for r in added["rows"]} > {"Study A", "REACH"}


def test_an_error_of_the_data_ends_check_with_3(command, write):
    text = (SMALL / "study-c.ttl").read_text(encoding="utf-8")
    bad = write("bad.ttl", text.replace("kb:c-os ", "kb:c-os-bad ").replace("ev:value 0.90", "ev:value 1.90"))
    ran = command("check", "--no-shapes", "--kb", SMALL, "--kb", bad, "-f", "json")
    assert ran.code == 3
    found = [f for f in ran.json() if (f["rule"], f["severity"]) == ("value-outside-interval", "error")]
    assert [f["node"].rpartition("/")[2] for f in found] == ["c-os-bad"]
    assert command("check", "--no-shapes").code == 0


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("why-sharp.txt", ["why", "SHARP", FLAGSHIP]),
        ("why-everolimus.txt", ["why", "EVOLVE-1", FLAGSHIP]),
        ("flow-line.txt", ["flow", *OWN, "--line", "2L", "--endpoint", "OS"]),
        ("select-small.txt", ["select", *OWN, "--endpoint", "OS"]),
        ("pool-small.txt", ["pool", *OWN, "--endpoint", "OS", "--line", "2L"]),
        ("pool-small.json", ["pool", *OWN, "--endpoint", "OS", "--line", "2L", "-f", "json"]),
        ("pool-own-table.txt", ["pool", "--data", "ratios.csv", "--measure", "HR"]),
        ("show-small.txt", ["show", "Study B", *OWN]),
    ],
)
def test_output_is_as_it_was(command, golden, monkeypatch, file, line):
    monkeypatch.chdir(TABLES)
    ran = command(*line)
    assert (ran.code, ran.err) == (0, "")
    text = re.sub(r"hcckb \d[\w.]*|(?<=\"software_version\": \")[^\"]*", "hcckb VERSION", ran.out)
    golden(file, re.sub(r"-?\d+\.\d{9,}", lambda number: f"{float(number.group()):.9f}", text))


def test_python_m_hcckb_runs_from_anywhere(tmp_path):
    ran = shell("why", "SHARP", FLAGSHIP, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == (TESTS / "golden" / "why-sharp.txt").read_text(encoding="utf-8")


def test_an_error_is_text_and_an_exit_code():
    ran = shell("why", "RECH", FLAGSHIP)
    assert (ran.returncode, ran.stdout) == (4, "")
    assert ran.stderr.startswith("hcckb: no study is called 'RECH'")


def test_output_is_utf_8_whatever_the_terminal_says():
    ran = shell("pool", FLAGSHIP, "--endpoint", "OS", PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "·" in ran.stdout


@pytest.mark.parametrize("line", [["why", "SHARP", FLAGSHIP], ["query", "evidence", "-f", "csv"]])
def test_a_reader_that_leaves_early_is_no_error(line):
    """Short output meets the closed pipe when it is flushed, long output while it is written."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = shell(*line, stdout=writing)
    finally:
        os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_json_is_one_document_on_stdout():
    ran = shell("pool", FLAGSHIP, "--endpoint", "OS", "-f", "json")
    assert json.loads(ran.stdout)["k"] == 7
    assert ran.stderr == ""


def test_audit_writes_its_findings_as_turtle(command):
    ran = command("audit", "REACH", "-f", "turtle")
    assert ran.code == 0
    assert ran.out.startswith("@prefix ev:")
    assert 'ev:rule "endpoint-of-another"' in ran.out


@pytest.mark.parametrize(
    ("name", "option", "there"), [("turtle", "--findings", True), ("trig", "--no-findings", False)]
)
def test_export_carries_findings_as_asked(command, name, option, there):
    assert ("a ev:Finding" in command("export", name, option).out) is there
