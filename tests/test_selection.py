"""Which contrasts a question selects, and which step each study left at."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hcckb.errors import UnknownNameError, UsageError
from hcckb.evidence import flow, why
from hcckb.selection import FILTERS, contrasts, plan, study_flow

SEVEN = ("AHELP", "BRISK-PS", "CELESTIAL", "Kang 2015", "REACH", "REACH-2", "RESORCE")
FLAGSHIP = "second-line-placebo-vegfr"
EXAMPLES = {
    "line": "2L",
    "comparator": "placebo",
    "target": "MET",
    "agent": "ramucirumab",
    "agent_class": "TKI",
    "phase": "3",
    "masking": "double-blind",
    "year": "2015",
    "only": "True",
}


def studies(store, query=None, **filters):
    return sorted({store.label(c.study) for c in contrasts(store, plan(store, query, filters))}, key=str.casefold)


def test_second_line_placebo_vegfr_selects_the_seven_trials(kb):
    assert studies(kb, FLAGSHIP) == list(SEVEN)


def test_the_flagship_query_is_three_filters(kb):
    filters = {"line": "2L", "comparator": "placebo", "target": "VEGFR"}
    assert contrasts(kb, plan(kb, FLAGSHIP)) == contrasts(kb, plan(kb, None, filters))
    assert contrasts(kb, plan(kb, "second-line-placebo", {"target": "VEGFR"})) == contrasts(kb, plan(kb, FLAGSHIP))


def test_filters_commute(kb):
    one = plan(kb, None, {"line": "2L", "target": "VEGFR", "comparator": "placebo"})
    other = plan(kb, None, {"comparator": "placebo", "target": "VEGFR", "line": "2L"})
    assert contrasts(kb, one) == contrasts(kb, other)


def test_vegfr_is_the_receptor_family_and_its_pathway_holds_the_ligand(kb):
    receptor, pathway = studies(kb, target="VEGFR"), studies(kb, target="VEGF pathway")
    assert {"IMbrave150", "ORIENT-32"}.isdisjoint(receptor)
    assert {"IMbrave150", "ORIENT-32", "REACH", "SHARP"} <= set(pathway)
    assert set(receptor) < set(pathway)
    assert {"REACH", "REACH-2", "CELESTIAL"} <= set(studies(kb, target="VEGFR2"))


def test_a_drug_in_both_arms_does_not_make_a_trial_of_it(kb):
    assert "SEARCH" not in studies(kb, agent="sorafenib")
    assert "SEARCH" in studies(kb, agent="erlotinib")
    assert "SHARP" in studies(kb, agent="sorafenib")
    assert {"SEARCH", "CheckMate 459"}.isdisjoint(studies(kb, target="VEGFR"))
    assert "SEARCH" in studies(kb, target="EGFR")


def test_a_class_takes_its_narrower_classes(kb):
    assert {"KEYNOTE-240", "CheckMate 459", "IMbrave150"} <= set(studies(kb, agent_class="ICI"))
    assert "SHARP" not in studies(kb, agent_class="ICI")


def test_a_study_of_two_lines_counts_for_both_and_only_leaves_it_out(kb, small):
    assert "CELESTIAL" in studies(kb, line="2L")
    assert "CELESTIAL" in studies(kb, line="3L")
    assert studies(kb, FLAGSHIP, only="True") == [s for s in SEVEN if s != "CELESTIAL"]
    assert studies(small, line="2L") == ["Study A", "Study B", "Study C"]
    assert studies(small, line="2L", only="True") == ["Study A", "Study C"]


def test_year_is_of_this_year_or_later(small):
    assert studies(small, year="2017") == ["Study C", "Study D", "Study E"]


@pytest.mark.parametrize("option", FILTERS)
def test_every_filter_narrows_all_randomised_trials(kb, option):
    assert set(studies(kb, **{option: EXAMPLES[option]})) < set(studies(kb))


def test_single_arm_studies_are_no_contrasts(small):
    assert studies(small) == ["Study A", "Study B", "Study C", "Study D", "Study E"]


def test_each_experimental_arm_is_a_contrast(small):
    found = [c for c in contrasts(small, plan(small)) if c.study.endswith("study-d")]
    assert [c.experimental_arm.rpartition("-")[2] for c in found] == ["one", "two"]
    assert {c.comparator_arm.rpartition("-")[2] for c in found} == {"control"}


def test_a_table_query_selects_no_contrasts(kb):
    with pytest.raises(UsageError, match=r"gives a table.*hcckb query studies"):
        plan(kb, "studies")


def test_the_same_question_twice_is_refused(kb):
    with pytest.raises(UsageError, match="--line asks again"):
        plan(kb, "trials-by-line", {"line": "2L"}, line="1L")


@pytest.mark.parametrize("option", [o for o in FILTERS if o not in ("only", "year")])
def test_an_unknown_name_in_a_filter_is_refused(kb, option):
    with pytest.raises(UnknownNameError, match="nonsense"):
        plan(kb, None, {option: "nonsense"})


def test_the_flow_accounts_for_every_study(kb):
    steps = study_flow(kb, plan(kb, FLAGSHIP))
    assert [s.name for s in steps] == ["all", "randomised", "line", "comparator", "vegfr"]
    for before, after in pairwise(steps):
        removed = {study for study, _ in after.removed}
        assert set(before.remaining) == set(after.remaining) | removed
        assert removed.isdisjoint(after.remaining)
        assert set(after.values) == set(before.remaining)
        assert all(reason for _, reason in after.removed)
    assert steps[-1].remaining == SEVEN


def test_the_flow_gives_the_value_that_decided(kb):
    line = study_flow(kb, plan(kb, FLAGSHIP))[2]
    assert dict(line.removed)["SHARP"] == "First line"
    assert line.values["CELESTIAL"] == "Second line, Third line"


def test_the_flow_of_estimates_follows_that_of_studies(small):
    steps = flow(small, line="2L", endpoint="PFS")
    assert [s.name for s in steps] == [
        "all",
        "randomised",
        "contrast",
        "its-line",
        "valid",
        "endpoint",
        "complete",
        "population",
    ]
    assert steps[-1].remaining == ("Study A", "Study C")
    assert dict(steps[5].removed)["Study B"] == "Objective response; Overall survival"


def test_the_flow_says_which_patients_are_counted_elsewhere(small):
    last = flow(small, line="1L", agent="Agent one", endpoint="OS")[-1]
    assert (last.name, last.remaining) == ("overlap", ("Study D",))
    assert last.removed[0][0] == "Study E"


@pytest.mark.parametrize(
    ("study", "step", "value"),
    [
        ("SHARP", "line", "First line"),
        ("KEYNOTE-240", "vegfr", "PD-1"),
        ("EVOLVE-1", "vegfr", "mTOR"),
        ("IMbrave150", "line", "First line"),
    ],
)
def test_why_ends_at_the_step_that_failed(kb, study, step, value):
    walked = why(kb, study, FLAGSHIP, endpoint="OS")
    assert all(passed for _, _, passed in walked[:-1])
    last, shown, passed = walked[-1]
    assert (last.name, shown, passed) == (step, value, False)


@pytest.mark.parametrize("study", [*SEVEN, "reach-2", "NCT01140347"])
def test_why_walks_to_the_end_for_what_is_in(kb, study):
    walked = why(kb, study, FLAGSHIP, endpoint="OS")
    assert all(passed for _, _, passed in walked)
    names = [step.name for step, _, _ in walked]
    assert names == ["all", "randomised", "line", "comparator", "vegfr", "valid", "endpoint", "complete", "population"]


def test_why_of_an_unknown_study_suggests_one(kb):
    with pytest.raises(UnknownNameError, match="Did you mean 'REACH-2'"):
        why(kb, "REACH2", FLAGSHIP)


def test_a_parameter_of_the_query_may_be_given_by_name(kb):
    asked = flow(kb, "trials-by-target", target="MET")[-1].remaining
    assert asked == flow(kb, target="MET")[-1].remaining


def test_a_parameter_of_any_name_reaches_its_query(write, kb):
    text = (
        "#+ title: T\n#+ kind: selection\n#+ parameters: {study: {type: study, example: REACH}}\n"
        "SELECT ?study ?experimental_arm ?comparator_arm WHERE {\n  ?study a ev:RandomisedTrial .\n"
        "  # step: arms | Two arms | ?study\n"
        "  ?experimental_arm ev:ofStudy ?study ; ev:role term:experimental-arm .\n"
        "  ?comparator_arm ev:ofStudy ?study ; ev:role term:placebo-arm .\n  # keep\n}\nORDER BY ?study"
    )
    path = str(write("mine.rq", text))
    assert flow(kb, path, study="REACH")[1].remaining == ("REACH",)
    with pytest.raises(UsageError, match="mine needs study"):
        flow(kb, path)
