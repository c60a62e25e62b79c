"""From rows to an evidence table: the choice of one estimate, the resolved view, what is passed over and why."""

from __future__ import annotations

import pytest

from hcckb.candidates import candidates
from hcckb.errors import UnknownNameError, UsageError
from hcckb.evidence import COLUMNS, select, select_views

SEVEN = ["AHELP", "BRISK-PS", "CELESTIAL", "Kang 2015", "REACH", "REACH-2", "RESORCE"]
CONTRACT = [
    "study", "year", "nct", "line", "phase", "masking", "experimental", "comparator", "targets", "population",
    "endpoint", "assessment", "analysis", "measure", "value", "ci_lower", "ci_upper", "ci_level", "p_value",
    "n_experimental", "n_comparator", "source", "locator", "as_printed", "estimate_iri", "resolution",
]  # fmt: skip
S000_OS = {
    "BRISK-PS": (0.89, 0.69, 1.15),
    "Santoro 2013": (0.90, 0.57, 1.40),
    "EVOLVE-1": (1.05, 0.86, 1.27),
    "Kang 2015": (0.91, 0.65, 1.27),
    "REACH": (0.87, 0.72, 1.05),
    "RESORCE": (0.63, 0.50, 0.79),
}
S000_TTP = {
    "BRISK-PS": (0.56, 0.42, 0.76),
    "Santoro 2013": (0.64, 0.43, 0.94),
    "EVOLVE-1": (0.93, 0.75, 1.15),
    "Kang 2015": (0.62, 0.44, 0.87),
    "REACH": (0.63, 0.52, 0.75),
    "RESORCE": (0.44, 0.36, 0.55),
}


def local(iri):
    return iri.rpartition("/")[2]


def chosen(store, **asked):
    return {r.study: local(r.estimate_iri) for r in select(store, **asked)}


def reasons(store, **asked):
    return {local(p.estimate_iri): p.reason for p in select(store, **asked).passed_over}


def test_the_columns_are_those_of_the_contract():
    assert list(COLUMNS[: len(CONTRACT)]) == CONTRACT


def test_the_flagship_gives_one_row_for_each_of_the_seven(kb):
    table = select(kb, "second-line-placebo-vegfr", endpoint="OS")
    assert sorted(r.study for r in table) == SEVEN
    for row in table:
        assert row.comparator == "Placebo"
        assert (row.endpoint, row.measure) == ("overall-survival", "hazard-ratio")
        assert row.ci_lower < row.value < row.ci_upper
        assert "second-line" in row.line
        assert row.source
        assert row.locator
        assert row.as_printed


@pytest.mark.parametrize(("endpoint", "printed"), [("OS", S000_OS), ("TTP", S000_TTP)])
def test_what_s000_printed_is_selected_as_it_printed_it(kb, endpoint, printed):
    table = select(kb, source="S000", as_printed=True, endpoint=endpoint)
    assert {r.study: (r.value, r.ci_lower, r.ci_upper) for r in table} == printed
    assert {r.ci_level for r in table} == {0.95}
    assert all(r.resolution is None for r in table)


def test_the_resolved_view_of_s000_moves_reach_to_pfs_and_restates_the_level(kb):
    table = select(kb, source="S000", endpoint="TTP")
    assert {r.study for r in table} == set(S000_TTP) - {"REACH"}
    level = {r.study: r.ci_level for r in table}
    assert level.pop("Santoro 2013") == 0.90
    assert set(level.values()) == {0.95}
    assert any("90%" in w for w in table.warnings)
    moved = select(kb, source="S000", endpoint="PFS")
    assert "REACH" in {r.study for r in moved}


def test_the_choice_goes_by_population_analysis_resolution_source_strength_and_year(small):
    assert chosen(small, endpoint="OS", line="2L")["Study A"] == "a-os-final"
    told = reasons(small, endpoint="OS", line="2L")
    for estimate, reason in {
        "a-os-per-protocol": "intention-to-treat is preferred",
        "a-os-interim": "the final analysis is preferred to the interim one",
        "a-os-primary": "the final analysis is preferred to the primary one",
        "a-os-final-corrected": "a number that stands as printed is preferred",
        "a-os-final-review": "a report nearer to the trial is preferred",
        "a-os-final-mirror": "a stronger page is preferred",
        "a-os-final-2015": "the newer source is preferred",
        "a-os-final-again": "printed twice alike, the first is kept",
    }.items():
        assert told[estimate] == f"one estimate per contrast; {reason} (report-2018: 0.70 (0.50-0.98))"


def test_an_analysis_asked_for_comes_first(small):
    assert chosen(small, endpoint="OS", line="2L", analysis="primary")["Study A"] == "a-os-primary"
    assert chosen(small, endpoint="OS", line="2L", analysis="interim")["Study A"] == "a-os-interim"
    told = reasons(small, endpoint="OS", line="2L", analysis="primary")
    assert "the analysis asked for is preferred" in told["a-os-final"]
    assert "intention-to-treat is preferred" in told["a-os-per-protocol"]


def test_an_analysis_that_a_study_does_not_have_leaves_its_default(small):
    assert chosen(small, endpoint="OS", analysis="updated")["Study A"] == "a-os-final"


def test_what_is_superseded_is_never_read(small):
    table = select(small, endpoint="OS", analysis="updated")
    read = {local(r.estimate_iri) for r in table} | {local(p.estimate_iri) for p in table.passed_over}
    assert "a-os-old" not in read
    assert "a-os-old" not in {local(c.row.estimate_iri) for c in candidates(small)}


def test_what_is_set_aside_is_passed_over_and_said(small):
    assert "set aside by a curator" in reasons(small, endpoint="OS")["a-os-set-aside"]
    as_printed = {local(c.row.estimate_iri): c for c in candidates(small, as_printed=True)}
    assert as_printed["a-os-set-aside"].set_aside == ""


def test_what_was_kept_stands_without_a_mark(small):
    kept = next(c for c in candidates(small) if local(c.row.estimate_iri) == "a-os-interim")
    assert (kept.row.resolution, kept.set_aside) == (None, "")


def test_an_estimate_without_its_interval_is_passed_over(small):
    assert reasons(small, endpoint="OS")["a-os-no-interval"] == "complete: 0.7"


def test_a_corrected_number_is_used_marked_and_explained(small):
    table = select(small, endpoint="OS", agent="Agent two", line="2L")
    (row,) = table
    assert (row.ci_upper, row.as_printed) == (1.15, "0.90 (0.70-1.51)")
    assert local(row.resolution) == "resolution-c-os"
    assert "Artificial reason for a corrected upper limit." in table.warnings[0]
    (printed,) = select(small, endpoint="OS", agent="Agent two", line="2L", as_printed=True)
    assert (printed.ci_upper, printed.resolution) == (1.51, None)


def test_a_corrected_endpoint_is_found_under_the_right_one(small):
    assert chosen(small, endpoint="PFS") == {"Study A": "a-pfs-central", "Study C": "c-ttp"}
    assert chosen(small, endpoint="TTP") == {}
    assert chosen(small, endpoint="TTP", as_printed=True) == {"Study C": "c-ttp"}


def test_a_subgroup_is_never_chosen_unless_it_is_asked_for(small):
    assert reasons(small, endpoint="OS")["a-os-subgroup"] == "population: Marker high"
    (row,) = select(small, endpoint="OS", population="Marker high")
    assert (local(row.estimate_iri), row.population) == ("a-os-subgroup", "Marker high")
    whole = reasons(small, endpoint="OS", population="Marker high")
    assert whole["b-os"] == "population: intention-to-treat"


def test_an_analysis_population_may_be_asked_for_too(small):
    assert chosen(small, endpoint="OS", population="per-protocol") == {"Study A": "a-os-per-protocol"}


def test_subgroups_never_enter_the_flagship(kb):
    for row in select(kb, "second-line-placebo-vegfr", endpoint="OS"):
        assert row.population == "intention-to-treat"


def test_the_reader_may_be_asked_for(small):
    assert chosen(small, endpoint="PFS", assessment="investigator") == {"Study A": "a-pfs-investigator"}
    assert chosen(small, endpoint="PFS", assessment="central") == {"Study A": "a-pfs-central"}


def test_source_and_measure_narrow(small):
    assert chosen(small, endpoint="OS", source="report-2015") == {"Study A": "a-os-final-2015"}
    assert chosen(small, endpoint="ORR", measure="OR") == {"Study A": "a-orr"}
    assert chosen(small, endpoint="ORR", measure="RR") == {"Study B": "b-orr"}


def test_a_90_percent_interval_keeps_its_level(small):
    assert {r.study: r.ci_level for r in select(small, endpoint="OS", line="2L")}["Study B"] == 0.90


def test_mixed_lines_are_flagged(kb, small):
    assert any(w.startswith("Study B: admits more than one line") for w in select(small, endpoint="OS").warnings)
    assert any("CELESTIAL" in w for w in select(kb, "second-line-placebo-vegfr", endpoint="OS").warnings)
    table = select(kb, "second-line-placebo-vegfr", endpoint="OS", only=True)
    assert "CELESTIAL" not in {r.study for r in table}
    assert not any("line of therapy" in w for w in table.warnings)


def test_every_estimate_read_is_chosen_or_passed_over_once(small):
    table = select(small, endpoint="OS")
    seen = [r.estimate_iri for r in table] + [p.estimate_iri for p in table.passed_over]
    assert len(seen) == len(set(seen))
    assert len(seen) == len(candidates(small))


def test_rows_come_in_the_order_of_year_and_name(kb):
    rows = list(select(kb, "second-line-placebo-vegfr", endpoint="OS"))
    assert [(r.year, r.study.casefold()) for r in rows] == sorted((r.year, r.study.casefold()) for r in rows)
    assert rows == list(select(kb, line="2L", comparator="placebo", target="VEGFR", endpoint="OS"))


def test_the_table_tells_how_it_was_asked(kb):
    table = select(kb, "second-line-placebo-vegfr", endpoint="OS", only=True, year=None)
    assert table.query == "second-line-placebo-vegfr"
    assert dict(table.asked) == {"endpoint": "OS", "only": "True"}
    assert table.kb_version


def test_the_table_becomes_a_frame_and_html(small):
    table = select(small, endpoint="OS", line="2L")
    frame = table.to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == len(table) == 3
    assert "Study A" in table._repr_html_()
    assert table.to_dicts()[0]["study"] == "Study A"


@pytest.mark.parametrize("criterion", ["endpoint", "measure", "population", "analysis", "assessment", "source"])
def test_an_unknown_name_in_a_criterion_is_refused(kb, criterion):
    with pytest.raises(UnknownNameError, match="nonsense"):
        select(kb, **{criterion: "nonsense"})


def test_an_unknown_keyword_is_a_usage_error(kb):
    with pytest.raises(UsageError, match="randomised-trials has no parameter 'endpont'"):
        select(kb, endpont="OS")


def test_sizes_are_those_randomised(kb):
    sizes = {r.study: (r.n_experimental, r.n_comparator) for r in select(kb, source="S000", endpoint="OS")}
    assert sizes["REACH"] == (283, 282)
    assert sizes["RESORCE"] == (379, 194)


@pytest.mark.parametrize("endpoint", ["OS", "PFS"])
def test_both_views_in_one_reading_are_the_two_selections(kb, endpoint):
    asked = {"endpoint": endpoint, "comparator": "placebo"}
    resolved, printed = select_views(kb, "second-line-placebo", **asked)
    assert resolved.rows == select(kb, "second-line-placebo", **asked).rows
    bare = select(kb, "second-line-placebo", as_printed=True, **asked)
    assert (printed.rows, printed.passed_over, printed.asked) == (bare.rows, bare.passed_over, bare.asked)
    assert resolved.passed_over != printed.passed_over
