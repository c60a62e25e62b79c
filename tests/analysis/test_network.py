"""A selection as a network: the shipped trials, shared arms, parts, text, league table, JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from hcckb.analysis.network import NetworkMethod, network, networks
from hcckb.analysis.pool import pool
from hcckb.cli import net
from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.evidence import select
from hcckb.records import to_json
from hcckb.text.network import league_records, network_text
from hcckb.usertable_network import read_network_table

CONTRACT = [
    "treatments",
    "reference",
    "model",
    "tau2",
    "q_total",
    "q_within",
    "q_between",
    "i2",
    "relative",
    "p_scores",
]
RELATIVE = ["treatment1", "treatment2", "estimate", "ci_lower", "ci_upper", "se", "p_value"]


@pytest.fixture(scope="module")
def placebo(kb):
    return select(kb, "second-line-placebo", endpoint="OS")


@pytest.fixture(scope="module")
def every(kb):
    return select(kb, endpoint="OS", measure="HR")


def subset(table, *studies):
    return replace(table, rows=tuple(r for r in table.rows if r.study in studies))


def run(*arguments):
    app = typer.Typer()
    app.command()(net.network)
    ran = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.stdout


def test_a_star_around_placebo_gives_each_regimen_its_own_pool(placebo):
    result = network(placebo, method=NetworkMethod(model="common"))
    assert (result.reference, result.q_between_df, result.k) == ("Placebo", 0, len(placebo))
    assert result.tau2 == 0
    for relative in result.against("Placebo"):
        rows = tuple(r for r in placebo if r.experimental == relative.treatment1)
        alone = pool(replace(placebo, rows=rows), model="common", ci="wald")
        got = (relative.estimate, relative.ci_lower, relative.ci_upper, relative.se, relative.p_value)
        assert got == pytest.approx((alone.estimate, alone.ci_lower, alone.ci_upper, alone.se, alone.p_value))


def test_six_trials_give_what_netmeta_gives(placebo, reference):
    case = reference("nma_hcc_second_line_os")
    names = {"Santoro 2013": "Tivantinib phase II", "Kang 2015": "Axitinib phase II"}
    found = tuple(r for r in placebo if names.get(r.study, r.study) in case["input"]["studlab"])
    printed = dict(zip(case["input"]["studlab"], case["input"]["hr"], strict=True))
    rows = tuple(r for r in found if r.value == printed[names.get(r.study, r.study)])
    assert len(rows) == 5  # Kang 2015 has three decimals here
    result = network(replace(placebo, rows=rows))
    order = case["output"]["DL"]["treatments"]
    wanted = case["output"]["DL"]["random"]
    for relative in result.relative:
        i, j = order.index(relative.treatment1.casefold()), order.index(relative.treatment2.casefold())
        assert relative.analysis_estimate == pytest.approx(wanted["TE"][i][j], abs=1e-8)
        assert relative.se == pytest.approx(wanted["seTE"][i][j], abs=1e-8)


def test_json_has_the_fields_of_the_contract(placebo):
    told = json.loads(to_json(network(placebo, reference="regorafenib")))
    assert all(field in told for field in CONTRACT)
    assert all(list(r)[:5] == RELATIVE[:5] and set(RELATIVE) <= set(r) for r in told["relative"])
    assert told["reference"] == "Regorafenib"
    assert len(told["relative"]) == len(told["treatments"]) * (len(told["treatments"]) - 1)
    assert sorted(told["p_scores"]) == sorted(told["treatments"])


def test_both_contrasts_of_a_shared_arm_stay_in(every):
    result = network(subset(every, "HIMALAYA", "SHARP"))
    assert (result.k, len(result.rows)) == (2, 3)
    assert any(w.startswith("HIMALAYA: contrasts of several arms") for w in result.warnings)
    assert not any(w.startswith("HIMALAYA: one contrast") for w in result.warnings)
    of_durvalumab = next(r for r in result.against("Sorafenib") if r.treatment1 == "Durvalumab")
    assert of_durvalumab.estimate == pytest.approx(0.86)


def test_a_loop_has_direct_and_indirect_evidence(every):
    result = network(subset(every, "SHARP", "BRISK-FL", "BRISK-PS"))
    assert (result.q_total_df, result.q_between_df) == (1, 1)
    both = [c for c in result.comparisons if c.indirect is not None]
    assert len(both) == 3
    assert {round(c.p_value, 8) for c in both} == {round(both[0].p_value, 8)}
    assert "Direct and indirect evidence" in network_text(result)
    assert any(w.startswith("The trials differ in line of therapy") for w in result.warnings)


def test_parts_are_named_and_can_be_fitted_each(every):
    apart = subset(every, "SHARP", "BRISK-PS", "BRISK-TA")
    with pytest.raises(PoolingError, match=r"2 parts .*\(2\) TACE, TACE \+ brivanib.*--parts"):
        network(apart)
    first, second = networks(apart, reference="TACE + brivanib")
    assert (first.reference, second.reference) == ("Placebo", "TACE + brivanib")
    assert not {d.study for d in first.dropped} & {r.study for r in second.rows}
    records, names = league_records((first, second))
    assert names == ["treatment", *first_names(first), *first_names(second)]
    cells = {r["treatment"]: r for r in records}
    assert cells["TACE"]["Placebo"] == cells["TACE"]["TACE"] == ""
    assert cells["Brivanib"]["Placebo"] == "0.890 (0.689 to 1.149)"


def first_names(result):
    return sorted(result.treatments, key=lambda t: -result.p_scores[t])


def test_what_is_no_network_is_refused(kb, placebo):
    with pytest.raises(EmptySelectionError, match="selects no contrast"):
        network(replace(placebo, rows=()))
    with pytest.raises(PoolingError, match="mixes"):
        network(select(kb, "second-line-placebo"))
    with pytest.raises(UnknownNameError, match="Did you mean 'Regorafenib'"):
        network(placebo, reference="regorafenb")


def test_one_regimen_in_both_arms_and_shared_patients_are_left_out(placebo):
    one, *others = placebo.rows
    result = network(replace(placebo, rows=(replace(one, experimental="Placebo"), *others)))
    assert any(d.reason.startswith("regimen: both arms receive Placebo") for d in result.dropped)


def test_arms_of_one_study_that_share_nothing_are_two_studies(placebo):
    one, other = subset(placebo, "RESORCE", "REACH-2").rows
    result = network(replace(placebo, rows=(one, replace(other, study=one.study))))
    assert result.k == 2


def test_the_command_writes_table_league_and_json():
    asked = ("second-line-placebo", "--endpoint", "OS")
    text = run(*asked)
    assert "HR vs Placebo (95 % CI)" in text
    assert "P-scores rank by certainty" in text
    assert "Nothing left after the step 'endpoint'" in text
    league = list(csv.DictReader(io.StringIO(run(*asked, "--model", "common", "-f", "csv"))))
    assert league[0]["treatment"] == "Regorafenib"
    assert league[0]["Placebo"].startswith("0.630 (0.5")
    told = json.loads(run(*asked, "--reference", "placebo", "--tau2", "REML", "--large-is-good", "-f", "json"))
    assert (told["reference"], told["tau2_method"], told["small_is_good"]) == ("Placebo", "REML", False)
    assert len(json.loads(run("--endpoint", "OS", "--measure", "HR", "--parts", "-f", "json"))) > 1


def test_a_table_of_ones_own_has_no_cutoff_to_curate(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("study,treatment1,treatment2,te,sete\nT1,A,B,-0.2,0.1\n", encoding="utf-8")
    assert "data_cutoff" not in network(read_network_table(path, "hazard-ratio")).provenance
