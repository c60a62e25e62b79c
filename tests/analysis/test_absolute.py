"""Absolute effects and certainty, from the graph to the command line."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest

from hcckb.analysis.absolute import absolute
from hcckb.analysis.baselines import Baseline, low_middle_high, printed_medians
from hcckb.analysis.certainty import DOMAINS, certainty, read_ratings, template
from hcckb.analysis.pool import pool
from hcckb.errors import DataError, EmptySelectionError, PoolingError, UnknownNameError, UsageError
from hcckb.evidence import select
from hcckb.text.absolute import findings_text, needed_text

QUERY = "second-line-placebo-vegfr"
MEDIAN = Baseline(label="chosen", kind="median", value=8.0)


@pytest.fixture(scope="module")
def table(kb):
    return select(kb, QUERY, endpoint="OS")


@pytest.fixture(scope="module")
def pooled(table):
    return pool(table)


def test_median_baseline_gives_risks_and_medians(pooled):
    row = absolute(pooled, [MEDIAN], months=[8.0]).rows[0]
    assert row.risk_comparator == pytest.approx(0.5)
    assert row.risk_experimental == pytest.approx(1 - 0.5**pooled.estimate)
    assert row.median_experimental == pytest.approx(8.0 / pooled.estimate)
    assert row.median_experimental_lower < row.median_experimental < row.median_experimental_upper
    assert row.number_needed == pytest.approx(1 / (row.risk_comparator - row.risk_experimental))


def test_limits_are_those_of_the_pooled_effect(pooled):
    row = absolute(pooled, [Baseline(label="r", kind="risk", value=0.4)]).rows[0]
    assert row.difference_lower == pytest.approx(1 - 0.6**pooled.ci_lower - 0.4)
    assert row.difference_upper == pytest.approx(1 - 0.6**pooled.ci_upper - 0.4)
    assert row.median_experimental is None


def test_printed_medians_are_of_the_comparator_arms_and_in_order(kb, table):
    found = printed_medians(kb, table)
    values = [b.value for b in found]
    assert values == sorted(values)
    assert {b.label for b in found} <= {f"{r.comparator} arm of {r.study}" for r in table.rows}
    reach = next(b for b in found if b.label.endswith(" REACH"))
    assert (reach.value, reach.source) == (7.6, "S000")
    assert [b.value for b in low_middle_high(found)] == [values[0], values[(len(values) - 1) // 2], values[-1]]


def test_no_printed_median_asks_for_one(kb, table):
    with pytest.raises(EmptySelectionError, match="--median"):
        printed_medians(kb, replace(table, rows=()))


@pytest.mark.parametrize(
    ("baseline", "months", "error"),
    [
        (MEDIAN, [], UsageError),
        (None, [12.0], UsageError),
    ],
)
def test_baseline_without_time_or_none_at_all_is_refused(pooled, baseline, months, error):
    with pytest.raises(error):
        absolute(pooled, [baseline] if baseline else [], months=months)


@pytest.mark.parametrize(("kind", "value"), [("median", 0.0), ("risk", 40.0), ("survival", -0.1)])
def test_impossible_baseline_is_refused(kind, value):
    with pytest.raises(PoolingError):
        Baseline(label="b", kind=kind, value=value, months=12.0)


def test_survival_needs_its_time():
    with pytest.raises(UsageError, match="--at"):
        Baseline(label="b", kind="survival", value=0.4)


def test_number_needed_tells_benefit_from_harm(pooled):
    row = absolute(pooled, [MEDIAN], months=[12.0]).rows[0]
    assert needed_text(row, event_is_good=False).count("B") == 3
    assert needed_text(row, event_is_good=True).count("H") == 3


def ratings(**changed):
    given = {d: {"rating": "not serious", "reason": "looked at"} for d in DOMAINS}
    return given | changed


def test_certainty_loses_a_level_for_each_concern(pooled):
    assert certainty(pooled, ratings()).certainty == "high"
    serious = {"rating": "serious", "reason": "open label"}
    very = {"rating": "very serious", "reason": "wide"}
    assert certainty(pooled, ratings(risk_of_bias=serious)).certainty == "moderate"
    assert certainty(pooled, ratings(risk_of_bias=serious, imprecision=very)).certainty == "very low"
    assert certainty(pooled, ratings(imprecision=very, inconsistency=very)).certainty == "very low"
    upgraded = ratings(start="low", large_effect={"rating": "yes", "reason": "HR below 0.5"})
    assert certainty(pooled, upgraded).certainty == "moderate"


def test_nothing_is_rated_from_numbers(pooled):
    found = certainty(pooled)
    assert found.certainty == "not rated"
    assert not found.domains
    assert {i.domain for i in found.information} == set(DOMAINS)


def test_domain_left_out_leaves_the_certainty_open(pooled):
    given = ratings()
    del given["indirectness"]
    assert certainty(pooled, given).certainty == "not rated"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (ratings(imprecision={"rating": "huge", "reason": "x"}), UnknownNameError),
        (ratings(imprecision={"rating": "serious", "reason": " "}), DataError),
        (ratings(precision={"rating": "serious", "reason": "x"}), UnknownNameError),
        (ratings(start="certain"), UnknownNameError),
    ],
)
def test_ratings_that_cannot_be_are_refused(pooled, given, error):
    with pytest.raises(error):
        certainty(pooled, given)


def test_template_filled_in_is_read_back(pooled, tmp_path):
    text = template(pooled).replace('rating = ""', 'rating = "serious"').replace('reason = ""', 'reason = "because"')
    path = tmp_path / "ratings.toml"
    path.write_text(text, encoding="utf-8")
    found = certainty(pooled, read_ratings(path))
    assert (found.certainty, len(found.domains)) == ("very low", len(DOMAINS))
    shown = findings_text(absolute(pooled, [MEDIAN], months=[12.0]), found)
    assert "very low" in shown
    assert "serious: because" in shown


def test_unreadable_ratings_name_the_file(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("start = high", encoding="utf-8")
    for place in (path, tmp_path / "none.toml"):
        with pytest.raises(DataError, match=place.name):
            read_ratings(place)


def test_absolute_on_the_command_line(command, pooled):
    ran = command("absolute", QUERY, "--endpoint", "OS", "--median", "8", "--at", "12", "-f", "json")
    row = ran.json()["rows"][0]
    assert row["risk_comparator"] == pytest.approx(1 - 0.5**1.5)
    ran = command("absolute", QUERY, "--endpoint", "OS", "-f", "csv")
    found = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(found) == 3
    assert float(found[0]["median_experimental"]) == pytest.approx(
        float(found[0]["median_comparator"]) / pooled.estimate, rel=1e-12
    )
    assert math.isclose(float(found[0]["months"]), 12)


def test_absolute_of_an_own_table_needs_a_baseline(command, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("study,value,ci_lower,ci_upper\nA,0.8,0.6,1.07\nB,0.7,0.5,0.98\n", encoding="utf-8")
    own = ("absolute", "--data", path, "--measure", "RR")
    ran = command(*own)
    assert ran.code == 2
    assert "--risk" in ran.err
    assert "of 1,000" in command(*own, "--risk", "0.3").out
    assert command(*own, "--median", "8").code == 2


def test_grade_writes_a_template_and_reads_ratings(command, tmp_path):
    path = tmp_path / "r.toml"
    asked = ("grade", QUERY, "--endpoint", "OS")
    assert command(*asked, "--template", "-o", path).code == 0
    assert command(*asked, "--ratings", path).code == 4
    filled = path.read_text(encoding="utf-8").replace('ng = ""', 'ng = "not serious"').replace('on = ""', 'on = "seen"')
    path.write_text(filled, encoding="utf-8")
    assert command(*asked, "--ratings", path, "-f", "json").json()["certainty"]["certainty"] == "high"
    assert command(*asked, "--ratings", path, "--template").code == 2
