"""GOSH and Baujat: every subset as metafor pools it, sampling without favour, nothing lost to blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling import gosh as module
from hcckb.pooling.baujat import baujat
from hcckb.pooling.gosh import gosh, gosh_split
from hcckb.pooling.heterogeneity import TAU2_METHODS
from hcckb.pooling.pairwise import pool_many

METHODS = {"EE": ("common", "DL"), "DL": ("random", "DL"), "REML": ("random", "REML"), "PM": ("random", "PM")}
Y, V = np.array([0.1, 0.3, 0.8, 0.2, -0.1]), np.array([0.02, 0.03, 0.05, 0.01, 0.08])


@pytest.fixture(scope="module")
def cases(reference):
    return reference("metafor_gosh")["cases"]


@pytest.mark.parametrize("key", METHODS)
def test_all_subsets_match_metafor(cases, key):
    model, tau2 = METHODS[key]
    for name, case in cases.items():
        found = gosh(case["input"]["yi"], case["input"]["vi"], model=model, tau2=tau2)
        assert found.every
        for field, values in case["gosh"][key].items():
            # metafor's closed forms are exact; its iterations stop 1e-13 (absolute) or so from the root.
            near = {"rel": 1e-8, "abs": 2e-9} if key in ("REML", "PM") else {"rel": 1e-10, "abs": 1e-13}
            assert getattr(found, field) == pytest.approx(np.array(values), **near), (name, field)


@pytest.mark.parametrize("key", ["EE", "DL", "REML"])
def test_baujat_matches_metafor(cases, key):
    model, tau2 = METHODS[key]
    for name, case in cases.items():
        found = baujat(case["input"]["yi"], case["input"]["vi"], model=model, tau2=tau2)
        for field, values in case["baujat"][key].items():
            near = {"rel": 1e-6, "abs": 1e-10} if key == "REML" else {"rel": 1e-10, "abs": 1e-12}
            assert getattr(found, field) == pytest.approx(np.array(values), **near), (name, field)


@settings(max_examples=30, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(1e-3, 10)), min_size=2, max_size=6),
    st.sampled_from(["common", *TAU2_METHODS]),
)
def test_each_subset_is_the_pool_of_its_studies(drawn, method):
    y, v = (np.array(x) for x in zip(*drawn, strict=True))
    how = {"model": "common"} if method == "common" else {"model": "random", "tau2": method}
    found = gosh(y, v, **how)
    mask = np.array([found.holds(i) for i in range(len(y))]).T
    many = pool_many(np.tile(y, (len(found), 1)), np.tile(v, (len(found), 1)), mask, **how)
    assert found.size.tolist() == many.k.tolist() == mask.sum(axis=1).tolist()
    assert found.estimate == pytest.approx(many.estimate, rel=1e-9, abs=1e-12)
    assert found.tau2 == pytest.approx(many.tau2, rel=1e-9, abs=1e-12)
    assert found.i2 == pytest.approx(many.i2, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("model", ["common", "random"])
def test_blocks_change_nothing_and_neither_does_single_precision(monkeypatch, model):
    whole = gosh(Y, V, model=model)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert gosh(Y, V, model=model).estimate == pytest.approx(whole.estimate, rel=1e-13)
    monkeypatch.setattr(module, "DOUBLE", 7)
    halved = gosh(Y, V, model=model)
    assert halved.estimate.dtype == np.float32
    assert halved.i2 == pytest.approx(whole.i2, abs=1e-6)


def test_a_sample_holds_each_study_half_the_time_and_repeats_by_seed():
    found = gosh(Y, V, subsets=20, rng=np.random.default_rng(3))
    again = gosh(Y, V, subsets=20, rng=np.random.default_rng(3))
    assert len(found) == 20
    assert not found.every
    assert np.array_equal(found.estimate, again.estimate)
    rng = np.random.default_rng(4)
    y, v = rng.normal(size=30), rng.uniform(0.01, 0.1, 30)
    large = gosh(y, v, model="common", subsets=4000, rng=rng)
    held = np.array([large.holds(i) for i in range(30)])
    assert held.mean(axis=1) == pytest.approx(0.5, abs=0.04)
    assert large.size.tolist() == held.sum(axis=0).tolist()
    row = 17
    alone = pool_many(y[None, held[:, row]], v[None, held[:, row]], model="common")
    assert large.estimate[row] == pytest.approx(alone.estimate[0], rel=1e-12)


def test_more_subsets_than_there_are_means_all():
    assert gosh(Y, V, subsets=31).every
    assert len(gosh(Y, V, subsets=30, rng=np.random.default_rng(1))) == 30


def test_an_outlier_splits_the_subsets():
    y, v = [0.0, 0.05, -0.04, 0.02, 3.0, 0.1], [0.01, 0.012, 0.02, 0.015, 0.01, 0.03]
    split = gosh_split(gosh(y, v, model="common"))
    gap = np.abs(split.estimate_with - split.estimate_without)
    assert gap.argmax() == 4
    assert split.i2_with[4] > 0.9
    assert split.i2_without[4] < 0.2


def test_studies_24_decades_apart_and_equal_ones_stay_finite():
    y, v = [0.1, 0.1, -3.0, 400.0], [1e-12, 1e-12, 1.0, 1e12]
    for model in ("common", "random"):
        found = gosh(y, v, model=model)
        assert np.isfinite([found.estimate, found.i2, found.tau2]).all()
        assert ((found.i2 >= 0) & (found.i2 <= 1)).all()


def test_what_cannot_be_done_is_refused():
    for bad, words in (
        (lambda: gosh([0.1], [0.1]), "at least 2"),
        (lambda: gosh(np.zeros(26), np.ones(26)), "too many"),
        (lambda: gosh(Y, V, subsets=3), "random numbers"),
        (lambda: gosh(Y, V, subsets=0, rng=np.random.default_rng(1)), "at least 1"),
        (lambda: gosh(Y, V).holds(5), "no study 5"),
    ):
        with pytest.raises(PoolingError, match=words):
            bad()
    for option in ({"model": "fixed"}, {"tau2": "RML"}):
        with pytest.raises(UnknownNameError):
            gosh(Y, V, **option)
