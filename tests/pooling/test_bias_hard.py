"""Hard inputs of small-study effects: each gives finite numbers or a typed error, never a warning."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcckb.errors import PoolingError
from hcckb.pooling.bias import thompson_sharp
from hcckb.pooling.bias_counts import deeks, harbord, macaskill, peters, rucker, schwarzer
from hcckb.pooling.counts import two_arms
from hcckb.pooling.failsafe import fail_safe
from hcckb.pooling.limit import limit_meta_analysis
from hcckb.pooling.pet_peese import peese, pet
from hcckb.pooling.selection_model import VEVEA_WOODS, VEVEA_WOODS_STEPS, selection_model

SEVERE = VEVEA_WOODS["severe-one-tailed"]
METHODS = {
    "pet": pet,
    "peese": peese,
    "thompson-sharp": thompson_sharp,
    "limit": limit_meta_analysis,
    "selection": selection_model,
    "fixed": lambda y, v: selection_model(y, v, steps=VEVEA_WOODS_STEPS, weights=SEVERE),
    "fail-safe": fail_safe,
}
CASES = {
    "tiny": ([1e-9, 2e-9, 3e-9, 5e-9], [1e-18, 2e-18, 4e-18, 9e-18]),
    "huge": ([1e9, 2e9, 3e9, 5e9], [1e18, 2e18, 4e18, 9e18]),
    "variances far apart": ([0.1, 0.2, 0.3, 0.4], [1e-12, 1.0, 1e6, 1e12]),
    "duplicated": ([0.3, 0.5, 0.3, 0.5, 0.1], [0.1, 0.2, 0.1, 0.2, 0.1]),
    "all equal": ([0.3] * 4, [0.1, 0.2, 0.1, 0.2]),
    "far from no effect": ([5.0, 6.0, 7.5, 8.0], [1e-4, 2e-4, 3e-4, 4e-4]),
    "no effect": ([0.0] * 4, [1.0, 2.0, 3.0, 4.0]),
    "shifted": ([1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.5], [0.01, 0.02, 0.05]),
}


def refuses_or_is_finite(method, *data):
    try:
        found = method(*data)
    except PoolingError:
        return
    is_finite(found)


def is_finite(found):
    for field in fields(found):
        value = getattr(found, field.name)
        if field.name != "df" and isinstance(value, (float, np.ndarray)):
            assert np.isfinite(value).all(), field.name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES)
def test_hard_inputs_give_finite_numbers_or_a_typed_error(case, method):
    refuses_or_is_finite(METHODS[method], *CASES[case])


@pytest.mark.parametrize("method", ["limit", "fixed", "fail-safe"])
@pytest.mark.parametrize("case", ["tiny", "huge", "duplicated", "all equal", "far from no effect", "shifted"])
def test_what_needs_no_slope_is_computed(case, method):
    is_finite(METHODS[method](*CASES[case]))


_CELLS = st.tuples(st.integers(0, 12), st.integers(1, 40), st.integers(0, 12), st.integers(1, 40))


@settings(max_examples=40, deadline=None)
@given(st.lists(_CELLS, min_size=1, max_size=7))
def test_sparse_tables_give_finite_numbers_or_a_typed_error(studies):
    a, n1, c, n2 = (np.array(column) for column in zip(*studies, strict=True))
    counts = two_arms(np.minimum(a, n1), n1, np.minimum(c, n2), n2)
    for method in (harbord, peters, macaskill, deeks, schwarzer, rucker):
        refuses_or_is_finite(method, counts)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(1e-3, 10)), min_size=3, max_size=9))
def test_any_estimates_give_finite_numbers_or_a_typed_error(studies):
    y, v = (np.array(column) for column in zip(*studies, strict=True))
    for method in METHODS.values():
        refuses_or_is_finite(method, y, v)
