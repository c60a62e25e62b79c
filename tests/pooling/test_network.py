"""Networks agree with netmeta, obey their algebra, and refuse what cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.network import connected_parts, pool_network
from hcckb.pooling.pairwise import pool

CASES = ("nma_senn2013_md", "nma_hcc_second_line_os")
FAST = settings(max_examples=40, deadline=None)


def columns(case):
    index = {name: i for i, name in enumerate(case["output"]["DL"]["treatments"])}
    given = case["input"]
    first, second = ([index[t] for t in given[key]] for key in ("treat1", "treat2"))
    return first, second, given["TE"], given["seTE"], given["studlab"]


def close(got, wanted):
    np.testing.assert_allclose(got, np.array(wanted, dtype=float), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("model", ["common", "random"])
def test_all_relative_effects_match_netmeta(reference, name, model):
    case = reference(name)
    net, wanted = pool_network(*columns(case), model=model), case["output"]["DL"][model]
    for ours, theirs in {"estimate": "TE", "se": "seTE", "ci_lower": "lower", "ci_upper": "upper"}.items():
        close(getattr(net, ours), wanted[theirs])
    p = np.array(wanted["p"], dtype=float)
    np.fill_diagonal(p, 1.0)  # netmeta leaves the diagonal empty
    close(net.p_value, p)
    scores = case["output"]["DL"]["P_scores"]
    close(net.p_scores, scores["desirable"][model])
    close(pool_network(*columns(case), model=model, small_is_good=False).p_scores, scores["undesirable"][model])


def test_heterogeneity_and_inconsistency_match_netmeta(reference):
    case = reference("nma_senn2013_md")
    net, wanted = pool_network(*columns(case)), case["output"]["DL"]
    close((net.tau2, net.i2), (wanted["tau2"], wanted["I2"]))
    for test, key in ((net.q_total, "Q"), (net.q_within, "Q_heterogeneity"), (net.q_between, "Q_inconsistency")):
        close((test.q, test.df, test.p_value), (wanted[key], wanted[f"{key}_df"], wanted[f"{key}_p"]))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("model", ["common", "random"])
def test_direct_and_indirect_evidence_match_netsplit(reference, name, model):
    case = reference(name)
    names = case["output"]["DL"]["treatments"]
    wanted = case["output"]["DL"]["node_split_back_calculation"][model]
    rows = {frozenset(c.split(":")): (c.split(":")[0], i) for i, c in enumerate(wanted["comparison"]) if wanted["k"][i]}
    splits = pool_network(*columns(case), model=model).splits
    assert len(splits) == len(rows)
    for split in splits:
        first, i = rows[frozenset((names[split.treatment1], names[split.treatment2]))]
        sign = 1 if names[split.treatment1] == first else -1
        assert split.k == wanted["k"][i]
        close((split.proportion, split.direct_se), (wanted["direct_proportion"][i], wanted["direct_se"][i]))
        close((split.network, split.direct), (sign * wanted["nma"][i], sign * wanted["direct"][i]))
        assert (split.indirect is None) == (wanted["indirect"][i] is None)
        if split.indirect is not None:
            close((split.indirect, split.difference), [sign * wanted[k][i] for k in ("indirect", "difference")])
            close(
                (split.indirect_se, split.difference_se, split.p_value),
                [wanted[k][i] for k in ("indirect_se", "difference_se", "p")],
            )


def restricted_tau2(case, *, sampling_covariance):
    """Maximise the restricted likelihood of Senn's contrasts directly, without the first of the three-arm study."""
    first, second, y, se, study = (np.array(c)[np.arange(28) != 2] for c in columns(case))
    x = np.eye(10)[first] - np.eye(10)[second]
    v, d = np.diag(se**2), np.eye(27)
    i, j = np.flatnonzero(study == "Willms 1999")
    d[i, j] = d[j, i] = 0.5
    if sampling_covariance:
        v[i, j] = v[j, i] = (se[i] ** 2 + se[j] ** 2 - case["input"]["seTE"][2] ** 2) / 2

    def deviance(tau2):
        s = v + tau2 * d
        w = np.linalg.inv(s)
        a = x[:, 1:].T @ w @ x[:, 1:]
        r = y - x[:, 1:] @ np.linalg.solve(a, x[:, 1:].T @ w @ y)
        return np.linalg.slogdet(s)[1] + np.linalg.slogdet(a)[1] + r @ w @ r

    return minimize_scalar(deviance, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x


def test_reml_is_the_maximum_of_the_restricted_likelihood(reference):
    """netmeta leaves out the sampling covariance of arms shared within a study, here 0.1010 for 0.0999."""
    case = reference("nma_senn2013_md")
    net = pool_network(*columns(case), tau2="REML")
    assert net.tau2 == pytest.approx(restricted_tau2(case, sampling_covariance=True), abs=1e-7)
    theirs = restricted_tau2(case, sampling_covariance=False)
    assert theirs == pytest.approx(case["output"]["REML"]["tau2"], abs=1e-5)


def test_reml_of_two_arm_studies_is_the_pairwise_one():
    y, v = [0.1, 0.9, 0.3, -0.4, 1.5], np.array([0.02, 0.03, 0.05, 0.01, 0.2])
    net = pool_network([1] * 5, [0] * 5, y, np.sqrt(v), range(5), tau2="REML")
    assert net.tau2 == pytest.approx(pool(y, v, tau2="REML").tau2, rel=1e-8)
    alike = pool_network([1] * 3, [0] * 3, [0.1, 0.1, 0.11], [0.2, 0.3, 0.4], range(3), tau2="REML")
    assert alike.tau2 == 0


numbers = st.floats(-2, 2).map(lambda x: round(x, 3))
errors = st.floats(0.05, 1).map(lambda x: round(x, 3))


@st.composite
def networks(draw):
    """A connected network of up to six treatments: a tree of trials, and some more."""
    n = draw(st.integers(2, 6))
    pairs = [(i, draw(st.integers(0, i - 1))) for i in range(1, n)]
    more = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] != p[1])
    pairs += draw(st.lists(more, max_size=6))
    k = len(pairs)
    y, s = draw(st.lists(numbers, min_size=k, max_size=k)), draw(st.lists(errors, min_size=k, max_size=k))
    return [a for a, _ in pairs], [b for _, b in pairs], y, s, list(range(k))


@FAST
@given(networks(), st.randoms(use_true_random=False))
def test_order_of_studies_and_treatments_does_not_matter(columns, rng):
    net = pool_network(*columns)
    order, new = list(range(net.m)), list(range(net.n))
    rng.shuffle(order)
    rng.shuffle(new)
    a, b, y, s, study = ([c[i] for i in order] for c in columns)
    other = pool_network([new[i] for i in a], [new[i] for i in b], y, s, study)
    np.testing.assert_allclose(other.estimate[np.ix_(new, new)], net.estimate, atol=1e-8)
    np.testing.assert_allclose(other.se[np.ix_(new, new)], net.se, atol=1e-8)
    np.testing.assert_allclose(other.p_scores[new], net.p_scores, atol=1e-6)
    assert (other.tau2 is None) == (net.tau2 is None)


@FAST
@given(networks())
def test_relative_effects_add_up_and_turn_with_the_sign(columns):
    net = pool_network(*columns)
    np.testing.assert_allclose(net.estimate[:, :1] + net.estimate[:1, :], net.estimate, atol=1e-9)
    a, b, y, s, study = columns
    for turned in (pool_network(b, a, y, s, study), pool_network(a, b, [-x for x in y], s, study)):
        np.testing.assert_allclose(turned.estimate, -net.estimate, atol=1e-9)
        np.testing.assert_allclose(turned.se, net.se, atol=1e-9)
    assert net.p_scores.mean() == pytest.approx(0.5)
    assert net.q_within.df + net.q_between.df == net.q_total.df
    everything = (net.estimate, net.se, net.ci_lower, net.ci_upper, net.p_value, net.p_scores)
    assert all(np.isfinite(x).all() for x in everything)


@FAST
@given(st.lists(st.tuples(numbers, errors), min_size=1, max_size=6), st.sampled_from(["common", "random"]))
def test_two_treatments_give_the_pairwise_pool(trials, model):
    y, s = (np.array(c) for c in zip(*trials, strict=True))
    k = len(y)
    net = pool_network([1] * k, [0] * k, y, s, range(k), model=model)
    alone = pool(y, s**2, model=model, tau2="DL", ci="wald")
    got = (net.estimate[1, 0], net.se[1, 0], net.p_value[1, 0], net.tau2 or 0, net.q_total.q)
    np.testing.assert_allclose(got, (alone.estimate, alone.se, alone.p_value, alone.tau2, alone.q), atol=1e-9)
    assert net.q_between == type(net.q_between)(0.0, 0, None)


@FAST
@given(st.lists(st.lists(st.tuples(numbers, errors), min_size=1, max_size=4), min_size=2, max_size=4))
def test_a_star_gives_the_pairwise_pools_under_the_common_effect(arms):
    rows = [(i, y, s) for i, trials in enumerate(arms, start=1) for y, s in trials]
    first, y, s = (list(c) for c in zip(*rows, strict=True))
    net = pool_network(first, [0] * len(y), y, s, range(len(y)), model="common")
    assert (net.q_between.df, net.q_between.q) == (0, 0.0)
    for i, trials in enumerate(arms, start=1):
        alone = pool([t[0] for t in trials], [t[1] ** 2 for t in trials], model="common")
        np.testing.assert_allclose((net.estimate[i, 0], net.se[i, 0]), (alone.estimate, alone.se), atol=1e-9)


def test_a_study_of_three_arms_may_give_all_contrasts_or_those_against_one():
    full = pool_network([0, 1, 1], [2, 2, 0], [-0.4, -0.3, 0.1], [0.2, 0.2, 0.2], ["a"] * 3)
    hub = pool_network([0, 1], [2, 2], [-0.4, -0.3], [0.2, 0.2], ["a"] * 2)
    np.testing.assert_allclose(hub.se, full.se, atol=1e-12)
    np.testing.assert_allclose(hub.estimate, full.estimate, atol=1e-12)
    assert (full.completed, hub.completed, hub.m, hub.q_total.df) == ((), ("a",), 3, 0)


def test_nothing_compared_twice_leaves_heterogeneity_open():
    net = pool_network([0, 1], [2, 2], [0.1, 0.2], [0.1, 0.2], ["a", "b"])
    assert (net.tau2, net.i2, net.q_total.p_value) == (None, None, None)
    assert pool_network([0], [1], [0.1], [0.1], ["a"], model="common").tau2 == 0


def test_parts_that_no_trial_connects_are_named():
    assert connected_parts([0, 2], [1, 3], 5) == ((0, 1), (2, 3), (4,))
    with pytest.raises(PoolingError, match=r"2 parts .*: \(1\) A, B; \(2\) C, D\."):
        pool_network([0, 2], [1, 3], [0, 0], [1, 1], ["a", "b"], labels=["A", "B", "C", "D"])


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (([0], [0], [0.1], [0.1], ["a"]), r"contrast 0 \(study a\) compares a treatment with itself"),
        (([0], [1], [float("nan")], [0.1], ["a"]), "not a finite number"),
        (([0], [1], [0.1], [0.0], ["a"]), "standard error that is not positive"),
        (([0, 1], [1, 2], [0.1, 0.1], [1e-9, 1], ["a", "b"]), "too far apart"),
        (([0], [1.5], [0.1], [0.1], ["a"]), "treatment2 must hold the indices"),
        (([0], [1], [0.1, 0.2], [0.1], ["a"]), "vectors of one length"),
        (([0], [1], ["x"], [0.1], ["a"]), "must be numbers"),
        (([0, 0], [1, 1], [0.1, 0.2], [0.1, 0.1], ["a", "a"]), "study a compares 0 with 1 more than once"),
        (([0, 1, 0], [1, 2, 2], [0.1, 0.1, 0.9], [0.1] * 3, ["a"] * 3), "study a contradict each other: A to B"),
        (([0, 1, 0], [1, 2, 2], [0.1, 0.1, 0.2], [0.1, 0.1, 0.9], ["a"] * 3), "standard errors of study a"),
        (([0, 1, 2], [1, 2, 3], [0.1] * 3, [0.1] * 3, ["a"] * 3), "4 arms and 3 contrasts"),
    ],
)
def test_what_cannot_be_pooled_is_refused(columns, told):
    with pytest.raises(PoolingError, match=told):
        pool_network(*columns)


def test_empty_networks_and_unknown_names_are_refused():
    with pytest.raises(EmptySelectionError):
        pool_network([], [], [], [], [])
    with pytest.raises(UnknownNameError, match="PM"):
        pool_network([0], [1], [0.1], [0.1], ["a"], tau2="PM")
    with pytest.raises(UnknownNameError, match="model"):
        pool_network([0], [1], [0.1], [0.1], ["a"], model="fixed")
    with pytest.raises(PoolingError, match="beyond the last"):
        pool_network([0], [2], [0.1], [0.1], ["a"], n=2)
    with pytest.raises(PoolingError, match="3 labels"):
        pool_network([0], [1], [0.1], [0.1], ["a"], labels=["A", "B", "C"])
