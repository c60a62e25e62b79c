"""Residual between-study variance of many regressions at once, for permutation tests."""

from __future__ import annotations

import numpy as np

from hcckb.errors import ConvergenceError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.mixed import GRID_RATIO
from hcckb.pooling.residual import TAU2_METHODS

TOLERANCE = 1e-13
MAX_STEPS = 200


def residual_spaces(y: FloatArray, v: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues x and squared coordinates c, shape (m, k - p), of m data sets with one design.

    As `hcckb.pooling.residual.residual_space`, for `y` and `v` of shape (m, k).
    """
    basis = np.linalg.qr(design, mode="complete")[0][:, design.shape[1] :]
    x, vectors = np.linalg.eigh(np.einsum("ki,mk,kj->mij", basis, v, basis, optimize=True))
    c = np.einsum("mij,mi->mj", vectors, y @ basis) ** 2
    return np.maximum(x, v.min(axis=1, keepdims=True)), c


def residual_tau2_many(y: FloatArray, v: FloatArray, design: FloatArray, method: str = "REML") -> FloatArray:
    r"""Estimate the residual tau2 of m data sets on one design.

    Parameters
    ----------
    y, v : ndarray, shape (m, k)
        Checked estimates on an additive scale and their sampling variances.
    design : ndarray, shape (k, p)
        Covariates of full rank, p < k.
    method : {"REML", "DL", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator, by the formulas of `hcckb.pooling.residual.residual_tau2`.

    Returns
    -------
    ndarray, shape (m,)
        On the scale of `v`; exactly 0 at the boundary.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    ConvergenceError
        If an iterated estimator does not converge.

    Notes
    -----
    REML and ML: the score :math:`\sum c_j / (x_j + \tau^2)^2 - \sum 1 / (u_j + \tau^2)`, with u the x of
    `residual_spaces` for REML and the variances for ML, is followed over a geometric grid; each change from
    plus to minus is solved by Newton steps kept inside their bracket, and the highest maximum wins.
    """
    if method not in TAU2_METHODS:
        raise UnknownNameError(method, "estimator of the residual tau2", TAU2_METHODS, ", ".join(TAU2_METHODS))
    x, c = residual_spaces(y, v, design)
    k, df = y.shape[1], x.shape[1]
    if method == "DL":
        return np.asarray(np.maximum(0.0, ((c / x).sum(axis=1) - df) / (1.0 / x).sum(axis=1)))
    if method == "HE":
        return np.asarray(np.maximum(0.0, (c - x).sum(axis=1) / df))
    if method == "HS":
        return np.asarray(np.maximum(0.0, ((c / x).sum(axis=1) - k) / (1.0 / v).sum(axis=1)))
    if method == "SJ":
        rough = np.var(y, axis=1)
        return np.asarray(rough * (c / (x + rough[:, None])).sum(axis=1) / df)
    if method in ("PM", "EB"):
        return _paule_mandel(x, c)
    return _likelihood(x, c, x if method == "REML" else v)


def _paule_mandel(x: FloatArray, c: FloatArray) -> FloatArray:
    """Solve sum(c / (x + tau2)) = df: the left side is convex and falls, so Newton steps from 0 rise to the root."""
    df = x.shape[1]
    tau2 = np.zeros(len(x))
    for _ in range(MAX_STEPS):
        z = x + tau2[:, None]
        excess = (c / z).sum(axis=1) - df
        # On the reciprocal the steps are longer: 1 / Q is nearly straight in tau2.
        slope = (c / z**2).sum(axis=1)
        step = np.where(excess > 0, excess * (excess + df) / np.where(slope > 0, slope * df, 1.0), 0.0)
        tau2 = tau2 + step
        if (step <= TOLERANCE * (tau2 + x[:, 0])).all():
            return tau2
    raise ConvergenceError(f"the residual tau2 did not converge in {MAX_STEPS} steps. Take DL.")


def _score(tau2: FloatArray, x: FloatArray, c: FloatArray, u: FloatArray) -> FloatArray:
    """Twice the score, for tau2 of shape (m,)."""
    t = tau2[:, None]
    return np.asarray((c / (x + t) ** 2).sum(axis=1) - (1.0 / (u + t)).sum(axis=1))


def _likelihood(x: FloatArray, c: FloatArray, u: FloatArray) -> FloatArray:
    """Return the global maximum of each (restricted) likelihood over tau2 >= 0."""
    rows, low = np.arange(len(x)), u.min(axis=1)
    bound = c.sum(axis=1) + u.max(axis=1)
    below, before = np.zeros(len(x)), _score(np.zeros(len(x)), x, c, u)
    candidates = [(rows[before <= 0], np.zeros(int((before <= 0).sum())))]
    while rows.size:
        above = (below + low[rows]) * GRID_RATIO - low[rows]
        after = _score(above, x[rows], c[rows], u[rows])
        turn = (before > 0) & (after <= 0)
        if turn.any():
            inside = rows[turn]
            candidates.append((inside, _root(x[inside], c[inside], u[inside], below[turn], above[turn])))
        on = above < bound[rows]
        rows, below, before = rows[on], above[on], after[on]
    row = np.concatenate([r for r, _ in candidates])
    tau2 = np.concatenate([t for _, t in candidates])
    z = tau2[:, None]
    height = -np.log(u[row] + z).sum(axis=1) - (c[row] / (x[row] + z)).sum(axis=1)
    best = np.lexsort((tau2, -height, row))
    found, first = np.unique(row[best], return_index=True)
    if len(found) < len(x):
        raise ConvergenceError("the likelihood of a residual tau2 has no maximum that could be found. Take DL.")
    return np.asarray(tau2[best[first]])


def _root(x: FloatArray, c: FloatArray, u: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Solve score = 0 inside each bracket by Newton steps, halving it where a step would leave or stall."""
    tau2, last = 0.5 * (lower + upper), upper - lower
    for _ in range(MAX_STEPS):
        t = tau2[:, None]
        score = _score(tau2, x, c, u)
        slope = (1.0 / (u + t) ** 2).sum(axis=1) - 2.0 * (c / (x + t) ** 3).sum(axis=1)
        lower, upper = np.where(score > 0, tau2, lower), np.where(score > 0, upper, tau2)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = tau2 - score / slope
        good = (newton >= lower) & (newton <= upper) & (np.abs(newton - tau2) <= 0.5 * last)
        following = np.where(good, newton, 0.5 * (lower + upper))
        last, tau2 = np.abs(following - tau2), following
        if (last <= TOLERANCE * (tau2 + u.min(axis=1))).all():
            return np.asarray(tau2)
    raise ConvergenceError(f"the residual tau2 did not converge in {MAX_STEPS} steps. Take DL.")
