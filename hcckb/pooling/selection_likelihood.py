"""Likelihood of a random-effects model under selection by P value, with derivatives, and its maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import BoolArray, FloatArray, IntArray

MAX_STEPS = 500
MAX_HALVINGS = 60
# Newton decrement at which the climb ends; the log likelihood is then as exact as rounding allows.
TOLERANCE = 1e-16
# A log weight beyond this has no maximum that the data could tell.
FARTHEST = 25.0


@dataclass(frozen=True, slots=True)
class Selected:
    """Estimates that passed a selection; effects in the direction of selection count upwards.

    `y` and `v` are in own units, shape (k,). `place` is the interval of P values of each, shape (k,);
    `threshold` the effect at each cut point but the last (P = 1), shape (k, m - 1), descending along the row.
    """

    y: FloatArray
    v: FloatArray
    place: IntArray
    threshold: FloatArray

    @property
    def intervals(self) -> int:
        """Number of intervals m."""
        return int(self.threshold.shape[1]) + 1

    @property
    def counts(self) -> IntArray:
        """Number of estimates in each interval, shape (m,)."""
        return np.bincount(self.place, minlength=self.intervals)


@dataclass(frozen=True, slots=True)
class Height:
    """Log likelihood with gradient and Hessian in (mu, tau2, log weights 2 ... m)."""

    value: float
    gradient: FloatArray
    hessian: FloatArray


@dataclass(frozen=True, slots=True)
class Maximum:
    """A maximum: `point` = (mu, tau2, log weights 2 ... m), its height, and the covariance of the free ones.

    `covariance` has the shape of the Hessian, with zeros where a parameter is fixed or on its boundary.
    """

    point: FloatArray
    value: float
    covariance: FloatArray


def selected(y: FloatArray, v: FloatArray, steps: FloatArray) -> Selected:
    """Sort estimates into intervals of one-sided P values; `steps` ascend, the last is 1."""
    se = np.sqrt(v)
    place = np.searchsorted(steps, ndtr(-y / se), side="left").astype(np.int64)
    return Selected(y, v, place, se[:, None] * -ndtri(steps[:-1]))


def height(data: Selected, point: FloatArray) -> Height:
    r"""Log likelihood at a point, up to a constant.

    Notes
    -----
    :math:`\sum_i [-\frac12 \ln s_i^2 - (y_i - \mu)^2 / (2 s_i^2) + \ln \delta_{j(i)} - \ln A_i]` with
    :math:`s_i^2 = v_i + \tau^2` and :math:`A_i = \sum_j \delta_j [G_j - G_{j-1}]`,
    :math:`G_j = \Phi((\mu - t_{ij}) / s_i)` the chance of a P value up to the j-th cut point.
    """
    mu, tau2 = float(point[0]), float(point[1])
    delta = np.exp(np.concatenate([[0.0], point[2:]]))
    s2 = data.v + tau2
    s = np.sqrt(s2)
    share, by_mu, by_tau, mu_mu, mu_tau, tau_tau = _shares(data, mu, s)
    a = share @ delta
    r = data.y - mu
    value = float(np.sum(np.log(delta[data.place]) - np.log(a) - 0.5 * (np.log(s2) + r**2 / s2)))
    # First derivatives of A, relative to A: shape (k, 2 + m - 1).
    weighted = share * delta
    first = np.column_stack([by_mu @ delta, by_tau @ delta, weighted[:, 1:]]) / a[:, None]
    plain = np.zeros(first.shape[1])
    plain[0] = np.sum(r / s2)
    plain[1] = 0.5 * np.sum(r**2 / s2**2 - 1.0 / s2)
    plain[2:] = data.counts[1:]
    second = np.zeros((len(plain), len(plain)))
    second[0, 0] = np.sum(-1.0 / s2 - (mu_mu @ delta) / a)
    second[0, 1] = np.sum(-r / s2**2 - (mu_tau @ delta) / a)
    second[1, 1] = np.sum(0.5 / s2**2 - r**2 / s2**3 - (tau_tau @ delta) / a)
    second[0, 2:] = -np.sum(by_mu[:, 1:] * delta[1:] / a[:, None], axis=0)
    second[1, 2:] = -np.sum(by_tau[:, 1:] * delta[1:] / a[:, None], axis=0)
    second += np.triu(second, 1).T
    second[np.arange(2, len(plain)), np.arange(2, len(plain))] = -np.sum(first[:, 2:], axis=0)
    return Height(value, plain - first.sum(axis=0), second + first.T @ first)


def _shares(data: Selected, mu: float, s: FloatArray) -> tuple[FloatArray, ...]:
    """Chance of each interval, shape (k, m), with its derivatives in mu and tau2."""
    z = (mu - data.threshold) / s[:, None]
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    # Differences of the upper tail where that is the smaller one, lest the last share cancel.
    low, high = ndtr(z), ndtr(-z)
    ends = np.zeros((len(s), 1))
    below, above = np.hstack([ends, low, ends + 1.0]), np.hstack([ends + 1.0, high, ends])
    share = np.where(below[:, :-1] > 0.5, above[:, :-1] - above[:, 1:], below[:, 1:] - below[:, :-1])

    def across(column: FloatArray) -> FloatArray:
        return np.diff(np.hstack([ends, column, ends]), axis=1)

    c = s[:, None]
    return (
        share,
        across(density / c),
        across(-density * z / (2.0 * c**2)),
        across(-density * z / c**2),
        across(density * (z**2 - 1.0) / (2.0 * c**3)),
        across(density * z * (3.0 - z**2) / (4.0 * c**4)),
    )


def climb(data: Selected, start: FloatArray, free: BoolArray) -> Maximum:
    """Climb from `start` along the free parameters to a maximum, tau2 staying at or above 0.

    Raises
    ------
    ConvergenceError
        If no maximum is reached, a weight runs away, or the maximum is flat in some direction.
    """
    point, here = start.copy(), height(data, start)
    for _ in range(MAX_STEPS):
        moving = free.copy()
        moving[1] &= bool(point[1] > 0.0 or here.gradient[1] > 0.0)
        step, gain = _newton(here, moving)
        if gain <= TOLERANCE * max(1.0, abs(here.value)):
            return Maximum(point, here.value, _covariance(here, moving))
        point, here, stuck = _ascend(data, point, here, step)
        if stuck:
            if gain <= 1e-9:
                return Maximum(point, here.value, _covariance(here, moving))
            break
        if np.abs(point[2:]).max(initial=0.0) > FARTHEST:
            break
    raise ConvergenceError(
        "the selection model has no maximum that could be found: a weight runs to 0 or beyond all bounds. "
        "Take fewer steps, other cut points, or fixed weights."
    )


def _newton(here: Height, moving: BoolArray) -> tuple[FloatArray, float]:
    """Return a step uphill and the gain that it promises twice over."""
    step = np.zeros(len(moving))
    g = here.gradient[moving]
    information = -here.hessian[np.ix_(moving, moving)]
    size = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    # Saddles and ridges: the curvature's amount, with a floor, in place of its sign.
    along = (vectors.T @ (g / size)) / np.maximum(np.abs(values), 1e-8)
    step[moving] = (vectors @ along) / size
    return step, float(g @ step[moving])


def _ascend(data: Selected, point: FloatArray, here: Height, step: FloatArray) -> tuple[FloatArray, Height, bool]:
    """Go along the step, or a part of it, to where the likelihood is higher; also whether nothing is."""
    longest = np.abs(step[2:]).max(initial=0.0)
    share = min(1.0, 4.0 / longest) if longest > 0 else 1.0
    for _ in range(MAX_HALVINGS):
        there = point + share * step
        there[1] = max(0.0, there[1])
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            found = height(data, there)
        if np.isfinite(found.value) and np.isfinite(found.gradient).all() and found.value > here.value:
            return there, found, False
        share *= 0.5
    return point, here, True


def _covariance(here: Height, moving: BoolArray) -> FloatArray:
    information = -here.hessian[np.ix_(moving, moving)]
    size = np.sqrt(np.abs(np.diag(information)))
    if (size == 0).any() or np.linalg.eigvalsh(information / np.outer(size, size)).min() <= 1e-10:
        raise ConvergenceError(
            "the selection model's likelihood is flat: the data do not tell its weights apart. "
            "Take fewer steps, other cut points, or fixed weights."
        )
    covariance = np.zeros(here.hessian.shape)
    covariance[np.ix_(moving, moving)] = np.linalg.inv(information / np.outer(size, size)) / np.outer(size, size)
    return covariance
