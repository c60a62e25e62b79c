"""Printed numbers become log ratios, and bad ones are named."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.effects import back_transform, generic, log_ratio, log_ratio_from_p


def test_intervals_and_p_values_match_metafor(reference):
    """metafor's escalc-style conversion: five hazard ratios with intervals, two with P values."""
    case = reference("convert_hazard_ratio_ci_or_p")
    given, expected = case["input"], case["output"]
    by_ci = log_ratio(given["hr"][:5], given["lb"][:5], given["ub"][:5])
    by_p = log_ratio_from_p(given["hr"][5:], given["p"][5:])
    for part, rows in ((by_ci, slice(0, 5)), (by_p, slice(5, 7))):
        assert part.estimate == pytest.approx(expected["yi"][rows], rel=1e-12)
        assert part.variance == pytest.approx(expected["vi"][rows], rel=1e-12)
        assert part.se == pytest.approx(expected["sei"][rows], rel=1e-12)


@pytest.mark.parametrize("name", ["generic_hcc_second_line_os", "generic_hcc_second_line_ttp"])
def test_second_line_ratios_match_the_reference_inputs(reference, name):
    given = reference(name)["input"]
    effects = log_ratio(given["hr"], given["hr_lb"], given["hr_ub"], labels=given["study"])
    assert effects.estimate == pytest.approx(given["yi"], rel=1e-12)
    assert effects.variance == pytest.approx(given["vi"], rel=1e-12)
    assert len(effects) == given["k"]


def test_each_interval_counts_at_its_own_level():
    effects = log_ratio([0.8, 0.8], 0.6, 1.1, [0.95, 0.90])
    width = math.log(1.1 / 0.6)
    assert effects.se == pytest.approx([width / (2 * ndtri(0.975)), width / (2 * ndtri(0.95))], rel=1e-14)


def test_an_asymmetric_interval_is_taken_with_the_printed_value():
    effects = log_ratio(0.5, 0.2, 0.9)
    assert effects.estimate == pytest.approx([math.log(0.5)], rel=1e-15)


def test_a_value_on_its_limit_is_accepted():
    assert len(log_ratio(1.0, 1.0, 1.2)) == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0.0, 0.5, 1.0), ("value 0.0", "not positive", "log")),
        ((-0.4, 0.5, 1.0), ("value -0.4", "not positive")),
        ((0.8, -0.1, 1.0), ("ci_lower -0.1", "not positive")),
        ((0.8, 0.5, 0.0), ("ci_upper 0.0", "not positive")),
        ((math.nan, 0.5, 1.0), ("value nan", "not a finite number")),
        ((0.8, 0.5, math.inf), ("ci_upper inf", "not a finite number")),
        ((0.8, 1.0, 0.5), ("ci_lower 1.0, ci_upper 0.5", "reversed", "Swap")),
        ((0.8, 0.8, 0.8), ("no width", "generic()")),
        ((1.2, 0.5, 1.0), ("value 1.2", "outside its interval", "Read it again")),
        ((0.8, 0.5, 1.0, 95), ("ci_level 95.0", "0.95")),
        ((0.8, 0.5, 1.0, 0.0), ("ci_level 0.0",)),
    ],
)
def test_a_bad_row_is_refused_with_place_study_and_mend(row, words):
    value, low, high, level = (*row, 0.95) if len(row) == 3 else row
    with pytest.raises(PoolingError) as caught:
        log_ratio([0.7, value], [0.5, low], [0.9, high], [0.95, level], labels=["RESORCE", "BRISK-PS"])
    for word in ("estimate 1 (BRISK-PS)", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("value", "p", "word"),
    [
        (1.0, 0.5, "no standard error"),
        (0.8, 0.0, "p_value 0.0"),
        (0.8, 1.0, "p_value 1.0"),
        (-1.0, 0.5, "positive"),
        (0.8, math.nan, "finite"),
    ],
)
def test_a_p_value_without_a_standard_error_is_refused(value, p, word):
    with pytest.raises(PoolingError, match=word):
        log_ratio_from_p(value, p)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(PoolingError, match=r"value \(3,\)"):
        log_ratio([0.7, 0.8, 0.9], [0.5, 0.6], 1.2)
    with pytest.raises(PoolingError, match="scalars or vectors"):
        generic(np.zeros((2, 2)), 1.0)
    with pytest.raises(PoolingError, match="table of numbers"):
        generic(["0.5 (0.4-0.6)"], 1.0)


def test_generic_takes_variances_or_standard_errors():
    by_variance, by_se = generic([0.1, 0.2], vi=[0.04, 0.09]), generic([0.1, 0.2], sei=[0.2, 0.3])
    assert by_variance.se == pytest.approx(by_se.se, rel=1e-15)
    assert by_variance.variance == pytest.approx(by_se.variance, rel=1e-15)
    with pytest.raises(PoolingError, match="either vi"):
        generic(0.1)
    with pytest.raises(PoolingError, match="either vi"):
        generic(0.1, 0.1, 0.1)
    with pytest.raises(PoolingError, match=r"vi 0\.0 is not positive"):
        generic([0.1, 0.2], [0.1, 0.0])


def test_back_transform_undoes_the_log():
    assert back_transform(log_ratio(0.63, 0.5, 0.79).estimate) == pytest.approx([0.63], rel=1e-15)
    assert back_transform([0.3], "identity").tolist() == [0.3]
    with pytest.raises(UnknownNameError, match="'log'"):
        back_transform(0.0, "logs")
