"""Mixed models of a user's counts: every measure, zeros, and refusals with row and column."""

from __future__ import annotations

import math

import pytest

from hcckb.analysis.glmm import glmm
from hcckb.errors import DataError, EmptySelectionError, TableError, UsageError
from hcckb.pooling.counts import two_arms
from hcckb.pooling.glmm import glmm_odds_ratio
from hcckb.text.glmm import glmm_records, glmm_text, glmm_value

TABLES = {
    "odds-ratio": "study,events_experimental,n_experimental,events_comparator,n_comparator\n"
    "A,0,40,0,38\nB,0,25,2,25\nC,1,60,4,55\nD,3,110,3,105\n",
    "incidence-rate-ratio": "study,events_experimental,time_experimental,events_comparator,time_comparator\n"
    "A,2,100,6,105\nB,5,220.5,9,215\nC,9,310,14,300\n",
    "proportion": "study,events,n\nA,0,12\nB,3,20\nC,10,25\n",
    "incidence-rate": "study,events,time\nA,0,120\nB,3,200\nC,10,250\n",
}


@pytest.fixture
def own(tmp_path):
    def write(text):
        path = tmp_path / "counts.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("measure", TABLES)
def test_every_measure_pools_and_is_told(own, measure):
    found = glmm(own(TABLES[measure]), measure)
    assert found.ci_lower < found.estimate < found.ci_upper
    text, value, (records, columns) = glmm_text(found), glmm_value(found), glmm_records(found)
    assert "tau2 = " in text
    assert value["analysis"]["se"] == found.fitted.se
    assert tuple(records[0]) == columns
    if measure == "proportion":
        assert found.estimate == pytest.approx(1 / (1 + math.exp(-found.fitted.estimate)))


def test_odds_ratios_are_those_of_the_arrays_and_double_zeros_are_marked(own):
    found = glmm(own(TABLES["odds-ratio"]), "odds-ratio", form="um-fs")
    arrays = glmm_odds_ratio(two_arms([0, 1, 3], [25, 60, 110], [2, 4, 3], [25, 55, 105]), "um-fs")
    assert found.estimate == pytest.approx(math.exp(arrays.estimate), rel=1e-9)
    assert [row.used for row in found.rows] == [False, True, True, True]
    assert "says nothing" in glmm_text(found)


@pytest.mark.parametrize(
    ("text", "measure", "options", "error", "told"),
    [
        ("study,events,n\n", "proportion", {}, EmptySelectionError, "no row"),
        ("study,events\nA,1\n", "proportion", {}, TableError, "column 'n' is missing"),
        ("study,events,n\nA,x,4\n", "proportion", {}, TableError, "row 2, column events: 'x'"),
        (TABLES["proportion"], "proportion", {"form": "cm-el"}, UsageError, "--form is for two arms"),
        (TABLES["incidence-rate-ratio"], "incidence-rate-ratio", {"form": "cm-al"}, UsageError, "not one of"),
        (TABLES["proportion"], "hazard-ratio", {}, UsageError, "not one of: odds-ratio"),
    ],
)
def test_what_does_not_fit_is_refused(own, text, measure, options, error, told):
    with pytest.raises(error, match=told):
        glmm(own(text), measure, **options)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv"):
        glmm(tmp_path / "none.csv", "proportion")
