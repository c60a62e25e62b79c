"""Posterior of the heterogeneity in the normal-normal model, by quadrature over tau."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcckb.errors import ConvergenceError, PoolingError
from hcckb.pooling.mixtures import NormalMixture, falling_root
from hcckb.pooling.priors import TauPrior

FloatArray = NDArray[np.float64]
#: Agreement of two grids, the finer with twice the panels, in every summary.
TOLERANCE = 1e-12
POINTS = 16
MAX_PANELS = 20_000
#: Where ln(tau * posterior) is so far below its top, the grid ends: below and above the top.
BELOW, ABOVE = 42.0, 120.0
CELLS = 2_000_000
# Rounding of a log density: a rise from tau = 0 by less is none.
FLAT = 1e-10
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(POINTS)


@dataclass(frozen=True, slots=True)
class NormalModel:
    r"""The normal-normal hierarchical model of k studies, with mu integrated out.

    `y`, `v` have shape (k,); `mu_mean` and `mu_sd` are those of the normal prior of mu, `mu_sd` None for a flat one.
    """

    y: FloatArray
    v: FloatArray
    prior: TauPrior
    mu_mean: float
    mu_sd: float | None

    @property
    def tail(self) -> float:
        """Exponent p of the posterior of tau, which falls as tau ** -p far out."""
        return len(self.y) - (0 if self.mu_sd is not None else 1) + self.prior.tail

    def conditional(self, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of mu given each tau, shape (n,)."""
        mean, variance = np.empty_like(tau), np.empty_like(tau)
        for part in self._blocks(tau):
            w = self._weights(tau[part])
            mean[part], variance[part] = self._mean(w)
        return mean, variance

    def log_posterior(self, tau: FloatArray) -> FloatArray:
        """Log of prior times likelihood of tau at each tau > 0, shape (n,)."""
        k = len(self.y)
        result = np.empty_like(tau)
        for part in self._blocks(tau):
            w = self._weights(tau[part])
            mean, variance = self._mean(w)
            q = np.einsum("ij,ij->i", w, (self.y - mean[:, None]) ** 2)
            height = 0.5 * (np.log(w).sum(axis=1) + np.log(variance) - q)
            if self.mu_sd is not None:
                height -= 0.5 * ((mean - self.mu_mean) / self.mu_sd) ** 2 + math.log(self.mu_sd)
            result[part] = height
        constant = 0.5 * (k - (self.mu_sd is None)) * math.log(2 * math.pi)
        return np.asarray(result - constant + self.prior.log_density(tau, self.v))

    def _weights(self, tau: FloatArray) -> FloatArray:
        return np.asarray(1.0 / (self.v + (tau**2)[:, None]))

    def _mean(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        added = 0.0 if self.mu_sd is None else self.mu_sd**-2
        total = w.sum(axis=1) + added
        return (w @ self.y + added * self.mu_mean) / total, 1.0 / total

    def _blocks(self, tau: FloatArray) -> list[slice]:
        step = max(1, CELLS // len(self.y))
        return [slice(start, start + step) for start in range(0, len(tau), step)]


@dataclass(frozen=True, slots=True)
class TauPosterior:
    """Posterior of tau on a grid of Gauss-Legendre panels in ln tau.

    Attributes
    ----------
    model : NormalModel
        What is integrated.
    edges : ndarray, shape (m + 1,)
        Ends of the panels, in ln tau.
    log_norm : float
        Log of the integral of prior times likelihood.
    tau, weight : ndarray, shape (n,)
        Nodes and their probabilities, which sum to 1.
    cumulative : ndarray, shape (m + 1,)
        Probability below each end.
    """

    model: NormalModel
    edges: FloatArray
    log_norm: float
    tau: FloatArray
    weight: FloatArray
    cumulative: FloatArray

    def density(self, tau: FloatArray) -> FloatArray:
        """Posterior density at each tau >= 0."""
        x = np.maximum(np.asarray(tau, dtype=np.float64), math.exp(self.edges[0]))
        flat = np.atleast_1d(x)
        height = np.exp(self.model.log_posterior(flat) - self.log_norm)
        return np.asarray(np.where(flat <= self.model.prior.upper, height, 0.0).reshape(x.shape))

    def below(self, tau: float) -> float:
        """Probability of values below tau."""
        if tau <= 0:
            return 0.0
        u = math.log(tau)
        if u <= self.edges[0]:
            return float(self.cumulative[0])
        if u >= self.edges[-1]:
            return 1.0
        panel = int(np.searchsorted(self.edges, u, side="right")) - 1
        nodes, weights = _rule(np.array([self.edges[panel], u]))
        heights = np.exp(nodes + self.model.log_posterior(np.exp(nodes)) - self.log_norm)
        return float(self.cumulative[panel] + weights @ heights)

    def quantile(self, p: float) -> float:
        """Give the tau below which lies the probability p in [0, 1)."""
        if p <= self.cumulative[0]:
            return 0.0
        if p >= 1 and math.isfinite(self.model.prior.upper):
            return self.model.prior.upper
        panel = int(np.clip(np.searchsorted(self.cumulative, p), 1, len(self.edges) - 1))
        lower, upper = float(self.edges[panel - 1]), float(self.edges[panel])
        return math.exp(falling_root(lambda u: p - self.below(math.exp(u)), lower, upper))

    def mode(self) -> float:
        """Where the density is highest; 0 if it falls from the start."""
        nodes = np.linspace(self.edges[0], self.edges[-1], 20 * len(self.edges))
        height = self.model.log_posterior(np.exp(nodes))
        top = int(np.argmax(height))
        if height[0] >= height[top] - FLAT:
            return 0.0
        lower, upper = float(nodes[top - 1]), float(nodes[min(top + 1, len(nodes) - 1)])
        return math.exp(falling_root(self._slope, lower, upper))

    def mean(self, power: float = 1.0) -> float | None:
        """Mean of tau ** power; None where it is infinite."""
        if self.model.tail - power <= 1:
            return None
        return float(self.weight @ self.tau**power)

    def mixture(self, mean: FloatArray, variance: FloatArray) -> NormalMixture:
        """Mix normal distributions given tau, shape (n,), over the posterior of tau."""
        keep = self.weight > 1e-19 * self.weight.max()
        return NormalMixture(self.weight[keep] / self.weight[keep].sum(), mean[keep], np.sqrt(variance[keep]))

    def _slope(self, u: float) -> float:
        """Differentiate the log density with respect to ln tau, by a central difference of fourth order."""
        h = 1e-3
        x = np.exp(u + h * np.array([-2.0, -1.0, 1.0, 2.0]))
        f = self.model.log_posterior(np.minimum(x, self.model.prior.upper))
        return float(f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)


def tau_posterior(model: NormalModel) -> TauPosterior:
    r"""Integrate prior times likelihood over tau.

    Raises
    ------
    PoolingError
        If the posterior is not proper: too few studies for this prior.
    ConvergenceError
        If two grids, one of them twice as fine, do not agree to 1e-12.

    Notes
    -----
    Gauss-Legendre panels of 16 points in :math:`u = \ln\tau`, over the range in which :math:`\tau p(\tau \mid y)`
    is not negligible; panels are halved until the integral and the means of :math:`E(\mu \mid \tau)`,
    :math:`\ln \tau` and, where they exist, :math:`\tau` and :math:`\tau^2` agree.
    """
    if model.tail <= 1 and not (model.prior.proper and math.isinf(model.prior.tail)):
        raise PoolingError(
            f"{len(model.y)} estimates with the prior {model.prior.label} give no proper posterior. "
            "Take a half-normal prior, or a normal prior of mu."
        )
    lower, upper = _window(model)
    panels = max(8, math.ceil(0.5 * (upper - lower)))
    before = _integrate(model, np.linspace(lower, upper, panels + 1))
    while panels <= MAX_PANELS:
        panels *= 2
        after = _integrate(model, np.linspace(lower, upper, panels + 1))
        if _agree(before, after):
            return before
        before = after
    raise ConvergenceError(
        "the posterior of tau did not converge. Look for a misprinted estimate or variance, or take another prior."
    )


def _rule(edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of all panels, shape (POINTS m,)."""
    half = 0.5 * np.diff(edges)
    nodes = (edges[:-1] + half)[:, None] + half[:, None] * _NODES
    return nodes.ravel(), (half[:, None] * _WEIGHTS).ravel()


def _integrate(model: NormalModel, edges: FloatArray) -> TauPosterior:
    u, weights = _rule(edges)
    tau = np.exp(u)
    height = u + model.log_posterior(tau)
    top = float(height.max())
    # What lies below the grid (only a log-t prior has it there) sits on its first edge.
    start = np.exp(edges[:1])
    first = np.exp(model.log_posterior(start) - model.prior.log_density(start, model.v) - top)
    mass = np.concatenate([first * model.prior.below(float(start[0])), weights * np.exp(height - top)])
    total = float(mass.sum())
    cumulative = np.cumsum(np.concatenate([mass[:1], mass[1:].reshape(-1, POINTS).sum(axis=1)])) / total
    tau = np.concatenate([start, tau])
    return TauPosterior(model, edges, top + math.log(total), tau, mass / total, cumulative)


def _agree(one: TauPosterior, other: TauPosterior) -> bool:
    """Whether two grids give the same integral and means."""
    if abs(one.log_norm - other.log_norm) > TOLERANCE * max(1.0, abs(one.log_norm)):
        return False
    means = np.array([_summaries(one), _summaries(other)])
    size = np.maximum(np.abs(means[1]), [1.0, _spread(one.model), 0.0, 0.0])
    return bool(np.all(np.abs(means[0] - means[1]) <= TOLERANCE * size))


def _summaries(posterior: TauPosterior) -> list[float]:
    mean, _ = posterior.model.conditional(posterior.tau)
    moments = [posterior.mean(power) or 0.0 for power in (1.0, 2.0)]
    return [float(posterior.weight @ np.log(posterior.tau)), float(posterior.weight @ mean), *moments]


def _spread(model: NormalModel) -> float:
    return float(np.abs(model.y).max() + np.sqrt(model.v.min()))


def _window(model: NormalModel) -> tuple[float, float]:
    """Range of ln tau beyond which the posterior is negligible."""
    s = np.sqrt(model.v)
    sizes = [float(s.min()), float(s.max()), model.prior.centre, float(np.ptp(model.y)) or float(s.min())]
    lower, upper = math.log(min(sizes)) - BELOW - 10, math.log(max(sizes)) + ABOVE + 10
    upper = min(upper, math.log(model.prior.upper)) if math.isfinite(model.prior.upper) else upper
    for _ in range(8):
        u = np.linspace(lower, upper, 1000)
        height = u + model.log_posterior(np.exp(u))
        top = int(np.argmax(height))
        first = int(np.argmax(height > height[top] - BELOW))
        last = len(u) - 1 - int(np.argmax(height[::-1] > height[top] - ABOVE))
        narrow = (float(u[max(first - 1, 0)]), float(u[min(last + 1, len(u) - 1)]))
        done = narrow[1] - narrow[0] > 0.5 * (upper - lower)
        lower, upper = narrow
        if done:
            break
    return lower, upper
