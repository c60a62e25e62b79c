"""Limit meta-analysis: the estimate that studies of infinite precision would give, and their shrunken effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.bias import bias_note, checked_studies
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.heterogeneity import tau2 as estimate_tau2
from hcckb.pooling.intervals import quantile, two_sided

ADJUSTMENTS = ("beta0", "betalim", "mulim")
NORMAL = np.array([np.inf])


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitMetaAnalysis:
    """Result of a limit meta-analysis, on the analysis scale.

    Attributes
    ----------
    adjustment : str
        Which of the three estimates `estimate` is.
    tau2_method, tau2
        Estimator of the between-study variance, and its value in the usual random-effects model.
    k : int
        Number of studies.
    level, estimate, se, ci_lower, ci_upper, statistic, p_value
        The adjusted estimate with its normal interval and test of no effect.
    alpha, beta : float
        Intercept (the bias) and slope of the regression on the generalised radial plot.
    beta0, betalim, mulim : float
        The three adjusted estimates.
    q, q_small, q_residual : float
        Cochran's Q; the part that small-study effects explain (1 degree of freedom); the rest (k - 2).
    q_p_value, q_small_p_value, q_residual_p_value : float
        Their P values, of chi-squared.
    g2 : float
        Heterogeneity that is left once small-study effects are allowed for, in [0, 1].
    shrunken : ndarray, shape (k,)
        Effects of the studies in the limit, in the order given.
    note : str
        How far it can be trusted.
    """

    adjustment: str
    tau2_method: str
    tau2: float
    k: int
    level: float
    estimate: float
    se: float
    ci_lower: float
    ci_upper: float
    statistic: float
    p_value: float
    alpha: float
    beta: float
    beta0: float
    betalim: float
    mulim: float
    q: float
    q_small: float
    q_residual: float
    q_p_value: float
    q_small_p_value: float
    q_residual_p_value: float
    g2: float
    shrunken: FloatArray
    note: str


def limit_meta_analysis(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    adjustment: str = "beta0",
    tau2: str = "REML",
    level: float = 0.95,
) -> LimitMetaAnalysis:
    r"""Adjust a random-effects meta-analysis for small-study effects.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    adjustment : {"beta0", "betalim", "mulim"}
        Which of the adjusted estimates to report; all three are in the result.
    tau2 : str
        Estimator of the between-study variance, as for `pool`.
    level : float
        Level of the interval.

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If k < 3, all standard errors are equal, or the input is not valid.
    UnknownNameError
        If there is no such adjustment or estimator.
    ConvergenceError
        If tau2 does not converge.

    Notes
    -----
    Model: :math:`y_i = \beta + \sqrt{v_i + \tau^2} (\epsilon_i + \alpha)`. With
    :math:`x_i = 1 / \sqrt{v_i + \tau^2}`, :math:`\alpha` and :math:`\beta` are intercept and slope of the plain
    regression of :math:`x_i y_i` on :math:`x_i` (the generalised radial plot). In the limit of infinite precision
    a study has the effect :math:`\beta + \sqrt{\tau^2 / (v_i + \tau^2)} (y_i - \beta)`. Adjusted estimates:
    :math:`\beta_0 = \beta + \tau \alpha`, the expectation in the limit; :math:`\beta_{lim}`, the slope of the
    radial plot of the limit effects (standard errors :math:`\sqrt{v_i}`); :math:`\mu_{lim}`, its slope through the
    origin. :math:`G^2 = 1 - R^2` of that radial plot. :math:`Q' =` residual sum of squares of the radial plot of
    the data, and :math:`Q - Q'` tests small-study effects.

    Standard errors take tau2 as known and are those of the slopes of radial plots with unit variance (a
    choice made here): :math:`1 / \sqrt{\sum (1 / \sqrt{v_i} - m)^2}`, m the mean of :math:`1 / \sqrt{v_i}`, for
    :math:`\beta_0` and :math:`\beta_{lim}`, :math:`1 / \sqrt{\sum 1 / v_i}` for :math:`\mu_{lim}`.

    Source: Rücker, Schwarzer, Carpenter, Binder & Schumacher 2011, Biostatistics 12:122-142,
    doi:10.1093/biostatistics/kxq046; Q': Rücker, Carpenter & Schwarzer 2011, Biom J 53:351-368.

    Examples
    --------
    >>> found = limit_meta_analysis([-0.2, -0.3, -0.5, -0.9, -1.4], [0.01, 0.02, 0.05, 0.1, 0.2])
    >>> round(found.estimate, 3), round(found.q_small_p_value, 3), round(found.g2, 3)
    (-0.117, 0.001, 0.04)
    """
    if adjustment not in ADJUSTMENTS:
        raise UnknownNameError(adjustment, "adjustment of a limit meta-analysis", ADJUSTMENTS, ", ".join(ADJUSTMENTS))
    level = checked_level(level)
    y, v = checked_studies(estimate, variance)
    se = np.sqrt(v)
    if np.ptp(se) <= 1e-10 * se.max():
        raise PoolingError("all standard errors are equal: the limit has no slope to follow. Do not adjust.")
    between = estimate_tau2(y, v, method=tau2)
    alpha, beta, _ = _radial(y, np.sqrt(v + between))
    shrunken = beta + np.sqrt(between / (v + between)) * (y - beta)
    _, betalim, r2 = _radial(shrunken, se)
    adjusted = {
        "beta0": float(beta + np.sqrt(between) * alpha),
        "betalim": betalim,
        "mulim": float(np.sum(shrunken / v) / np.sum(1.0 / v)),
    }
    x = 1.0 / se
    spread = x @ x if adjustment == "mulim" else np.sum((x - x.mean()) ** 2)
    return LimitMetaAnalysis(
        adjustment=adjustment,
        tau2_method=tau2,
        tau2=between,
        k=len(y),
        level=level,
        **_tested(adjusted[adjustment], float(1.0 / np.sqrt(spread)), level),
        alpha=alpha,
        beta=beta,
        **adjusted,
        **_heterogeneity(y, se),
        g2=1.0 - r2,
        shrunken=shrunken,
        note=bias_note(len(y)),
    )


def _tested(value: float, error: float, level: float) -> dict[str, float]:
    """Give an estimate its normal interval and test."""
    half = float(quantile(NORMAL, level)[0]) * error
    return {
        "estimate": value,
        "se": error,
        "ci_lower": value - half,
        "ci_upper": value + half,
        "statistic": value / error,
        "p_value": float(two_sided(np.array([value / error]), NORMAL)[0]),
    }


def _radial(y: FloatArray, spread: FloatArray) -> tuple[float, float, float]:
    """Intercept, slope and R2 of the plain regression of y / spread on 1 / spread.

    It is solved for y less its value at the smallest spread, which moves the slope alone, so that a common
    shift does not cancel digits.
    """
    x = 1.0 / spread
    origin = float(y[np.argmin(spread)])
    z = (y - origin) * x
    dx = x - x.mean()
    slope = float(dx @ (z - z.mean()) / (dx @ dx))
    intercept = float(z.mean() - slope * x.mean())
    full = y * x
    total = float(np.sum((full - full.mean()) ** 2))
    residual = float(np.sum((z - intercept - slope * x) ** 2))
    r2 = 1.0 if total <= 0 else max(0.0, 1.0 - residual / total)
    return intercept, slope + origin, r2


def _heterogeneity(y: FloatArray, se: FloatArray) -> dict[str, float]:
    """Cochran's Q, and its parts by small-study effects and beyond them."""
    x, k = 1.0 / se, len(y)
    d = y - float(y[np.argmin(se)])
    z, w = d * x, x**2
    q = float(w @ (d - w @ d / w.sum()) ** 2)
    dx = x - x.mean()
    slope = dx @ (z - z.mean()) / (dx @ dx)
    residual = min(q, float(np.sum((z - z.mean() - slope * dx) ** 2)))
    return {
        "q": q,
        "q_small": q - residual,
        "q_residual": residual,
        "q_p_value": float(chdtrc(k - 1, q)),
        "q_small_p_value": float(chdtrc(1, q - residual)),
        "q_residual_p_value": float(chdtrc(k - 2, residual)),
    }
