"""Published rules choose the model from Q and I2."""

from __future__ import annotations

import pytest

from hcckb.errors import UnknownNameError
from hcckb.pooling.heterogeneity import heterogeneity
from hcckb.pooling.rules import RULES, resolve_rule


def test_homogeneous_studies_get_the_common_effect():
    choice = resolve_rule("kim2017", [0.10, 0.11, 0.12], [0.02, 0.03, 0.05])
    assert (choice.model, choice.tau2, choice.ci) == ("common", None, "wald")


@pytest.mark.parametrize("name", ["generic_hcc_second_line_os", "generic_hcc_second_line_ttp"])
def test_heterogeneous_second_line_trials_get_random_effects(reference, name):
    given = reference(name)["input"]
    choice = resolve_rule("kim2017", given["yi"], given["vi"])
    assert (choice.model, choice.tau2, choice.ci) == ("random", "DL", "wald")


def test_a_mixed_case_falls_to_random_effects_and_says_why():
    """Two studies: I2 above 50 % while P stays at 0.1 or more."""
    y, v = [0.0, 0.5], [0.05, 0.05]
    h = heterogeneity(y, v)
    assert h.q_p_value >= 0.1
    assert h.i2_q > 0.5
    choice = resolve_rule("kim2017", y, v)
    assert choice.model == "random"
    assert choice.reason == "Q has P = 0.11 >= 0.1; I2 = 60 % > 50 %"


def test_one_study_gets_the_common_effect():
    assert resolve_rule("kim2017", [0.1], [0.1]).model == "common"


def test_an_unknown_rule_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="'kim2017'"):
        resolve_rule("kim2016", [0.1], [0.1])


def test_every_rule_is_filed_under_its_name():
    assert all(rule.name == name and rule.summary and rule.source for name, rule in RULES.items())
