"""A user's own CSV: what is read, and that every complaint names file, row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcckb.analysis import pool
from hcckb.errors import DataError, HcckbError, PoolingError, TableError, UsageError
from hcckb.usertable import MEASURES, read_table

TABLES = Path(__file__).parent / "data" / "tables"
HR = "hazard-ratio"


def test_ratios_are_read_row_by_row():
    table = read_table(TABLES / "ratios.csv", HR)
    assert [(r.study, r.value, r.ci_lower, r.ci_upper, r.ci_level) for r in table] == [
        ("First", 0.80, 0.60, 1.07, 0.95),
        ("Second", 0.70, 0.55, 0.89, 0.95),
        ("Third", 0.95, 0.70, 1.29, 0.95),
    ]
    assert [r.locator for r in table] == ["row 2", "row 3", "row 4"]
    assert {r.source for r in table} == {"ratios.csv"}
    assert {r.measure for r in table} == {HR}


def test_optional_columns_are_read_and_a_byte_order_mark_is_not():
    first, second = read_table(TABLES / "ratios-full.csv", "odds-ratio")
    assert (first.study, first.ci_level, first.year, first.n_experimental) == ("First, part", 0.95, 2015, 100)
    assert (second.ci_level, second.experimental, second.source) == (0.90, "One", "Page 2")


@pytest.mark.parametrize("measure", [m for m in MEASURES if m != "generic"])
def test_every_ratio_pools_on_the_log_scale(measure):
    result = pool(read_table(TABLES / "ratios.csv", measure))
    assert (result.scale, result.measure, result.k) == ("log", measure, 3)


def test_generic_tables_pool_as_they_are_whether_by_variance_or_error():
    variance = pool(read_table(TABLES / "generic-variance.csv", "generic"), ci="wald")
    error = pool(read_table(TABLES / "generic-error.csv", "generic"), ci="wald")
    assert variance.scale == "identity"
    assert [r.analysis_value for r in variance.rows] == [-0.2231, -0.3567, -0.0513]
    assert [r.se**2 for r in variance.rows] == pytest.approx([0.0217, 0.0151, 0.0243], rel=1e-12)
    assert variance.estimate == pytest.approx(error.estimate, abs=1e-4)
    assert variance.estimate == variance.analysis_estimate


def test_a_ratio_table_and_its_logs_pool_alike():
    ratio = pool(read_table(TABLES / "ratios.csv", HR))
    generic = pool(read_table(TABLES / "generic-variance.csv", "generic"))
    assert ratio.analysis_estimate == pytest.approx(generic.estimate, abs=1e-3)


@pytest.mark.parametrize(
    ("file", "measure", "told"),
    [
        ("missing-column.csv", HR, r"column 'ci_upper' is missing; .* The header has: study, value, ci_lower"),
        ("text-in-number.csv", HR, r"row 3, column value: 'about 0\.7' is not a number"),
        ("nan.csv", HR, "row 2, column value: 'nan' is not finite"),
        ("decimal-comma.csv", HR, "row 2: has not as many cells as the header"),
        ("short-row.csv", HR, "row 2: has not as many cells as the header"),
        ("no-rows.csv", HR, "a header and no rows"),
        ("empty.csv", HR, "column 'study' is missing.*The header has: none"),
        ("no-variance.csv", "generic", "row 2, column vi: 0 must be above 0"),
        ("half-patient.csv", HR, r"row 2, column n_experimental: '10\.5' is not a whole number"),
        ("open-quote.csv", HR, "is not CSV"),
        ("ratios.csv", "generic", "column 'yi' is missing"),
    ],
)
def test_a_wrong_table_is_told_by_row_and_column(file, measure, told):
    with pytest.raises(TableError, match=told) as error:
        read_table(TABLES / file, measure)
    assert str(error.value).startswith(str(TABLES / file))


@pytest.mark.parametrize("file", ["latin-1.csv", "missing.csv", "."])
def test_a_file_that_cannot_be_read_is_named(file):
    with pytest.raises(DataError, match="cannot be read"):
        read_table(TABLES / file, HR)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("value-outside.csv", "has the value outside its interval"),
        ("not-positive.csv", "is not positive"),
        ("reversed.csv", "are reversed"),
        ("zero-width.csv", "leave no width"),
        ("percent-level.csv", r"is not in \(0, 1\)"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_study_file_and_row(file, told):
    with pytest.raises(HcckbError, match=told) as error:
        pool(read_table(TABLES / file, HR))
    assert f"First ({file}, row 2)" in str(error.value)


def test_mixed_endpoints_of_a_table_are_refused():
    with pytest.raises(PoolingError, match="mixes 2 endpoints"):
        pool(read_table(TABLES / "mixed-endpoints.csv", HR))


def test_a_measure_that_does_not_exist_lists_those_that_do():
    with pytest.raises(UsageError, match="is not one of: hazard-ratio"):
        read_table(TABLES / "ratios.csv", "hr")


def test_a_study_without_a_name_is_called_by_its_row(write):
    path = write("t.csv", "study,value,ci_lower,ci_upper\n,0.8,0.6,1.07\n")
    (row,) = read_table(path, HR)
    assert row.study == "row 2"
