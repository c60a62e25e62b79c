"""The CSV folder has a table for each kind of statement, with its own columns and no unforeseen ones."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hcckb.export.csv_columns import TABLES
from hcckb.export.csv_folder import write
from hcckb.store import load

COHORT = Path(__file__).parents[1] / "data" / "kb-statements"
GUIDANCE = Path(__file__).parents[1] / "data" / "kb-guidance"


@pytest.fixture(scope="module")
def files() -> dict[str, list[dict[str, str]]]:
    written = write(load([COHORT, GUIDANCE / "guidance.ttl"], shipped=False))
    return {name.removesuffix(".csv"): list(csv.DictReader(text.splitlines())) for name, text in written.items()}


def test_no_table_and_no_column_of_a_statement_is_unforeseen(files):
    assert set(files) == {t.name for t in TABLES}
    for table in TABLES:
        if files[table.name] and "as_printed" in files[table.name][0]:
            assert list(files[table.name][0]) == [c.name for c in table.columns], table.name


def test_every_statement_has_source_locator_and_print(files):
    for name in (
        "factors",
        "associations",
        "crosstabs",
        "crosstab_tests",
        "patient_records",
        "approvals",
        "biomarkers",
        "background",
    ):
        assert files[name], name
        assert all(row["source"] and row["locator"] and row["as_printed"] for row in files[name]), name


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            "factors",
            {
                "study": "Cohort 2016",
                "endpoint": "survival-after-sorafenib",
                "factor": "child-pugh-class",
                "level": "B",
                "reference_level": "A (5)",
                "factor_model": "multivariable",
                "value": "2.999",
                "univariate_p": "0.070",
                "source": "S004",
            },
        ),
        ("associations", {"x": "overall-survival", "n": "63", "correlation": "0.949", "p_operator": "<"}),
        ("crosstabs", {"variable": "child-pugh-class", "category": "B", "arm": "Cohort 2016, group A", "count": "14"}),
        ("crosstabs", {"arm": "", "count": "31", "group_size": "79", "percent": "39.2", "p_value": "0.064"}),
        ("crosstab_tests", {"test": "chi-squared", "p_value": "0.064"}),
        (
            "patient_records",
            {
                "patient": "Long survivor 2",
                "survival_months": "68.5",
                "alpha_fetoprotein": "16",
                "cause_of_failure": "discontinued-for-intolerance",
                "subsequent_therapy": "cytotoxic chemotherapy; hepatic arterial infusion chemotherapy",
                "vital_status": "alive",
            },
        ),
        ("approvals", {"agent": "nivolumab", "date": "2021-04", "status": "voted-against", "line": "second-line"}),
        ("biomarkers", {"biomarker": "pd-l1-expression", "criterion": "PD-L1 present", "source": "S003"}),
        ("background", {"topic": "survival-without-active-treatment", "range_lower": "3.0", "unit": "month"}),
        ("unavailable", {"item": "Table 1", "what": "trials of second-line therapy", "source": "S003"}),
        ("syntheses", {"synthesis": "Pooled trials", "participants": "542", "pools": "Cohort 2016"}),
        (
            "synthesis_results",
            {"median_months": "8.1", "population": "AFP >= 400 ng/mL", "statistic": "pooled-median-time"},
        ),
        ("findings", {"rule": "percent", "severity": "cosmetic", "source": "S004"}),
        (
            "guidance",
            {
                "rule": "S001-1",
                "tolerated": "true",
                "therapy_line": "second-line",
                "option": "regorafenib",
                "strength": "preferred",
                "locator": "Figure 1, legend",
            },
        ),
    ],
)
def test_a_statement_is_a_row(files, table, expected):
    found = [{name: row[name] for name in expected} for row in files[table]]
    assert expected in found
