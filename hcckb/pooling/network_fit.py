"""Weighted least squares on a network, and its between-study variance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.network_design import StudyArms

GRID = 40
MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class Fit:
    """Treatment effects at one tau2: `effect` (n,) sums to 0, `covariance` (n, n) is L+, `q` the weighted residuals."""

    effect: FloatArray
    covariance: FloatArray
    q: float
    log_determinant: float


def fit(studies: Sequence[StudyArms], n: int, tau2: float = 0.0) -> Fit:
    r"""Fit n connected treatments by weighted least squares.

    Notes
    -----
    :math:`L = \sum_s L_s` is the Laplacian of the graph, :math:`\hat\theta = L^+ \sum_s L_s y_s`,
    :math:`Q = \sum_s (y_s - \hat\theta_s)' L_s (y_s - \hat\theta_s)`, :math:`y_s` the arm effects of study s.
    Source: Rücker 2012, Res Synth Methods 3:312-324, doi:10.1002/jrsm.1058.
    """
    laplacian, right = np.zeros((n, n)), np.zeros(n)
    weights = [s.precision(tau2) for s in studies]
    for s, w in zip(studies, weights, strict=True):
        laplacian[np.ix_(s.treatment, s.treatment)] += w
        right[s.treatment] += w @ s.effect
    # Adding a multiple of 11' fills the null space of L without touching the rest.
    unit = float(np.trace(laplacian)) / n
    filled = laplacian + unit / n
    covariance = np.linalg.inv(filled) - 1.0 / (unit * n)
    covariance = (covariance + covariance.T) / 2.0
    effect = covariance @ right
    q = 0.0
    for s, w in zip(studies, weights, strict=True):
        r = s.effect - effect[s.treatment]
        q += float(r @ w @ r)
    return Fit(effect, covariance, q, float(np.linalg.slogdet(filled)[1] - np.log(unit)))


def tau2_moments(studies: Sequence[StudyArms], n: int) -> float:
    r"""Between-study variance by the generalised DerSimonian-Laird method, netmeta's default.

    Notes
    -----
    :math:`\max(0, (Q - df) / C)` with :math:`C = \frac12 (\sum_s tr L_s - tr(L^+ \sum_s L_s^2))`: each contrast has
    variance tau2, two contrasts with a shared arm covariance tau2 / 2. With two treatments this is
    DerSimonian and Laird's. Source: Jackson, White & Riley 2012, Stat Med 31:3805-3820, doi:10.1002/sim.5453.
    """
    at = fit(studies, n)
    trace = 0.0
    for s in studies:
        w = s.precision(0.0)
        trace += float(np.trace(w) - np.sum(at.covariance[np.ix_(s.treatment, s.treatment)] * (w @ w)))
    excess = at.q - freedom(studies, n)
    return max(0.0, 2.0 * excess / trace) if excess > 0 else 0.0


def tau2_reml(studies: Sequence[StudyArms], n: int) -> float:
    """Between-study variance by restricted maximum likelihood: the highest of the maxima.

    Raises
    ------
    ConvergenceError
        If no maximum is found.
    """
    smallest = min(float(s.spread.min()) for s in studies)
    largest = max(float(s.spread.max()) for s in studies)
    reach = 10.0 * (largest + max(float(s.effect @ s.effect) for s in studies))
    grid = np.concatenate([[0.0], np.geomspace(smallest * 1e-4, reach, GRID)])
    height = [_likelihood(studies, n, t) for t in grid]
    best = int(np.argmax(height))
    slope = _slope(studies, n, float(grid[best]))
    if best == 0 and slope <= 0:
        return 0.0
    if best == len(grid) - 1:
        raise ConvergenceError("REML found no maximum of the network's likelihood. Use --tau2 DL.")
    low, high = (float(grid[best]), float(grid[best + 1])) if slope > 0 else (float(grid[best - 1]), float(grid[best]))
    return _root(lambda t: _slope(studies, n, t), low, high)


NETWORK_TAU2: Mapping[str, Callable[[Sequence[StudyArms], int], float]] = MappingProxyType(
    {"DL": tau2_moments, "REML": tau2_reml}
)


def freedom(studies: Sequence[StudyArms], n: int) -> int:
    """Degrees of freedom of Q: independent contrasts minus independent effects."""
    return sum(len(s.spread) for s in studies) - (n - 1)


def _likelihood(studies: Sequence[StudyArms], n: int, tau2: float) -> float:
    """Twice the restricted log-likelihood, up to a constant."""
    at = fit(studies, n, tau2)
    return -at.q - at.log_determinant - sum(float(np.log(s.spread + tau2 / 2.0).sum()) for s in studies)


def _slope(studies: Sequence[StudyArms], n: int, tau2: float) -> float:
    """Return the derivative of `_likelihood` by tau2 / 2: y'PPy - tr P over the arms."""
    at = fit(studies, n, tau2)
    slope = 0.0
    for s in studies:
        w = s.precision(tau2)
        u = w @ (s.effect - at.effect[s.treatment])
        slope += float(u @ u - np.trace(w) + np.sum(at.covariance[np.ix_(s.treatment, s.treatment)] * (w @ w)))
    return slope


def _root(slope: Callable[[float], float], low: float, high: float) -> float:
    """Find where the slope changes sign inside the bracket."""
    from scipy.optimize import brentq

    root, told = brentq(
        slope, low, high, xtol=1e-14 * high, rtol=1e-13, maxiter=MAX_STEPS, full_output=True, disp=False
    )
    if not told.converged:
        raise ConvergenceError("REML did not converge on this network. Use --tau2 DL.")
    return float(root)
