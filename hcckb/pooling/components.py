"""Variance components of estimates in clusters, by the global maximum of the (restricted) likelihood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import BoolArray, FloatArray

TOLERANCE = 1e-11
MAX_STEPS = 200
MAX_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Clustered:
    """Data of m clusters, each padded to s rows, with q variance components.

    Padding has y = 0, x = 0, a variance of 1 and no part in any component: it adds nothing to the likelihood.

    Attributes
    ----------
    y : ndarray, shape (m, s)
    v : ndarray, shape (m, s, s)
        Sampling covariance.
    x : ndarray, shape (m, s, p)
    parts : ndarray, shape (q, m, s, s)
        Derivative of the marginal covariance by each component.
    restricted : bool
        REML or ML.
    """

    y: FloatArray
    v: FloatArray
    x: FloatArray
    parts: FloatArray
    restricted: bool


@dataclass(frozen=True, slots=True)
class Solved:
    """Generalised least squares at one setting of the components.

    `height` is the log likelihood up to a constant; `score` (q,), `observed` and `expected` (q, q) its
    derivatives; `beta` (p,), `bread` (p, p) the coefficients and their covariance; `weight` (m, s, s) the inverse
    marginal covariance; `q` the weighted sum of squared residuals; `trace` that of the residual maker.
    """

    height: float
    score: FloatArray
    observed: FloatArray
    expected: FloatArray
    beta: FloatArray
    bread: FloatArray
    weight: FloatArray
    q: float
    trace: float


def padded(
    y: FloatArray,
    v: FloatArray,
    x: FloatArray,
    blocks: Sequence[Sequence[int]],
    levels: Sequence[str],
    restricted: bool,
) -> Clustered:
    """Lay out data by cluster; `levels` names the components: "cluster" (shared) and "estimate" (own)."""
    m, s = len(blocks), max(len(b) for b in blocks)
    out = Clustered(
        np.zeros((m, s)),
        np.tile(np.eye(s), (m, 1, 1)),
        np.zeros((m, s, x.shape[1])),
        np.zeros((len(levels), m, s, s)),
        restricted,
    )
    for j, b in enumerate(blocks):
        n = len(b)
        out.y[j, :n], out.x[j, :n] = y[list(b)], x[list(b)]
        out.v[j, :n, :n] = v[np.ix_(b, b)]
        for a, level in enumerate(levels):
            out.parts[a, j, :n, :n] = 1.0 if level == "cluster" else np.eye(n)
    return out


def solve(data: Clustered, theta: FloatArray) -> Solved:
    r"""Fit the coefficients at fixed components and differentiate the likelihood.

    Notes
    -----
    With :math:`\Phi = V + \sum \theta_a G_a` and
    :math:`P = \Phi^{-1} - \Phi^{-1}X(X'\Phi^{-1}X)^{-1}X'\Phi^{-1}`: score
    :math:`\frac12 (y'PG_aPy - \mathrm{tr}\, PG_a)`, expected information
    :math:`\frac12 \mathrm{tr}\, PG_aPG_b`, observed :math:`y'PG_aPG_bPy` less the expected; for ML the
    traces have :math:`\Phi^{-1}` in place of P.

    Source: Searle, Casella & McCulloch 1992, Variance Components, ch. 6, doi:10.1002/9780470316856.
    """
    marginal = data.v + np.tensordot(theta, data.parts, axes=1)
    weight: FloatArray = np.asarray(np.linalg.inv(marginal), dtype=np.float64)
    wx = weight @ data.x
    information = np.einsum("mip,miq->pq", data.x, wx)
    bread: FloatArray = np.asarray(np.linalg.inv(information), dtype=np.float64)
    beta = bread @ np.einsum("mip,mi->p", wx, data.y)
    residual = data.y - data.x @ beta
    u = (weight @ residual[..., None])[..., 0]
    logdet = float(np.sum(np.linalg.slogdet(marginal)[1]))
    q = float(np.sum(u * residual))
    height = -0.5 * (logdet + q + (float(np.linalg.slogdet(information)[1]) if data.restricted else 0.0))
    wg = weight @ data.parts
    gx = data.parts @ wx
    traces = np.einsum("amii->a", wg)
    double = np.einsum("amij,bmji->ab", wg, wg)
    if data.restricted:
        turned = bread @ np.einsum("mip,amiq->apq", wx, gx)
        traces = traces - np.einsum("app->a", turned)
        across = np.einsum("amip,bmiq->abpq", gx, weight @ gx)
        double = double - 2.0 * np.einsum("abpq,pq->ab", across, bread) + np.einsum("apr,brp->ab", turned, turned)
    gu = (data.parts @ u[..., None])[..., 0]
    lead = np.einsum("ami,mip->ap", gu, wx)
    curve = np.einsum("ami,bmi->ab", gu, (weight @ gu[..., None])[..., 0]) - lead @ bread @ lead.T
    score = 0.5 * (np.einsum("mi,ami->a", u, gu) - traces)
    rest = float(np.einsum("mii->", weight)) - float(np.sum(bread * np.einsum("mip,miq->pq", wx, wx)))
    return Solved(height, score, curve - 0.5 * double, 0.5 * double, beta, bread, weight, q, rest)


def maximise(data: Clustered, starts: Iterable[Sequence[float]], held: Sequence[int] = ()) -> tuple[FloatArray, Solved]:
    """Return the components, at least 0, of the highest likelihood that any start leads to, and the fit there.

    Components whose index is in `held` stay as they start.

    Raises
    ------
    ConvergenceError
        If no start leads to a maximum.
    """
    best: tuple[FloatArray, Solved] | None = None
    for start in starts:
        found = _climb(data, np.array(start, dtype=np.float64), held)
        if found is not None and (best is None or found[1].height > best[1].height + 1e-9):
            best = found
    if best is None:
        raise ConvergenceError("the variance components did not converge. Look for a misprinted estimate or variance.")
    return best


def grid(q: int, size: float) -> list[tuple[float, ...]]:
    """Return starting values around a rough between-study variance: the boundaries and between them."""
    return list(product((0.0, 0.1 * size, size), repeat=q))


def _climb(data: Clustered, theta: FloatArray, held: Sequence[int]) -> tuple[FloatArray, Solved] | None:
    """Take Newton steps, projected on theta >= 0 and halved until the likelihood rises; None if that fails."""
    unit = float(np.median(np.einsum("mii->mi", data.v)))
    now, movable = solve(data, theta), np.array([a not in held for a in range(len(theta))], dtype=bool)
    for _ in range(MAX_STEPS):
        free = movable & ((theta > 0) | (now.score > 0))
        if not free.any():
            return theta, now
        step = np.zeros(len(theta))
        step[free] = _newton(now, free)
        moved = _line_search(data, theta, now, step)
        if moved is None:
            return None
        after, then = moved
        change = float(np.max(np.abs(after - theta) / (after + unit)))
        theta, now = after, then
        if change <= TOLERANCE:
            settled = not (movable & (theta == 0) & (now.score > 0)).any()
            return (theta, now) if settled else None
    return None


def _newton(now: Solved, free: BoolArray) -> FloatArray:
    """Solve for the step by the observed information, or the expected where that is not positive."""
    score = now.score[free]
    for information in (now.observed, now.expected):
        part = information[np.ix_(free, free)]
        if np.linalg.eigvalsh(part).min() > 1e-10 * np.abs(np.diag(now.expected)[free]).max():
            return np.asarray(np.linalg.solve(part, score))
    return np.asarray(score / np.maximum(np.diag(now.expected)[free], 1e-300))


def _line_search(data: Clustered, theta: FloatArray, now: Solved, step: FloatArray) -> tuple[FloatArray, Solved] | None:
    slack = 1e-12 * (1.0 + abs(now.height))
    for i in range(MAX_HALVINGS):
        after = np.maximum(theta + step / 2.0**i, 0.0)
        then = solve(data, after)
        if then.height >= now.height - slack:
            return after, then
    return None
