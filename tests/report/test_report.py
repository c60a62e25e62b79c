"""The report: everything on one page, in two formats, with code that recomputes the result."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hcckb.analysis.multiverse import multiverse, variants
from hcckb.analysis.pool import pool
from hcckb.analysis.rounding import rounding
from hcckb.evidence import select
from hcckb.report import pooled_report, write_report
from hcckb.report.page import html, markdown
from hcckb.report.r_code import data_csv, metafor_code
from hcckb.report.words import agreement
from hcckb.usertable import read_table

QUERY = "second-line-placebo-vegfr"
SECTIONS = [
    "Answer",
    "Question",
    "Selection",
    "Evidence",
    "Pooled result",
    "Absolute effects",
    "Sensitivity",
    "Small-study effects",
    "Choices",
    "Doubts",
    "Sources",
    "Methods",
    "Recompute",
]


@pytest.fixture(scope="module")
def table(kb):
    return select(kb, QUERY, endpoint="OS")


@pytest.fixture(scope="module")
def report(kb, table):
    return pooled_report(table, kb)


class Page(HTMLParser):
    """Collects what a page refers to, and whether its elements close."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.anchors, self.headings = [], [], set(), 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.addresses += [given[k] for k in ("href", "src") if k in given]
        self.anchors |= {given["id"]} if "id" in given else set()
        self.headings += tag == "h2"
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_report_has_every_section_in_order(report):
    assert [s.title for s in report.sections] == SECTIONS


def test_page_is_whole_and_needs_no_other_file(report):
    page = Page()
    page.feed(html(report))
    assert page.open == []
    assert page.headings == len(SECTIONS)
    inside = [a for a in page.addresses if a.startswith("#")]
    assert len(inside) >= len(SECTIONS)
    assert {a[1:] for a in inside} <= page.anchors
    assert all(a.startswith(("#", "https://", "http://", "data:")) for a in page.addresses)


def test_page_shows_each_estimate_with_its_place(report, table):
    text = html(report)
    for row in table.rows:
        assert row.study in text
        assert row.locator in text
    assert "Research tool, not medical advice." in text


def test_text_of_the_graph_is_escaped(kb, table):
    report = pooled_report(table, kb)
    assert "&lt;https://w3id.org/hcckb/ns#&gt;" in html(report)
    assert "<https://w3id.org/hcckb/ns#>" in markdown(report)


def test_same_question_gives_the_same_bytes(kb, table, report):
    assert html(pooled_report(table, kb)) == html(report)


def test_markdown_has_its_figures_beside_it(report, tmp_path):
    write_report(report, tmp_path / "answer.md")
    text = (tmp_path / "answer.md").read_text(encoding="utf-8")
    named = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert named == [f"answer-{n}.svg" for n in ("flow", "forest", "funnel", "curve", "gosh")]
    assert all((tmp_path / n).read_text(encoding="utf-8").startswith("<svg") for n in named)
    for line in (x for x in text.splitlines() if x.startswith("| ---")):
        assert line.count("|") > 2


def test_rows_of_a_markdown_table_have_as_many_cells_as_its_header(report):
    for block in re.findall(r"(?:^\|.*\n)+", markdown(report), flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


def test_audit_findings_that_touch_the_pool_are_shown(report, table):
    doubts = next(s for s in report.sections if s.title == "Doubts")
    assert re.match(r"\d+ findings of the audit touch", doubts.blocks[0].text)
    studies = {s for block in doubts.blocks[1:] for row in block.rows for s in row[1].split(", ")}
    assert studies & {r.study for r in table.rows}


def test_data_of_the_report_hold_the_pooled_rows(table):
    result = pool(table)
    rows = list(csv.DictReader(io.StringIO(data_csv(result))))
    assert [float(r["yi"]) for r in rows] == [r.analysis_value for r in result.rows]
    assert [float(r["sei"]) for r in rows] == [r.se for r in result.rows]


R = shutil.which("Rscript")
METAFOR = (
    R is not None and subprocess.run([R, "-e", "library(metafor)"], capture_output=True, check=False).returncode == 0
)


@pytest.mark.skipif(not METAFOR, reason="R with metafor is not installed; the values are pinned in tests/pooling")
@pytest.mark.parametrize(
    "method",
    [
        {},
        {"tau2": "DL2", "ci": "wald"},
        {"model": "common"},
        {"tau2_interval": "profile-likelihood"},
        {"tau2": "SJ", "ci": "hksj-guarded", "level": 0.9},
    ],
)
def test_r_code_of_the_report_gives_the_same_result(table, tmp_path, method):
    result = pool(table, **method)
    (tmp_path / "data.csv").write_text(data_csv(result), encoding="utf-8")
    code = metafor_code(result) + 'cat("\\n@", format(c(coef(res), res$ci.lb, res$ci.ub), digits = 12), "\\n")\n'
    (tmp_path / "recompute.R").write_text(code, encoding="utf-8")
    ran = subprocess.run([R, "recompute.R"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    estimate, low, high = (math.exp(float(x)) for x in ran.stdout.rpartition("@")[2].split())
    assert (estimate, low, high) == pytest.approx((result.estimate, result.ci_lower, result.ci_upper), rel=1e-7)


@pytest.mark.skipif(not METAFOR, reason="R with metafor is not installed; the values are pinned in tests/pooling")
@pytest.mark.parametrize(("measure", "model"), [("risk-ratio", "mantel-haenszel"), ("peto-odds-ratio", "peto")])
def test_r_code_of_cells_gives_the_same_result(tmp_path, measure, model):
    path = Path(__file__).parents[1] / "data" / "tables" / "yusuf-counts.csv"
    result = pool(read_table(path, measure), model=model)
    (tmp_path / "data.csv").write_text(data_csv(result), encoding="utf-8")
    code = metafor_code(result) + 'cat("\\n@", format(c(coef(res), res$ci.lb, res$ci.ub), digits = 12), "\\n")\n'
    (tmp_path / "recompute.R").write_text(code, encoding="utf-8")
    ran = subprocess.run([R, "recompute.R"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    estimate, low, high = (math.exp(float(x)) for x in ran.stdout.rpartition("@")[2].split())
    assert (estimate, low, high) == pytest.approx((result.estimate, result.ci_lower, result.ci_upper), rel=1e-7)


def test_report_of_an_own_table_has_no_selection_and_no_audit(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("study,value,ci_lower,ci_upper\nA,0.8,0.6,1.07\nB,0.7,0.5,0.98\n", encoding="utf-8")
    report = pooled_report(read_table(path, "risk-ratio"))
    assert [s.title for s in report.sections] == [
        "Answer", "Question", "Evidence", "Pooled result", "Choices", "Sources", "Methods", "Recompute",
    ]  # fmt: skip
    assert "Selection" not in html(report)


def test_disagreement_of_models_is_said(kb):
    result = pool(select(kb, "second-line-placebo", endpoint="OS", source="S000"))
    inside = [not m.ci_lower <= 1 <= m.ci_upper for m in (result, *result.beside)]
    assert agreement(result).startswith("The models disagree") == (len(set(inside)) > 1)


@pytest.mark.parametrize("suffix", [".html", ".md"])
def test_report_on_the_command_line(command, tmp_path, suffix):
    path = tmp_path / f"r{suffix}"
    ran = command("report", QUERY, "--endpoint", "OS", "-o", path)
    assert (ran.code, ran.out) == (0, "")
    assert str(path) in ran.err
    assert "0.783" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong", [[], ["-o", "report.pdf"], ["-o", "report.html", "-f", "json"], ["-o", "no/such/folder/report.html"]]
)
def test_report_that_cannot_be_written_is_refused(command, wrong):
    assert command("report", QUERY, "--endpoint", "OS", *wrong).code == 2


def test_r_code_of_a_kenward_roger_interval_computes_it_from_metafors_tau2(kb):
    result = pool(select(kb, "second-line-placebo", endpoint="OS"), ci="kenward-roger")
    code = metafor_code(result)
    assert 'test = "z"' in code
    assert "qt(0.975, df)" in code


def own_report(tmp_path, name, text, measure):
    path = tmp_path / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return markdown(pooled_report(read_table(path, measure)))


def test_choices_are_those_of_the_multiverse(kb, report):
    found = multiverse(variants(kb, QUERY, endpoint="OS"))
    (section,) = [s for s in report.sections if s.title == "Choices"]
    assert f"{len(found.specifications):,} defensible ways" in section.blocks[0].text
    assert f"{found.estimate_lower:.3f} to {found.estimate_upper:.3f}" in section.blocks[0].text
    assert [b.name for b in section.blocks if b.kind == "figure"] == ["curve", "gosh"]


def test_rounding_is_told(report, table):
    moved = rounding(pool(table))
    reach = f"{moved.estimate_lower:.3f} to {moved.estimate_upper:.3f}"
    assert f"moves the pooled estimate within {reach}" in markdown(report)


def test_single_arms_are_not_tested_against_no_effect(tmp_path):
    text = own_report(tmp_path, "arms", "study,events,n\nA,10,100\nB,3,50\nC,1,40\nD,22,200\n", "proportion")
    assert "no effect" not in text
    assert ", p " not in text.split("## Question")[0]
    assert "Proportions were pooled on the logit scale." in text
    assert "| A |  |  | 100 | 0.100 (0.049 to 0.176) |" in text


def test_one_estimate_is_not_called_pooled(tmp_path):
    text = own_report(tmp_path, "one", "study,value,ci_lower,ci_upper\nA,0.8,0.6,1.07\n", "hazard-ratio")
    assert "1 estimates" not in text
    assert "random effects" not in text.split("## Question")[0]
    assert "One estimate of one study was taken from table one.csv." in text


def test_studies_without_year_are_named_where_time_would_be_shown(tmp_path):
    rows = "A,0.8,0.6,1.07,2010\nB,0.7,0.5,0.98,\nC,0.9,0.7,1.16,2012\n"
    text = own_report(tmp_path, "undated", "study,value,ci_lower,ci_upper,year\n" + rows, "hazard-ratio")
    assert "no year of B is known" in text
