"""GOSH, multiverse and rounding of an evidence table: they say what pooling says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hcckb.analysis.gosh import gosh, study_index
from hcckb.analysis.multiverse import Variant, multiverse
from hcckb.analysis.pool import pool
from hcckb.analysis.rounding import decimals, rounding, rounding_detail
from hcckb.errors import PoolingError, UnknownNameError
from hcckb.usertable import read_table

CSV = """study,value,ci_lower,ci_upper,year
A,0.69,0.52,0.92,2010
B,0.79,0.63,0.99,2012
C,0.80,0.66,0.93,2014
D,0.83,0.66,1.05,2015
E,0.40,0.30,0.55,2018
F,0.63,0.50,0.80,2019
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(CSV, encoding="utf-8")
    return read_table(path, "hazard-ratio")


def test_the_last_subset_is_the_pool_and_the_outlier_splits(table):
    found = gosh(table, model="common")
    assert (found.subsets, found.every, found.seed) == (63, True, None)
    whole = pool(table, model="common")
    assert np.exp(found.found.estimate[-1]) == pytest.approx(whole.estimate, rel=1e-12)
    gaps = [abs(r.i2_with - r.i2_without) for r in found.rows]
    assert found.rows[int(np.argmax(gaps))].study == "E"
    assert found.estimate_quantiles[0] == pytest.approx(0.40)


def test_a_draw_says_so_and_repeats(table):
    one, two = (gosh(table, subsets=20, seed=7) for _ in range(2))
    assert (one.subsets, one.every, one.seed) == (20, False, 7)
    assert one.rows == two.rows
    assert gosh(table, subsets=20, seed=8).rows != one.rows


def test_many_studies_are_drawn_by_themselves(table):
    many = replace(table, rows=tuple(replace(table.rows[i % 6], study=f"S{i}") for i in range(26)))
    found = gosh(many, model="common")
    assert found.subsets == 100_000
    assert "2^26 - 1" in found.notes[0]


def test_a_study_is_found_by_name(table):
    result = pool(table)
    assert study_index(result, "e") == 4
    with pytest.raises(UnknownNameError, match="A, B, C"):
        study_index(result, "Z")


def test_the_multiverse_holds_the_pools_it_names(table):
    found = multiverse([Variant(view="as given", lines="all", table=table)])
    assert len(found.specifications) == 25 * 7
    for s in found.specifications[::11]:
        rows = tuple(r for r in table.rows if r.study != s.left_out)
        how = {"model": "common"} if s.estimator == "common" else {"tau2": s.estimator}
        alone = pool(replace(table, rows=rows), ci=s.ci_method, **how)
        assert (s.estimate, s.ci_lower, s.ci_upper, s.k) == pytest.approx(
            (alone.estimate, alone.ci_lower, alone.ci_upper, alone.k), rel=1e-10
        )
        assert s.excludes_null == (alone.ci_lower > 1 or alone.ci_upper < 1)
    assert [s.estimate for s in found.specifications] == sorted(s.estimate for s in found.specifications)
    assert found.share_excluding_null == np.mean([s.excludes_null for s in found.specifications])
    assert found.choices[0].choice == "left_out"
    assert all(0 <= c.explained <= 1 for c in found.choices)


def test_a_variant_that_repeats_another_is_not_counted_twice(table):
    other = replace(table, rows=table.rows[:4])
    variants = [
        Variant(view="resolved", lines="all", table=table),
        Variant(view="as printed", lines="all", table=table),
        Variant(view="resolved", lines="only", table=other),
        Variant(view="as printed", lines="only", table=replace(table, rows=())),
    ]
    found = multiverse(variants)
    assert len(found.specifications) == 25 * (7 + 5)
    assert "same estimates as resolved, all lines" in found.notes[0]
    assert "left out" in found.notes[1]
    with pytest.raises(PoolingError):
        multiverse([Variant(view="resolved", lines="all", table=replace(table, rows=()))])


def test_decimals_are_those_of_the_cell(table):
    result = pool(table)
    assert [decimals(r) for r in result.rows] == [(2, 2, 2)] * 6
    assert decimals(replace(result.rows[2], as_printed="")) == (2, 2, 2)
    assert decimals(replace(result.rows[0], value=0.6912345678)) is None


def test_rounding_contains_the_pool_and_widens_with_coarser_print(table):
    for model in ("common", "random"):
        result = pool(table, model=model)
        found = rounding(result)
        assert found.estimate_lower < result.estimate < found.estimate_upper
        assert found.estimate_upper - found.estimate_lower < 0.03
        assert found.exact == (model == "common")
        detail = rounding_detail(result)
        assert detail.estimate == pytest.approx((found.estimate_lower, found.estimate_upper), rel=1e-9)
        assert detail.tau2[0] <= result.tau2 <= detail.tau2[1]
    coarse = replace(result, rows=tuple(replace(r, as_printed="", value=round(r.value, 1)) for r in result.rows))
    assert rounding(coarse).rows == 6


def test_computed_numbers_have_no_rounding(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text(
        "study,events_experimental,n_experimental,events_comparator,n_comparator\nA,4,123,11,139\nB,6,306,29,303\n",
        encoding="utf-8",
    )
    assert rounding(pool(read_table(path, "risk-ratio"))) is None
    assert rounding(pool(read_table(path, "risk-difference"))) is None


ARMS = {
    "proportion": (
        "study,events,n\nA,10,100\nB,3,50\nC,1,40\nD,22,200\n",
        ("logit", "freeman-tukey", "arcsine", "none"),
    ),
    "incidence-rate": (
        "study,events,time\nA,10,100\nB,3,50\nC,5,40\nD,22,200\n",
        ("log", "square-root", "freeman-tukey", "none"),
    ),
}


@pytest.mark.parametrize(
    ("measure", "transform"), [(measure, name) for measure, (_, names) in ARMS.items() for name in names]
)
def test_single_arms_come_back_to_their_own_scale(tmp_path, measure, transform):
    path = tmp_path / "arms.csv"
    path.write_text(ARMS[measure][0], encoding="utf-8")
    arms = read_table(path, measure, transform=transform)
    found = multiverse([Variant(view="as given", lines="all", table=arms)])
    for s in found.specifications:
        rows = tuple(r for r in arms.rows if r.study != s.left_out)
        model = {"model": "common"} if s.estimator == "common" else {"tau2": s.estimator}
        alone = pool(replace(arms, rows=rows), ci=s.ci_method, **model)
        ends = (s.estimate, s.ci_lower, s.ci_upper)
        assert ends == pytest.approx((alone.estimate, alone.ci_lower, alone.ci_upper), rel=1e-7)
        assert s.excludes_null is None
    assert found.share_excluding_null is None
    assert {c.share_lower for c in found.choices} == {v.share_excluding_null for v in found.levels} == {None}
    whole = pool(arms)
    assert found.estimate_lower < whole.estimate < found.estimate_upper
    subsets = gosh(arms)
    assert subsets.estimate_quantiles[0] < whole.estimate < subsets.estimate_quantiles[-1]
    assert 0.0 < subsets.estimate_quantiles[0] < subsets.estimate_quantiles[-1] < 0.2
    assert all(0.0 < r.estimate_with < 0.2 for r in subsets.rows)
