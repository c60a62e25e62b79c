"""Small-study effects and E-values, from the graph or a user's table to the command line."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from hcckb.analysis.bias import bias, filled_in
from hcckb.analysis.bias_rows import back
from hcckb.analysis.evalue import evalues
from hcckb.analysis.pool import pool
from hcckb.errors import EmptySelectionError, PoolingError, UsageError
from hcckb.evidence import select
from hcckb.pooling.evalue import e_value
from hcckb.pooling.limit import limit_meta_analysis
from hcckb.pooling.selection_model import selection_model
from hcckb.text.bias import BIAS_COLUMNS, EVALUE_COLUMNS
from hcckb.usertable import read_table

QUERY = "second-line-placebo-vegfr"
COUNT_TESTS = ["Harbord", "Peters", "Macaskill", "Deeks", "Schwarzer", "Rücker"]


@pytest.fixture(scope="module")
def table(kb):
    return select(kb, QUERY, endpoint="OS")


@pytest.fixture
def counts(write, reference):
    case = reference("small_study")["counts"]["moore1998"]["input"]
    header = "study,events_experimental,n_experimental,events_comparator,n_comparator"
    rows = [f"T{i},{r['ai']},{r['n1i']},{r['ci']},{r['n2i']}" for i, r in enumerate(case, 1)]
    return write("moore.csv", "\n".join([header, *rows]) + "\n")


def of(found, method):
    return [row for row in found.rows if row.method == method]


def test_every_method_has_its_rows(table):
    found = bias(table)
    methods = list(dict.fromkeys(row.method for row in found.rows))
    assert methods == [
        "Begg",
        "Egger",
        "Thompson-Sharp",
        "Trim and fill",
        "PET",
        "PEESE",
        "PET-PEESE",
        "Limit meta-analysis",
        "Selection model",
        "Fail-safe N",
    ]
    assert f"{found.pooled.k} studies: below 10" in found.notes[0]
    assert len(of(found, "Egger")) == 3
    for row in of(found, "Egger"):
        assert row.p_value_one_sided == row.p_value / 2
        assert row.ci_lower < row.estimate < row.ci_upper
    assert of(found, "Egger")[0].df == found.pooled.k - 2
    assert all(r.k0 is not None and r.side in ("left", "right") for r in of(found, "Trim and fill"))
    assert of(found, "PET")[0].estimate == pytest.approx(of(found, "Egger")[0].estimate, rel=1e-12)


def test_tests_from_counts_appear_where_there_are_cells(table, counts):
    assert not any(row.method in COUNT_TESTS for row in bias(table).rows)
    found = bias(read_table(counts, "odds-ratio"))
    assert [row.method for row in found.rows if row.method in COUNT_TESTS] == COUNT_TESTS
    assert all(row.p_value is not None for row in found.rows if row.method in COUNT_TESTS)


def test_rows_hold_what_the_library_computes(counts, reference):
    case = reference("small_study")
    found = bias(read_table(counts, "odds-ratio"), tau2="DL", ci="wald", steps=(0.025, 0.5))
    assert of(found, "Harbord")[0].p_value == pytest.approx(case["counts"]["moore1998"]["harbord"]["p_value"], rel=1e-9)
    y, v = (np.array(case["effects"]["moore1998"]["input"][n]) for n in ("yi", "vi"))
    limit = limit_meta_analysis(y, v, tau2="DL")
    row = next(r for r in of(found, "Limit meta-analysis") if r.form == "beta0, DL")
    assert row.estimate == pytest.approx(np.exp(limit.estimate), rel=1e-9)
    assert row.ci_upper == pytest.approx(np.exp(limit.ci_upper), rel=1e-9)
    model = selection_model(y, v, steps=(0.025, 0.5))
    row = of(found, "Selection model")[0]
    assert (row.form, row.df) == ("steps 0.025, 0.5", 2.0)
    assert row.estimate == pytest.approx(np.exp(model.estimate), rel=1e-6)
    assert row.weights == pytest.approx(tuple(model.weights), rel=1e-5)
    assert "27, 9, 1" in row.note


def test_the_nsaid_trials_shrink_as_small_study_effects_are_allowed_for(counts):
    """Moore 1998, DL: the values of tests/reference/small_study.R on the scale of the odds ratio."""
    found = bias(read_table(counts, "odds-ratio"), tau2="DL", ci="wald")
    row = next(r for r in of(found, "Limit meta-analysis") if r.form == "beta0, DL")
    assert [round(x, 2) for x in (row.estimate, row.ci_lower, row.ci_upper)] == [1.84, 1.26, 2.68]
    pooled = found.pooled
    assert [round(x, 2) for x in (pooled.estimate, pooled.ci_lower, pooled.ci_upper)] == [3.73, 2.80, 4.97]


def test_the_caution_is_for_fewer_than_ten(kb):
    many = bias(select(kb, "second-line-placebo", endpoint="OS"))
    assert many.pooled.k >= 10
    assert not any("below 10" in n for n in many.notes)


def test_a_method_that_cannot_be_computed_says_why(table):
    equal = tuple(replace(r, value=0.8, ci_lower=0.6, ci_upper=1.07, ci_level=0.95) for r in table.rows)
    found = bias(replace(table, rows=equal), ci="wald")
    weighted = [r for r in found.rows if r.tests in ("asymmetry", "missing studies")]
    assert all(r.note.startswith("Not computed: all ") for r in weighted)
    assert all(r.p_value is None for r in weighted)
    (estimated,) = (r for r in of(found, "Selection model") if r.form == "step 0.025")
    assert "no estimate has a one-sided P (less) in (0, 0.025]" in estimated.note


def test_an_estimate_beyond_all_numbers_is_not_told(table):
    with pytest.raises(PoolingError, match="tell too little"):
        back(1e4, pool(table))


def test_selection_and_fail_safe_numbers_need_a_value_of_no_effect(write):
    path = write("arms.csv", "study,events,n\nA,4,40\nB,9,50\nC,20,70\nD,3,90\n")
    found = bias(read_table(path, "proportion"))
    assert not of(found, "Selection model")
    assert not of(found, "Fail-safe N")
    assert all(0 <= r.estimate <= 1 for r in found.rows if r.estimate is not None)


def test_too_few_studies_and_bad_steps_are_refused(table):
    with pytest.raises(PoolingError, match="at least 3"):
        bias(replace(table, rows=table.rows[:2]))
    with pytest.raises(EmptySelectionError):
        bias(replace(table, rows=()))
    for steps in ((0.5, 0.025), (0.0,), (1.0,)):
        with pytest.raises(UsageError, match="ascend"):
            bias(table, steps=steps)
    with pytest.raises(UsageError, match="greater"):
        bias(table, alternative="two-sided")


def test_the_funnel_is_filled_where_it_can_be(table, counts):
    found = filled_in(pool(read_table(counts, "odds-ratio"), tau2="DL", ci="wald"))
    assert (found.k0, found.side) == (10, "left")
    assert filled_in(pool(replace(table, rows=table.rows[:2]))) is None


def test_bias_speaks_csv_json_and_tables(command):
    asked = ("bias", QUERY, "--endpoint", "OS")
    shown, separated, told = command(*asked), command(*asked, "-f", "csv"), command(*asked, "-f", "json")
    assert (shown.code, separated.code, told.code) == (0, 0, 0)
    records = list(csv.DictReader(io.StringIO(separated.out, newline="")))
    assert tuple(records[0]) == BIAS_COLUMNS
    assert len(records) == len(told.json()["rows"])
    assert told.json()["pooled"]["provenance"]["query"] == f"{QUERY} endpoint=OS"
    assert "not medical advice" in shown.out
    assert all(f"Note: {note}" in shown.out for note in told.json()["notes"])


def test_bias_of_an_own_table_draws_and_takes_steps(command, counts, tmp_path):
    funnel, radial = tmp_path / "funnel.svg", tmp_path / "radial.svg"
    asked = ("--measure", "OR", "--steps", "0.025", "--steps", "0.5", "--alternative", "greater", "-f", "json")
    ran = command("bias", "--data", counts, *asked, "--plot", funnel, "--radial", radial, "--fill", "R0")
    assert ran.code == 0
    assert "steps 0.025, 0.5" in {row["form"] for row in json.loads(ran.out)["rows"]}
    assert "filled-point" in funnel.read_text()
    assert "pooled-ray" in radial.read_text()
    assert command("bias", "--data", counts, "--measure", "OR", "--steps", "2").code == 2


def test_e_values_of_studies_and_of_the_pool(table):
    found = evalues(table)
    result = pool(table)
    assert [r.study for r in found.rows] == [*(r.study for r in result.rows), "(pooled)"]
    wanted = e_value(result.estimate, result.ci_lower, result.ci_upper, measure="hazard-ratio")
    last = found.rows[-1]
    assert (last.e_value, last.e_value_limit, last.risk_ratio) == (wanted.estimate, wanted.limit, wanted.risk_ratio)
    assert evalues(table, rare=True).rows[-1].risk_ratio == result.estimate


def test_a_measure_without_an_e_value_is_refused(write):
    path = write("arms.csv", "study,events,n\nA,4,40\nB,9,50\nC,20,70\n")
    with pytest.raises(UsageError, match="no E-value"):
        evalues(read_table(path, "proportion"))


def test_evalue_speaks_csv_json_and_tables(command):
    asked = ("evalue", QUERY, "--endpoint", "OS")
    shown, separated, told = command(*asked), command(*asked, "-f", "csv"), command(*asked, "--rare", "-f", "json")
    assert (shown.code, separated.code, told.code) == (0, 0, 0)
    assert tuple(next(iter(csv.DictReader(io.StringIO(separated.out, newline=""))))) == EVALUE_COLUMNS
    assert told.json()["rare"] is True
    assert "(pooled)" in shown.out
