"""Residual between-study variance of a regression, by the estimators that pooling knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import chdtri

from hcckb.errors import ConvergenceError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.mixed import GRID_RATIO, fit_mixed

TAU2_METHODS = ("REML", "DL", "PM", "ML", "SJ", "HE", "HS", "EB")
MAX_HALVINGS = 2000


def residual_space(y: FloatArray, v: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues x of K'VK and squared coordinates c of K'y, shape (k - p,).

    K is an orthonormal basis of the residual space of the design. With P the residual maker at tau2,
    y'Py = sum(c / (x + tau2)), y'PPy = sum(c / (x + tau2)**2) and tr P = sum(1 / (x + tau2)).
    """
    basis = np.linalg.qr(design, mode="complete")[0][:, design.shape[1] :]
    x, vectors = np.linalg.eigh(basis.T @ (v[:, None] * basis))
    # Eigenvalues interlace with the variances; rounding may not.
    return np.maximum(x, v.min()), (vectors.T @ (basis.T @ y)) ** 2


def residual_tau2(y: FloatArray, v: FloatArray, design: FloatArray, method: str = "REML") -> float:
    r"""Estimate the residual between-study variance.

    Parameters
    ----------
    y, v : ndarray, shape (k,)
        Checked estimates on an additive scale and their sampling variances.
    design : ndarray, shape (k, p)
        Covariates of full rank, with a column of ones for the intercept.
    method : {"REML", "DL", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator; "EB" is the fixed point that "PM" finds.

    Returns
    -------
    float
        :math:`\hat\tau^2 \ge 0`, on the scale of `v`.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    PoolingError
        If k <= p or the columns depend on each other.
    ConvergenceError
        If an iterated estimator does not converge.

    Notes
    -----
    With x and c of `residual_space` and df = k - p: HE :math:`(\sum c - \sum x) / df`; HS
    :math:`(\sum c / x - k) / \sum 1 / v`; SJ :math:`t \sum c / (x + t) / df` with t the plain variance of
    the estimates (divisor k); PM solves :math:`\sum c / (x + \tau^2) = df`; ML maximises
    :math:`-\frac12 [\sum \ln(v_i + \tau^2) + \sum c_j / (x_j + \tau^2)]`.

    Source: Viechtbauer, López-López, Sánchez-Meca & Marín-Martínez 2015, Psychol Methods 20:360-374,
    doi:10.1037/met0000023.
    """
    if method not in TAU2_METHODS:
        raise UnknownNameError(method, "estimator of the residual tau2", TAU2_METHODS, ", ".join(TAU2_METHODS))
    if method in ("REML", "DL"):
        return fit_mixed(y, v, design, method).tau2
    x, c = residual_space(y, v, design)
    k, df = len(y), len(x)
    if method == "HE":
        return max(0.0, float(c.sum() - x.sum()) / df)
    if method == "HS":
        return max(0.0, float((np.sum(c / x) - k) / np.sum(1.0 / v)))
    if method == "SJ":
        rough = float(np.var(y))
        return rough * float(np.sum(c / (x + rough))) / df
    if method == "ML":
        return _maximum_likelihood(x, c, v)
    return _solve_q(x, c, df)


def q_profile(x: FloatArray, c: FloatArray, level: float) -> tuple[float, float]:
    """Return the Q-profile interval of the residual tau2: where Q(tau2) meets its chi-squared quantiles."""
    df = len(x)
    high, low = (float(chdtri(df, tail)) for tail in ((1 - level) / 2, (1 + level) / 2))
    return _solve_q(x, c, high), _solve_q(x, c, low)


def _solve_q(x: FloatArray, c: FloatArray, target: float) -> float:
    """Solve sum(c / (x + tau2)) = target, 0 where the sum lies below the target at 0."""

    def excess(tau2: float) -> float:
        return float(np.sum(c / (x + tau2))) - target

    if excess(0.0) <= 0:
        return 0.0
    return _root(excess, 0.0, float(c.sum()) / target, float(x[0]))


def _maximum_likelihood(x: FloatArray, c: FloatArray, v: FloatArray) -> float:
    """Return the global maximum of the likelihood over tau2 >= 0."""

    def score(tau2: float) -> float:
        return float(np.sum(c / (x + tau2) ** 2) - np.sum(1.0 / (v + tau2)))

    def height(tau2: float) -> float:
        return -float(np.sum(np.log(v + tau2)) + np.sum(c / (x + tau2)))

    low = float(v.min())
    # From sum(c) + max(v) on the score is negative: sum(c) (max(v) + t) < (min(v) + t)**2 there.
    bound = float(c.sum()) + float(v.max())
    steps = max(0, int(np.ceil(np.log1p(bound / low) / np.log(GRID_RATIO)))) + 1
    grid = [low * GRID_RATIO**i - low for i in range(steps + 1)]
    signs = [score(t) for t in grid]
    turns = [i for i in range(steps) if signs[i] > 0 >= signs[i + 1]]
    candidates = [_root(score, grid[i], grid[i + 1], low) for i in turns]
    if signs[0] <= 0:
        candidates.insert(0, 0.0)
    if not candidates:
        raise ConvergenceError("the likelihood of the residual tau2 has no maximum that could be found. Take DL.")
    return max(candidates, key=height)


def _root(falling: Callable[[float], float], lower: float, upper: float, unit: float) -> float:
    """Halve a bracket in which a function turns from positive to negative, down to rounding."""
    for _ in range(MAX_HALVINGS):
        middle = 0.5 * (lower + upper)
        if upper - lower <= 1e-15 * (unit + upper) or middle in (lower, upper):
            return middle
        lower, upper = (middle, upper) if falling(middle) > 0 else (lower, middle)
    raise ConvergenceError("the residual tau2 did not converge. Look for a misprinted estimate, or take DL.")
