"""Effects of two arms from means and standard deviations: mean difference, standardised difference, ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.columns import READ_AGAIN, FloatArray, check, columns
from hcckb.pooling.effects import Effects

_Arms = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]


def mean_effects(  # noqa: PLR0913, PLR0917 - two arms of three numbers, and the measure
    mean_experimental: ArrayLike,
    sd_experimental: ArrayLike,
    n_experimental: ArrayLike,
    mean_comparator: ArrayLike,
    sd_comparator: ArrayLike,
    n_comparator: ArrayLike,
    measure: str = "mean-difference",
    *,
    labels: Sequence[str] | None = None,
) -> Effects:
    r"""Turn means and standard deviations of two arms into effects with sampling variances.

    Parameters
    ----------
    mean_experimental, sd_experimental, n_experimental : array_like, shape (k,)
        Mean, standard deviation (not the standard error of the mean) and participants; scalars broadcast.
    mean_comparator, sd_comparator, n_comparator : array_like, shape (k,)
        The same of the comparator arm.
    measure : {"mean-difference", "standardised-mean-difference", "ratio-of-means"}
        What is compared; the ratio comes as natural log.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Returns
    -------
    Effects
        Above 0 where the experimental arm has the higher mean; as metafor's escalc gives them for MD, SMD, ROM.

    Raises
    ------
    PoolingError
        If a number is not finite, an n not whole or below 2, a standard deviation negative or both 0, a mean not
        positive for a ratio, or the shapes do not fit.
    UnknownNameError
        If there is no such measure.

    Notes
    -----
    With means m, standard deviations s, N = n1 + n2 and f = N - 2:

    - mean difference: m1 - m2, v = s1²/n1 + s2²/n2, variances not assumed to be equal
    - standardised: Hedges' g = J(f) (m1 - m2)/s with the pooled s² = ((n1 - 1) s1² + (n2 - 1) s2²)/f and the exact
      J(f) = Γ(f/2)/(√(f/2) Γ((f - 1)/2)), not its approximation 1 - 3/(4f - 1);
      v = 1/n1 + 1/n2 + g²/(2N), the large-sample variance at g (metafor's vtype "LS")
    - ratio of means: ln(m1/m2), v = s1²/(n1 m1²) + s2²/(n2 m2²)

    Sources: Hedges 1981, J Educ Stat 6:107-128, doi:10.3102/10769986006002107; Hedges, Gurevitch & Curtis 1999,
    Ecology 80:1150-1156, doi:10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2, for the ratio.

    Examples
    --------
    >>> e = mean_effects(5.4, 2.0, 30, 4.6, 2.2, 32, "standardised-mean-difference")
    >>> e.estimate.round(4).tolist(), e.variance.round(4).tolist()
    ([0.3751], [0.0657])
    """
    if measure not in _FORMULAS:
        raise UnknownNameError(measure, "measure of means", MEAN_MEASURES, ", ".join(MEAN_MEASURES))
    named = {
        "mean_experimental": mean_experimental,
        "sd_experimental": sd_experimental,
        "n_experimental": n_experimental,
        "mean_comparator": mean_comparator,
        "sd_comparator": sd_comparator,
        "n_comparator": n_comparator,
    }
    arms = dict(zip(named, columns(named), strict=True))
    for name, column in arms.items():
        check(np.isfinite(column), labels, {name: column}, "is not a finite number", READ_AGAIN)
        if name.startswith("n_"):
            good = (column >= 2) & (column == np.floor(column))
            check(good, labels, {name: column}, "is not a whole number from 2 on", "Give the participants.")
        if name.startswith("sd_"):
            check(column >= 0, labels, {name: column}, "is negative", READ_AGAIN)
        if measure == "ratio-of-means" and name.startswith("mean_"):
            check(column > 0, labels, {name: column}, "is not positive", "A ratio needs means above 0.")
    m1, s1, n1, m2, s2, n2 = arms.values()
    spread = {"sd_experimental": s1, "sd_comparator": s2}
    check((s1 > 0) | (s2 > 0), labels, spread, "leave no variance", "Leave the study out, or read it again.")
    if measure == "standardised-mean-difference":
        check(n1 + n2 > 4, labels, {"n_experimental": n1, "n_comparator": n2}, "are too few", "Give mean differences.")
    estimate, variance = _FORMULAS[measure]((m1, s1, n1, m2, s2, n2))
    if not (np.isfinite(estimate).all() and np.isfinite(variance).all() and (variance > 0).all()):
        raise PoolingError(f"a {measure} is too large or too small to be told. Look for a misprint.")
    return Effects(estimate, np.sqrt(variance), variance)


def small_sample_correction(df: ArrayLike) -> FloatArray:
    r"""Exact factor :math:`J(f)` that makes a standardised mean difference unbiased.

    Parameters
    ----------
    df : array_like
        Degrees of freedom f of the standard deviation, above 1.

    Raises
    ------
    PoolingError
        If one is not above 1.

    Notes
    -----
    :math:`\Gamma(f/2) / (\sqrt{f/2}\, \Gamma((f-1)/2))`; Hedges 1981, J Educ Stat 6:107-128,
    doi:10.3102/10769986006002107.

    Examples
    --------
    >>> small_sample_correction([2, 10, 60]).round(4).tolist()
    [0.5642, 0.9227, 0.9874]
    """
    f = np.asarray(df, dtype=np.float64)
    if not (f > 1).all():
        raise PoolingError(f"degrees of freedom {f!r} must be above 1: give arms of three or more in all.")
    x = (f - 1) / 2
    small = np.exp(gammaln(np.minimum(x, 100.0) + 0.5) - gammaln(np.minimum(x, 100.0)))
    # Differences of large logarithms lose digits, so large f takes the asymptotic series of the quotient.
    u = 1 / np.maximum(x, 100.0)
    large = np.sqrt(x) * (1 - u / 8 * (1 - u / 16 * (1 + 5 * u / 8 * (1 - 21 * u / 160 * (1 + 19 * u / 8)))))
    return np.asarray(np.where(x < 100.0, small, large) / np.sqrt(f / 2))


def _difference(arms: _Arms) -> tuple[FloatArray, FloatArray]:
    m1, s1, n1, m2, s2, n2 = arms
    return m1 - m2, s1 * (s1 / n1) + s2 * (s2 / n2)


def _standardised(arms: _Arms) -> tuple[FloatArray, FloatArray]:
    m1, s1, n1, m2, s2, n2 = arms
    df = n1 + n2 - 2
    pooled = np.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / df)
    g = small_sample_correction(df) * (m1 - m2) / pooled
    return g, 1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2))


def _ratio(arms: _Arms) -> tuple[FloatArray, FloatArray]:
    m1, s1, n1, m2, s2, n2 = arms
    return np.log(m1) - np.log(m2), (s1 / m1) ** 2 / n1 + (s2 / m2) ** 2 / n2


_FORMULAS: dict[str, Callable[[_Arms], tuple[FloatArray, FloatArray]]] = {
    "mean-difference": _difference,
    "standardised-mean-difference": _standardised,
    "ratio-of-means": _ratio,
}
MEAN_MEASURES = tuple(_FORMULAS)
