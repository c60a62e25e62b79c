"""PET, PEESE and the choice between them."""

from __future__ import annotations

import pytest

from hcckb.errors import PoolingError
from hcckb.pooling.bias import egger
from hcckb.pooling.pet_peese import peese, pet, pet_peese

NAMES = ("moore1998", "bcg_rr", "hackshaw1998", "simulated")
FIELDS = ("estimate", "se", "p_value", "ci_lower", "ci_upper", "slope", "slope_se", "slope_p_value")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", [pet, peese])
def test_both_match_lm(reference, name, method):
    case = reference("small_study")["effects"][name]
    found, wanted = method(case["input"]["yi"], case["input"]["vi"]), case[method.__name__]
    for field in FIELDS:
        assert getattr(found, field) == pytest.approx(wanted[field], rel=1e-9), field


def test_pet_is_eggers_regression(reference):
    case = reference("small_study")["effects"]["moore1998"]["input"]
    found, same = pet(case["yi"], case["vi"]), egger(case["yi"], case["vi"])
    assert found.slope_statistic == pytest.approx(same.statistic, rel=1e-10)
    assert found.estimate == pytest.approx(same.limit_estimate, rel=1e-10)
    assert found.ci_upper == pytest.approx(same.limit_upper, rel=1e-10)


def test_peese_is_taken_where_pet_finds_an_effect():
    y, v = [-0.2, -0.3, -0.5, -0.9, -1.4], [0.01, 0.02, 0.05, 0.1, 0.2]
    first = pet(y, v)
    assert pet_peese(y, v, alpha=first.p_value * 1.01) == peese(y, v)
    assert pet_peese(y, v, alpha=first.p_value * 0.99) == first


def test_equal_errors_and_two_studies_are_refused():
    with pytest.raises(PoolingError, match="precision"):
        pet([0.1, 0.2, 0.4], [0.1, 0.1, 0.1])
    with pytest.raises(PoolingError, match="at least 3"):
        peese([0.1, 0.2], [0.1, 0.2])
    with pytest.raises(PoolingError, match="fitted line"):
        pet([0.1, 0.1, 0.1], [0.1, 0.2, 0.3])
