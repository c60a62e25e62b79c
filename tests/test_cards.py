"""The card of one node: its properties and what points at it."""

from __future__ import annotations

import pytest

from hcckb.cards import card
from hcckb.errors import UnknownNameError


def test_a_study_shows_its_design_arms_and_estimates(small):
    got = card(small, "Study B")
    assert (got.name, got.iri) == ("Study B", "https://w3id.org/hcckb/kb/study-b")
    assert got.types == ("RandomisedTrial",)
    assert ("line", "Second line") in got.properties
    assert ("line", "Third line") in got.properties
    linked = dict(got.linked)
    assert list(linked) == ["Arm", "Estimate"]
    assert linked["Arm"] == ("Study B, one", "Study B, placebo")
    assert "kb:b-os · Overall survival · 0.80 (0.66-0.97) · report-2018, Text" in linked["Estimate"]


@pytest.mark.parametrize("name", ["REACH", "reach", "NCT01140347", "kb:reach", "https://w3id.org/hcckb/kb/reach"])
def test_a_node_answers_to_all_its_names(kb, name):
    assert card(kb, name).name == "REACH"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("S000", "Source"),
        ("VEGFR", "Target"),
        ("term:overall-survival", "Concept"),
        ("kb:reach-os-itt-s000-table", "Estimate"),
    ],
)
def test_any_kind_of_node_has_a_card(kb, name, kind):
    assert kind in card(kb, name).types


def test_a_resolution_shows_under_the_estimate_it_concerns(small):
    assert dict(card(small, "kb:c-os").linked)["Resolution"] == ("kb:resolution-c-os",)


def test_a_name_of_nothing_is_refused(kb):
    with pytest.raises(UnknownNameError, match=r"no node is called 'REACH-3'\. Did you mean 'REACH-2'"):
        card(kb, "REACH-3")
