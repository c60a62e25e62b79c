"""The options that commands share: declared once, the same in all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from hcckb.cli.app import application

OWN = "study,value,ci_lower,ci_upper,year\nA,0.8,0.6,1.07,2010\nB,0.7,0.5,0.98,2012\nC,0.9,0.7,1.16,2014\n"


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["bias", "influence", "cumulative"])
def test_commands_that_pool_take_a_table_of_ones_own(command, own, name):
    ran = command(name, "--data", own, "--measure", "HR", "-f", "json")
    assert ran.code == 0
    assert ran.json()["pooled"] == command("pool", "--data", own, "--measure", "HR", "-f", "json").json()


def test_own_table_and_query_are_refused_together(command, own):
    ran = command("bias", "second-line-placebo", "--data", own, "--measure", "HR")
    assert ran.code == 2
    assert "second-line-placebo" in ran.err


def test_argument_of_a_command_comes_before_the_query():
    params = get_command(application()).commands["why"].params
    assert [p.name for p in params[:3]] == ["study", "name", "endpoint"]


COUNTS = Path(__file__).resolve().parents[1] / "data" / "tables" / "bcg-counts.csv"


def test_pool_by_glmm_is_the_mixed_model_in_its_usual_form(command):
    asked = ("--data", COUNTS, "--measure", "OR", "-f", "json")
    assert command("pool", *asked, "--model", "glmm").json() == command("glmm", *asked).json()


@pytest.mark.parametrize(
    "wrong",
    [
        ("second-line-placebo", "--endpoint", "OS"),
        ("--data", COUNTS),
        ("--data", COUNTS, "--measure", "RD"),
        ("--data", COUNTS, "--measure", "OR", "--by", "year"),
        ("--data", COUNTS, "--measure", "OR", "--plot", "x.svg"),
    ],
)
def test_glmm_of_what_it_cannot_pool_is_refused(command, wrong):
    assert command("pool", *wrong, "--model", "glmm").code == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (("multilevel", "second-line-placebo", "--endpoint", "OS", "--rho", "2"), "--rho 2"),
        (("convert", "OR", "RR", "0.5", "--baseline-risk", "30"), "--baseline-risk 30"),
        (("convert", "OR", "RR", "nan", "--baseline-risk", "0.3"), "finite"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(command, line, told):
    ran = command(*line)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
