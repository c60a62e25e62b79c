"""Effects from 2x2 tables: the numbers of metafor, zero cells, and refusals that name the row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.counts import COUNT_MEASURES, count_effects, two_arms
from hcckb.pooling.pairwise import pool

METAFOR = {
    "risk-ratio": "RR",
    "odds-ratio": "OR",
    "risk-difference": "RD",
    "peto-odds-ratio": "PETO",
    "arcsine-difference": "AS",
}
CASES = ("binary_bcg", "binary_yusuf1985_table6")
TABLES = st.lists(
    st.tuples(st.integers(1, 300), st.integers(1, 300)).flatmap(
        lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
    ),
    min_size=1,
    max_size=8,
)


def read(case):
    """Give the tables, and the positions of those that are not missing (Snow 1 reported no counts)."""
    given = case["input"]
    columns = [given[name] for name in ("ai", "n1i", "ci", "n2i")]
    there = [i for i, row in enumerate(zip(*columns, strict=True)) if None not in row]
    labels = [given["study"][i] for i in there]
    return two_arms(*([column[i] for i in there] for column in columns), labels=labels), there


def close(found, expected):
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("measure", COUNT_MEASURES)
def test_effects_and_variances_match_escalc(reference, name, measure):
    """As by metafor's defaults, which keep double zeros and correct PETO as well."""
    case = reference(name)
    counts, there = read(case)
    correction = "none" if measure == "arcsine-difference" else "only0"
    found = count_effects(counts, measure, correction=correction, double_zero="keep").effects
    expected = case["output"]["effect_sizes"][METAFOR[measure]]
    close(found.estimate, [expected["yi"][i] for i in there])
    close(found.variance, [expected["vi"][i] for i in there])
    close(found.se**2, found.variance)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("measure", ["risk-ratio", "odds-ratio", "risk-difference"])
def test_half_an_event_in_every_cell_matches_escalc(reference, name, measure):
    case = reference(name)
    counts, there = read(case)
    found = count_effects(counts, measure, correction="all", double_zero="keep").effects
    expected = case["output"]["effect_sizes_add_half_all"][METAFOR[measure]]
    close(found.estimate, [expected["yi"][i] for i in there])
    close(found.variance, [expected["vi"][i] for i in there])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("measure", ["risk-ratio", "odds-ratio", "risk-difference"])
def test_without_correction_the_tables_without_zeros_match_escalc(reference, name, measure):
    case = reference(name)
    counts, there = read(case)
    full = ~counts.zero_cell
    found = count_effects(counts.take(full), measure, correction="none")
    expected = case["output"]["effect_sizes_no_correction"][METAFOR[measure]]
    close(found.effects.estimate, np.array([expected["yi"][i] for i in there], dtype=float)[full])
    close(found.effects.variance, np.array([expected["vi"][i] for i in there], dtype=float)[full])
    assert found.warnings == ()


@pytest.mark.parametrize("measure", ["risk-ratio", "odds-ratio", "risk-difference"])
def test_pools_match_metafor(reference, measure):
    """BCG: inverse variance, common effect and REML."""
    case = reference("binary_bcg")
    effects = count_effects(read(case)[0], measure).effects
    expected = case["output"]["inverse_variance"][METAFOR[measure]]
    common = pool(effects.estimate, effects.variance, model="common")
    close([common.estimate, common.se, common.q], [expected["EE"][k] for k in ("estimate", "se", "Q")])
    random = pool(effects.estimate, effects.variance, ci="wald")
    wanted = [expected["REML"][k] for k in ("estimate", "se", "tau2")]
    assert [random.estimate, random.se, random.tau2] == pytest.approx(wanted, rel=1e-5)


def test_double_zeros_leave_ratios_and_are_told_but_stay_in_differences(reference):
    counts, _ = read(reference("binary_yusuf1985_table6"))
    ratio = count_effects(counts, "odds-ratio")
    assert len(counts) - len(ratio.effects) == 3 == (~ratio.kept).sum()
    assert (
        "both arms have no event, or nothing but events, which says nothing of the odds ratio: Pitt, "
        in ratio.warnings[0]
    )
    assert count_effects(counts, "risk-difference").kept.all()


def test_only_tables_with_a_zero_are_corrected_and_told():
    counts = two_arms([4, 0, 3], [123, 50, 30], [11, 3, 4], [139, 52, 30], labels=["A", "B", "C"])
    found = count_effects(counts, "risk-ratio", add=0.25)
    assert found.corrected.tolist() == [False, True, False]
    assert found.warnings == ("Continuity correction: 0.25 was added to each cell of B.",)
    close(found.effects.estimate[1], math.log(0.25 / 50.5) - math.log(3.25 / 52.5))
    assert "each cell of every study" in count_effects(counts, "risk-ratio", correction="all").warnings[0]


@pytest.mark.parametrize("measure", ["risk-ratio", "odds-ratio"])
def test_a_zero_without_correction_is_refused_by_name(measure):
    counts = two_arms([4, 0], [123, 50], [11, 3], [139, 52], labels=["A", "B"])
    with pytest.raises(PoolingError, match=r"B: 0/50 against 3/52 gives no .*only0"):
        count_effects(counts, measure, correction="none")


def test_peto_needs_no_correction_for_a_single_zero():
    found = count_effects(two_arms(0, 50, 3, 52), "peto-odds-ratio")
    assert not found.corrected.any()
    v = 3 * 50 * 52 * 99 / (102**2 * 101)
    close(found.effects.estimate, [(0 - 3 * 50 / 102) / v])
    with pytest.raises(PoolingError, match="study 0: 0/5 against 0/5 gives no peto-odds-ratio"):
        count_effects(two_arms(0, 5, 0, 5), "peto-odds-ratio", double_zero="keep")


def test_nothing_but_double_zeros_is_refused_for_a_ratio():
    with pytest.raises(PoolingError, match="no study tells anything of the risk-ratio"):
        count_effects(two_arms([0, 5], [5, 5], [0, 6], [5, 6]), "risk-ratio")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ((13, 12, 1, 9), r"study 1 \(B\): events_experimental 13 is above n_experimental 12\. Are the columns swapped"),
        ((1, 12, 10, 9), "events_comparator 10 is above n_comparator 9"),
        ((-1, 12, 1, 9), "events_experimental -1 is negative"),
        ((1.5, 12, 1, 9), r"events_experimental 1\.5 is not a whole number"),
        ((1, math.nan, 1, 9), "n_experimental nan is not a whole number"),
        ((1, math.inf, 1, 9), "n_experimental inf is not a whole number"),
        ((0, 12, 0, 0), "n_comparator 0 is no arm"),
    ],
)
def test_a_bad_row_is_refused_with_place_name_and_mend(row, told):
    columns = zip((4, 123, 11, 139), row, strict=True)
    with pytest.raises(PoolingError, match=told):
        two_arms(*columns, labels=["A", "B"])


def test_shapes_labels_and_names_that_do_not_fit_are_refused():
    with pytest.raises(PoolingError, match="do not make one table of counts"):
        two_arms([1, 2], [3, 4, 5], 1, 9)
    with pytest.raises(PoolingError, match="table of counts"):
        two_arms("4/12", 12, 1, 9)
    with pytest.raises(PoolingError, match="not shape"):
        two_arms([[1]], 3, 1, 9)
    with pytest.raises(PoolingError, match="1 labels do not name 2 studies"):
        two_arms([1, 2], 3, 1, 9, labels=["A"])
    one = two_arms(1, 12, 2, 9)
    for bad in ({"measure": "hazard-ratio"}, {"correction": "some"}, {"double_zero": "hide"}):
        with pytest.raises(UnknownNameError):
            count_effects(one, **{"measure": "risk-ratio", **bad})
    with pytest.raises(PoolingError, match="must be above 0"):
        count_effects(one, "risk-ratio", add=0)


@settings(deadline=None)
@given(TABLES, st.sampled_from(COUNT_MEASURES))
def test_swapped_arms_turn_the_sign_and_keep_the_variance(rows, measure):
    a, n1, c, n2 = zip(*rows, strict=True)
    there, back = two_arms(a, n1, c, n2), two_arms(c, n2, a, n1)
    if measure.endswith("ratio") and there.double_zero.all():
        return
    one, other = count_effects(there, measure).effects, count_effects(back, measure).effects
    assert one.estimate == pytest.approx(-other.estimate, rel=1e-9, abs=1e-12)
    assert one.variance == pytest.approx(other.variance, rel=1e-9)


@settings(deadline=None)
@given(TABLES)
def test_counting_the_others_turns_the_sign_of_the_odds_ratio_and_the_difference(rows):
    a, n1, c, n2 = (np.array(column) for column in zip(*rows, strict=True))
    here, others = two_arms(a, n1, c, n2), two_arms(n1 - a, n1, n2 - c, n2)
    for measure in ("odds-ratio", "peto-odds-ratio", "risk-difference", "arcsine-difference"):
        if measure.endswith("ratio") and here.double_zero.all():
            continue
        one, other = count_effects(here, measure).effects, count_effects(others, measure).effects
        assert one.estimate == pytest.approx(-other.estimate, rel=1e-9, abs=1e-12)
        assert one.variance == pytest.approx(other.variance, rel=1e-9)


@pytest.mark.parametrize("measure", ["odds-ratio", "risk-ratio", "risk-difference"])
def test_the_opposite_arms_correction_and_a_constant_of_ones_own_match_metafor(reference, measure):
    case = reference("metafor_measures")["counts"]
    tables = two_arms(*(case["input"][c] for c in ("a", "n1", "c", "n2")))
    for name, options in (("opposite", {"correction": "opposite-arm"}), ("all", {"correction": "all", "add": 0.25})):
        found = count_effects(tables, measure, double_zero="keep", **options).effects
        expected = case[name][METAFOR[measure][:2]]
        assert found.estimate == pytest.approx(expected["yi"], rel=1e-12, abs=1e-14)
        assert found.variance == pytest.approx(expected["vi"], rel=1e-12)


@pytest.mark.parametrize("measure", ["odds-ratio", "risk-ratio", "risk-difference"])
def test_the_opposite_arms_correction_leaves_an_empty_table_without_direction(measure):
    tables = two_arms([0], [60], [0], [180], labels=["A"])
    found = count_effects(tables, measure, correction="opposite-arm", double_zero="keep")
    assert found.effects.estimate == pytest.approx([0.0], abs=1e-14)
    assert "1, shared by the sizes of the arms, was added to the cells of every study" in found.warnings[-1]
