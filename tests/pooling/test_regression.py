"""Meta-regression against metafor, its invariances, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.bias import egger
from hcckb.pooling.mixed import fit_mixed
from hcckb.pooling.pairwise import pool
from hcckb.pooling.regression import meta_regression, predict
from hcckb.pooling.residual import TAU2_METHODS, residual_tau2

GENERIC = ["bcg_rr", "hcc_second_line_os", "hcc_second_line_ttp"]
TESTS = {"z": "wald", "knha": "hksj", "adhoc": "hksj-guarded"}
ITERATED = ("REML", "ML", "PM", "EB")
Y, V, X = np.array([0.1, 0.3, 0.8, 0.5, 0.2]), np.array([0.02, 0.03, 0.05, 0.06, 0.01]), np.array([1, 2, 4, 3, 0])


def model_of(method):
    return {"model": "common"} if method == "EE" else {"tau2": method}


@pytest.mark.parametrize("name", GENERIC)
def test_one_moderator_matches_metafor(reference, name):
    case = reference(f"sensitivity_{name}")
    moderator = case["input"]["moderator"]
    for key, expected in case["output"]["meta_regression"].items():
        method, test = key.split("_")
        rel = 1e-6 if method in ITERATED else 1e-8
        data = case["input"]["yi"], case["input"]["vi"], moderator
        fit = meta_regression(*data, **model_of(method), ci=TESTS[test])
        for mine, theirs in {"beta": "beta", "se": "se", "statistic": "stat", "p_value": "p"}.items():
            assert getattr(fit, mine) == pytest.approx(np.array(expected[theirs]), rel=rel), (key, mine)
        assert fit.ci_lower == pytest.approx(np.array(expected["ci_lb"]), rel=rel), key
        assert fit.covariance == pytest.approx(np.array(expected["vcov"]), rel=rel), key
        assert [fit.qm, fit.qm_p_value] == pytest.approx([expected["QM"], expected["QM_p"]], rel=rel), key
        assert [fit.qm_df, fit.qm_df_residual] == [1, expected["QM_df"][1] or np.inf], key
        assert [fit.qe, fit.qe_df, fit.qe_p_value] == pytest.approx(
            [expected["QE"], expected["QE_df"], expected["QE_p"]], rel=1e-8
        )
        left = [fit.tau2, 100 * fit.i2, fit.h2]
        assert left == pytest.approx([expected["tau2"], expected["I2_pct"], expected["H2"]], rel=rel, abs=1e-12), key
        if method == "EE":
            assert (fit.r2, fit.tau2_without) == (None, None)
        else:
            assert [100 * fit.r2, fit.tau2_without] == pytest.approx(
                [expected["R2_pct"], expected["tau2_without"]], rel=rel
            ), key
        if "tau2_Q_profile" in expected:
            profile = [fit.tau2, fit.tau2_lower, fit.tau2_upper]
            assert profile == pytest.approx(expected["tau2_Q_profile"], rel=1e-6, abs=1e-12), key
        check_prediction(fit, expected["at_mean"], rel)


def check_prediction(fit, at, rel):
    """Metafor works with years as they are, which costs it five digits of these."""
    told = predict(fit, [at["x"]])
    got = [told.estimate[0], told.se[0], told.ci_lower[0], told.ci_upper[0]]
    assert got == pytest.approx([at[f] for f in ("pred", "se", "ci_lb", "ci_ub")], rel=rel, abs=1e-9)
    if at["pi_lb"] is None:
        assert np.isnan(told.prediction_lower[0])
    else:
        wide = [told.prediction_lower[0], told.prediction_upper[0]]
        assert wide == pytest.approx([at["pi_lb"], at["pi_ub"]], rel=rel, abs=1e-9)


@pytest.mark.parametrize("name", ["few", "twelve", "thirty"])
def test_several_moderators_match_metafor(reference, name):
    case = reference("metafor_sensitivity")["cases"][name]
    y, v, x = (np.array(case["input"][f]) for f in ("yi", "vi", "x"))
    for expected in case["regression"]:
        method = expected["method"]
        rel = 1e-6 if method in ITERATED else 1e-8
        fit = meta_regression(y, v, x[:, expected["columns"]], **model_of(method), ci=TESTS[expected["test"]])
        where = (method, expected["test"])
        for field in ("beta", "se", "ci_lower", "ci_upper", "statistic", "p_value"):
            assert getattr(fit, field) == pytest.approx(np.atleast_1d(expected[field]), rel=rel), (*where, field)
        assert [fit.qm, fit.qm_p_value] == pytest.approx([expected["qm"], expected["qm_p"]], rel=rel), where
        assert [fit.qe, fit.qe_p_value] == pytest.approx([expected["qe"], expected["qe_p"]], rel=rel), where
        left = [fit.tau2, fit.i2, fit.h2]
        assert left == pytest.approx([expected["tau2"], expected["i2"], expected["h2"]], rel=rel, abs=1e-12), where
        if method != "EE":
            assert fit.r2 == pytest.approx(expected["r2"] or 0, rel=rel), where
        told = predict(fit, expected["new"])
        assert told.estimate == pytest.approx(np.array(expected["pred"]), rel=rel), where
        assert told.se == pytest.approx(np.array(expected["pred_se"]), rel=rel), where
        assert told.ci_upper == pytest.approx(np.array(expected["pred_ci_upper"]), rel=rel), where
        if method != "EE":
            assert told.prediction_lower == pytest.approx(np.array(expected["pi_lower"]), rel=rel), where


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-50, 50), st.floats(-5000, 5000), st.sampled_from(TAU2_METHODS))
def test_order_shift_and_units_do_not_matter(seed, shift, centre, method):
    rng = np.random.default_rng(seed)
    y, v, x = rng.normal(size=8), rng.uniform(0.02, 1, 8), rng.normal(size=(8, 2))
    order = rng.permutation(8)
    one = meta_regression(y, v, x, tau2=method)
    other = meta_regression(y[order] + shift, v[order], 10 * x[order] + centre, tau2=method)
    assert other.tau2 == pytest.approx(one.tau2, rel=1e-7, abs=1e-9)
    assert 10 * other.beta[1:] == pytest.approx(one.beta[1:], rel=1e-7, abs=1e-8)
    assert [other.qm, other.qe] == pytest.approx([one.qm, one.qe], rel=1e-7, abs=1e-8)
    there = predict(other, 10 * x + centre).estimate
    assert there == pytest.approx(predict(one, x).estimate + shift, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_without_moderators_tau2_is_that_of_pooling(method):
    expected = pool(Y, V, tau2=method)
    assert residual_tau2(Y, V, np.ones((5, 1)), method) == pytest.approx(expected.tau2, rel=1e-9, abs=1e-12)


def test_maximum_likelihood_finds_the_higher_of_two_maxima():
    y, v = np.array([0.13, 0.11, 0.97, -0.66]), np.array([0.0023, 0.0015, 0.194, 0.0463])
    assert residual_tau2(y, v, np.ones((4, 1)), "ML") == pytest.approx(pool(y, v, tau2="ML").tau2, rel=1e-9)


def test_eggers_test_is_a_regression_on_the_standard_error():
    fit, test = meta_regression(Y, V, np.sqrt(V), model="common", ci="hksj"), egger(Y, V)
    assert [fit.beta[1], fit.p_value[1]] == pytest.approx([test.bias, test.p_value], rel=1e-10)


def test_years_are_as_good_as_years_since_the_first():
    """An intercept at the year 0 makes the plain normal equations lose nine digits."""
    late, early = meta_regression(Y, V, 2013 + X), meta_regression(Y, V, X)
    assert late.beta[1] == pytest.approx(early.beta[1], rel=1e-12)
    assert late.se[1] == pytest.approx(early.se[1], rel=1e-12)
    assert predict(late, [2015]).estimate == pytest.approx(predict(early, [2]).estimate, rel=1e-9)


def test_without_intercept_tau2_maximises_the_restricted_likelihood():
    def height(tau2):
        w = 1 / (V + tau2)
        beta = np.sum(w * X * Y) / np.sum(w * X**2)
        return -np.sum(np.log(V + tau2)) - np.log(np.sum(w * X**2)) - np.sum(w * (Y - beta * X) ** 2)

    fit = meta_regression(Y, V, X, intercept=False)
    around = fit.tau2 + np.array([0, 1e-4, 1e-3, 1e-2, 1e-1])
    assert np.argmax([height(t) for t in around]) == 0
    w = 1 / V
    assert fit.qe == pytest.approx(w @ (Y - X * np.sum(w * X * Y) / np.sum(w * X**2)) ** 2, rel=1e-10)


def test_names_and_shape_of_the_answer():
    fit = meta_regression(Y, V, np.column_stack([X, X**2]), names=["dose", "square"], ci="wald")
    assert fit.names == ("intercept", "dose", "square")
    assert (fit.k, fit.p, fit.df_ci, fit.qm_df) == (5, 3, np.inf, 2)
    assert fit_mixed(Y, V, np.column_stack([np.ones(5), X, X**2])).beta == pytest.approx(fit.beta, rel=1e-8)
    bare = meta_regression(Y, V, X, intercept=False)
    assert (bare.names, bare.r2, predict(bare, [[2.0]]).estimate[0]) == (("x1",), None, 2 * bare.beta[0])


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(EmptySelectionError):
        meta_regression([], [], np.empty((0, 1)))
    with pytest.raises(PoolingError, match="2 estimates cannot carry 2"):
        meta_regression(Y[:2], V[:2], X[:2])
    with pytest.raises(PoolingError, match="'year' does not vary"):
        meta_regression(Y, V, [2013.1] * 5, names=["year"])
    with pytest.raises(PoolingError, match="follows from the others"):
        meta_regression(Y, V, np.column_stack([X, 2 * X + 1]))
    with pytest.raises(PoolingError, match="'x1' of estimate 2"):
        meta_regression(Y, V, [1, 2, np.nan, 3, 4])
    with pytest.raises(PoolingError, match=r"shape \(5, 1\)"):
        meta_regression(Y, V, X[:4])
    with pytest.raises(PoolingError, match="Code categories"):
        meta_regression(Y, V, list("abcde"))
    with pytest.raises(PoolingError, match="vector or a table"):
        meta_regression(Y, V, X.reshape(5, 1, 1))
    with pytest.raises(PoolingError, match="lie on the fit"):
        meta_regression(0.5 * X, V, X)
    with pytest.raises(PoolingError, match="1 columns"):
        predict(meta_regression(Y, V, X), [[1, 2]])
    for wrong in ({"model": "mixed"}, {"tau2": "RML"}, {"ci": "t"}):
        with pytest.raises(UnknownNameError):
            meta_regression(Y, V, X, **wrong)
