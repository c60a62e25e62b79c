"""The report of a network: a star goes through to the end, a closed loop is examined."""

from __future__ import annotations

import csv
import io

import pytest

from hcckb.analysis.network import NetworkMethod, network
from hcckb.evidence import select
from hcckb.report import network_report
from hcckb.report.network import netmeta_code, network_csv
from hcckb.report.page import html, markdown
from hcckb.usertable_network import read_network_table

SECTIONS = [
    "Answer",
    "Question",
    "Selection",
    "Evidence",
    "Network",
    "Effects",
    "Ranks",
    "Consistency",
    "Contributions",
    "Small-study effects",
    "Doubts",
    "Sources",
    "Methods",
    "Recompute",
]
LOOP = """study,treatment1,treatment2,value,ci_lower,ci_upper
One,A,B,0.8,0.6,1.07
Two,B,C,0.9,0.7,1.16
Three,A,C,0.6,0.45,0.8
Four,A,C,0.7,0.5,0.98
"""


@pytest.fixture
def loop(tmp_path):
    path = tmp_path / "loop.csv"
    path.write_text(LOOP, encoding="utf-8")
    return path


@pytest.mark.parametrize("query", ["second-line-placebo", "first-line-sorafenib-controlled"])
def test_star_goes_through_to_the_end(kb, query):
    table = select(kb, query, endpoint="OS")
    report = network_report(table, network(table, method=NetworkMethod(samples=200)), kb)
    assert [s.title for s in report.sections] == SECTIONS
    assert "No loop is closed" in html(report)
    assert all(row.locator in html(report) for row in table.rows if "&" not in row.locator)


def test_closed_loop_shows_direct_against_indirect(loop):
    table = read_network_table(loop, "hazard-ratio")
    result = network(table, method=NetworkMethod(samples=0))
    report = network_report(table, result)
    consistency = next(s for s in report.sections if s.title == "Consistency")
    assert [row[0] for row in consistency.blocks[0].rows] == [
        f"{c.treatment1} against {c.treatment2}" for c in result.comparisons
    ]
    assert "No loop is closed" not in markdown(report)
    assert "Selection" not in [s.title for s in report.sections]


def test_table_of_the_report_holds_what_was_fitted(loop):
    result = network(read_network_table(loop, "hazard-ratio"), method=NetworkMethod(samples=0))
    rows = list(csv.DictReader(io.StringIO(network_csv(result))))
    assert [float(r["te"]) for r in rows] == [r.analysis_value for r in result.rows]
    code = netmeta_code(result)
    assert 'sm = "HR"' in code
    assert f'reference.group = "{result.reference}"' in code


def test_report_of_a_network_on_the_command_line(command, loop, tmp_path):
    path = tmp_path / "n.html"
    asked = ("network", "--data", loop, "--measure", "HR")
    ran = command(*asked, "--report", path)
    assert (ran.code, ran.err) == (0, f"wrote {path}\n")
    assert "P-score" in path.read_text(encoding="utf-8")
    assert command(*asked, "--report", path, "--parts").code == 2
    assert command(*asked, "--report", path, "--components").code == 2
