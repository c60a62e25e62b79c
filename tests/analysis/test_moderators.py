"""Subgroups, meta-regression and dependence of evidence tables, in the library and on the command line."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from hcckb.analysis.columns import categories, column
from hcckb.analysis.multilevel import multilevel
from hcckb.analysis.pool import pool, pool_by
from hcckb.analysis.regression import regress
from hcckb.analysis.subgroup import subgroup
from hcckb.errors import PoolingError, TableError, UnknownNameError, UsageError
from hcckb.evidence import select
from hcckb.pooling.multilevel import multilevel as multilevel_arrays
from hcckb.pooling.regression import meta_regression
from hcckb.usertable import read_table

OWN = """study,value,ci_lower,ci_upper,year,dose,region
A,0.80,0.62,1.03,2012,1,east
A,0.70,0.55,0.89,2012,2,east
B,0.95,0.75,1.20,2014,1,west
B,0.85,0.67,1.08,2014,2,west
C,0.60,0.45,0.80,2016,1,east
D,0.90,0.70,1.16,2018,2,west
E,1.05,0.80,1.38,2019,1,west
"""
COUNTS = """study,comparator,events_experimental,n_experimental,events_comparator,n_comparator
A,placebo,12,100,20,101
A,placebo,15,98,20,101
B,placebo,10,80,15,82
C,placebo,22,150,30,149
"""


@pytest.fixture
def own(tmp_path):
    """A user's own table of hazard ratios with moderators."""
    path = tmp_path / "own.csv"
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.fixture
def table(own):
    return read_table(own, "hazard-ratio")


@pytest.fixture(scope="module")
def second_line(kb):
    return select(kb, "second-line-placebo", endpoint="OS")


def test_columns_of_a_users_file_are_numbers_or_categories(table):
    assert column(table, "dose") == (1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0)
    assert categories(table, "dose")[:2] == ("1", "2")
    assert column(table, "region")[0] == "east"
    assert column(table, "year")[0] == 2012.0


def test_columns_of_the_graph_have_sizes(second_line):
    sizes = column(second_line, "n")
    first = second_line.rows[0]
    assert sizes[0] == first.n_experimental + first.n_comparator
    assert set(column(second_line, "phase")) == {"phase-2", "phase-3"}


def test_a_missing_moderator_names_the_study(table, second_line):
    with pytest.raises(TableError, match=r"A \(own.csv, row 2\): has no line"):
        column(table, "line")
    gap = replace(second_line, rows=(replace(second_line.rows[0], phase=None), *second_line.rows[1:]))
    with pytest.raises(TableError, match=f"{second_line.rows[0].study} .*has no phase"):
        regress(gap, ["phase"])
    alone = replace(second_line, rows=(replace(second_line.rows[0], n_comparator=None),))
    with pytest.raises(TableError, match="has no n"):
        column(alone, "n")
    with pytest.raises(UnknownNameError, match="region"):
        column(table, "regoin")


def test_subgroups_are_those_of_pooling_each_by_itself(second_line):
    found, apart = subgroup(second_line, "phase"), dict(pool_by(second_line, "phase"))
    assert [g.group for g in found.groups] == sorted(apart)
    for g in found.groups:
        one = apart[g.group]
        assert [g.estimate, g.ci_lower, g.ci_upper, g.tau2, g.i2, g.q] == pytest.approx(
            [one.estimate, one.ci_lower, one.ci_upper, one.tau2, one.i2, one.q], rel=1e-12
        )
        assert (g.k, g.n) == (one.k, one.n)
        assert set(g.studies) == {r.study for r in one.rows}
    assert found.pooled.estimate == pool(second_line).estimate
    assert [r.study for r in found.pooled.rows] == [s for g in found.groups for s in g.studies]
    assert any("narrower than the Wald" in n for n in found.notes)
    assert any("Fewer than 5" in n for n in found.notes)


def test_common_tau2_is_one_for_all_groups(second_line):
    found = subgroup(second_line, "phase", common_tau2=True)
    regression = regress(second_line, ["phase"])
    assert len({g.tau2 for g in found.groups}) == 1
    assert [found.groups[0].tau2, found.p_value] == pytest.approx([regression.tau2, regression.qm_p_value], rel=1e-9)
    assert found.f_df2 == regression.qm_df_residual


def test_a_rule_and_the_common_effect_work_by_group(second_line):
    assert subgroup(second_line, "phase", model="common").f_between is None
    assert subgroup(second_line, "phase", model="rule:kim2017").pooled.k == len(second_line)


def test_regression_is_that_of_the_arrays(table):
    found = regress(table, ["dose", "region"], references={"region": "west"}, at=[{"dose": "2", "region": "east"}])
    y = np.array([r.analysis_value for r in found.rows])
    v = np.array([r.se for r in found.rows]) ** 2
    x = np.array([[r.moderators["dose"], float(r.moderators["region"] == "east")] for r in found.rows])
    fit = meta_regression(y, v, x)
    assert [c.beta for c in found.coefficients] == pytest.approx(fit.beta.tolist(), rel=1e-12)
    assert [c.p_value for c in found.coefficients] == pytest.approx(fit.p_value.tolist(), rel=1e-10)
    assert [c.name for c in found.coefficients] == ["intercept", "dose", "region: east"]
    assert found.coefficients[2].ratio == pytest.approx(np.exp(fit.beta[2]))
    assert found.predictions[0].analysis_estimate == pytest.approx(fit.beta @ [1, 2, 1], rel=1e-12)
    assert found.terms[1].reference == "west"
    assert sum(r.weight for r in found.rows) == pytest.approx(1.0)
    assert (found.permutation, found.robust, found.curve) == (None, None, ())


def test_regression_with_permutations_and_clusters(table):
    found = regress(table, ["dose"], permutations=100, robust_by="study")
    assert found.permutation == {"exact": True, "permutations": 35, "possible": 35, "seed": None}
    assert found.coefficients[1].permutation_p_value == found.qm_permutation_p_value
    assert found.robust["clusters"] == 5
    assert found.coefficients[1].robust_df < 5
    assert len(found.curve) == 41


def test_numbers_may_be_taken_as_categories(table):
    found = regress(table, ["dose"], as_categories=["dose"])
    assert [c.name for c in found.coefficients] == ["intercept", "dose: 2"]
    assert [p.at["dose"] for p in found.curve] == ["1", "2"]
    with pytest.raises(UnknownNameError):
        regress(table, ["dose"], as_categories=["region"])


def test_own_estimates_of_one_study_are_pooled_with_their_correlation(table):
    found = multilevel(table, rho=0.5)
    assert (found.k, found.clusters, found.rho) == (7, 5, 0.5)
    assert [r.shares for r in found.rows] == ["assumed"] * 4 + [""] * 3
    y, se = (np.array([getattr(r, f) for r in found.rows]) for f in ("analysis_value", "se"))
    v = np.diag(se**2)
    for i, j in ((0, 1), (2, 3)):
        v[i, j] = v[j, i] = 0.5 * se[i] * se[j]
    fit = multilevel_arrays(y, v, [r.study for r in found.rows])
    assert [found.analysis_estimate, found.se] == pytest.approx([fit.beta[0], fit.se[0]], rel=1e-12)
    assert found.ci_lower == pytest.approx(np.exp(fit.ci_lower[0]), rel=1e-12)
    assert found.df == 4
    assert multilevel(table, rho=0.0).estimate != found.estimate


def test_counts_tell_the_covariance_of_a_shared_comparator(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text(COUNTS, encoding="utf-8")
    found = multilevel(read_table(path, "odds-ratio"), model="common", ci="wald")
    assert found.rho is None
    assert [r.shares for r in found.rows] == ["comparator counts"] * 2 + ["", ""]
    y, se = (np.array([getattr(r, f) for r in found.rows]) for f in ("analysis_value", "se"))
    v = np.diag(se**2)
    v[0, 1] = v[1, 0] = 1 / 20 + 1 / 81
    w = np.linalg.inv(v)
    assert found.analysis_estimate == pytest.approx(w.sum(axis=0) @ y / w.sum(), rel=1e-8)
    assert found.se == pytest.approx(w.sum() ** -0.5, rel=1e-8)
    assert (found.method, found.variances) == (None, ())


def test_contrasts_that_share_an_arm_stay_in_a_multilevel_pool(kb):
    table = select(kb, "first-line-sorafenib-controlled", endpoint="OS")
    dropped, kept = pool(table), multilevel(table)
    assert any("hcckb multilevel" in w for w in dropped.warnings)
    assert (dropped.k, kept.k, kept.clusters) == (20, 21, 20)
    assert [r.study for r in kept.rows if r.shares] == ["HIMALAYA", "HIMALAYA"]
    assert kept.rho == 0.5


def test_no_shared_cluster_gives_the_pool(second_line):
    found, plain = multilevel(second_line, ci="wald"), pool(second_line, ci="wald")
    assert [found.estimate, found.se, found.i2] == pytest.approx([plain.estimate, plain.se, plain.i2], rel=1e-8)
    assert any("hcckb pool" in n for n in found.notes)


def test_methods_that_dependence_does_not_have_are_refused(table):
    for wrong in ({"model": "rule:kim2017"}, {"tau2": "DL"}, {"ci": "hksj-guarded"}):
        with pytest.raises(UsageError):
            multilevel(table, **wrong)
    with pytest.raises(PoolingError, match="rho must lie"):
        multilevel(table, rho=1.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("subgroup", ["--by", "region"]),
        ("subgroup", ["--by", "region", "--common-tau2", "--ci", "wald"]),
        ("regress", ["--on", "dose", "--on", "region", "--permute", "50", "--robust", "study"]),
        ("regress", ["--on", "dose", "--at", "dose=1.5", "--model", "common"]),
        ("regress", ["--on", "region", "--no-intercept", "--reference", "region=west"]),
        ("multilevel", ["--rho", "0.3"]),
        ("multilevel", ["--model", "common"]),
    ],
)
def test_commands_take_a_table_in_every_format(command, own, name, options):
    asked = [name, "--data", own, "--measure", "HR", *options]
    text, found, rows = (command(*asked, "-f", f) for f in ("table", "json", "csv"))
    assert (text.code, found.code, rows.code) == (0, 0, 0), text.err + found.err
    assert "Research tool" in text.out
    listed = {"subgroup": "groups", "regress": "coefficients", "multilevel": "rows"}[name]
    records = list(csv.DictReader(io.StringIO(rows.out)))
    assert len(records) == len(found.json()[listed])
    assert list(records[0]) == list(found.json()[listed][0])


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        (["subgroup", "--by", "regoin"], 4, "region"),
        (["regress", "--on", "line"], 3, "has no line"),
        (["regress", "--on", "dose", "--at", "dose"], 2, "name=value"),
        (["regress", "--on", "region", "--reference", "region=north"], 4, "level of region"),
        (["regress", "--on", "dose", "--ci", "kenward-roger"], 4, "kenward-roger"),
        (["multilevel", "--rho", "1"], 2, "--rho 1 must lie"),
        (["multilevel", "--tau2", "DL"], 2, "REML or ML"),
    ],
)
def test_what_cannot_be_done_is_said(command, own, asked, code, text):
    ran = command(*asked, "--data", own, "--measure", "HR")
    assert ran.code == code
    assert text in ran.err


def test_figures_are_written(command, own, tmp_path):
    forest, bubble = tmp_path / "forest.svg", tmp_path / "bubble.svg"
    assert command("subgroup", "--data", own, "--measure", "HR", "--by", "region", "--plot", forest).code == 0
    assert command("regress", "--data", own, "--measure", "HR", "--on", "dose", "--plot", bubble).code == 0
    assert forest.read_text().startswith("<svg")
    assert bubble.read_text().startswith("<svg")
    several = ["--on", "dose", "--on", "region", "--plot", bubble]
    assert command("regress", "--data", own, "--measure", "HR", *several).code == 2
