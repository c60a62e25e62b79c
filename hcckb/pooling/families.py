"""Counts as exponential families: what a mixed model needs of the binomial, Poisson and hypergeometric law."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln

FloatArray = NDArray[np.float64]


class Family(Protocol):
    """Log likelihood y eta - A(eta) + constant of each row; rows are (k, a): a per study."""

    y: FloatArray
    constant: FloatArray

    def cumulant(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return A, its first and its second derivative at `eta`, shape (k, a, q)."""

    def take(self, studies: NDArray[np.bool_]) -> Family:
        """Return these studies only."""


class Binomial:
    """Events `y` of `n`, shape (k, a), with eta the log odds."""

    def __init__(self, y: FloatArray, n: FloatArray) -> None:
        self.y, self.n = y, n
        self.constant = (gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum(axis=1)

    def cumulant(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """N ln(1 + exp eta) and its derivatives."""
        n, p = self.n[..., None], expit(eta)
        return n * np.logaddexp(0.0, eta), n * p, n * p * expit(-eta)

    def take(self, studies: NDArray[np.bool_]) -> Binomial:
        """Return these studies only."""
        return Binomial(self.y[studies], self.n[studies])


class Poisson:
    """Events `y` in time `t`, shape (k, a), with eta the log rate."""

    def __init__(self, y: FloatArray, t: FloatArray) -> None:
        self.y, self.t = y, t
        self.constant = (y * np.log(t) - gammaln(y + 1)).sum(axis=1)

    def cumulant(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """T exp(eta), which is its own derivative."""
        mean = self.t[..., None] * np.exp(np.minimum(eta, 300.0))
        return mean, mean, mean

    def take(self, studies: NDArray[np.bool_]) -> Poisson:
        """Return these studies only."""
        return Poisson(self.y[studies], self.t[studies])


class Hypergeometric:
    r"""Events `a` of the experimental arm given all margins of its table, with eta the log odds ratio.

    :math:`P(a) \propto \binom{n_1}{a}\binom{n_2}{t - a} e^{a \eta}`, t the events of both arms.
    """

    def __init__(self, a: FloatArray, n1: FloatArray, c: FloatArray, n2: FloatArray) -> None:
        self.y, self.columns = a[:, None], (a, n1, c, n2)
        self.support, self.log_ways = [], []
        ways = []
        for i in range(len(a)):
            t = a[i] + c[i]
            x = np.arange(max(0.0, t - n2[i]), min(t, n1[i]) + 1)
            logs = _log_choose(n1[i], x) + _log_choose(n2[i], t - x)
            peak = float(logs.max())
            self.support.append(x - a[i])  # from the observed count on: numbers stay small
            self.log_ways.append(logs - peak)
            ways.append(logs[int(a[i] - x[0])] - peak)
        self.constant = np.array(ways)

    def cumulant(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log of the sum over the support, mean and variance of the count."""
        value, mean, variance = np.empty_like(eta), np.empty_like(eta), np.empty_like(eta)
        for i, (x, logs) in enumerate(zip(self.support, self.log_ways, strict=True)):
            terms = logs[:, None] + x[:, None] * eta[i]
            top = terms.max(axis=0)
            p = np.exp(terms - top)
            total = p.sum(axis=0)
            p /= total
            value[i] = top + np.log(total) + self.y[i] * eta[i]
            m = x @ p
            mean[i] = m + self.y[i]
            variance[i] = np.sum((x[:, None] - m) ** 2 * p, axis=0)
        return value, mean, variance

    def take(self, studies: NDArray[np.bool_]) -> Hypergeometric:
        """Return these studies only."""
        a, n1, c, n2 = (column[studies] for column in self.columns)
        return Hypergeometric(a, n1, c, n2)


def _log_choose(n: float, x: FloatArray) -> FloatArray:
    return np.asarray(gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1))
