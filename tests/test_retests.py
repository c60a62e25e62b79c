"""Printed tests of counts and correlations, recomputed from what stands beside them."""

import pytest

import hcckb
from hcckb.reproduced import DIFFERS, MATCH, NO_INPUTS, OTHER_FORM, judged
from hcckb.reproduction import reproduce
from hcckb.store import Store


@pytest.fixture(scope="module")
def cohort(kb: Store):
    """The cohort after sorafenib (S004)."""
    return reproduce(kb, "S004")


def test_the_baseline_tests_of_the_cohort_are_pearsons(cohort):
    """S004 Table 1: the p-values of eleven chi-squared tests, from the printed counts."""
    tests = [r for r in cohort if "chi-squared" in r.form]
    assert len(tests) == 11
    assert {r.verdict for r in tests} == {MATCH}
    assert next(r for r in tests if r.endpoint == "Child-Pugh class").recomputed == pytest.approx(0.0637, abs=5e-5)


def test_four_correlations_of_the_cohort_have_another_p(cohort):
    """S004 Table 4: r and n give P = 0.0129, 0.0015, 0.547 and 0.202 where 0.012, 0.001, 0.56 and 0.21 are printed."""
    correlations = [r for r in cohort if r.form == "t test of r"]
    assert len(correlations) == 24
    assert sorted(r.printed for r in correlations if r.verdict == DIFFERS) == ["0.001", "0.012", "0.21", "0.56"]


def test_a_pooled_result_without_printed_inputs_says_so(kb: Store):
    assert {r.verdict for r in reproduce(kb, "Petrelli (in S002)")} == {NO_INPUTS}


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        ([], ("", None, NO_INPUTS)),
        ([("a", 1.0), ("b", 2.0)], ("a", 1.0, MATCH)),
        ([("a", 3.0), ("b", 1.0)], ("b", 1.0, OTHER_FORM)),
        ([("a", 3.0), ("b", 2.0)], ("a", 3.0, DIFFERS)),
    ],
)
def test_the_standard_form_is_asked_first(forms, expected):
    assert judged(lambda value: value == 1.0, forms) == expected


def test_a_subgroup_does_not_borrow_the_size_of_the_whole_arm(kb: Store):
    """REACH randomised 565; how many of them had AFP of at least 400 ng/mL is another number."""
    table = hcckb.select(kb, "second-line-placebo-vegfr", endpoint="OS", population="AFP >= 400 ng/mL")
    reach = next(r for r in table if r.study == "REACH")
    assert (reach.n_experimental, reach.n_comparator) != (283, 282)
