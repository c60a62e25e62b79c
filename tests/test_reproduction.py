"""Published syntheses recomputed: what matches, in which form, and what does not with its reason."""

from __future__ import annotations

import pytest

from hcckb.errors import UnknownNameError
from hcckb.reproduction import inputs, reproduce

OS = "https://w3id.org/hcckb/term/overall-survival"
KIM = "https://w3id.org/hcckb/kb/synthesis-kim2017"


@pytest.fixture(scope="module")
def kim(kb):
    return reproduce(kb, "S000")


def by(found, endpoint, statistic):
    return {r.printed: r for r in found if (r.endpoint, r.statistic) == (endpoint, statistic)}


@pytest.mark.parametrize("name", ["S000", "s000", "Kim 2017", "synthesis-kim2017", "kim2017"])
def test_a_synthesis_answers_to_its_names(kb, kim, name):
    assert reproduce(kb, name) == kim


def test_an_unknown_synthesis_is_suggested(kb):
    with pytest.raises(UnknownNameError, match="Did you mean 'Kim 2017'"):
        reproduce(kb, "Kim 2018")


@pytest.mark.parametrize(
    ("endpoint", "statistic", "printed"),
    [
        ("Overall survival", "Pooled hazard ratio", "0.86"),
        ("Overall survival", "Pooled hazard ratio lower limit", "0.74"),
        ("Overall survival", "Pooled hazard ratio upper limit", "1.01"),
        ("Overall survival", "Pooled p-value", "0.06"),
        ("Overall survival", "I-squared", "56%"),
        ("Time to progression", "Pooled hazard ratio", "0.62"),
        ("Time to progression", "Pooled hazard ratio lower limit", "0.49"),
        ("Time to progression", "Pooled hazard ratio upper limit", "0.78"),
        ("Time to progression", "Pooled p-value", "<0.0001"),
        ("Time to progression", "I-squared", "79%"),
    ],
)
def test_what_s000_printed_is_matched_at_its_precision(kim, endpoint, statistic, printed):
    assert by(kim, endpoint, statistic)[printed].verdict == "match"


def test_a_form_other_than_the_standard_one_is_named(kim):
    begg = by(kim, "Overall survival", "p-value of Begg's test")["0.425"]
    assert (begg.verdict, begg.form) == ("match in another form", "Begg, normal approximation, one-sided")
    assert begg.recomputed == pytest.approx(0.4255, abs=5e-4)


def test_every_number_has_a_verdict_source_and_place_and_a_reason_if_it_differs(kim):
    for row in kim:
        assert row.verdict in ("match", "match in another form", "differs")
        assert row.source == "S000"
        assert row.locator
        assert row.form
        assert (row.reason == "") or row.verdict != "match"
        if row.statistic.startswith("p-value of") and row.verdict == "differs":
            assert row.reason


def test_the_inputs_are_those_of_the_document_as_it_printed_them(kb):
    table = inputs(kb, KIM, OS)
    assert sorted(r.study for r in table) == ["BRISK-PS", "EVOLVE-1", "Kang 2015", "REACH", "RESORCE", "Santoro 2013"]
    assert {r.source for r in table} == {"S000"}
    assert all(r.resolution is None for r in table)
