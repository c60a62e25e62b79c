"""Reports on a network agree with netmeta and with matrix algebra in R, and say so where there is nothing to tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError
from hcckb.pooling.network import (
    adjusted_funnel,
    bucher,
    contributions,
    decompose,
    net_heat,
    pool_network,
    rankogram,
)
from hcckb.pooling.network.contributions import walk

FAST = settings(max_examples=30, deadline=None)


def close(got, wanted, rtol=1e-9):
    np.testing.assert_allclose(got, np.array(wanted, dtype=float), rtol=rtol, atol=1e-10)


@pytest.fixture(scope="module")
def senn(reference):
    case = reference("nma_senn2013_md_reports")
    given, names = case["input"], case["output"]["treatments"]
    first, second = ([names.index(t) for t in given[key]] for key in ("treat1", "treat2"))
    return pool_network(first, second, given["TE"], given["seTE"], given["studlab"]), names, case["output"]


@pytest.fixture(scope="module")
def simulated(reference):
    case = reference("metafor_network")["network"]
    given = case["input"]
    return pool_network(*(given[c] for c in ("t1", "t2", "y", "se", "study"))), case


def test_decomposition_by_design_matches_netmeta(senn):
    net, names, wanted = senn
    found, wanted = decompose(net.design), wanted["decomposition"]
    close([t.q for t in (found.total, found.within, found.between)], wanted["Q"]["Q"])
    close([t.p_value for t in (found.total, found.within, found.between)], wanted["Q"]["pval"], rtol=1e-8)
    within = {
        frozenset(d.split(":")): (q, df)
        for d, q, df in zip(*(wanted["within_design"][k] for k in ("design", "Q", "df")), strict=True)
    }
    detach = wanted["between_design_detach"]
    left = {
        frozenset(d.split(":")): row
        for d, *row in zip(*(detach[k] for k in ("design", "Q", "df", "pval")), strict=True)
    }
    assert len(found.designs) == len(within)
    for d in found.designs:
        key = frozenset(names[t] for t in d.treatments)
        close((d.within.q, d.within.df), within[key])
        assert (d.detached is None) == (key not in left)
        if d.detached is not None:
            close((d.detached.q, d.detached.df, d.detached.p_value), left[key], rtol=1e-8)
    full = wanted["full_design_by_treatment_random"]
    close(
        (found.tau2_within**0.5, found.interaction.q, found.interaction.df),
        [full[k] for k in ("tau.within", "Q", "df")],
    )


@pytest.mark.parametrize("model", ["common", "random"])
def test_contributions_match_the_random_walk_of_netmeta(senn, model):
    net, names, wanted = senn
    found, wanted = contributions(net.design, net.tau2 if model == "random" else 0.0), wanted["randomwalk"][model]
    assert [":".join(names[t] for t in pair) for pair in found.comparison] == wanted["rows"]
    assert [":".join(names[t] for t in pair) for pair in found.edge] == wanted["cols"]
    close(found.share, wanted["values"])
    close(found.study.sum(axis=1), np.ones(45))


def test_parallelism_prediction_and_funnel_match_netmeta(senn):
    net, names, wanted = senn
    close(contributions(net.design, net.tau2).parallelism, wanted["minpar_study"]["value"])
    apart = ~np.eye(10, dtype=bool)
    for side in ("prediction_lower", "prediction_upper"):
        close(getattr(net, side)[apart], np.array(wanted[side]["values"], dtype=float)[apart])
    funnel = adjusted_funnel(net.design, tau2=net.tau2)
    theirs = wanted["funnel"]
    order = np.lexsort((theirs["TE_adjusted"], theirs["seTE"]))
    ours = np.lexsort((funnel.adjusted, funnel.se))
    close(funnel.adjusted[ours], np.array(theirs["TE_adjusted"])[order])
    close(funnel.se[ours], np.array(theirs["seTE"])[order])
    assert [net.design.studies[s] for s in funnel.study[ours]] == [theirs["studlab"][i] for i in order]
    assert names == theirs["order"]


def test_a_funnel_turns_with_the_order_of_treatments(senn):
    net = senn[0]
    forth, back = adjusted_funnel(net.design), adjusted_funnel(net.design, range(9, -1, -1))
    np.testing.assert_allclose(forth.adjusted, -back.adjusted)
    assert (forth.treatment1 == back.treatment2).all()
    with pytest.raises(PoolingError, match="each of the 10 treatments once"):
        adjusted_funnel(net.design, [0, 0, 1])


def test_fits_with_several_arms_match_metafor(simulated):
    net, wanted = simulated
    close(net.tau2, wanted["tau2"])
    close(net.estimate[1:, 0], wanted["beta"])
    close(net.se[1:, 0] ** 2, np.diag(wanted["vb"]))
    reml = pool_network(*(wanted["input"][c] for c in ("t1", "t2", "y", "se", "study")), tau2="REML")
    assert reml.tau2 == pytest.approx(wanted["reml"], rel=1e-6)


def test_decomposition_with_several_arms_matches_matrix_algebra(simulated):
    net, wanted = simulated
    found = decompose(net.design)
    got = (found.total.q, found.total.df, found.within.q, found.within.df, found.tau2_within, found.interaction.q)
    close(got, [wanted[k] for k in ("q", "df", "q_within", "df_within", "tau2_within", "interaction")])
    left = {tuple(int(t) - 1 for t in row["design"].split(":")): row for row in wanted["detached"]}
    for d in found.designs:
        row = left[tuple(sorted(d.treatments))]
        if d.detached is None:
            close((row["q"], row["df"]), (found.between.q, found.between.df))  # nothing was detached
        else:
            close((d.detached.q, d.detached.df), (row["q"], row["df"]))
    assert sum(d.between for d in found.designs) == pytest.approx(found.between.q)


def test_net_heat_matches_matrix_algebra(simulated):
    net, wanted = simulated
    heat = net_heat(net.design)
    keys = [tuple(int(t) - 1 for t in key.split(":")) for key in wanted["heat"]["designs"]]
    assert len(heat.designs) == len(keys) - 2  # 5:6 and 6:7 close no loop
    place = [keys.index(d) for d in heat.designs]
    close(heat.heat, np.array(wanted["heat"]["values"])[np.ix_(place, place)])
    between = {d.treatments: d.between for d in decompose(net.design).designs}
    close(np.diag(heat.heat), [between[d] for d in heat.designs])


def test_net_heat_shares_of_designs_with_two_arms_are_their_weights():
    net = pool_network([0, 1, 0], [1, 2, 2], [-0.4, -0.1, -0.6], [0.1, 0.2, 0.3], ["a", "b", "c"], model="common")
    heat = net_heat(net.design)
    direct = {(s.treatment1, s.treatment2): s.proportion for s in net.splits}
    close(np.diag(heat.share), [direct[d] for d in heat.designs])
    close(np.diag(heat.heat).sum(), net.q_total.q)


def test_rankograms_tend_to_the_p_scores(senn):
    net = senn[0]
    found = rankogram(net.estimate[:, 0], net.covariance, samples=40_000, rng=np.random.default_rng(7))
    np.testing.assert_allclose(found.sucra, net.p_scores, atol=0.01)
    close(found.probability.sum(axis=0), np.ones(10))
    close(found.probability.sum(axis=1), np.ones(10))
    close(found.cumulative[:, -1], np.ones(10))
    close(found.mean_rank, 1 + 9 * (1 - found.sucra))
    again = rankogram(net.estimate[:, 0], net.covariance, samples=40_000, rng=np.random.default_rng(7))
    assert (again.probability == found.probability).all()
    large = rankogram(
        net.estimate[:, 0], net.covariance, samples=4_000, rng=np.random.default_rng(7), small_is_good=False
    )
    np.testing.assert_allclose(large.sucra, 1 - net.p_scores, atol=0.03)
    with pytest.raises(PoolingError, match="at least one sample"):
        rankogram(net.estimate[:, 0], net.covariance, samples=0, rng=np.random.default_rng(7))


def test_two_treatments_rank_with_the_certainty_of_their_difference():
    net = pool_network([0], [1], [-0.3], [0.2], ["a"])
    found = rankogram(net.estimate[:, 1], net.covariance, samples=100_000, rng=np.random.default_rng(1))
    assert found.probability[0, 0] == pytest.approx(net.p_scores[0], abs=0.005)


def test_a_triangle_walks_the_direct_way_and_the_detour():
    net = pool_network([0, 1, 0], [1, 2, 2], [0.1, 0.2, 0.3], [1.0, 1.0, 1.0], ["a", "b", "c"], model="common")
    found = contributions(net.design)
    row = found.comparison.tolist().index([0, 1])
    # Two thirds direct; the detour of one third is two steps long.
    close(found.share[row], [2 / 3, 1 / 6, 1 / 6])
    close((found.mean_path[row], found.parallelism[row]), (4 / 3, 3 / 2))


def test_stars_and_single_trials_have_every_report():
    for k in (1, 4):
        net = pool_network(range(1, k + 1), [0] * k, [0.1] * k, [0.2] * k, range(k))
        found = decompose(net.design)
        assert (found.between.df, found.interaction.p_value, found.tau2_within) == (0, None, 0.0)
        assert all(d.detached is None and d.within.p_value is None for d in found.designs)
        heat = net_heat(net.design)
        assert (heat.designs, heat.heat.shape) == ((), (0, 0))
        flows = contributions(net.design)
        close(flows.share.sum(axis=1), np.ones(len(flows.share)))
        assert (adjusted_funnel(net.design).adjusted == 0).all()
        assert (net.prediction_lower, net.tau2) == (None, None)


def test_evidence_that_flows_in_a_circle_is_refused():
    """Weights of studies with several arms may be negative: here a unit flow from 0 to 4 circles by 1, 2, 3."""
    edge = np.array([[0, 1], [1, 2], [1, 3], [2, 3], [3, 4]])
    flow = np.array([[1.0, 1.5, -0.5, 1.5, 1.0]])
    with pytest.raises(PoolingError, match="flows in a circle"):
        walk(flow, np.array([[0, 4]]), edge, 5)


def test_contributions_stay_whole_when_a_weight_is_negative():
    columns = ([0, 0, 1, 0], [1, 2, 2, 1], [0.1, 0.2, 0.1, 0.1], [0.1, 0.1, 0.19, 5.0], ["a", "a", "a", "b"])
    found = contributions(pool_network(*columns, model="common").design)
    assert found.hat[found.comparison.tolist().index([0, 2])].min() < 0
    close(found.share.sum(axis=1), np.ones(3))


def test_derived_contrasts_are_recorded():
    net = pool_network([0, 1], [2, 2], [-0.4, -0.3], [0.2, 0.3], ["a", "a"])
    (derived,) = net.derived
    assert (derived.study, derived.treatment1, derived.treatment2) == ("a", 0, 1)
    assert (derived.estimate, derived.se) == (pytest.approx(-0.1), pytest.approx((0.04 + 0.09 - 0.06) ** 0.5))


def test_bucher_is_the_network_of_two_trials():
    alone = bucher((-0.4, 0.12), (-0.1, 0.16), level=0.9)
    net = pool_network([0, 1], [2, 2], [-0.4, -0.1], [0.12, 0.16], ["a", "b"], level=0.9)
    got = (alone.estimate, alone.se, alone.ci_lower, alone.ci_upper, alone.p_value)
    close(got, [m[0, 1] for m in (net.estimate, net.se, net.ci_lower, net.ci_upper, net.p_value)])
    with pytest.raises(PoolingError, match="B to C has"):
        bucher((0.1, 0.1), (0.1, 0.0))


@st.composite
def studies(draw):
    """Studies of two or three arms on five treatments, tied together by a chain."""
    sets = [(i, i + 1) for i in range(4)]
    sets += draw(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=3, unique=True), max_size=5))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    out = []
    for s, arms in enumerate(sets):
        y, v = rng.normal(0, 0.5, len(arms)), rng.uniform(0.01, 0.3, len(arms))
        out += [
            (arms[i], arms[j], y[i] - y[j], (v[i] + v[j]) ** 0.5, s)
            for i in range(len(arms))
            for j in range(i + 1, len(arms))
        ]
    return tuple(list(c) for c in zip(*out, strict=True))


@FAST
@given(studies(), st.permutations(range(5)))
def test_reports_follow_a_relabelling_and_swapped_arms(columns, new):
    a, b, y, s, study = columns
    net = pool_network(*columns)
    other = pool_network([new[i] for i in b], [new[i] for i in a], [-x for x in y], s, [f"t{i}" for i in study])
    np.testing.assert_allclose(other.estimate[np.ix_(new, new)], net.estimate, atol=1e-7)
    one, two = decompose(net.design), decompose(other.design)
    assert one.between.q == pytest.approx(two.between.q, abs=1e-8)
    moved = {tuple(sorted(new[t] for t in d.treatments)): d for d in one.designs}
    for d in two.designs:
        twin = moved[d.treatments]
        assert (d.detached is None) == (twin.detached is None)
        if d.detached and twin.detached:
            assert (d.detached.q, d.detached.df) == (pytest.approx(twin.detached.q, abs=1e-7), twin.detached.df)
    np.testing.assert_allclose(contributions(net.design).share.sum(axis=1), 1, atol=1e-8)
    heat = net_heat(net.design)
    assert np.isfinite(heat.heat).all()
    assert np.trace(heat.heat) == pytest.approx(one.between.q, abs=1e-8)


LOOPS = ([0, 1, 0, 0, 1, 2], [1, 2, 2, 1, 3, 3], np.array([0.1, 0.2, 0.5, 0.2, 0.1, 0.3]), list("abcdef"))


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_reports_do_not_depend_on_the_unit(unit):
    first, second, y, study = LOOPS
    se = np.array([0.1, 0.2, 0.1, 0.3, 0.2, 0.1])
    net, same = (pool_network(first, second, y * u, se * u, study) for u in (unit, 1.0))
    close(net.estimate / unit, same.estimate, rtol=1e-7)
    close(contributions(net.design, net.tau2).share, contributions(same.design, same.tau2).share, rtol=1e-7)
    close(net_heat(net.design).heat, net_heat(same.design).heat, rtol=1e-7)
    one, two = decompose(net.design), decompose(same.design)
    close((one.between.q, one.tau2_within / unit**2), (two.between.q, two.tau2_within), rtol=1e-7)


@pytest.mark.parametrize("wide", [1e3, 9e5])
def test_reports_stand_far_variances(wide):
    first, second, y, study = LOOPS
    net = pool_network(first, second, y, [1e-3, 1e-3 * wide, 0.1, 0.3, 0.2, 0.1], study)
    close(contributions(net.design, 0.0).share.sum(axis=1), np.ones(6), rtol=1e-6)
    assert np.isfinite(net_heat(net.design).heat).all()
    assert decompose(net.design).total.q == pytest.approx(net.q_total.q)


def test_equal_studies_have_no_heterogeneity():
    net = pool_network([0] * 4, [1] * 4, [0.1] * 4, [0.2] * 4, list("abcd"))
    assert (net.tau2, decompose(net.design).tau2_within) == (0.0, 0.0)
    assert net.se[0, 1] == pytest.approx(0.1)
