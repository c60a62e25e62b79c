"""Maximum likelihood of mixed models for counts: random effects integrated out by adaptive Gauss-Hermite quadrature."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hcckb.errors import ConvergenceError
from hcckb.pooling.families import Family

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
MAX_STEPS = 200
TOLERANCE = 1e-10
#: Nodes per random effect, tried in turn until the log likelihood no longer changes.
LADDER = {1: (21, 41, 81), 2: (15, 31, 61)}
#: Agreement of the log likelihood between two numbers of nodes.
QUADRATURE = 1e-9
NEGLIGIBLE = 1e-6


@dataclass(frozen=True, slots=True)
class MixedCounts:
    r"""A generalised linear mixed model of k studies with a rows each.

    :math:`\eta = o + [\alpha_i] + X \beta + \sum_r s_r D_r u_{ir}`, u standard normal.

    Attributes
    ----------
    family : Family
        Counts and their law.
    offset : ndarray, shape (k, a)
        Known part of eta.
    fixed : ndarray, shape (k, a, p)
        X, for the coefficients common to all studies; the first is the effect.
    random : ndarray, shape (k, a, r)
        D; the last is the effect's.
    own_intercept : bool
        Whether each study has an alpha of its own.
    """

    family: Family
    offset: FloatArray
    fixed: FloatArray
    random: FloatArray
    own_intercept: bool


@dataclass(frozen=True, slots=True)
class State:
    """Values of the parameters: `alpha` (k,), `beta` (p,), `scale` (r,)."""

    alpha: FloatArray
    beta: FloatArray
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class MarginalFit:
    """Where the likelihood is highest.

    `covariance` is that of (beta, the scales that are not 0), the inverse of the observed information;
    `nodes` the quadrature nodes per random effect.
    """

    state: State
    covariance: FloatArray
    log_likelihood: float
    nodes: int


@dataclass(frozen=True, slots=True)
class _Terms:
    """Log likelihood (k,), score (k, m) and Hessian (k, m, m) of the studies, m = [alpha,] beta, scale."""

    value: FloatArray
    score: FloatArray
    hessian: FloatArray


def fit_random(model: MixedCounts, start: State, scales: tuple[float, ...]) -> tuple[MarginalFit, MarginalFit]:
    r"""Maximise the likelihood without and with heterogeneity of the effect.

    Parameters
    ----------
    model : MixedCounts
        The model; its last random effect is that of the effect.
    start : State
        First values; the last scale is replaced.
    scales : tuple of float
        First values of the last scale; the highest maximum reached counts.

    Returns
    -------
    tuple of MarginalFit
        With the last scale fixed at 0, and free. A scale whose maximum lies at 0 is exactly 0.

    Raises
    ------
    ConvergenceError
        If a maximum is not reached to 1e-10, or the quadrature does not settle.

    Notes
    -----
    The integral of each study is taken at Gauss-Hermite nodes around the mode of its integrand, scaled by the
    curvature there. Score and Hessian are posterior means by Louis 1982, J R Stat Soc B 44:226-233; Newton steps with
    the intercepts of the studies eliminated, until they are below 1e-10. Nodes are doubled until the log likelihood
    changes by less than 1e-9.

    Source: Pinheiro & Bates 1995, J Comput Graph Stat 4:12-35, doi:10.1080/10618600.1995.10474663.
    """
    free = np.ones(model.random.shape[2], dtype=bool)
    bound = free.copy()
    bound[-1] = False
    common = _settled(model, replace(start, scale=np.where(bound, start.scale, 0.0)), bound)
    found = [common]
    for scale in scales:
        first = np.where(bound, common.state.scale, scale)
        first = np.where(first > 0, first, 0.5)
        found.append(_settled(model, replace(common.state, scale=first), free))
    best = max(found, key=lambda fit: fit.log_likelihood)
    if best.log_likelihood <= common.log_likelihood + 1e-10:
        best = common
    return common, best


def _settled(model: MixedCounts, start: State, free: BoolArray) -> MarginalFit:
    """Fit with more and more nodes until the likelihood stands still."""
    ladder = LADDER[model.random.shape[2]] if free.any() else (1, 1)
    state, before = start, -math.inf
    for nodes in ladder:
        state, covariance, value, kept = _newton(model, state, free, nodes)
        if not kept.any():
            return MarginalFit(state, covariance, value, 1)
        if abs(value - before) <= QUADRATURE * max(1.0, abs(value) * 1e-3):
            return MarginalFit(state, covariance, value, nodes)
        before, free = value, kept
    raise ConvergenceError(
        f"the quadrature did not settle with {ladder[-1]} nodes per random effect: some study's likelihood is far from "
        "normal. Look for a misprinted count, or pool with a continuity correction."
    )


def _newton(
    model: MixedCounts, state: State, free: BoolArray, nodes: int
) -> tuple[State, FloatArray, float, BoolArray]:
    """Climb to the maximum; scales that shrink to nothing become 0 and stay there."""
    grid = _grid(nodes, model.random.shape[2])
    terms = _marginal(model, state, grid)
    for _ in range(MAX_STEPS):
        step, covariance, size = _step(model, state, terms, free)
        if size <= TOLERANCE:
            vanished = free & (np.abs(state.scale) < NEGLIGIBLE)
            if not vanished.any():
                return replace(state, scale=np.abs(state.scale)), covariance, float(terms.value.sum()), free
            free = free & ~vanished
            state = replace(state, scale=np.where(vanished, 0.0, state.scale))
            terms = _marginal(model, state, grid)
            continue
        state, terms = _climbed(model, state, terms, step, grid)
    raise ConvergenceError(
        f"the likelihood did not converge in {MAX_STEPS} steps. Look for a misprinted count, or for an arm in "
        "which no study has an event."
    )


def _climbed(model: MixedCounts, state: State, terms: _Terms, step: State, grid: FloatArray) -> tuple[State, _Terms]:
    """Take the step, or as much of it as does not lose likelihood."""
    before = float(terms.value.sum())
    for share in 0.5 ** np.arange(40.0):
        new = State(
            state.alpha + share * step.alpha, state.beta + share * step.beta, state.scale + share * step.scale
        )
        after = _marginal(model, new, grid)
        if float(after.value.sum()) >= before - 1e-12 * max(1.0, abs(before)):
            return new, after
    raise ConvergenceError("no step raises the likelihood any more. Look for a misprinted count.")


def _step(
    model: MixedCounts, state: State, terms: _Terms, free: BoolArray
) -> tuple[State, FloatArray, float]:
    """Newton step with the studies' intercepts eliminated; covariance of the rest; largest relative change."""
    own, p = int(model.own_intercept), len(state.beta)
    active = own + np.concatenate([np.arange(p), p + np.flatnonzero(free)])
    gradient, hessian = terms.score[:, active].sum(axis=0), terms.hessian[:, active][:, :, active].sum(axis=0)
    if own:
        cross, curve = terms.hessian[:, 0, active], -_bounded(-terms.hessian[:, 0, 0])
        pull = terms.score[:, 0] / curve
        gradient = gradient - cross.T @ pull
        hessian = hessian - cross.T @ (cross / curve[:, None])
    values, vectors = np.linalg.eigh(-hessian)
    inverse = (vectors / _bounded(values)) @ vectors.T
    move = _capped(inverse @ gradient)
    scale = np.zeros_like(state.scale)
    scale[free] = move[p:]
    alpha = np.zeros_like(state.alpha)
    if own:
        alpha = _capped(-(pull + (cross @ move) / curve))
    change = np.concatenate([np.abs(move), np.abs(alpha) / (1.0 + np.abs(state.alpha)) if own else []])
    concave = bool(values[0] > 0)
    return State(alpha, move[:p], scale), inverse, float(change.max()) if concave else math.inf


def _bounded(values: FloatArray) -> FloatArray:
    """Curvatures, made positive where they are not."""
    size = np.abs(values)
    return np.maximum(size, 1e-8 * float(size.max()) if size.size else 0.0) + 1e-300


def _capped(move: FloatArray) -> FloatArray:
    """No parameter moves by more than 2 on the log scale at once."""
    return np.clip(move, -2.0, 2.0)


def _grid(nodes: int, dimension: int) -> FloatArray:
    """Nodes z in the first columns and the log weight of exp(z'z) in the last, shape (q, r + 1)."""
    z, w = np.polynomial.hermite.hermgauss(nodes)
    logs = np.log(w) + z**2
    axes = np.meshgrid(*[np.arange(nodes)] * dimension, indexing="ij")
    picks = [axis.ravel() for axis in axes]
    return np.stack([*(z[i] for i in picks), sum((logs[i] for i in picks), np.zeros(nodes**dimension))], axis=1)


def _marginal(model: MixedCounts, state: State, grid: FloatArray) -> _Terms:
    """Log likelihood, score and Hessian of each study with its random effects integrated out."""
    base = model.offset + model.fixed @ state.beta
    if model.own_intercept:
        base = base + state.alpha[:, None]
    loading = model.random * state.scale
    dimension = loading.shape[2]
    if not state.scale.any():
        grid = np.zeros((1, dimension + 1))
        grid[0, -1] = 0.5 * dimension * math.log(math.pi)
    mode, half_root, log_det = _modes(model.family, base, loading)
    u = mode[:, None, :] + math.sqrt(2.0) * np.einsum("krs,qs->kqr", half_root, grid[:, :-1])
    eta = base[:, :, None] + np.einsum("kar,kqr->kaq", loading, u)
    a, mean, variance = model.family.cumulant(eta)
    y = model.family.y[:, :, None]
    height = (y * eta - a).sum(axis=1) - 0.5 * (u**2).sum(axis=2) + grid[:, -1]
    top = height.max(axis=1)
    p = np.exp(height - top[:, None])
    total = p.sum(axis=1)
    p /= total[:, None]
    value = top + np.log(total) - 0.5 * dimension * math.log(math.pi) - 0.5 * log_det + model.family.constant
    design = _design(model, u)
    node_score = np.einsum("kaq,kaqm->kqm", y - mean, design)
    score = np.einsum("kq,kqm->km", p, node_score)
    centred = node_score - score[:, None, :]
    hessian = np.einsum("kq,kqm,kqn->kmn", p, centred, centred, optimize=True)
    hessian -= np.einsum("kq,kaq,kaqm,kaqn->kmn", p, variance, design, design, optimize=True)
    return _Terms(value, score, hessian)


def _design(model: MixedCounts, u: FloatArray) -> FloatArray:
    """Derivative of eta by the parameters at each node, shape (k, a, q, m)."""
    k, rows, p = model.fixed.shape
    q = u.shape[1]
    own = int(model.own_intercept)
    design = np.empty((k, rows, q, own + p + u.shape[2]))
    if own:
        design[..., 0] = 1.0
    design[..., own : own + p] = model.fixed[:, :, None, :]
    design[..., own + p :] = model.random[:, :, None, :] * u[:, None, :, :]
    return design


def _modes(family: Family, base: FloatArray, loading: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mode of each study's integrand, a root of its inverse curvature, and log determinant of the curvature."""
    k, _, dimension = loading.shape
    u = np.zeros((k, dimension))
    height = np.full(k, -np.inf)
    move, identity = np.zeros_like(u), np.eye(dimension)
    for _ in range(MAX_STEPS):
        following = u + move
        for _ in range(60):
            eta = base + np.einsum("kar,kr->ka", loading, following)
            a, mean, variance = (part[..., 0] for part in family.cumulant(eta[..., None]))
            new = (family.y * eta - a).sum(axis=1) - 0.5 * (following**2).sum(axis=1)
            worse = new < height - 1e-9 * (1.0 + np.abs(height))
            if not worse.any():
                break
            following = np.where(worse[:, None], 0.5 * (following + u), following)
        u, height = following, new
        gradient = np.einsum("ka,kar->kr", family.y - mean, loading) - u
        curvature = np.einsum("ka,kar,kas->krs", variance, loading, loading) + identity
        move = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        if np.abs(move).max() <= 1e-9:
            break
    root = np.linalg.cholesky(curvature)
    return u, np.swapaxes(np.linalg.inv(root), 1, 2), 2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
