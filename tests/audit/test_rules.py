"""Each rule of the audit finds its bad example and leaves its good one alone; what documents really print is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcckb.audit import RULES, SEVERITIES, audit
from hcckb.store import load

DATA = Path(__file__).parent / "data"
NAMES = [rule.name for rule in RULES]
FOLLOWS_FROM = {"doubtful-input": {"interval-uneven"}}
"""A pooled result is doubtful because another rule found its input."""


def rules_of(file: str) -> set[str]:
    return {finding.rule for finding in audit(load(DATA / file, shipped=False))}


@pytest.mark.parametrize("name", NAMES)
def test_the_bad_example_sets_off_its_rule_alone(name):
    assert rules_of(f"{name}.bad.ttl") == {name} | FOLLOWS_FROM.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_the_good_example_sets_off_no_rule(name):
    assert rules_of(f"{name}.good.ttl") == set()


def test_every_example_belongs_to_a_rule():
    named = {p.name.split(".")[0] for p in DATA.glob("*.ttl") if len(p.suffixes) == 2}
    assert named == set(NAMES)


def test_rule_names_are_unique_and_documented_in_full():
    assert len(set(NAMES)) == len(NAMES)
    assert all((r.title, r.what, r.formula, r.false_alarms) for r in RULES)


PRINTED_MISTAKES = [
    ("p-against-interval", "Moved OS", "0.0238 fits one-sided"),
    ("p-against-interval", "Digit OS", "It fits read as one-sided"),
    ("p-against-interval", "Lent PFS", "printed = 0.0035. No usual reading fits. The limits are those of Z, Table 3."),
    ("numbers-of-another-study", "Twin one, Twin two", "70 %, 77 %, 9 % stand among response and disease control"),
    ("medians-and-ratio", "Digit OS", "3.9 and 9.3"),
    ("interval-uneven", "Cut OS", "lower limit 0.555 to 0.578"),
    ("sizes-exchanged", "Groups", "4 are attainable with the former sizes, 2 with the latter"),
    ("rates-test", "Groups DCR", "Pearson's chi-squared 0.737"),
    ("response-above-control", "Chemo", "67 % is part of DCR 31.55 %"),
    ("control-and-rate", "Pairs", "54 % free of progression at 4 months"),
    ("percent-not-attainable", "Pilot", "of 21 would be 16.04 patients"),
    ("count-and-percent", "Other", "2 patients fit n = 37, 38, 39, 40, 41"),
    ("categories-and-group", "Trial", "35 + 6 = 41 of 47"),
    ("correlation-p", "Trial", "on 23 degrees of freedom"),
    ("part-and-whole-correlated", "Trial", "OS = SAS + the rest"),
]


@pytest.mark.parametrize(("rule", "title", "words"), PRINTED_MISTAKES)
def test_a_printed_mistake_is_found_with_its_computation(rule, title, words):
    findings = audit(load(DATA / "printed-mistakes.ttl", shipped=False))
    found = [f for f in findings if f.rule == rule and f.title.startswith(title)]
    assert any(words in f.computation for f in found), [f.computation for f in found]


def test_studies_declared_as_overlapping_may_share_their_percentages(tmp_path):
    text = (DATA / "printed-mistakes.ttl").read_text(encoding="utf-8")
    (tmp_path / "twins.ttl").write_text(text + "\nkb:twin-one ev:overlapsWith kb:twin-two .\n", encoding="utf-8")
    assert not [f for f in audit(load(tmp_path, shipped=False)) if f.rule == "numbers-of-another-study"]


def test_a_cohort_table_whose_tests_fit_is_left_alone():
    """Six rows of three groups: age, sex, status, Child-Pugh score, cause of failure, time to failure."""
    assert audit(load(DATA / "cohort-table.ttl", shipped=False)) == ()


def test_severities_are_known():
    for path in sorted(DATA.glob("*.bad.ttl")):
        assert {f.severity for f in audit(load(path, shipped=False))} <= set(SEVERITIES)
