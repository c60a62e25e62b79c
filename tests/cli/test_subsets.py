"""`hcckb gosh` and `multiverse`, and the figures of `influence` and `cumulative`."""

from __future__ import annotations

import pytest

OWN = (
    "study,value,ci_lower,ci_upper,year\nA,0.8,0.6,1.07,2010\nB,0.7,0.5,0.98,2012\nC,0.9,0.7,1.16,2014\n"
    "D,0.5,0.4,0.63,2016\n"
)


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(OWN, encoding="utf-8")
    return ("--data", path, "--measure", "HR")


def test_gosh_of_an_own_table(command, own, tmp_path):
    figure = tmp_path / "gosh.svg"
    found = command("gosh", *own, "--study", "d", "--plot", figure, "-f", "json").json()
    assert (found["subsets"], found["every"], found["seed"]) == (15, True, None)
    assert [r["study"] for r in found["rows"]] == ["A", "B", "C", "D"]
    assert "with D" in figure.read_text(encoding="utf-8")
    drawn = command("gosh", *own, "--subsets", "10", "--seed", "3", "-f", "json").json()
    assert (drawn["subsets"], drawn["every"], drawn["seed"]) == (10, False, 3)
    assert command("gosh", *own, "--study", "Z").code == 4
    assert "Median with" in command("gosh", *own).out


def test_multiverse_of_an_own_table_and_of_the_graph(command, own, tmp_path):
    figure = tmp_path / "curve.svg"
    found = command("multiverse", *own, "--plot", figure, "-f", "json").json()
    assert len(found["specifications"]) == 25 * 5
    assert figure.read_text(encoding="utf-8").count('class="specification"') == 125
    lines = command("multiverse", *own, "-f", "csv").out.splitlines()
    assert len(lines) == 126
    graph = command("multiverse", "second-line-placebo-vegfr", "--endpoint", "OS", "-f", "json").json()
    assert {s["lines"] for s in graph["specifications"]} == {"all", "only"}
    assert "Lines of therapy" in command("multiverse", "second-line-placebo-vegfr", "--endpoint", "OS").out


def test_figures_of_influence_and_cumulative(command, own, tmp_path):
    panel, baujat, forest, cumulative = (tmp_path / f"{n}.svg" for n in ("panel", "baujat", "forest", "cumulative"))
    ran = command("influence", *own, "--plot", panel, "--baujat", baujat, "--forest", forest)
    assert ran.code == 0
    assert panel.read_text(encoding="utf-8").count('class="facet-title"') == 8
    assert baujat.read_text(encoding="utf-8").count('class="study-point"') == 4
    assert "Without D" in forest.read_text(encoding="utf-8")
    assert command("cumulative", *own, "--plot", cumulative).code == 0
    assert "+ D" in cumulative.read_text(encoding="utf-8")


def test_pool_says_how_far_rounding_moves_it(command, own):
    assert "Rounding of the printed numbers moves the pooled HR within" in command("pool", *own).out
