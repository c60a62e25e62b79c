"""The reports of a network in names: grouping, components, designs, ranks, contributions, the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hcckb.analysis.network import NetworkMethod, network, networks
from hcckb.analysis.network_components import components
from hcckb.analysis.regrouping import regrouped
from hcckb.errors import UnknownNameError, UsageError
from hcckb.evidence import select
from hcckb.text.network import component_records, components_text, network_text
from hcckb.usertable_network import read_network_table

SENN = Path(__file__).parents[1] / "data" / "tables" / "network-senn2013.csv"


@pytest.fixture(scope="module")
def every(kb):
    return select(kb, endpoint="OS", measure="HR")


@pytest.fixture(scope="module")
def senn():
    return network(read_network_table(SENN, "mean-difference"), reference="placebo")


def subset(table, *studies):
    return replace(table, rows=tuple(r for r in table.rows if r.study in studies))


def test_a_users_table_gives_the_published_network(senn, reference):
    wanted = reference("nma_senn2013_md")["output"]["DL"]
    assert (senn.tau2, senn.q_total, senn.q_between) == tuple(
        pytest.approx(wanted[k], rel=1e-8) for k in ("tau2", "Q", "Q_inconsistency")
    )
    order = wanted["treatments"]
    for r in senn.relative:
        i, j = order.index(r.treatment1), order.index(r.treatment2)
        assert r.analysis_estimate == pytest.approx(wanted["random"]["TE"][i][j], abs=1e-8)


def test_designs_are_named_and_told(senn):
    found = {d.treatments: d for d in senn.designs}
    willms = found["Acarbose", "Metformin", "Placebo"]
    assert (willms.k, willms.q_within_df, willms.detached_df) == (1, 0, 5)
    assert willms.detached_q == pytest.approx(22.3883419490569)
    assert found["Placebo", "Sitagliptin"].detached_q is None
    text = network_text(senn)
    assert "Between designs at the heterogeneity within them (tau2 = 0.1442): Q = 2.19 (df = 7, p = 0.948)" in text
    assert "Prediction" in text


def test_contributions_add_up_in_names(senn):
    row = next(c for c in senn.contributions if (c.treatment1, c.treatment2) == ("Metformin", "Placebo"))
    assert sum(s.share for s in row.comparisons) == pytest.approx(1)
    assert sum(s.share for s in row.studies) == pytest.approx(1)
    assert max(row.comparisons, key=lambda s: s.share).treatment2 == "Placebo"


def test_nodes_count_each_arm_once(every):
    result = network(subset(every, "HIMALAYA", "SHARP"))
    nodes = {n.treatment: n for n in result.nodes}
    arms = {r.comparator_arm: r.n_comparator for r in every if r.study == "HIMALAYA" and r.comparator == "Sorafenib"}
    sharp = next(r for r in every if r.study == "SHARP")
    assert nodes["Sorafenib"].k == 2
    sizes = [*arms.values(), sharp.n_experimental]
    assert nodes["Sorafenib"].n == (sum(sizes) if all(n is not None for n in sizes) else None)


def test_ranks_follow_the_seed_and_may_be_left_out(senn):
    table = read_network_table(SENN, "mean-difference")
    again = network(table, method=NetworkMethod(samples=10_000, seed=1))
    assert again.ranks == senn.ranks
    for name, p in senn.p_scores.items():
        assert senn.ranks.sucra[name] == pytest.approx(p, abs=0.02)
    assert network(table, method=NetworkMethod(samples=0)).ranks is None


def test_a_star_says_that_no_loop_is_closed(kb):
    result = network(select(kb, "second-line-placebo", endpoint="OS"))
    assert (result.heat.designs, result.q_interaction_p_value) == ((), None)
    assert "No closed loop" in network_text(result).replace("\n  ", " ")
    assert len(result.contributions) == 66


def test_regimens_are_grouped_by_agent_class_and_target(kb, every):
    assert regrouped(every, kb, "regimen") is every
    by_class = regrouped(every, kb, "agent-class")
    names = {n for r in by_class for n in (r.experimental, r.comparator)}
    assert "Tyrosine kinase inhibitor" in names
    assert "Placebo" in names
    assert any("grouped by agent class" in w for w in by_class.warnings)
    assert any("PD-L1 + VEGF-A" in r.experimental for r in regrouped(every, kb, "target"))
    assert "Durvalumab + Tremelimumab" in {r.experimental for r in regrouped(every, kb, "agent")}
    assert networks(by_class)[0].k > 10
    with pytest.raises(UnknownNameError, match="agent-class"):
        regrouped(every, kb, "class")


def test_a_comparison_repeated_by_grouping_is_passed_over(kb, every):
    table = subset(every, "HIMALAYA")
    same = replace(table, rows=tuple(replace(r, experimental="Sunitinib") for r in table.rows))
    found = regrouped(same, kb, "target")
    assert len(found.rows) == 1
    assert "repeats a comparison of this study" in found.passed_over[-1].reason


def test_components_of_the_graph_join_its_parts(kb, every):
    found = components(regrouped(every, kb, "agent"))
    assert found.inactive == "Placebo"
    assert found.parts > 1
    effects = {e.name: e for e in found.components}
    whole = {e.name: e for e in found.treatments}
    assert whole["Atezolizumab + Bevacizumab"].estimate == pytest.approx(
        effects["Atezolizumab"].estimate * effects["Bevacizumab"].estimate
    )
    assert effects["Anlotinib"].estimate is None
    text = components_text(found)
    assert "not determined" in text
    assert "Q: additive" in text
    records, columns = component_records(found)
    assert columns[0] == "kind"
    assert {r["kind"] for r in records} == {"component", "treatment"}


def test_components_are_fitted_by_moments_only(every):
    with pytest.raises(UsageError, match="REML"):
        components(every, method=NetworkMethod(tau2="REML"))


def test_the_command_takes_a_table_and_draws(command, tmp_path):
    kinds = ("plot", "forest", "rankogram", "league", "heat", "funnel")
    drawn = [x for kind in kinds for x in (f"--{kind}", str(tmp_path / f"{kind}.svg"))]
    ran = command("network", "--data", str(SENN), "--measure", "MD", *drawn, "-f", "json")
    assert ran.code == 0
    told = ran.json()
    assert (told["measure"], told["k"], len(told["funnel"])) == ("mean-difference", 26, 28)
    assert all((tmp_path / f"{kind}.svg").read_text(encoding="utf-8").startswith("<svg") for kind in kinds)
    assert json.dumps(told["ranks"]["samples"]) == "10000"


def test_the_command_fits_components_and_groups(command):
    told = command("network", "--endpoint", "OS", "--measure", "HR", "--components", "-f", "json").json()
    assert told["q_difference_df"] == told["q_additive_df"] - told["q_standard_df"]
    grouped = command("network", "--line", "1L", "--endpoint", "OS", "--measure", "HR", "--of", "agent-class")
    assert "HR vs Tyrosine kinase inhibitor" in grouped.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--components", "--parts"), "leave out --parts"),
        (("--components", "--plot", "x.svg"), "leave out --plot"),
        (("--inactive", "placebo"), "add --components"),
        (("--parts", "--plot", "x.svg"), "--plot draws one"),
        (("--data", str(SENN)), "--data needs --measure"),
        (("--data", str(SENN), "--measure", "MD", "--of", "target"), "--of target reads the graph"),
        (("--data", str(SENN), "--measure", "MD", "--line", "2L"), "--line selects from the graph"),
        (("--transform", "logit"), "--transform is for proportions"),
        (("--data", str(SENN), "--measure", "MD", "--rank-samples", "0", "--rankogram", "x.svg"), "--rank-samples"),
    ],
)
def test_options_that_do_not_fit_are_refused(command, arguments, told):
    ran = command("network", *arguments)
    assert ran.code == 2
    assert told in ran.err
