"""Subgroups, coded moderators, permutation and Kenward-Roger against R, their limits, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.coding import code
from hcckb.pooling.kenward_roger import kenward_roger
from hcckb.pooling.pairwise import pool
from hcckb.pooling.permutation import permute_moderators, permute_signs
from hcckb.pooling.regression import meta_regression
from hcckb.pooling.residual import TAU2_METHODS, residual_tau2
from hcckb.pooling.residual_many import residual_tau2_many
from hcckb.pooling.subgroups import subgroups
from hcckb.pooling.term_tests import term_test, variance_inflation

TESTS = {"z": "wald", "knha": "hksj"}
Y, V = np.array([0.1, 0.3, 0.8, 0.5, 0.2, -0.1]), np.array([0.02, 0.03, 0.05, 0.06, 0.01, 0.04])
GROUPS = ["a", "a", "b", "b", "b", "a"]


@pytest.fixture(scope="module")
def bcg(reference):
    """The BCG trials with their moderators, and what R made of them."""
    found = reference("moderators")
    data = found["bcg"]
    return np.array(data["yi"]), np.array(data["vi"]), data, found


def close(value):
    return pytest.approx(value, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("key", ["REML_z", "REML_knha", "DL_z", "EE"])
def test_subgroups_with_their_own_tau2_match_metafor(bcg, key):
    y, v, data, found = bcg
    expected = found["subgroups"][f"separate_{key}"]
    method, _, test = key.partition("_")
    how = {"model": "common"} if method == "EE" else {"tau2": method, "ci": TESTS[test]}
    mine = subgroups(y, v, data["alloc"], **how)
    assert list(mine.names) == expected["names"]
    for group, wanted in zip(mine.groups, expected["groups"], strict=True):
        for field, value in wanted.items():
            assert getattr(group, field) == pytest.approx(value, rel=1e-10, abs=1e-12), (key, field)
    assert mine.q_between == close(expected["q_between"])
    assert mine.q_between_p_value == close(expected["q_between_p"])
    assert mine.q_within == close(expected["q_within"])
    if test == "knha":
        assert [mine.f_between, mine.f_df2, mine.f_p_value] == close(expected["welch"])
        assert mine.p_value == mine.f_p_value
    else:
        assert (mine.f_between, mine.p_value) == (None, mine.q_between_p_value)


@pytest.mark.parametrize("test", ["z", "knha"])
def test_subgroups_with_a_common_tau2_match_a_regression_on_the_groups(bcg, test):
    y, v, data, found = bcg
    expected = found["subgroups"][f"common_{test}"]
    mine = subgroups(y, v, data["alloc"], common_tau2=True, ci=TESTS[test])
    for field in ("estimate", "se", "ci_lower", "ci_upper", "statistic", "p_value"):
        assert [getattr(g, field) for g in mine.groups] == close(expected["cells"][field]), field
    assert [g.tau2 for g in mine.groups] == close([expected["cells"]["tau2"]] * 3)
    assert mine.q_within == close(expected["qe"])
    assert mine.p_value == close(expected["qm_p"])
    assert (mine.q_between if test == "z" else mine.f_between) == close(expected["qm"])


def test_q_splits_into_between_and_within_under_a_common_effect():
    s = subgroups(Y, V, GROUPS, model="common")
    assert s.q_between + s.q_within == pytest.approx(s.q_total, rel=1e-12)
    assert s.q_between_df + s.q_within_df == s.q_total_df
    assert s.share.sum() == pytest.approx(1.0)


def test_welchs_test_of_two_groups_is_welchs_t():
    s = subgroups(Y, V, GROUPS)
    one, two = s.groups
    t = (one.estimate - two.estimate) / math.hypot(one.se, two.se)
    parts = one.se**2, two.se**2
    df = sum(parts) ** 2 / sum(p**2 / (g.k - 1) for p, g in zip(parts, s.groups, strict=True))
    assert [s.f_between, s.f_df2] == pytest.approx([t**2, df], rel=1e-10)


def test_a_group_of_one_stands_for_itself():
    s = subgroups(Y, V, ["a", "a", "a", "b", "a", "a"])
    assert (s.groups[1].estimate, s.groups[1].tau2, s.groups[1].ci_method) == (0.5, 0.0, "wald")
    alone = subgroups(Y[:2], V[:2], ["a", "b"])
    assert (alone.q_within_df, alone.q_within_p_value) == (0, 1.0)
    assert alone.p_value == pytest.approx(subgroups(Y[:2], V[:2], ["a", "b"], ci="wald").p_value)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-50, 50), st.booleans())
def test_order_and_shift_do_not_matter_to_subgroups(seed, shift, common):
    rng = np.random.default_rng(seed)
    y, v, order = rng.normal(size=8), rng.uniform(0.02, 1, 8), rng.permutation(8)
    group = np.array(list("aaabbbcc"))
    one = subgroups(y, v, group, common_tau2=common)
    other = subgroups(y[order] + shift, v[order], group[order], common_tau2=common)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-6, abs=1e-9)
    named = dict(zip(other.names, other.groups, strict=True))
    for name, g in zip(one.names, one.groups, strict=True):
        assert named[name].estimate == pytest.approx(g.estimate + shift, rel=1e-7, abs=1e-7)


def test_subgroups_that_cannot_be_are_refused():
    with pytest.raises(PoolingError, match="one group"):
        subgroups(Y, V, ["a"] * 6)
    with pytest.raises(PoolingError, match="has no group"):
        subgroups(Y, V, [*GROUPS[:5], " "])
    with pytest.raises(PoolingError, match="2 group names"):
        subgroups(Y, V, ["a", "b"])
    with pytest.raises(PoolingError, match="coarser"):
        subgroups(Y, V, list("abcdef"), common_tau2=True)


@pytest.mark.parametrize(
    ("key", "terms", "options"),
    [
        ("treatment", ["alloc", "ablat"], {}),
        ("reference_random", ["alloc", "ablat"], {"references": {"alloc": "random"}}),
        ("interaction", ["alloc", "ablat", "alloc:ablat"], {}),
        ("none", ["alloc", "ablat"], {"intercept": False}),
    ],
)
def test_coded_moderators_match_model_matrix(bcg, key, terms, options):
    y, v, data, found = bcg
    coded = code(data, terms, **options)
    fit = meta_regression(y, v, coded.matrix, names=coded.names, intercept=options.get("intercept", True))
    assert fit.beta == close(found["coding"][key]["beta"])
    assert fit.se == close(found["coding"][key]["se"])
    for i in (0, 3):
        values = {n: data[n][i] for n in ("alloc", "ablat")}
        assert coded.row(values).tolist() == coded.matrix[i].tolist()


def test_tests_of_a_term_and_collinearity_match_metafor(bcg):
    y, v, data, found = bcg
    coded = code(data, ["ablat", "year", "alloc"])
    fit = meta_regression(y, v, coded.matrix, names=coded.names, ci="wald")
    at = [i + 1 for i in dict(coded.terms)["alloc"]]
    test = term_test(fit, at)
    assert [test.statistic, test.p_value] == pytest.approx(found["coding"]["alloc_test"], rel=1e-8)
    vif = [variance_inflation(fit, [i]) for i in range(1, 5)]
    assert vif == pytest.approx(found["coding"]["vif"], rel=1e-8)
    assert variance_inflation(fit, at) == pytest.approx(found["coding"]["gvif_alloc"], rel=1e-8)
    assert term_test(meta_regression(y, v, coded.matrix), [1, 2, 3, 4]).df2 == 8
    with pytest.raises(PoolingError, match="no variance inflation"):
        variance_inflation(fit, [0])
    with pytest.raises(PoolingError, match="coefficients 0 to 4"):
        term_test(fit, [5])


def test_moderators_that_cannot_be_coded_are_refused():
    columns = {"phase": ["2", "3", "3"], "year": [2013.0, 2015.0, 2018.0], "one": ["x", "x", "x"]}
    for terms, error, text in (
        ([], PoolingError, "no moderator"),
        (["yaer"], UnknownNameError, "year"),
        (["year:phase", "year"], PoolingError, "main effects"),
        (["year", "year"], PoolingError, "twice"),
        (["one"], PoolingError, "does not vary"),
    ):
        with pytest.raises(error, match=text):
            code(columns, terms)
    with pytest.raises(UnknownNameError, match="level of phase"):
        code(columns, ["phase"], references={"phase": "4"})
    with pytest.raises(PoolingError, match="is a number"):
        code(columns, ["year"], references={"year": "2013"})
    with pytest.raises(UnknownNameError, match="category"):
        code(columns, ["year"], references={"phase": "2"})
    coded = code(columns, ["phase", "year"])
    with pytest.raises(PoolingError, match="needs a value of 'year'"):
        coded.row({"phase": "2"})
    with pytest.raises(PoolingError, match="is a number"):
        coded.row({"phase": "2", "year": "late"})
    with pytest.raises(UnknownNameError, match="level of phase"):
        coded.row({"phase": "4", "year": 2})
    with pytest.raises(UnknownNameError, match="moderator"):
        coded.row({"phase": "2", "year": 2, "line": 1})


@pytest.mark.parametrize("key", ["one_z", "one_knha", "group", "two_DL"])
def test_exact_permutation_tests_match_metafor(bcg, key):
    expected, data = bcg[3]["permutation"][key], bcg[3]["permutation"]["data"]
    x = {"group": data["z"], "two_DL": np.column_stack([data["x"], data["z"]])}.get(key, data["x"])
    how = {"ci": "wald"} if key in ("one_z", "group") else {"tau2": "DL"} if key == "two_DL" else {}
    fit = meta_regression(data["yi"], data["vi"], x, **how)
    found = permute_moderators(fit, data["yi"], data["vi"], x)
    assert (found.exact, found.possible, found.seed) == (True, 20 if key == "group" else 720, None)
    assert found.p_value == pytest.approx(np.atleast_1d(expected["p_value"]), abs=1e-12)
    assert found.qm_p_value == pytest.approx(expected["qm_p"], abs=1e-12)


@pytest.mark.parametrize("test", ["z", "knha"])
def test_sign_flips_match_metafor(bcg, test):
    y, v, _, found = bcg
    mine = permute_signs(y[:8], v[:8], tau2="DL", ci=TESTS[test])
    assert mine.qm_p_value == pytest.approx(found["permutation"][f"signs_{test}"], abs=1e-12)
    assert (mine.exact, mine.permutations) == (True, 256)


def test_random_permutations_come_near_the_exact_test_and_repeat(bcg):
    data = bcg[3]["permutation"]["data"]
    fit = meta_regression(data["yi"], data["vi"], data["x"])
    args = fit, data["yi"], data["vi"], data["x"]
    some = permute_moderators(*args, permutations=2000, exact=False, seed=3)
    assert (some.exact, some.seed, some.permutations) == (False, 3, 2000)
    assert some.qm_p_value == pytest.approx(permute_moderators(*args).qm_p_value, abs=0.04)
    again = permute_moderators(*args, permutations=2000, exact=False, seed=3)
    other = permute_moderators(*args, permutations=2000, exact=False, seed=4)
    assert again.qm_p_value == some.qm_p_value != other.qm_p_value
    signs = permute_signs(Y, V, permutations=999, exact=False)
    assert signs.qm_p_value == pytest.approx(permute_signs(Y, V).qm_p_value, abs=0.05)


def test_permutations_that_cannot_be_are_refused():
    fit = meta_regression(Y, V, np.arange(6))
    with pytest.raises(PoolingError, match="too few"):
        permute_moderators(fit, Y, V, np.arange(6), permutations=0)
    with pytest.raises(PoolingError, match="the data are others"):
        permute_moderators(fit, Y[:5], V[:5], np.arange(5))
    many = np.arange(12.0)
    with pytest.raises(PoolingError, match="479,001,600"):
        permute_moderators(meta_regression(many**2, many + 1, many), many**2, many + 1, many, exact=True)


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_many_residual_variances_are_those_of_one_by_one(method):
    rng = np.random.default_rng(5)
    v = np.exp(rng.uniform(-6, 0, (60, 7)))
    y = rng.normal(size=(60, 7)) * np.sqrt(v + rng.choice([0, 0.05, 0.5], size=(60, 1)))
    x = np.column_stack([np.ones(7), np.arange(7.0)])
    many = residual_tau2_many(y, v, x, method)
    one = [residual_tau2(y[i], v[i], x, method) for i in range(60)]
    assert many == pytest.approx(np.array(one), rel=1e-9, abs=1e-12)
    assert ((many == 0) == (np.array(one) == 0)).all()


def test_many_residual_variances_take_the_higher_of_two_maxima():
    y, v = np.array([[0.13, 0.11, 0.97, -0.66]]), np.array([[0.0023, 0.0015, 0.194, 0.0463]])
    for method in ("ML", "REML"):
        assert residual_tau2_many(y, v, np.ones((4, 1)), method)[0] == pytest.approx(
            pool(y[0], v[0], tau2=method).tau2, rel=1e-9
        )
    with pytest.raises(UnknownNameError):
        residual_tau2_many(y, v, np.ones((4, 1)), "RML")


@pytest.mark.parametrize("key", ["mean_expected", "mean_observed", "slope_expected", "slope_observed", "boundary"])
def test_kenward_roger_matches_its_matrix_definition(bcg, key):
    y, v, data, found = bcg
    expected = found["kenward_roger"][key]
    lat = np.array(data["ablat"])
    x = np.column_stack([np.ones(13), lat - lat.mean()]) if key.startswith("slope") else None
    if key == "boundary":
        y, v = [0.10, 0.11, 0.105, 0.098], [0.02, 0.03, 0.05, 0.01]
    fit = kenward_roger(y, v, x, information="observed" if "observed" in key else "expected")
    for field in ("tau2", "tau2_variance", "beta", "se", "df", "p_value"):
        assert getattr(fit, field) == pytest.approx(np.atleast_1d(expected[field]), rel=1e-9, abs=1e-12), field
    assert fit.covariance == pytest.approx(np.atleast_2d(expected["vcov"]), rel=1e-9)


def test_kenward_roger_of_equal_variances_is_students_t():
    """With one variance the corrected se is Hartung-Knapp's, on k - 1 degrees of freedom, where tau2 > 0."""
    y = np.array([0.1, 0.5, -0.2, 0.9, 0.3])
    fit, plain = kenward_roger(y, [0.04] * 5), pool(y, [0.04] * 5)
    assert [fit.se[0], fit.df[0], fit.p_value[0]] == pytest.approx([plain.se, 4.0, plain.p_value], rel=1e-9)


def test_kenward_roger_refuses_what_it_cannot_do():
    with pytest.raises(UnknownNameError):
        kenward_roger(Y, V, information="Fisher")
    with pytest.raises(PoolingError, match="6 rows"):
        kenward_roger(Y, V, np.ones((5, 1)))
    with pytest.raises(PoolingError, match="cannot carry"):
        kenward_roger(Y[:1], V[:1])
    with pytest.raises(PoolingError, match="not positive"):
        kenward_roger([0.0, 0.0, 0.0], [0.01, 0.02, 0.03], information="observed")


def test_kenward_roger_of_a_pool_is_that_of_the_regression_on_nothing(bcg):
    y, v, _, _ = bcg
    one, many = kenward_roger(y, v), pool(y, v, ci="kenward-roger")
    assert [many.se, many.df_ci, many.p_value, many.ci_lower] == pytest.approx(
        [one.se[0], one.df[0], one.p_value[0], one.ci_lower[0]], rel=1e-10
    )
    assert many.ci_method == "kenward-roger"
    assert pool(y[:1], v[:1], ci="kenward-roger").ci_method == "wald"
    with pytest.raises(PoolingError, match="by REML"):
        pool(y, v, tau2="DL", ci="kenward-roger")


@pytest.mark.parametrize("fit", [kenward_roger, lambda y, v: pool(y, v, ci="kenward-roger")])
def test_kenward_roger_says_when_one_study_has_all_the_weight(fit):
    with pytest.raises(PoolingError, match="breaks down"):
        fit([0.1, 0.1], [1e-6, 1e6])


def test_kenward_roger_is_not_had_for_regressions_and_common_tau2():
    with pytest.raises(UnknownNameError):
        meta_regression(Y, V, np.arange(6), ci="kenward-roger")
    with pytest.raises(PoolingError, match="common tau2"):
        subgroups(Y, V, GROUPS, common_tau2=True, ci="kenward-roger")


def test_the_observed_data_count_among_random_permutations():
    x = np.array([1.0, 2.0, 9.0, 4.0, 3.0, 0.0])
    fit = meta_regression(Y, V, x)
    some = {permute_moderators(fit, Y, V, x, permutations=3, exact=False, seed=s).qm_p_value for s in range(8)}
    assert some <= {0.25, 0.5, 0.75, 1.0}
    assert len(some) > 1
