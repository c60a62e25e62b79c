"""`hcckb bayes` and `hcckb glmm` on the command line."""

from __future__ import annotations

import pytest

OWN = "study,value,ci_lower,ci_upper\nA,0.8,0.6,1.07\nB,0.7,0.5,0.98\nC,0.9,0.7,1.16\n"
COUNTS = (
    "study,events_experimental,n_experimental,events_comparator,n_comparator\nA,0,25,2,25\nB,1,60,4,55\nC,3,90,5,95\n"
)


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_bayes_takes_a_table_and_draws(command, own, tmp_path):
    figure = tmp_path / "posterior.svg"
    ran = command("bayes", "--data", own, "--measure", "HR", "--threshold", "0.9", "-f", "json", "--plot", figure)
    assert ran.code == 0
    found = ran.json()
    assert found["effect"]["ci_lower"] < found["effect"]["estimate"] < found["effect"]["ci_upper"]
    assert 0 < found["mu_below_threshold"] < found["mu_below_null"] < 1
    assert found["log_marginal_likelihood"] is None
    assert figure.read_text(encoding="utf-8").startswith("<svg")


def test_priors_are_chosen_by_name(command, own):
    asked = ("bayes", "--data", own, "--measure", "HR", "-f", "json", "--mu-sd", "2")
    turner = command(*asked, "--prior", "turner2015", "--prior-outcome", "all-cause-mortality").json()
    assert turner["tau_prior"]["parameters"] == [-3.95, 1.34]
    assert turner["bayes_factor_mu_zero"] > 0
    assert command(*asked, "--prior", "uniform").code == 2
    assert command(*asked, "--prior-scale", "-1").code == 5


def test_bayes_pools_a_selection_as_csv(command):
    ran = command("bayes", "second-line-placebo", "--endpoint", "OS", "-f", "csv")
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("study,year,value,")


@pytest.mark.parametrize("form", ["cm-el", "cm-al", "um-fs", "um-rs"])
def test_glmm_pools_counts(command, tmp_path, form):
    path = tmp_path / "counts.csv"
    path.write_text(COUNTS, encoding="utf-8")
    ran = command("glmm", "--data", path, "--measure", "odds-ratio", "--form", form, "-f", "json")
    assert ran.code == 0
    assert ran.json()["k"] == 3
    assert command("glmm", "--data", path, "--measure", "odds-ratio", "--level", "2").code == 2
