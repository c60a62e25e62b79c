"""Distribution of a generalised Q statistic, by numerical inversion of its Laplace transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import FloatArray

ComplexArray = NDArray[np.complex128]
TOLERANCE = 1e-13
MAX_STEPS = 100
MAX_NODES = 512
# The integrand is followed until it has fallen by this factor.
DROP = 42.0


def q_distribution(q: float, weights: FloatArray, variance: FloatArray) -> float:
    r"""Probability that a generalised Q statistic does not exceed `q`.

    Parameters
    ----------
    q : float
        Value of :math:`Q_a = \sum a_i (y_i - \bar y_a)^2` with :math:`\bar y_a = \sum a_i y_i / \sum a_i`.
    weights : ndarray, shape (k,)
        The fixed weights :math:`a_i`, positive; k >= 2.
    variance : ndarray, shape (k,)
        Variances :math:`\sigma_i^2` of the independent normal :math:`y_i`, which share one mean.

    Returns
    -------
    float
        In [0, 1], to an absolute error near 1e-13.

    Raises
    ------
    ConvergenceError
        If the integral does not settle.

    Notes
    -----
    :math:`Q_a` is a sum of k - 1 chi-squares of one degree of freedom, weighted by the eigenvalues of
    :math:`S^{1/2} A S^{1/2}` (Jackson 2013, section 3). They are not needed: by the matrix determinant lemma the
    Laplace transform of its density is :math:`L(s) = (\prod_i (1 + 2 s c_i) \sum_i p_i / (1 + 2 s c_i))^{-1/2}` with
    :math:`c_i = a_i \sigma_i^2` and :math:`p_i = a_i / \sum a`, of k terms for any s. The distribution is
    :math:`\frac{1}{2 \pi i} \int e^{sq} L(s) / s\, ds` along a parabola through the saddle point of the integrand,
    which follows the path of steepest descent there; the trapezoidal rule on it converges geometrically.

    Sources: Jackson 2013, Res Synth Methods 4:220-229; Rice 1980, SIAM J Sci Stat Comput, for quadrature along such
    paths.

    Examples
    --------
    >>> one = np.ones(4)
    >>> round(q_distribution(7.814727903251179, one, one), 12)
    0.95
    """
    if q <= 0:
        return 0.0
    c, p = weights * variance / q, weights / weights.sum()
    saddle, bend, end = _path(c, p)
    tolerance = TOLERANCE * (1.0 + len(c) / 100.0)
    nodes, last = 16, np.inf
    while nodes <= MAX_NODES:
        step = end / nodes
        y = np.asarray(step * (np.arange(nodes) + 0.5), dtype=np.float64)
        slope = 1j - 2.0 * bend * y
        value = step / np.pi * float(np.sum(np.exp(_exponent(_point(y, saddle, bend), c, p)) * slope).imag)
        if abs(value - last) <= tolerance:
            return min(1.0, max(0.0, value))
        nodes, last = 2 * nodes, value
    raise ConvergenceError(
        f"the distribution of a generalised Q did not settle at {MAX_NODES} points. Take tau2_interval='q-profile'."
    )


def _point(y: FloatArray, saddle: float, bend: float) -> ComplexArray:
    """Points of the parabola at height `y`."""
    return np.asarray(saddle - bend * y**2 + 1j * y)


def _exponent(s: ComplexArray, c: FloatArray, p: FloatArray) -> ComplexArray:
    """Logarithm of the integrand, for q = 1; each logarithm stays on its principal branch."""
    t = 1.0 + 2.0 * np.multiply.outer(s, c)
    return np.asarray(s - np.log(s) - 0.5 * (np.log(t).sum(axis=1) + np.log((p / t).sum(axis=1))))


def _path(c: FloatArray, p: FloatArray) -> tuple[float, float, float]:
    """Saddle point on the positive axis, bend of a parabola that descends from it, and where that has descended."""
    saddle = _saddle(c)
    _, second, third = _derivatives(saddle, c)
    y = 1.25 ** np.arange(-4, 60) / np.sqrt(second)
    bend = -third / (6.0 * second)
    for _ in range(MAX_STEPS):
        height = _exponent(_point(np.concatenate([[0.0], y]), saddle, bend), c, p).real
        fallen = np.flatnonzero(height < height[0] - DROP)
        if fallen.size and (np.diff(height[: fallen[0] + 1]) <= 0).all():
            return saddle, bend, float(y[fallen[0] - 1])
        # The bend at the saddle may lead back among far singularities; a straighter path passes them by.
        bend /= 4.0
    raise ConvergenceError("no path of descent was found for a generalised Q. Take tau2_interval='q-profile'.")


def _saddle(c: FloatArray) -> float:
    """Minimum of the integrand on the positive axis, roughly: the path need not start at it exactly."""
    low, high = 0.0, (len(c) + 1.0) / 2.0
    s = high / 2.0
    for _ in range(MAX_STEPS):
        first, second, _ = _derivatives(s, c)
        low, high = (low, s) if first > 0 else (s, high)
        last, s = s, s - first / second
        if not low < s < high:
            s = (low + high) / 2.0
        if abs(s - last) <= 1e-6 * s:
            return s
    return s


def _derivatives(s: float, c: FloatArray) -> tuple[float, float, float]:
    """First three derivatives of the exponent on the real axis, the shared mean counted as one k-th of each term."""
    r = 2.0 * c / (1.0 + 2.0 * s * c)
    share = (len(c) - 1) / len(c) / 2.0
    one, two, three = (float((r**power).sum()) for power in (1, 2, 3))
    return 1.0 - 1.0 / s - share * one, 1.0 / s**2 + share * two, -2.0 / s**3 - 2.0 * share * three
