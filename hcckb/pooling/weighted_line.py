"""A straight line by weighted least squares with a dispersion factor: the engine of the regression tests for bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcckb.errors import PoolingError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.intervals import quantile, two_sided


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Intercept and slope with standard errors, t test of the slope and `df` = k - 2 degrees of freedom."""

    intercept: float
    intercept_se: float
    slope: float
    slope_se: float
    statistic: float
    p_value: float
    df: float

    def intercept_p(self) -> float:
        """Two-sided P of no intercept."""
        return _p(self.intercept / self.intercept_se, self.df)

    def intercept_interval(self, level: float) -> tuple[float, float]:
        """Interval of the intercept."""
        half = float(quantile(np.array([self.df]), level)[0]) * self.intercept_se
        return self.intercept - half, self.intercept + half


def fit_line(y: FloatArray, x: FloatArray, weight: FloatArray) -> Line:
    r"""Regress y on x with weights.

    Parameters
    ----------
    y, x, weight : ndarray, shape (k,)
        Finite numbers, k >= 3; weights positive.

    Raises
    ------
    PoolingError
        If all x are equal, or all points lie on the line.

    Notes
    -----
    :math:`\hat\beta_1 = \sum w (x - \bar x)(y - \bar y) / \sum w (x - \bar x)^2` with weighted means;
    :math:`\hat\phi = \sum w r^2 / (k - 2)`; :math:`Var(\hat\beta_1) = \hat\phi / \sum w (x - \bar x)^2` and
    :math:`Var(\hat\beta_0) = \hat\phi (1 / \sum w + \bar x^2 / \sum w (x - \bar x)^2)`.

    Source: Thompson & Sharp 1999, Stat Med 18:2693-2708,
    doi:10.1002/(SICI)1097-0258(19991030)18:20<2693::AID-SIM235>3.0.CO;2-V.
    """
    w = weight / weight.sum()
    heaviest = int(np.argmax(w))
    # Measured from the heaviest study and in units of the range, so that sums do not cancel or overflow.
    origin, unit = float(y[heaviest]), float(np.ptp(x))
    if unit <= 1e-10 * float(np.abs(x).max()):
        raise PoolingError("all studies have the same size or precision: nothing can be regressed on it. Do not test.")
    d, t = y - origin, x / unit
    mean_t, mean_d = float(w @ t), float(w @ d)
    spread = float(w @ (t - mean_t) ** 2)
    slope = float(w @ ((t - mean_t) * (d - mean_d))) / spread
    residual = (d - mean_d) - slope * (t - mean_t)
    df = float(len(y) - 2)
    dispersion = float(w @ residual**2) / df
    if dispersion <= 1e-24 * (float((w * d**2).max()) + 1e-300):
        raise PoolingError("all estimates lie on the fitted line: no test follows. Add studies, or leave the test out.")
    slope_se = float(np.sqrt(dispersion / spread))
    statistic = slope / slope_se
    return Line(
        intercept=origin + mean_d - slope * mean_t,
        intercept_se=float(np.sqrt(dispersion * (1.0 + mean_t**2 / spread))),
        slope=slope / unit,
        slope_se=slope_se / unit,
        statistic=statistic,
        p_value=_p(statistic, df),
        df=df,
    )


def _p(statistic: float, df: float) -> float:
    return float(two_sided(np.array([statistic]), np.array([df]))[0])
