"""Mixed-effects linear model of estimates on covariates, with known sampling variances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcckb.errors import ConvergenceError, PoolingError, UnknownNameError

FloatArray = NDArray[np.float64]
METHODS = ("REML", "DL", "common")
TOLERANCE = 1e-13
MAX_STEPS = 200
GRID_RATIO = 2.0**0.25


@dataclass(frozen=True, slots=True)
class MixedFit:
    """Coefficients of a weighted regression at one tau2.

    `beta` has shape (p,), `covariance` (p, p) with known variances (no dispersion factor), `tau2` is the
    residual between-study variance, `q` the weighted sum of squared residuals at this tau2, `df` = k - p.
    """

    beta: FloatArray
    covariance: FloatArray
    tau2: float
    q: float
    df: int


def fit_mixed(y: FloatArray, v: FloatArray, design: FloatArray, method: str = "REML") -> MixedFit:
    r"""Regress estimates on covariates with weights 1 / (v + tau2).

    Parameters
    ----------
    y, v : ndarray, shape (k,)
        Checked estimates on an additive scale and their sampling variances.
    design : ndarray, shape (k, p)
        Covariates, with a column of ones for the intercept.
    method : {"REML", "DL", "common"}
        Estimator of the residual tau2; "common" fixes it at 0.

    Raises
    ------
    PoolingError
        If k <= p or the columns of `design` depend on each other.
    UnknownNameError
        If there is no such method.
    ConvergenceError
        If REML does not converge.

    Notes
    -----
    With K an orthonormal basis of the residual space of the design, :math:`x_j` the eigenvalues of
    :math:`K'VK` and :math:`c_j` the squared coordinates of :math:`K'y`, DL is
    :math:`(\sum c_j / x_j - (k - p)) / \sum 1 / x_j` and REML maximises
    :math:`-\frac12 \sum [\ln(x_j + \tau^2) + c_j / (x_j + \tau^2)]`.

    Source: Raudenbush 2009, in Cooper et al., Handbook of Research Synthesis, ch. 16.
    """
    if method not in METHODS:
        raise UnknownNameError(method, "estimator of the residual tau2", METHODS, ", ".join(METHODS))
    k, p = design.shape
    if k <= p:
        raise PoolingError(f"{k} estimates cannot carry {p} coefficients. At least {p + 1} are needed.")
    size = np.abs(design).max(axis=0)
    scaled = design / np.where(size > 0, size, 1.0)
    if np.linalg.matrix_rank(scaled, tol=1e-10 * np.sqrt(k)) < p:
        raise PoolingError("the covariates do not vary, or one follows from the others. Leave one out.")
    tau2 = 0.0 if method == "common" else _tau2(y, v, scaled, method)
    w = 1.0 / (v + tau2)
    covariance = np.linalg.inv(design.T @ (w[:, None] * design))
    root = np.sqrt(w)
    beta = np.linalg.lstsq(root[:, None] * scaled, root * y, rcond=None)[0] / np.where(size > 0, size, 1.0)
    residual = y - design @ beta
    return MixedFit(np.asarray(beta), np.asarray(covariance, dtype=np.float64), tau2, float(w @ residual**2), k - p)


def _tau2(y: FloatArray, v: FloatArray, design: FloatArray, method: str) -> float:
    """Estimate the residual tau2 in the eigenbasis of the residual space."""
    k, p = design.shape
    basis = np.linalg.qr(design, mode="complete")[0][:, p:]
    x, vectors = np.linalg.eigh(basis.T @ (v[:, None] * basis))
    x = np.maximum(x, v.min())  # eigenvalues interlace with the variances; rounding may not
    c = (vectors.T @ (basis.T @ y)) ** 2
    if method == "DL":
        return max(0.0, float((np.sum(c / x) - (k - p)) / np.sum(1.0 / x)))
    return _reml(x, c)


def _reml(x: FloatArray, c: FloatArray) -> float:
    """Return the global maximum of the restricted likelihood over tau2 >= 0."""
    low = float(x[0])
    bound = max(float(np.max(c - x)), 0.0) + low
    steps = max(0, int(np.ceil(np.log(bound / low) / np.log(GRID_RATIO)))) + 1
    grid: FloatArray = low * np.power(GRID_RATIO, np.arange(steps + 1, dtype=np.float64)) - low
    score = _score(grid[:, None], x, c)
    turns = np.flatnonzero((score[:-1] > 0) & (score[1:] <= 0))
    candidates = [_solve(x, c, float(grid[i]), float(grid[i + 1])) for i in turns]
    if score[0] <= 0:
        candidates.insert(0, 0.0)
    heights = [-float(np.sum(np.log(x + t) + c / (x + t))) for t in candidates]
    return candidates[int(np.argmax(heights))]


def _score(tau2: FloatArray | float, x: FloatArray, c: FloatArray) -> FloatArray:
    """Twice the score of the restricted likelihood."""
    z = x + tau2
    return np.asarray(np.sum((c - z) / z**2, axis=-1))


def _solve(x: FloatArray, c: FloatArray, lower: float, upper: float) -> float:
    """Solve score = 0 in a bracket by Newton steps, halving it where a step would leave or stall."""
    tau2, last = 0.5 * (lower + upper), upper - lower
    for _ in range(MAX_STEPS):
        z = x + tau2
        score = float(_score(tau2, x, c))
        slope = float(np.sum((z - 2.0 * c) / z**3))
        lower, upper = (tau2, upper) if score > 0 else (lower, tau2)
        following = tau2 - score / slope if slope < 0 else lower - 1.0
        if not lower <= following <= upper or abs(following - tau2) > 0.5 * last:
            following = 0.5 * (lower + upper)
        last, tau2 = abs(following - tau2), following
        if last <= TOLERANCE * (tau2 + float(x[0])):
            return tau2
    raise ConvergenceError(
        f"the residual tau2 did not converge in {MAX_STEPS} steps. "
        "Look for a misprinted estimate or variance, or take DL."
    )
