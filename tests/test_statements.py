"""Statements beside estimates: each kind has its shape, its named query and its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcckb import paths
from hcckb.checks import check, errors
from hcckb.queries import named, run
from hcckb.store import Store, load

KB = Path(__file__).parent / "data" / "kb-statements"


@pytest.fixture(scope="module")
def cohort() -> Store:
    """One cohort with a statement of every kind."""
    return load(KB, shipped=False)


def rows(store: Store, query: str) -> list[dict[str, str | None]]:
    answer = run(store, named(query))
    return [{name: None if term is None else term.value for name, term in row.items()} for row in answer]


def test_every_kind_has_its_shape_and_breaks_no_rule(cohort):
    told = [(f.rule, f.node, f.value) for f in errors(check(cohort)) if f.file.startswith(paths.shown(KB))]
    assert not told


def test_a_factor_keeps_both_models_and_its_reference(cohort):
    reference, level = rows(cohort, "prognostic-factors")
    assert (level["level"], level["reference_level"], level["value"]) == ("B", "A (5)", "2.999")
    assert (level["ci_lower"], level["ci_upper"], level["p_operator"], level["p_value"]) == (
        "1.478",
        "6.087",
        "=",
        "0.009",
    )
    assert (level["univariate_p"], level["median_months"], level["n"]) == ("0.07", "4.7", "31")
    assert (reference["level"], reference["value"], reference["median_months"]) == ("A (5)", None, "9.9")


def test_an_association_names_both_endpoints(cohort):
    (row,) = rows(cohort, "associations")
    assert row["x"].endswith("/overall-survival")
    assert row["y"].endswith("/survival-after-sorafenib")
    assert (row["n"], row["correlation"], row["p_operator"], row["p_value"]) == ("63", "0.949", "<", "0.001")


def test_a_cell_has_the_test_of_its_table_and_the_total_no_arm(cohort):
    total, group = rows(cohort, "cross-tables")
    assert (total["arm"], total["count"], total["group_size"], total["percent"]) == (None, "31", "79", "39.2")
    assert group["arm"].endswith("/cohort-group-a")
    assert {r["p_value"] for r in (total, group)} == {"0.064"}
    assert {r["test"].rpartition("/")[2] for r in (total, group)} == {"chi-squared"}


def test_an_approval_may_rest_on_words_and_have_a_month_only(cohort):
    (row,) = rows(cohort, "approvals")
    assert (row["date"], row["regulator"]) == ("2021-04", "US FDA advisory committee")
    assert row["status"].endswith("/voted-against")
    assert row["basis"] == "negative first-line trial, low response rate"


def test_a_biomarker_finding_and_an_unavailable_table_are_told_with_their_source(cohort):
    (finding,) = rows(cohort, "biomarker-findings")
    assert (finding["key"], finding["finding"]) == ("S003", "response did not differ by PD-L1")
    assert rows(cohort, "unavailable")[0]["item"] == "Table 1"


def test_a_background_figure_keeps_both_ends_of_its_range(cohort):
    (figure,) = rows(cohort, "background-figures")
    assert (figure["range_lower"], figure["range_upper"], figure["value"]) == ("3", "4", None)
    assert figure["topic"].endswith("/survival-without-active-treatment")
