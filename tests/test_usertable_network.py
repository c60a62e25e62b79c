"""A user's own network: contrasts and arms become rows, and every complaint names its cell."""

from __future__ import annotations

import math

import pytest

from hcckb.analysis.network import network
from hcckb.errors import DataError, TableError, UsageError
from hcckb.usertable_network import read_network_table

PRINTED = "study,treatment1,treatment2,value,ci_lower,ci_upper\n"
EFFECT = "study,treatment1,treatment2,te,sete\n"
COUNTS = "study,treatment,events,n\n"


@pytest.fixture
def table(tmp_path):
    def read(text, measure="hazard-ratio"):
        path = tmp_path / "own.csv"
        path.write_text(text, encoding="utf-8")
        return read_network_table(path, measure)

    return read


def test_printed_ratios_and_logs_give_the_same_network(table):
    half = 1.959963984540054 * 0.1
    limits = f"{math.exp(-0.2 - half)!r},{math.exp(-0.2 + half)!r}"
    printed = table(f"{PRINTED}X,A,B,{math.exp(-0.2)!r},{limits}\n")
    logs = table(f"{EFFECT}X,A,B,-0.2,0.1\n")
    one, other = network(printed).relative[0], network(logs).relative[0]
    assert one.analysis_estimate == pytest.approx(other.analysis_estimate, rel=1e-12)
    assert one.se == pytest.approx(other.se, rel=1e-12) == pytest.approx(0.1)


def test_levels_of_intervals_are_read(table):
    wide = table("study,treatment1,treatment2,value,ci_lower,ci_upper,ci_level\nX,A,B,0.8,0.6,1.0667,0.9\n")
    assert wide.rows[0].ci_level == 0.9


def test_contrasts_of_a_study_share_their_arms(table):
    found = table(f"{EFFECT}X,A,C,-0.4,0.2\nX,B,C,-0.3,0.2\nY,A,B,0,0.3\n")
    result = network(found)
    assert (result.k, len(result.derived)) == (2, 1)
    assert result.derived[0].rule.startswith("Contrasts of each arm with a common one")


def test_arms_give_all_pairs_of_their_study(table):
    found = table(f"{COUNTS}X,A,10,100\nX,B,20,100\nX,C,30,90\n", "odds-ratio")
    assert [(r.experimental, r.comparator, r.n_experimental) for r in found] == [
        ("A", "B", 100),
        ("A", "C", 100),
        ("B", "C", 100),
    ]
    assert found.rows[0].value == pytest.approx((10 / 90) / (20 / 80))
    assert network(found).relative[0].se == pytest.approx((1 / 10 + 1 / 90 + 1 / 20 + 1 / 80) ** 0.5)
    ratio = table(f"{COUNTS}X,A,10,100\nX,B,20,100\n", "risk-ratio")
    assert network(ratio).relative[0].se == pytest.approx((1 / 10 - 1 / 100 + 1 / 20 - 1 / 100) ** 0.5)
    difference = table(f"{COUNTS}X,A,10,100\nX,B,20,100\n", "risk-difference")
    assert network(difference).relative[0].se == pytest.approx((0.1 * 0.9 / 100 + 0.2 * 0.8 / 100) ** 0.5)


def test_means_give_differences(table):
    found = table("study,treatment,mean,sd,n\nX,A,1.5,2,100\nX,B,1.0,3,90\n", "mean-difference")
    relative = network(found).relative[0]
    assert (relative.estimate, relative.se) == (pytest.approx(0.5), pytest.approx((4 / 100 + 9 / 90) ** 0.5))


def test_an_empty_arm_corrects_its_whole_study_and_no_event_tells_nothing(table):
    found = table(f"{COUNTS}X,A,0,100\nX,B,5,100\nX,C,9,100\nY,A,0,20\nY,B,0,20\n", "odds-ratio")
    assert {r.study for r in found} == {"X"}
    assert [p.study for p in found.passed_over] == ["Y"]
    assert found.warnings == ("X: 0.5 was added to events and non-events of every arm, for one has none.",)
    b_to_c = next(r for r in found if (r.experimental, r.comparator) == ("B", "C"))
    assert b_to_c.value == pytest.approx((5.5 / 95.5) / (9.5 / 91.5))
    network(found)  # the contrasts agree


@pytest.mark.parametrize(
    ("text", "measure", "told"),
    [
        (f"{EFFECT}X,A,A,0.1,0.1\n", "generic", "row 2, column treatment2: 'A' is compared with itself"),
        (f"{EFFECT}X,A,B,x,0.1\n", "generic", "row 2, column te: 'x' is not a number"),
        (f"{EFFECT}X,A,B,0.1,0\n", "generic", "row 2, column sete: '0' must be above 0"),
        (f"{EFFECT}X,A,B,inf,1\n", "generic", "not finite"),
        (f"{EFFECT}X,,B,0.1,1\n", "generic", "column treatment1: is empty"),
        (f"{EFFECT}X,A,B,0.1\n", "generic", "row 2: has not as many cells"),
        (EFFECT, "generic", "has no rows"),
        ("", "generic", "has no rows"),
        ("study,a\nX,1\n", "odds-ratio", "needs the columns study, treatment, events, n or study, treatment1"),
        (f"{COUNTS}X,A,5,4\nX,B,1,4\n", "odds-ratio", "row 2, column events: '5' is no count of events of 4"),
        (f"{COUNTS}X,A,1.5,4\nX,B,1,4\n", "odds-ratio", "'1.5' is no count"),
        (f"{COUNTS}X,A,1,0\nX,B,1,4\n", "odds-ratio", "'0' is no size of an arm"),
        (f"{COUNTS}X,A,1,4\n", "odds-ratio", "'X' has one arm"),
        (f"{COUNTS}X,A,1,4\nX,A,1,4\n", "odds-ratio", "'A' is already an arm of 'X'"),
        (f"{COUNTS}X,A,0,4\nX,B,0,4\n", "odds-ratio", "no study of the table tells anything"),
        ('study,"a\n', "generic", "is not CSV"),
    ],
)
def test_complaints_name_the_cell(table, text, measure, told):
    with pytest.raises(TableError, match=told.replace("(", r"\(")):
        table(text, measure)


def test_what_is_no_network_is_refused(table, tmp_path):
    with pytest.raises(UsageError, match="proportion"):
        table(PRINTED, "proportion")
    with pytest.raises(DataError, match="cannot be read"):
        read_network_table(tmp_path / "none.csv", "generic")
