"""Weighted least squares on a network, and its between-study variance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import FloatArray, IntArray
from hcckb.pooling.network.design import Arms

GRID = 40
MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class Fit:
    """Treatment effects at one tau2: `effect` (n,) sums to 0, `covariance` (n, n) is L+, `q` the weighted residuals."""

    effect: FloatArray
    covariance: FloatArray
    laplacian: FloatArray
    q: float
    log_determinant: float


def spread_out(treatment: IntArray, precision: FloatArray, n: int) -> FloatArray:
    """Add up weight matrices of arms, shape (s, p, p), at their treatments: shape (n, n)."""
    at = treatment[:, :, None] * n + treatment[:, None, :]
    total: FloatArray = np.bincount(at.ravel(), precision.ravel(), n * n).astype(np.float64).reshape(n, n)
    return total


def fit(groups: Sequence[Arms], n: int, tau2: float = 0.0) -> Fit:
    r"""Fit n connected treatments by weighted least squares.

    Notes
    -----
    :math:`L = \sum_s L_s` is the Laplacian of the graph, :math:`\hat\theta = L^+ \sum_s L_s y_s`,
    :math:`Q = \sum_s (y_s - \hat\theta_s)' L_s (y_s - \hat\theta_s)`, :math:`y_s` the arm effects of study s.
    Source: Rücker 2012, Res Synth Methods 3:312-324, doi:10.1002/jrsm.1058.
    """
    laplacian, right = np.zeros((n, n)), np.zeros(n)
    weights = [g.precision(tau2) for g in groups]
    for g, w in zip(groups, weights, strict=True):
        laplacian += spread_out(g.treatment, w, n)
        pulled = (w @ g.effect[:, :, None]).ravel()
        right += np.bincount(g.treatment.ravel(), pulled, n)
    # Adding a multiple of 11' fills the null space of L without touching the rest.
    unit = float(np.trace(laplacian)) / n
    filled = laplacian + unit / n
    covariance = np.linalg.inv(filled) - 1.0 / (unit * n)
    covariance = (covariance + covariance.T) / 2.0
    effect = covariance @ right
    q = 0.0
    for g, w in zip(groups, weights, strict=True):
        r = g.effect - effect[g.treatment]
        q += float(np.sum(r * (w @ r[:, :, None])[:, :, 0]))
    return Fit(effect, covariance, laplacian, q, float(np.linalg.slogdet(filled)[1] - np.log(unit)))


def curvature(groups: Sequence[Arms], covariance: FloatArray, tau2: float = 0.0) -> float:
    r"""Return :math:`\sum_s tr L_s - tr(L^+ \sum_s L_s^2)`: twice the mean growth of Q with tau2."""
    trace = 0.0
    for g in groups:
        w = g.precision(tau2)
        own = covariance[g.treatment[:, :, None], g.treatment[:, None, :]]
        trace += float(np.trace(w, axis1=1, axis2=2).sum() - np.sum(own * (w @ w)))
    return trace


def tau2_moments(groups: Sequence[Arms], n: int) -> float:
    r"""Between-study variance by the generalised DerSimonian-Laird method, netmeta's default.

    Notes
    -----
    :math:`\max(0, (Q - df) / C)` with :math:`C = \frac12 (\sum_s tr L_s - tr(L^+ \sum_s L_s^2))`: each contrast has
    variance tau2, two contrasts with a shared arm covariance tau2 / 2. With two treatments this is
    DerSimonian and Laird's. Source: Jackson, White & Riley 2012, Stat Med 31:3805-3820, doi:10.1002/sim.5453.
    """
    at = fit(groups, n)
    excess = at.q - freedom(groups, n)
    return max(0.0, 2.0 * excess / curvature(groups, at.covariance)) if excess > 0 else 0.0


def tau2_reml(groups: Sequence[Arms], n: int) -> float:
    """Between-study variance by restricted maximum likelihood: the highest of the maxima.

    Raises
    ------
    ConvergenceError
        If no maximum is found.
    """
    smallest = min(float(g.spread.min()) for g in groups)
    largest = max(float(g.spread.max()) for g in groups)
    reach = 10.0 * (largest + max(float(np.sum(g.effect**2, axis=1).max()) for g in groups))
    grid = np.concatenate([[0.0], np.geomspace(smallest * 1e-4, reach, GRID)])
    height = [_likelihood(groups, n, t) for t in grid]
    best = int(np.argmax(height))
    slope = _slope(groups, n, float(grid[best]))
    if best == 0 and slope <= 0:
        return 0.0
    if best == len(grid) - 1:
        raise ConvergenceError("REML found no maximum of the network's likelihood. Use --tau2 DL.")
    low, high = (float(grid[best]), float(grid[best + 1])) if slope > 0 else (float(grid[best - 1]), float(grid[best]))
    return _root(lambda t: _slope(groups, n, t), low, high)


NETWORK_TAU2: Mapping[str, Callable[[Sequence[Arms], int], float]] = MappingProxyType(
    {"DL": tau2_moments, "REML": tau2_reml}
)


def freedom(groups: Sequence[Arms], n: int, parts: int = 1) -> int:
    """Degrees of freedom of Q: independent contrasts minus independent effects."""
    return sum(g.spread.size for g in groups) - (n - parts)


def _likelihood(groups: Sequence[Arms], n: int, tau2: float) -> float:
    """Twice the restricted log-likelihood, up to a constant."""
    at = fit(groups, n, tau2)
    return -at.q - at.log_determinant - sum(float(np.log(g.spread + tau2 / 2.0).sum()) for g in groups)


def _slope(groups: Sequence[Arms], n: int, tau2: float) -> float:
    """Return the derivative of `_likelihood` by tau2 / 2: y'PPy - tr P over the arms."""
    at = fit(groups, n, tau2)
    pulled = 0.0
    for g in groups:
        u = g.precision(tau2) @ (g.effect - at.effect[g.treatment])[:, :, None]
        pulled += float(np.sum(u * u))
    return pulled - curvature(groups, at.covariance, tau2)


def _root(slope: Callable[[float], float], low: float, high: float) -> float:
    """Find where the slope changes sign inside the bracket."""
    from scipy.optimize import brentq

    root, told = brentq(
        slope, low, high, xtol=1e-14 * high, rtol=1e-13, maxiter=MAX_STEPS, full_output=True, disp=False
    )
    if not told.converged:
        raise ConvergenceError("REML did not converge on this network. Use --tau2 DL.")
    return float(root)
