"""Maximum likelihood of mixed models for counts: random effects integrated out by adaptive quadrature."""

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
LADDER = {1: (32, 64, 128, 256, 512), 2: (24, 48, 96, 192)}
#: How far below its top, in logs, a study's integrand is where its grid ends; slack of the first and later grids.
DROP, SLACK = 36.0, (1.0, 1.25)
#: Agreement of the log likelihood between two numbers of nodes.
QUADRATURE = 1e-9
NEGLIGIBLE = 1e-6
SADDLE, AWAY = 1e-6, 0.1
#: A climb ends where so many steps in a row gain nothing and do not become small.
IDLE = 6


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
    The integrand of each study is log-concave. It is summed by the trapezoidal rule around its mode, along the axes of
    its curvature there, as far as it is not negligible: for analytic integrands that vanish at both ends the
    error falls exponentially, also for a study without events, where Gauss-Hermite nodes fail. Score and
    Hessian are posterior means (Louis 1982, J R Stat Soc B 44:226-233); Newton steps with the intercepts of
    the studies eliminated, until they are below 1e-10. Nodes are doubled until the log likelihood changes by
    less than 1e-9.

    Source: Trefethen & Weideman 2014, SIAM Rev 56:385-458, doi:10.1137/130932132.
    """
    free = np.ones(model.random.shape[2], dtype=bool)
    bound = free.copy()
    bound[-1] = False
    common = _settled(model, replace(start, scale=np.where(bound, start.scale, 0.0)), bound)
    found, lost = [common], ConvergenceError("the likelihood was climbed from nowhere.")
    for scale in scales:
        first = np.where(bound, common.state.scale, scale)
        first = np.where(first > 0, first, 0.5)
        try:
            found.append(_settled(model, replace(common.state, scale=first), free))
        except ConvergenceError as error:
            lost = error
    if scales and len(found) == 1:
        raise lost
    best = max(found, key=lambda fit: fit.log_likelihood)
    if best.log_likelihood <= common.log_likelihood + 1e-10:
        best = common
    return common, best


def _settled(model: MixedCounts, start: State, free: BoolArray) -> MarginalFit:
    """Fit on finer and finer grids until the likelihood stands still."""
    ladder = LADDER[model.random.shape[2]] if free.any() else (1,)
    state, before = start, math.inf
    for rung, nodes in enumerate(ladder):
        state, kept, covariance, value = _newton(model, state, free, (nodes, SLACK[min(rung, 1)]))
        if covariance is not None:
            free = kept
            if not kept.any():
                return MarginalFit(state, covariance, value, 1)
            if abs(value - before) <= QUADRATURE * max(1.0, abs(value) * 1e-3):
                return MarginalFit(state, covariance, value, nodes)
            before = value
    raise ConvergenceError(
        f"the likelihood did not converge on {ladder[-1]} nodes per random effect. Look for a misprinted count, or "
        "take another form of the model."
    )


def _newton(
    model: MixedCounts, state: State, free: BoolArray, grid: tuple[int, float]
) -> tuple[State, BoolArray, FloatArray | None, float]:
    """Climb to the maximum, where scales that shrink to nothing become 0 and stay there.

    The covariance is None if the climb stalls: a grid too coarse has a score that is not the slope of its likelihood.
    """
    terms, idle = _marginal(model, state, grid), 0
    for _ in range(MAX_STEPS):
        step, covariance, size = _step(model, state, terms, free)
        value = float(terms.value.sum())
        if size <= TOLERANCE:
            vanished = free & (np.abs(state.scale) < NEGLIGIBLE)
            if not vanished.any():
                return replace(state, scale=np.abs(state.scale)), free, covariance, value
            free = free & ~vanished
            state = replace(state, scale=np.where(vanished, 0.0, state.scale))
            terms = _marginal(model, state, grid)
            continue
        climbed = _climbed(model, state, terms, step, grid)
        if climbed is None:
            break
        state, terms = climbed
        stands = size < math.inf and float(terms.value.sum()) - value <= 1e-10 * max(1.0, abs(value))
        idle = idle + 1 if stands else 0
        if idle == IDLE:
            break
    return state, free, None, value


def _climbed(
    model: MixedCounts, state: State, terms: _Terms, step: State, grid: tuple[int, float]
) -> tuple[State, _Terms] | None:
    """Take the step, or as much of it as does not lose likelihood; None if every share does."""
    before = float(terms.value.sum())
    for share in 0.5 ** np.arange(30.0):
        new = State(state.alpha + share * step.alpha, state.beta + share * step.beta, state.scale + share * step.scale)
        after = _marginal(model, new, grid)
        if float(after.value.sum()) >= before - 1e-12 * max(1.0, abs(before)):
            return new, after
    return None


def _step(model: MixedCounts, state: State, terms: _Terms, free: BoolArray) -> tuple[State, FloatArray, float]:
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
    size = 0.5 + 0.5 * np.abs(state.scale[free])  # a scale neither turns its sign at once nor leaps
    scale[free] = np.clip(move[p:], -size, size)
    alpha = np.zeros_like(state.alpha)
    if own:
        alpha = _capped(-(pull + (cross @ move) / curve))
    change = np.concatenate([np.abs(move), np.abs(alpha) / (1.0 + np.abs(state.alpha)) if own else []])
    if values[0] > 0:
        return State(alpha, move[:p], scale), inverse, float(change.max())
    if float(change.max()) <= SADDLE:  # a scale of 0 is stationary even where the likelihood rises from there
        scale[free] += AWAY
    return State(alpha, move[:p], scale), inverse, math.inf


def _bounded(values: FloatArray) -> FloatArray:
    """Curvatures, made positive where they are not."""
    size = np.abs(values)
    return np.maximum(size, 1e-8 * float(size.max()) if size.size else 0.0) + 1e-300


def _capped(move: FloatArray) -> FloatArray:
    """No parameter moves by more than 2 on the log scale at once."""
    return np.clip(move, -2.0, 2.0)


def _grid(
    family: Family, base: FloatArray, loading: FloatArray, grid: tuple[int, float]
) -> tuple[FloatArray, FloatArray]:
    """Nodes of each study, shape (k, q, r), and the log of the volume of a cell, shape (k,)."""
    count, slack = grid
    mode, root, log_det = _modes(family, base, loading)
    dimension = mode.shape[1]
    steps = np.linspace(0.0, 1.0, count)
    volume = -0.5 * log_det
    axes = []
    for r in range(dimension):
        lower, upper = (slack * _reach(family, base, loading, (mode, sign * root[:, :, r])) for sign in (-1.0, 1.0))
        axes.append((lower + upper)[:, None] * steps - lower[:, None])
        volume = volume + np.log((lower + upper) / (count - 1))
    picks = [axis.ravel() for axis in np.meshgrid(*[np.arange(count)] * dimension, indexing="ij")]
    z = np.stack([axis[:, pick] for axis, pick in zip(axes, picks, strict=True)], axis=2)
    return mode[:, None, :] + np.einsum("krs,kqs->kqr", root, z), volume


def _reach(family: Family, base: FloatArray, loading: FloatArray, ray: tuple[FloatArray, FloatArray]) -> FloatArray:
    """How far along a ray from the mode the integrand is not negligible, in units of the ray."""
    mode, direction = ray
    length = np.sqrt(np.sum(direction**2, axis=1))
    # The log integrand falls at least as fast as -u'u / 2, so no ray is longer than sqrt(2 DROP).
    furthest = math.sqrt(2 * DROP) / length
    share = np.geomspace(1.0, 1e-3, 48)[::-1]
    along = furthest[:, None] * share
    u = mode[:, None, :] + along[:, :, None] * direction[:, None, :]
    eta = base[:, :, None] + np.einsum("kar,kqr->kaq", loading, np.concatenate([mode[:, None, :], u], axis=1))
    a = family.cumulant(eta)[0]
    height = (family.y[:, :, None] * eta - a).sum(axis=1)
    height -= 0.5 * np.concatenate([np.sum(mode**2, axis=1)[:, None], np.sum(u**2, axis=2)], axis=1)
    far = height[:, 1:] <= height[:, :1] - DROP
    far[:, -1] = True
    return np.asarray(along[np.arange(len(along)), np.argmax(far, axis=1)])


def _marginal(model: MixedCounts, state: State, grid: tuple[int, float]) -> _Terms:
    """Log likelihood, score and Hessian of each study with its random effects integrated out."""
    base = model.offset + model.fixed @ state.beta
    if model.own_intercept:
        base = base + state.alpha[:, None]
    loading = model.random * state.scale
    k, _, dimension = loading.shape
    if state.scale.any():
        u, volume = _grid(model.family, base, loading, grid)
    else:
        u, volume = np.zeros((k, 1, dimension)), np.full(k, 0.5 * dimension * math.log(2 * math.pi))
    eta = base[:, :, None] + np.einsum("kar,kqr->kaq", loading, u)
    a, mean, variance = model.family.cumulant(eta)
    y = model.family.y[:, :, None]
    height = (y * eta - a).sum(axis=1) - 0.5 * (u**2).sum(axis=2)
    top = height.max(axis=1)
    p = np.exp(height - top[:, None])
    total = p.sum(axis=1)
    p /= total[:, None]
    value = top + np.log(total) + volume - 0.5 * dimension * math.log(2 * math.pi) + model.family.constant
    design = _design(model, u)
    node_score = np.einsum("kaq,kaqm->kqm", y - mean, design)
    score = np.einsum("kq,kqm->km", p, node_score)
    centred = node_score - score[:, None, :]
    hessian = np.einsum("kq,kqm,kqn->kmn", p, centred, centred, optimize=True)
    hessian -= np.einsum("kq,kaq,kaqm,kaqn->kmn", p, variance, design, design, optimize=True)
    return _Terms(value, score, hessian)


def _design(model: MixedCounts, u: FloatArray) -> FloatArray:
    """Give the derivative of eta by the parameters at each node, shape (k, a, q, m)."""
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
