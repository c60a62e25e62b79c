"""Options: which rules of guidance hold for a profile, what decided, what stands behind them, where they differ."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from hcckb.checks import check, errors
from hcckb.errors import UnknownNameError, UsageError
from hcckb.options import DISCLAIMER, Option, Profile, disagreements, options
from hcckb.store import Store, load
from hcckb.text.options import option_records, options_text

KB = Path(__file__).parent / "data" / "kb-guidance"
HEADER = "".join(
    f"@prefix {p}: <https://w3id.org/hcckb/{n}> .\n" for p, n in (("ev", "ns#"), ("kb", "kb/"), ("term", "term/"))
)
SORAFENIB = Profile(prior=("sorafenib",))


@pytest.fixture(scope="module")
def guided() -> Store:
    """Rules of two documents with three trials behind them."""
    return load(KB, shipped=False)


@pytest.fixture
def with_rule(tmp_path):
    """Load the folder with one more rule, whose conditions are given."""

    def build(conditions: str) -> Store:
        rule = tmp_path / "rule.ttl"
        rule.write_text(
            f'{HEADER}kb:guidance-s004-1 a ev:Guidance ; ev:ruleId "S004-1" ; ev:option term:nivolumab ; {conditions} ;'
            ' ev:strength term:option ; ev:source kb:source-s004 ; ev:locator "Discussion" ; ev:asPrinted "see text" ;'
            " ev:verification term:single-extracted .\n",
            encoding="utf-8",
        )
        return load([KB, rule], shipped=False)

    return build


def offered(store: Store, profile: Profile) -> set[tuple[str, str]]:
    return {(o.rule, o.name) for o in options(store, profile)}


def rule(store: Store, profile: Profile, name: str) -> Option:
    (found,) = [o for o in options(store, profile) if o.rule == name]
    return found


def test_the_folder_has_the_shape_of_guidance(guided):
    shown = {f.rule for f in errors(check(guided)) if "guidance" in f.node}
    assert not shown


def test_after_sorafenib_tolerated_and_progressed_the_editorial_prefers_regorafenib(guided):
    profile = Profile(prior=("sorafenib",), tolerated=True, progressed=True, afp=500)
    found = rule(guided, profile, "S001-1")
    assert (found.name, found.strength, found.source) == ("Regorafenib", "preferred", "S001")
    assert found.held == (
        "prior sorafenib",
        "second line",
        "tolerance of the prior therapy",
        "progression on the prior therapy",
    )
    assert found.unknown == ()
    assert "400 mg" in found.restriction
    assert found.basis == ("RESORCE",)
    assert (found.locator, found.as_printed) == ("Figure 1, legend", "regorafenib; >=400 mg; 20 days; 28-day period")
    assert not {"S001-2", "S001-3"} & {r for r, _ in offered(guided, profile)}


def test_after_intolerance_the_editorial_offers_nivolumab_or_cabozantinib(guided):
    found = offered(guided, Profile(prior=("sorafenib",), tolerated=False))
    assert {("S001-2", "Nivolumab"), ("S001-3", "Cabozantinib")} <= found
    assert "S001-1" not in {r for r, _ in found}


def test_what_is_not_known_rules_nothing_out_and_is_told(guided):
    found = rule(guided, SORAFENIB, "S001-4")
    assert (found.name, found.strength) == ("Ramucirumab", "restricted")
    assert found.unknown == ("AFP >= 400 ng/mL (Alpha-fetoprotein not given)",)
    assert rule(guided, SORAFENIB, "S001-1").unknown == (
        "tolerance of the prior therapy (not given)",
        "progression on the prior therapy (not given)",
    )


@pytest.mark.parametrize(("afp", "offers"), [(399.9, False), (400, True), (500, True)])
def test_ramucirumab_is_for_an_afp_of_400_or_more(guided, afp, offers):
    rules = {r for r, name in offered(guided, Profile(prior=("sorafenib",), afp=afp)) if name == "Ramucirumab"}
    assert rules == ({"S001-4", "S003-2"} if offers else set())


def test_cabozantinib_is_the_one_third_line_option(guided):
    profile = Profile(prior=("sorafenib", "regorafenib"), line="3L")
    assert offered(guided, profile) == {("S001-5", "Cabozantinib")}


def test_one_prior_therapy_tells_the_line_and_several_do_not(guided):
    assert "S001-5" not in {r for r, _ in offered(guided, SORAFENIB)}
    found = rule(guided, Profile(prior=("sorafenib", "regorafenib")), "S001-5")
    assert found.unknown == ("third line (line not given)",)
    assert not options(guided, Profile())


def test_what_was_received_is_not_offered_again(guided):
    names = {n for _, n in offered(guided, Profile(prior=("sorafenib", "regorafenib"), line="2L"))}
    assert "Regorafenib" not in names
    assert "Cabozantinib" in names


@pytest.mark.parametrize("prior", [("atezolizumab-bevacizumab",), ("atezolizumab", "bevacizumab")])
def test_a_combination_is_named_by_its_regimen_or_its_agents(guided, prior):
    found = {o.rule: o for o in options(guided, Profile(prior=prior))}
    assert set(found) == {f"S003-{n}" for n in range(9, 15)}
    assert found["S003-9"].regimen == ""
    assert found["S003-9"].strength == "not-established"
    assert found["S003-12"].strength == "unlikely-effective"
    assert not any(o.unknown for o in found.values())


def test_the_strongest_come_first(guided):
    ranks = [o.rank for o in options(guided, SORAFENIB)]
    assert ranks == sorted(ranks)


def test_trials_of_the_regimen_in_the_line_stand_behind_an_option(guided):
    (trial,) = rule(guided, SORAFENIB, "S001-4").evidence
    assert (trial.row.study, trial.row.population, trial.row.value) == ("REACH", "AFP >= 400 ng/mL", 0.67)
    assert trial.prior == ("sorafenib",)
    assert not rule(guided, Profile(prior=("sorafenib",), tolerated=False), "S001-2").evidence
    third = Profile(prior=("sorafenib", "regorafenib"), line="3L")
    (trial,) = rule(guided, third, "S001-5").evidence  # its arm has another regimen with the same agent
    assert (trial.row.study, trial.row.experimental) == ("CELESTIAL", "Cabozantinib 60 mg")


def test_documents_that_give_different_strengths_disagree(guided):
    found = options(guided, Profile(prior=("sorafenib",), tolerated=False, afp=500))
    told = {d.name: {(p.rule, p.strength) for p in d.positions} for d in disagreements(found)}
    assert told == {
        "Cabozantinib": {("S001-3", "option"), ("S003-1", "preferred")},
        "Nivolumab": {("S001-2", "option"), ("S003-3", "less-preferred")},
        "Ramucirumab": {("S001-4", "restricted"), ("S003-2", "option")},
    }
    assert all(d.certain for d in disagreements(found))


def test_a_disagreement_that_hangs_on_something_unknown_says_so(guided):
    found = options(guided, Profile(prior=("sorafenib",), tolerated=False))
    certain = {d.name: d.certain for d in disagreements(found)}
    assert certain == {"Cabozantinib": True, "Nivolumab": True, "Ramucirumab": False}
    assert not disagreements(options(guided, Profile(prior=("lenvatinib",))))


@pytest.mark.parametrize(
    ("given", "holds"),
    [("A", False), ("b", True), ("B9", True), ("7", True), ("6", False), ("C", False), (None, None)],
)
def test_child_pugh_is_a_class_or_a_score(with_rule, given, holds):
    store = with_rule("ev:requires kb:criterion-child-pugh-b")
    found = [o for o in options(store, Profile(child_pugh=given)) if o.rule == "S004-1"]
    assert [o.unknown == () for o in found] == {True: [True], False: [], None: [False]}[holds]


@pytest.mark.parametrize(
    ("given", "holds"), [("A", True), ("B", None), ("B8", True), ("B9", False), ("C", False), (None, None)]
)
def test_a_class_is_an_interval_of_scores(with_rule, given, holds):
    store = with_rule("ev:requires kb:criterion-child-pugh-score-at-most-8")
    found = [o for o in options(store, Profile(child_pugh=given)) if o.rule == "S004-1"]
    assert [o.unknown == () for o in found] == {True: [True], False: [], None: [False]}[holds]


@pytest.mark.parametrize(
    ("region", "holds"), [("region-asia", True), ("region-japan", True), ("region-asia-pacific", None), ("male", False)]
)
def test_a_code_holds_for_the_codes_below_it(with_rule, region, holds):
    store = with_rule("ev:requires kb:criterion-region-asia")
    found = [o for o in options(store, Profile(values={"region": region})) if o.rule == "S004-1"]
    assert [o.unknown for o in found] == {True: [()], False: [], None: [("Asia (Region not exact enough)",)]}[holds]


def test_a_rule_without_conditions_always_holds_and_two_regimens_are_two_options(with_rule):
    store = with_rule("ev:option term:pembrolizumab")
    assert offered(store, Profile()) == {("S004-1", "Nivolumab"), ("S004-1", "Pembrolizumab")}


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        (Profile(prior=("sorafenip",)), "Did you mean 'sorafenib'"),
        (Profile(line="4L"), "no line is called '4L'"),
        (Profile(values={"AFPP": "3"}), "no variable is called"),
        (Profile(values={"MET": "highest"}), "no code is called"),
    ],
)
def test_an_unknown_name_is_told(guided, profile, told):
    with pytest.raises(UnknownNameError, match=told):
        options(guided, profile)


@pytest.mark.parametrize(
    "profile",
    [
        Profile(afp=-1),
        Profile(afp=float("inf")),
        Profile(values={"age": "nan"}),
        *(Profile(child_pugh=c) for c in ("", "D", "A7", "4", "16", "B 7x")),
    ],
)
def test_a_value_that_cannot_be_is_a_usage_error(guided, profile):
    with pytest.raises(UsageError, match="cannot be"):
        options(guided, profile)


def test_the_text_shows_rules_trials_differences_and_the_disclaimer(guided):
    found = options(guided, Profile(prior=("sorafenib",), tolerated=False))
    text = options_text(found, disagreements(found))
    assert "The documents differ on Nivolumab: option in S001-2 (Figure 1, legend); less-preferred in S003-3" in text
    assert "The documents may differ on Ramucirumab" in text
    assert "Cabozantinib 60 mg vs Placebo" in text
    assert "No randomised trial of the line with an overall-survival estimate here" in text
    assert text.endswith(DISCLAIMER)
    assert all(len(line) <= 140 for line in text.splitlines())


def test_no_rule_is_said_in_words():
    assert options_text((), ()).startswith("No rule of the guidance that was read holds")


def test_options_are_records(guided):
    found = options(guided, SORAFENIB)
    records = option_records(found)
    ramucirumab = next(r for r in records if r["rule"] == "S001-4")
    assert ramucirumab["held"] == "prior sorafenib; second line"
    assert ramucirumab["evidence"] == "REACH 0.67, 95% CI 0.51–0.90"
    assert len(json.dumps([asdict(o) for o in found])) > 0
