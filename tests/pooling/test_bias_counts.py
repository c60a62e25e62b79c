"""Tests for small-study effects from 2x2 tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.bias import thompson_sharp
from hcckb.pooling.bias_counts import deeks, harbord, macaskill, peters, schwarzer
from hcckb.pooling.counts import two_arms

REGRESSIONS = {
    "harbord": harbord,
    "peters": peters,
    "macaskill": macaskill,
    "macaskill_pooled": lambda counts: macaskill(counts, weights="pooled"),
    "deeks": deeks,
}
# meta 8.4.0, metabias(): statistic, P value, bias.
META = {
    "binary_bcg": {
        "Harbord": (-1.25647434404506, 0.234971952122066, -2.09299154079424),
        "Peters": (-1.36247619939701, 0.200291792284136, -563.688203913343),
        "Macaskill": (4.7114857245961, 0.000638170187086762, 5.72378268663232e-06),
        "Deeks": (-1.8018125229584, 0.0990159313702874, -50.2971699400331),
        "Schwarzer": (0.366053325651938, 0.71432528466629, 6),
    },
    "binary_yusuf1985_table6": {
        "Harbord": (-1.32199536811944, 0.204759388030509, -0.692596884461962),
        "Peters": (-1.71693256006862, 0.105283208887895, -37.4613329966162),
        "Macaskill": (0.0671671806991612, 0.94728078805222, 4.4206545444786e-05),
        "Deeks": (-1.23684736283758, 0.233991236902293, -5.38272556405635),
        "Schwarzer": (-0.795431720032499, 0.426362414567794, -21),
    },
}
TESTS = {"Harbord": harbord, "Peters": peters, "Macaskill": macaskill, "Deeks": deeks, "Schwarzer": schwarzer}


def tables(columns):
    """Tables from columns in which a study without counts has null."""
    m = np.array([[np.nan if x is None else x for x in columns[c]] for c in ("ai", "n1i", "ci", "n2i")])
    return two_arms(*m[:, np.isfinite(m).all(axis=0)])


@pytest.mark.parametrize("name", META)
def test_every_test_matches_meta(reference, name):
    counts = tables(reference(name)["input"])
    for test, (statistic, p_value, bias) in META[name].items():
        found = TESTS[test](counts)
        assert found.statistic == pytest.approx(statistic, rel=1e-10), test
        assert found.p_value == pytest.approx(p_value, rel=1e-10), test
        assert found.bias == pytest.approx(bias, rel=1e-10), test


@pytest.mark.parametrize("name", ["moore1998", "bcg", "sparse"])
@pytest.mark.parametrize("test", REGRESSIONS)
def test_regressions_match_lm(reference, name, test):
    case = reference("small_study")["counts"][name]
    rows = {key: [row[key] for row in case["input"]] for key in ("ai", "n1i", "ci", "n2i")}
    found, wanted = REGRESSIONS[test](tables(rows)), case[test]
    assert found.k == case["k"]
    got = [found.bias, found.se, found.statistic, found.p_value]
    assert got == pytest.approx([wanted[n] for n in ("bias", "se", "statistic", "p_value")], rel=1e-9)
    if found.limit_estimate is not None:
        assert found.limit_estimate == pytest.approx(wanted["intercept"], rel=1e-9)


@pytest.mark.parametrize("name", ["moore1998", "bcg_rr", "hackshaw1998", "simulated"])
def test_thompson_and_sharp_match_rma_with_t(reference, name):
    case = reference("small_study")["effects"][name]
    found, wanted = thompson_sharp(case["input"]["yi"], case["input"]["vi"]), case["thompson_sharp"]
    got = [found.bias, found.se, found.statistic, found.p_value]
    assert got == pytest.approx([wanted[n] for n in ("bias", "se", "statistic", "p_value")], rel=1e-9)
    assert found.df == case["k"] - 2


@pytest.mark.parametrize("name", ["generic_hcc_second_line_os", "generic_hcc_second_line_ttp"])
def test_thompson_and_sharp_with_reml_match_meta(reference, name):
    """meta takes the REML fit of metafor, which stops at 1e-5 in tau2."""
    case = reference(name)
    wanted = case["output"]["small_study"]["meta_Thompson"]
    found = thompson_sharp(case["input"]["yi"], case["input"]["vi"], tau2="REML")
    assert found.statistic == pytest.approx(wanted["stat"], rel=1e-3)
    assert found.p_value == pytest.approx(wanted["p"], rel=1e-4)
    assert found.bias == pytest.approx(wanted["bias"], rel=1e-3)


@pytest.mark.parametrize("test", [harbord, peters, macaskill, deeks, schwarzer])
def test_two_telling_tables_are_too_few(test):
    counts = two_arms([0, 3, 5], [10, 20, 30], [0, 4, 9], [10, 20, 30])
    with pytest.raises(PoolingError, match="at least 3 tables"):
        test(counts)


def test_equal_sizes_leave_nothing_to_regress_on():
    with pytest.raises(PoolingError, match="same size or precision"):
        peters(two_arms([3, 5, 8, 2], [50] * 4, [6, 6, 9, 9], [50] * 4))


def test_unknown_weights_are_named():
    with pytest.raises(UnknownNameError, match="inverse-variance"):
        macaskill(two_arms([3, 5, 8], [50, 60, 70], [6, 6, 9], [50, 61, 74]), weights="fiv")


study = st.tuples(st.integers(1, 20), st.integers(21, 300), st.integers(1, 20), st.integers(21, 300))


@settings(max_examples=40, deadline=None)
@given(st.lists(study, min_size=4, max_size=9, unique=True), st.randoms(use_true_random=False))
def test_swapped_arms_turn_the_sign_and_order_does_not_matter(studies, random):
    a, n1, c, n2 = (list(column) for column in zip(*studies, strict=True))
    shuffled = studies.copy()
    random.shuffle(shuffled)
    for test in (harbord, peters, macaskill, deeks):
        try:
            found = test(two_arms(a, n1, c, n2))
        except PoolingError:
            continue
        swapped, moved = test(two_arms(c, n2, a, n1)), test(two_arms(*zip(*shuffled, strict=True)))
        assert swapped.statistic == pytest.approx(-found.statistic, rel=1e-6, abs=1e-7)
        assert moved.statistic == pytest.approx(found.statistic, rel=1e-6, abs=1e-7)
