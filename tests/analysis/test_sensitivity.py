"""What a pooled result hangs on, from the graph to the command line."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hcckb.analysis import sensitivity
from hcckb.analysis.pool import pool
from hcckb.cli import probe
from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.evidence import select
from hcckb.text.sensitivity import CUMULATIVE_COLUMNS, INFLUENCE_COLUMNS

QUERY = "second-line-placebo-vegfr"
COLUMNS = {"influence": INFLUENCE_COLUMNS, "cumulative": CUMULATIVE_COLUMNS}


@pytest.fixture(scope="module")
def table(kb):
    return select(kb, QUERY, endpoint="OS")


def first(table, k):
    return replace(table, rows=table.rows[:k])


def test_each_study_is_left_out_once(table):
    found = sensitivity.influence(table)
    pooled = pool(table)
    assert found.pooled == pooled
    assert [r.study for r in found.rows] == [r.study for r in pooled.rows]
    assert [r.weight for r in found.rows] == pytest.approx([r.weight for r in pooled.rows], rel=1e-12)
    for i, row in enumerate(found.rows):
        without = pool(replace(table, rows=table.rows[:i] + table.rows[i + 1 :]))
        got = [row.estimate, row.ci_lower, row.ci_upper, row.p_value, row.tau2, row.i2, row.q]
        wanted = [getattr(without, f) for f in ("estimate", "ci_lower", "ci_upper", "p_value", "tau2", "i2", "q")]
        assert got == pytest.approx(wanted, rel=1e-10, abs=1e-12), row.study


def test_studies_enter_by_year_and_the_last_line_is_the_pool(table):
    found, pooled = sensitivity.cumulative(table, ci="wald"), pool(table, ci="wald")
    years = [r.year for r in found.rows]
    assert years == sorted(years)
    assert [r.k for r in found.rows] == list(range(1, pooled.k + 1))
    last = found.rows[-1]
    whole = (pooled.estimate, pooled.ci_upper, pooled.tau2)
    assert (last.estimate, last.ci_upper, last.tau2) == pytest.approx(whole, rel=1e-12)
    assert len(found.notes) == 1


def test_studies_enter_by_precision(table):
    found = sensitivity.cumulative(table, by="precision", model="common")
    se = {r.study: r.se for r in found.pooled.rows}
    assert [se[r.study] for r in found.rows] == sorted(se.values())


def test_a_narrow_hartung_knapp_interval_is_told(table):
    notes = sensitivity.cumulative(table).notes
    alone = sensitivity.cumulative(table, ci="hksj-guarded")
    assert any("narrower" in n.lower() for n in notes)
    assert len(alone.notes) == 1


def test_a_rule_chooses_once(table):
    found = sensitivity.influence(table, model="rule:kim2017")
    assert (found.pooled.model, {r.tau2 for r in found.rows}) == ("common", {0.0})


def test_too_few_studies_are_refused(table):
    with pytest.raises(PoolingError, match="at least 3"):
        sensitivity.influence(first(table, 2))
    with pytest.raises(EmptySelectionError):
        sensitivity.influence(first(table, 0))
    with pytest.raises(PoolingError, match="at least 2"):
        sensitivity.cumulative(first(table, 1))
    assert len(sensitivity.cumulative(first(table, 2)).rows) == 2


def test_studies_enter_in_the_order_of_the_table(table):
    turned = replace(table, rows=table.rows[::-1])
    found = sensitivity.cumulative(turned, by="order")
    assert [r.study for r in found.rows] == [r.study for r in turned.rows]


def test_studies_enter_by_any_column_numbers_before_text(table):
    sizes = {r.study: r.n_experimental for r in table.rows}
    found = [r.study for r in sensitivity.cumulative(table, by="n_experimental").rows]
    assert found == sorted(found, key=sizes.__getitem__)
    arms = {r.study: r.experimental.casefold() for r in table.rows}
    by_name = [arms[r.study] for r in sensitivity.cumulative(table, by="experimental").rows]
    assert by_name == sorted(by_name)


def test_studies_without_a_value_enter_last_and_are_named(table):
    undated = replace(table, rows=(replace(table.rows[0], year=None), *table.rows[1:]))
    found = sensitivity.cumulative(undated)
    assert found.rows[-1].study == table.rows[0].study
    assert any(n.startswith("Without a value of year") and table.rows[0].study in n for n in found.notes)
    nobody = replace(table, rows=tuple(replace(r, year=None) for r in table.rows))
    assert any("No study has a value of year" in n for n in sensitivity.cumulative(nobody).notes)


def test_an_order_that_cannot_be_is_refused(table):
    with pytest.raises(UnknownNameError, match="colour"):
        sensitivity.cumulative(table, by="colour")


@pytest.fixture(scope="module")
def run():
    app = typer.Typer()
    for command in (probe.influence, probe.cumulative):
        app.command()(command)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("name", COLUMNS)
def test_commands_speak_csv_json_and_tables(run, name):
    asked = (name, QUERY, "--endpoint", "OS")
    shown, separated, told = run(*asked), run(*asked, "-f", "csv"), run(*asked, "-f", "json")
    assert (shown.exit_code, separated.exit_code, told.exit_code) == (0, 0, 0)
    records = list(csv.DictReader(io.StringIO(separated.stdout, newline="")))
    structured = json.loads(told.stdout)
    assert tuple(records[0]) == COLUMNS[name]
    assert len(records) == len(structured["rows"])
    assert structured["pooled"]["provenance"]["query"] == f"{QUERY} endpoint=OS"
    assert "not medical advice" in shown.stdout
    assert all(f"Note: {note}" in shown.stdout for note in structured["notes"])


def test_the_options_of_pooling_reach_the_commands(run):
    asked = ("--model", "common", "--level", "0.9", "--by", "precision", "-f", "json", "--phase", "3")
    told = json.loads(run("cumulative", QUERY, "--endpoint", "OS", *asked).stdout)
    assert (told["pooled"]["model"], told["pooled"]["level"]) == ("common", 0.9)
    assert np.all(np.diff([r["k"] for r in told["rows"]]) == 1)
    assert told["rows"][0]["tau2"] == 0
