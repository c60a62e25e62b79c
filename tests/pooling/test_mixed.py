"""The mixed model agrees with the pooled mean, and refuses what it cannot fit."""

from __future__ import annotations

import numpy as np
import pytest

from hcckb.errors import ConvergenceError, PoolingError
from hcckb.pooling import mixed
from hcckb.pooling.mixed import fit_mixed
from hcckb.pooling.pairwise import pool

Y, V = np.array([0.1, 0.9, 0.3, -0.4, 1.5]), np.array([0.02, 0.03, 0.05, 0.01, 0.2])


@pytest.mark.parametrize("method", ["REML", "DL"])
def test_an_intercept_alone_is_the_pooled_mean(method):
    fit, pooled = fit_mixed(Y, V, np.ones((5, 1)), method), pool(Y, V, tau2=method, ci="wald")
    assert fit.beta[0] == pytest.approx(pooled.estimate, rel=1e-10)
    assert fit.covariance[0, 0] == pytest.approx(pooled.se**2, rel=1e-10)
    assert fit.tau2 == pytest.approx(pooled.tau2, rel=1e-10)


def test_two_maxima_give_the_higher_one():
    y, v = np.array([0.13, 0.11, 0.97, -0.66]), np.array([0.0023, 0.0015, 0.194, 0.0463])
    assert fit_mixed(y, v, np.ones((4, 1))).tau2 == pytest.approx(pool(y, v).tau2, rel=1e-10)


def test_what_cannot_be_fitted_is_refused(monkeypatch):
    with pytest.raises(PoolingError, match="2 estimates cannot carry 2"):
        fit_mixed(Y[:2], V[:2], np.ones((2, 2)))
    with pytest.raises(PoolingError, match="do not vary"):
        fit_mixed(Y, V, np.ones((5, 2)))
    monkeypatch.setattr(mixed, "MAX_STEPS", 1)
    with pytest.raises(ConvergenceError, match="residual tau2"):
        fit_mixed(Y, V, np.ones((5, 1)))
