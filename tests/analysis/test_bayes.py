"""Bayesian results of evidence tables: scales, thresholds, priors that a command line names."""

from __future__ import annotations

import math

import pytest

from hcckb.analysis.bayes import bayes, named_prior
from hcckb.analysis.pool import pool
from hcckb.errors import UsageError
from hcckb.pooling.bayes import bayes_pool
from hcckb.pooling.priors import tau_prior
from hcckb.text.bayes import bayes_records, bayes_text, bayes_value
from hcckb.usertable import read_table

RATIOS = "study,value,ci_lower,ci_upper\nA,0.80,0.62,1.03\nB,0.70,0.55,0.89\nC,1.05,0.70,1.57\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(RATIOS, encoding="utf-8")
    return read_table(path, "hazard-ratio")


def test_the_effect_comes_back_as_a_ratio_and_studies_shrink(table):
    found = bayes(table, threshold=0.9)
    pooled = pool(table)
    arrays = bayes_pool(
        [r.analysis_value for r in pooled.rows], [r.se**2 for r in pooled.rows], threshold=math.log(0.9)
    )
    assert found.mu.estimate == math.exp(arrays.mu.median)
    assert found.new.ci_upper == math.exp(arrays.new.ci_upper)
    assert found.fitted.mu_below_threshold == arrays.mu_below_threshold
    assert found.pooled.estimate == pooled.estimate
    for row in found.rows[1:]:  # A lies at the mean
        assert abs(math.log(row.estimate / found.mu.estimate)) < abs(math.log(row.value / found.mu.estimate))
        assert row.ci_upper / row.ci_lower < row.value_upper / row.value_lower


def test_text_json_and_records_tell_the_same(table):
    found = bayes(table, threshold=0.9, mu_prior=(0.0, 2.0))
    text, value, (records, columns) = bayes_text(found), bayes_value(found), bayes_records(found)
    assert f"{found.mu.estimate:.2f} (median)" in text
    assert "Probability of an effect below 0.9" in text
    assert "of no mean effect" in text
    assert value["mu_below_null"] == found.fitted.mu_below_zero
    assert value["tau_prior"]["label"] == "half-normal(scale 0.5)"
    assert [tuple(record) for record in records] == [columns] * 3
    assert bayes_value(bayes(table))["mu_below_threshold"] is None


def test_a_difference_needs_a_scale_of_its_own(tmp_path):
    path = tmp_path / "md.csv"
    path.write_text("study,yi,sei\nA,3,2\nB,5,3\nC,1,2\n", encoding="utf-8")
    table = read_table(path, "generic")
    with pytest.raises(UsageError, match="--prior-scale"):
        bayes(table)
    found = bayes(table, prior=tau_prior("half-normal", 2.0), threshold=1.0)
    assert found.mu.estimate == found.fitted.mu.median
    assert "below 1:" in bayes_text(found)


def test_proportions_come_back_as_shares(tmp_path):
    path = tmp_path / "share.csv"
    path.write_text("study,events,n\nA,5,50\nB,9,60\nC,4,70\n", encoding="utf-8")
    found = bayes(read_table(path, "proportion"), threshold=0.2)
    assert 0.05 < found.mu.estimate < 0.2
    assert found.fitted.mu_below_threshold > 0.9
    assert "below 0:" not in bayes_text(found)


def test_borrowed_priors_say_so(table):
    assert "borrowed for a hazard-ratio" in bayes(table, prior=named_prior("turner2015")).notes[0]
    assert "lent to a hazard-ratio" in bayes(table, prior=named_prior("rhodes2015")).notes[0]


def test_names_make_priors():
    assert named_prior().parameters == (0.5,)
    assert named_prior("log-t", location=-3.0, scale=2.0).parameters == (-3.0, 2.0, 5.0)
    assert named_prior("turner2015", about=("pain", "pharmacological-placebo")).parameters == (-1.83, 1.52)
    assert not named_prior("jeffreys").proper


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("turner2015", {"scale": 1.0}, "brings its own numbers"),
        ("half-normal", {"about": ("pain", "x")}, "turner2015"),
        ("log-normal", {"scale": 1.0}, "--prior-location"),
        ("uniform", {}, "largest tau"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, given, told):
    with pytest.raises(UsageError, match=told):
        named_prior(name, **given)


def test_thresholds_off_the_scale_are_refused(table):
    with pytest.raises(UsageError, match="not its logarithm"):
        bayes(table, threshold=-0.1)
