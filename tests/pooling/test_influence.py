"""Leave-one-out, cumulative pooling and case deletion diagnostics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.influence import cumulative, influence, leave_one_out
from hcckb.pooling.pairwise import pool

GENERIC = ["bcg_rr", "hcc_second_line_os", "hcc_second_line_ttp", "hine1989_rd"]
METHODS = {"EE": ("common", "DL"), "DL": ("random", "DL"), "REML": ("random", "REML"), "PM": ("random", "PM")}
ITERATED = ("REML", "PM")
TESTS = {"z": "wald", "knha": "hksj", "adhoc": "hksj-guarded"}
FIELDS = {
    "rstudent": "rstudent",
    "dffits": "dffits",
    "cook_distance": "cook.d",
    "covariance_ratio": "cov.r",
    "tau2_deleted": "tau2.del",
    "q_deleted": "QE.del",
    "hat": "hat",
}
Y, V = np.array([0.1, 0.3, 0.8, 0.2, -0.1]), np.array([0.02, 0.03, 0.05, 0.01, 0.08])

studies = st.lists(
    st.tuples(st.floats(-2, 2, allow_subnormal=False), st.floats(0.01, 1)), min_size=4, max_size=8, unique=True
)


def near(expected, method):
    rel = 1e-6 if method in ITERATED else 1e-8
    return pytest.approx(np.array(expected, dtype=float), rel=rel, abs=1e-11)


@pytest.mark.parametrize("name", GENERIC)
@pytest.mark.parametrize("key", METHODS)
def test_leave_one_out_matches_metafor(reference, name, key):
    case = reference(f"sensitivity_{name}")
    expected, (model, tau2) = case["output"]["leave_one_out"][key], METHODS[key]
    many = leave_one_out(case["input"]["yi"], case["input"]["vi"], model=model, tau2=tau2, ci="wald")
    pairs = {"estimate": "estimate", "se": "se", "p_value": "p", "ci_lower": "ci_lb", "ci_upper": "ci_ub", "q": "Q"}
    for mine, theirs in {**pairs, "q_p_value": "Q_p", "tau2": "tau2"}.items():
        assert getattr(many, mine) == near(expected[theirs], key), mine
    assert 100 * many.i2 == near(expected["I2_pct"], key)
    assert np.diagonal(many.weights).max() == 0


@pytest.mark.parametrize("name", GENERIC)
@pytest.mark.parametrize("key", ["EE", "DL", "REML"])
def test_cumulative_matches_metafor(reference, name, key):
    case = reference(f"sensitivity_{name}")
    expected, (model, tau2) = case["output"]["cumulative"][key], METHODS[key]
    order = np.array(expected["row_order_1based"]) - 1
    many = cumulative(case["input"]["yi"], case["input"]["vi"], order, model=model, tau2=tau2, ci="wald")
    pairs = {"estimate": "estimate", "se": "se", "p_value": "p", "ci_lower": "ci_lb", "ci_upper": "ci_ub", "q": "Q"}
    for mine, theirs in {**pairs, "tau2": "tau2"}.items():
        assert getattr(many, mine) == near(expected[theirs], key), mine


@pytest.mark.parametrize("name", GENERIC)
@pytest.mark.parametrize("key", ["EE", "DL", "REML"])
def test_diagnostics_match_metafor(reference, name, key):
    case = reference(f"sensitivity_{name}")
    expected, (model, tau2) = case["output"]["influence"][key], METHODS[key]
    found = influence(case["input"]["yi"], case["input"]["vi"], model=model, tau2=tau2, ci="wald")
    for mine, theirs in {**FIELDS, "dfbetas": "dfbs"}.items():
        assert getattr(found, mine) == near(expected[theirs], key), mine
    assert 100 * found.weight == near(expected["weight"], key)


def test_diagnostics_and_flags_match_metafor_under_every_interval(reference):
    for name, case in reference("metafor_sensitivity")["cases"].items():
        y, v = case["input"]["yi"], case["input"]["vi"]
        flagged = 0
        for expected in case["influence"]:
            found = influence(y, v, tau2=expected["method"], ci=TESTS[expected["test"]])
            for mine, theirs in {**FIELDS, "dfbetas": "dfbs"}.items():
                assert getattr(found, mine) == near(expected[theirs], expected["method"]), (name, mine)
            assert found.influential.tolist() == expected["flag"], name
            flagged += sum(expected["flag"])
        assert flagged or name != "few"


def test_rows_are_the_pools_of_the_subsets():
    out, entered = leave_one_out(Y, V), cumulative(Y, V, [4, 2, 0, 1, 3])
    for i in range(5):
        alone = pool(np.delete(Y, i), np.delete(V, i))
        assert (out.estimate[i], out.ci_upper[i]) == pytest.approx((alone.estimate, alone.ci_upper), rel=1e-12)
    assert entered.k.tolist() == [1, 2, 3, 4, 5]
    assert entered.ci_method.tolist() == ["wald", "hksj", "hksj", "hksj", "hksj"]
    first = pool(Y[[4, 2, 0]], V[[4, 2, 0]])
    assert (entered.estimate[2], entered.tau2[2]) == pytest.approx((first.estimate, first.tau2), rel=1e-12)
    assert (entered.weights[2] > 0).tolist() == [True, False, True, False, True]
    assert entered.estimate[-1] == pool(Y, V).estimate


@settings(max_examples=25, deadline=None)
@given(studies, st.randoms(use_true_random=False), st.floats(-50, 50))
def test_order_and_shift_do_not_matter(drawn, random, shift):
    y, v = (np.array(x) for x in zip(*drawn, strict=True))
    if np.ptp(y) < 1e-3:
        return
    order = list(range(len(y)))
    random.shuffle(order)
    one = influence(y, v, tau2="DL", ci="wald")
    other = influence(y[order] + shift, v[order], tau2="DL", ci="wald")
    for field in (*FIELDS, "dfbetas"):
        ordered = getattr(one, field)[order]
        assert getattr(other, field) == pytest.approx(ordered, rel=1e-6, abs=1e-8), field


def test_a_study_in_the_middle_does_nothing_to_the_mean():
    found = influence([0.0, 0.5, 1.0], [0.1, 0.1, 0.1], model="common")
    assert found.rstudent[1] == found.dffits[1] == found.cook_distance[1] == 0


def test_what_cannot_be_told_is_refused():
    for measure in (leave_one_out, influence):
        with pytest.raises(PoolingError, match="at least 3"):
            measure(Y[:2], V[:2])
        with pytest.raises(UnknownNameError, match="REML"):
            measure(Y, V, tau2="RML")
        with pytest.raises(PoolingError, match="variance 0"):
            measure(Y, [0.0, *V[1:]])
    with pytest.raises(PoolingError, match="at least 2"):
        cumulative(Y[:1], V[:1], [0])
    for order in ([0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 4, 5]):
        with pytest.raises(PoolingError, match="each of 0 to 4 once"):
            cumulative(Y, V, order)
