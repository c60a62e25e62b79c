"""Proportions: the numbers of metafor there and back, exact intervals, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.pairwise import pool
from hcckb.pooling.proportions import TRANSFORMS, back_transform_proportion, exact_interval, proportion_effects

METAFOR = {"logit": "PLO", "freeman-tukey": "PFT", "arcsine": "PAS", "none": "PR"}


@pytest.fixture(scope="module")
def pritz(reference):
    """Fourteen series of hyperdynamic therapy, two of them with nothing but events."""
    return reference("proportion_pritz1997")


def close(found, expected):
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_effects_and_variances_match_escalc(pritz, transform):
    found = proportion_effects(pritz["input"]["xi"], pritz["input"]["ni"], transform).effects
    expected = pritz["output"][METAFOR[transform]]
    close(found.estimate, expected["yi"])
    close(found.variance, expected["vi"])


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(("model", "name"), [("common", "EE"), ("random", "DL")])
def test_pools_match_metafor_there_and_back(pritz, transform, model, name):
    found = proportion_effects(pritz["input"]["xi"], pritz["input"]["ni"], transform)
    pooled = pool(found.effects.estimate, found.effects.variance, model=model, tau2="DL", ci="wald")
    expected = pritz["output"][METAFOR[transform]][name]
    close([pooled.estimate, pooled.se, pooled.q], [expected[k] for k in ("estimate", "se", "Q")])
    back = back_transform_proportion([pooled.estimate, pooled.ci_lower, pooled.ci_upper], transform, found.harmonic_n)
    close(back, [expected["back_transformed"][k] for k in ("estimate", "ci_lb", "ci_ub")])
    if transform == "freeman-tukey":
        close(found.harmonic_n, expected["harmonic_mean_n"])


def test_exact_intervals_match_meta(pritz):
    low, high = exact_interval(pritz["input"]["xi"], pritz["input"]["ni"])
    expected = pritz["output"]["study_intervals"]["CP"]
    close(low, expected["lower"])
    close(high, expected["upper"])
    assert exact_interval(0, 5)[0].tolist() == [0.0]


def test_the_correction_is_told_and_only_where_it_is_needed():
    for transform in ("logit", "none"):
        found = proportion_effects([0, 3, 9], [5, 9, 9], transform, labels=["A", "B", "C"])
        assert found.corrected.tolist() == [True, False, True]
        assert found.warnings == ("Continuity correction: 0.5 was added to the events and to the others of A, C.",)
    assert proportion_effects([0, 3], [5, 9], "freeman-tukey").warnings == ()
    assert "every arm" in proportion_effects([1, 3], [5, 9], correction="all").warnings[0]


@pytest.mark.parametrize("transform", ["logit", "none"])
def test_an_end_without_correction_is_refused_by_name(transform):
    with pytest.raises(PoolingError, match=r"B: 0/9 has no variance"):
        proportion_effects([1, 0], [5, 9], transform, correction="none", labels=["A", "B"])


@pytest.mark.parametrize(
    ("events", "n", "told"),
    [
        (6, 5, "events 6 is above n 5"),
        (-1, 5, "events -1 is negative"),
        (1.5, 5, "not a whole number"),
        (0, 0, "n 0 is no arm"),
    ],
)
def test_a_bad_row_is_refused(events, n, told):
    with pytest.raises(PoolingError, match=rf"study 1 \(B\): .*{told}"):
        proportion_effects([1, events], [5, n], labels=["A", "B"])


def test_names_that_do_not_exist_are_refused():
    with pytest.raises(UnknownNameError, match="logit"):
        proportion_effects(1, 5, "logits")
    with pytest.raises(UnknownNameError, match="only0"):
        proportion_effects(1, 5, correction="some")
    with pytest.raises(UnknownNameError, match="arcsine"):
        back_transform_proportion(1, "arcsin")
    with pytest.raises(PoolingError, match="above 0"):
        proportion_effects(1, 5, add=-1)
    with pytest.raises(PoolingError, match="needs harmonic_n"):
        back_transform_proportion(1, "freeman-tukey")


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from(TRANSFORMS))
def test_the_way_back_gives_the_proportion(case, transform):
    x, n = case
    if x in (0, n) and transform in ("logit", "none"):
        return
    found = proportion_effects(x, n, transform)
    back = back_transform_proportion(found.effects.estimate, transform, n)
    assert back == pytest.approx([x / n], abs=1e-7)


def test_beyond_the_ends_of_a_scale_lie_zero_and_one():
    assert back_transform_proportion([-0.5, 3.0], "arcsine").tolist() == [0.0, 1.0]
    assert back_transform_proportion([0.0, 1.6], "freeman-tukey", 12.5).tolist() == [0.0, 1.0]
    rising = back_transform_proportion(np.linspace(0, np.pi / 2, 400), "freeman-tukey", 12.5)
    assert (np.diff(rising) >= 0).all()
