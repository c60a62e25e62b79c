"""The multiverse holds exactly what pooling each specification gives."""

from __future__ import annotations

import numpy as np
import pytest

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.multiverse import ESTIMATORS, INTERVALS, multiverse
from hcckb.pooling.pairwise import pool

Y, V = np.array([0.1, 0.3, 0.8, 0.2, -0.1]), np.array([0.02, 0.03, 0.05, 0.01, 0.08])
MASK = np.vstack([np.ones((1, 5), dtype=bool), ~np.eye(5, dtype=bool), [[True] + [False] * 4]])


def test_every_specification_is_the_pool_of_its_set():
    sets = len(MASK)
    found = multiverse(np.tile(Y, (sets, 1)), np.tile(V, (sets, 1)), MASK, level=0.9)
    assert len(found) == (len(ESTIMATORS) * len(INTERVALS) + 1) * sets
    for i in range(len(found)):
        held = MASK[found.row[i]]
        how = {"model": "common"} if found.estimator[i] == "common" else {"tau2": str(found.estimator[i])}
        alone = pool(Y[held], V[held], ci=str(found.ci_method[i]), level=0.9, **how)
        for field in ("estimate", "se", "ci_lower", "ci_upper", "p_value", "tau2", "i2", "k"):
            expected = pytest.approx(getattr(alone, field), rel=1e-10, abs=1e-13)
            assert getattr(found, field)[i] == expected, (i, field)


def test_unknown_choices_are_refused():
    for option in ({"estimators": ["RML"]}, {"intervals": ["hk"]}):
        with pytest.raises(UnknownNameError):
            multiverse(Y[None], V[None], **option)
    with pytest.raises(PoolingError, match="level"):
        multiverse(Y[None], V[None], level=95)
