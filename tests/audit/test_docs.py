"""docs/audit.md describes every rule of the audit in the rule's own words, and no rule that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hcckb.audit import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^#### `([\w-]+)`:[^\n]*\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_rule_has_a_section_and_every_section_a_rule():
    assert list(SECTIONS) == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_section_says_what_by_which_formula_and_what_can_be_false(rule):
    words = " ".join(SECTIONS[rule.name].split())
    assert " ".join(rule.what.split()) in words
    assert "Formula: " + " ".join(rule.formula.split()) in words
    assert "False alarms: " + " ".join(rule.false_alarms.split()) in words
