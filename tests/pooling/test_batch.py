"""The door of pooling: what is refused, and that order, shift and unit do not matter."""

from __future__ import annotations

import numpy as np
import pytest

from hcckb.errors import EmptySelectionError, PoolingError
from hcckb.pooling.batch import as_rows, checked_batch, moments


def test_padding_has_no_weight():
    batch = checked_batch([[0.5, np.nan, 0.1]], [[0.2, -1.0, 0.1]], [[True, False, True]])
    assert batch.k.tolist() == [2]
    assert batch.present.tolist() == [[True, True, False]]
    assert moments(batch, np.zeros(1)).w[0, 2] == 0.0


def test_units_are_undone_exactly():
    batch = checked_batch([[0.5, 0.125]], [[0.25, 0.0625]])
    assert batch.location(batch.d[:, 1]).tolist() == [0.5]
    assert batch.square(batch.v[:, 0]).tolist() == [0.0625]
    assert batch.length(np.sqrt(batch.v[:, 0])).tolist() == [0.25]


def test_the_order_of_studies_leaves_every_bit_alone():
    y, v = np.array([[0.3, 0.1, 0.7, -0.2]]), np.array([[0.1, 0.3, 0.2, 0.1]])
    turned = checked_batch(y[:, ::-1], v[:, ::-1])
    straight = checked_batch(y, v)
    assert np.array_equal(straight.d, turned.d)
    assert np.array_equal(straight.v, turned.v)


def test_one_heavy_study_does_not_cancel():
    """Weights a = 1e12 and 1 (twice): the trace is (4 a + 2) / (a + 2) to the last digits."""
    batch = checked_batch([[0, 1, 2]], [[1e-12, 1, 1]])
    trace = np.ldexp(moments(batch, np.zeros(1)).trace, -2 * batch.half)[0]
    assert trace == pytest.approx((4e12 + 2) / (1e12 + 2), rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("y", "v", "words"),
    [
        ([[0.1, np.nan]], [[0.1, 0.1]], "estimate 1 is not a finite number: nan"),
        ([[0.1, 0.2]], [[0.1, 0.0]], "variance 1 is not positive and finite: 0.0"),
        ([[0.1, 0.2]], [[np.inf, 0.1]], "variance 0 is not positive and finite: inf"),
        ([[0.1], [0.2]], [[0.1], [-1]], "variance 0 of meta-analysis 1"),
        ([[0.1, 0.2]], [[0.1]], "one shape"),
        ([0.1, 0.2], [0.1, 0.1], "one shape"),
        ([["a"]], [[0.1]], "must hold numbers"),
        ([[0.0, 1e60]], [[0.1, 0.1]], "too far apart"),
        ([[0.0, 1.0]], [[1e-300, 1e300]], "too far apart"),
    ],
)
def test_bad_input_is_refused_with_its_place(y, v, words):
    with pytest.raises(PoolingError, match=words):
        checked_batch(y, v)


def test_an_empty_meta_analysis_is_refused():
    with pytest.raises(EmptySelectionError, match="meta-analysis 1"):
        checked_batch([[0.1], [0.2]], [[0.1], [0.1]], [[True], [False]])
    with pytest.raises(EmptySelectionError, match="no estimate to pool"):
        checked_batch(np.empty((0, 3)), np.empty((0, 3)))


def test_one_meta_analysis_is_given_as_vectors():
    with pytest.raises(PoolingError, match="_many"):
        as_rows([[0.1]], [[0.1]])
