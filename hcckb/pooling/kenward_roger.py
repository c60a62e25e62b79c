"""Kenward and Roger's inference for the coefficients of a random-effects model fitted by REML."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray, as_rows, checked_batch
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.intervals import LEAST_DF, quantile, two_sided
from hcckb.pooling.mixed import fit_mixed

INFORMATION = ("expected", "observed")


@dataclass(frozen=True, slots=True, kw_only=True)
class KenwardRoger:
    """Coefficients with Kenward and Roger's standard errors, shape (p,); `covariance` is (p, p).

    `tau2_variance` is the inverse information about tau2; `df` are the degrees of freedom of t.
    """

    information: str
    level: float
    k: int
    tau2: float
    tau2_variance: float
    beta: FloatArray
    se: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    covariance: FloatArray


def kenward_roger(
    estimate: ArrayLike,
    variance: ArrayLike,
    design: ArrayLike | None = None,
    *,
    information: str = "expected",
    level: float = 0.95,
) -> KenwardRoger:
    r"""Estimate a random-effects mean, or regression, by REML with Kenward and Roger's correction.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    design : array_like, shape (k, p), optional
        Covariates with their column of ones; the ones alone when left out.
    information : {"expected", "observed"}
        Information about tau2 whose inverse is taken for its variance.
    level : float
        Level of the intervals, in (0, 1).

    Raises
    ------
    PoolingError
        If the input is not valid, k <= p, or the observed information is not positive.
    UnknownNameError
        If there is no such information.
    ConvergenceError
        If REML does not converge.

    Notes
    -----
    With :math:`W = \mathrm{diag}\, 1 / (v_i + \tau^2)`, :math:`\Phi = (X'WX)^{-1}`, :math:`P = -X'W^2X`,
    :math:`Q = X'W^3X` and :math:`\omega` the variance of :math:`\hat\tau^2`,

    .. math:: \Phi_A = \Phi + 2 \omega\, \Phi (Q - P \Phi P) \Phi,

    and a coefficient :math:`l'\hat\beta` has t on
    :math:`\nu = 2 (l'\Phi l)^2 / (\omega (l'\Phi P \Phi l)^2)` degrees of freedom (for a single coefficient
    Kenward and Roger's scale factor is 1). With R = W - WXΦX'W the expected information is
    :math:`\frac12 \mathrm{tr} R^2`, the observed :math:`y'RRRy - \frac12 \mathrm{tr} R^2`. The interval is wide
    where k is small or the variances differ much; at :math:`\tau^2 = 0` it rests on information at the boundary.

    Source: Kenward & Roger 1997, Biometrics 53:983-997, doi:10.2307/2533558; compared in meta-analysis by Partlett &
    Riley 2017, Stat Med 36:301-317, doi:10.1002/sim.7140.

    Examples
    --------
    >>> f = kenward_roger([0.1, 0.3, 0.8, 0.5], [0.02, 0.03, 0.05, 0.06])
    >>> f.beta.round(4).tolist(), f.se.round(4).tolist(), f.df.round(3).tolist()
    ([0.3885], [0.1548], [2.835])
    """
    level = checked_level(level)
    if information not in INFORMATION:
        raise UnknownNameError(information, "information about tau2", INFORMATION, ", ".join(INFORMATION))
    rows = as_rows(estimate, variance)
    checked_batch(*rows)
    y, v = rows[0][0], rows[1][0]
    x = np.ones((len(y), 1)) if design is None else np.asarray(design, dtype=np.float64)
    if x.ndim != 2 or len(x) != len(y) or not np.isfinite(x).all():
        raise PoolingError(f"the design must hold finite numbers in {len(y)} rows, got shape {x.shape}.")
    fit = fit_mixed(y, v, x)
    w = 1.0 / (v + fit.tau2)
    phi = fit.covariance
    spread = _tau2_variance(w, x, phi, w * (y - x @ fit.beta), information)
    p, q = -x.T @ (w[:, None] ** 2 * x), x.T @ (w[:, None] ** 3 * x)
    slope = phi @ p @ phi
    covariance = phi + 2.0 * spread * (phi @ q @ phi - slope @ p @ phi)
    df = 2.0 * np.diag(phi) ** 2 / (spread * np.diag(slope) ** 2)
    if not (df >= LEAST_DF).all():
        raise PoolingError("Kenward and Roger's method breaks down: one study has nearly all the weight. Take hksj.")
    se = np.sqrt(np.diag(covariance))
    statistic, half = fit.beta / se, quantile(df, level) * se
    return KenwardRoger(
        information=information,
        level=level,
        k=len(y),
        tau2=fit.tau2,
        tau2_variance=spread,
        beta=fit.beta,
        se=se,
        df=df,
        statistic=statistic,
        p_value=two_sided(statistic, df),
        ci_lower=fit.beta - half,
        ci_upper=fit.beta + half,
        covariance=covariance,
    )


def _tau2_variance(w: FloatArray, x: FloatArray, phi: FloatArray, u: FloatArray, information: str) -> float:
    """Return the inverse of the information about tau2; `u` is weight times residual (Ry)."""
    square = x.T @ (w[:, None] ** 2 * x)
    trace = float(
        np.sum(w**2) - 2.0 * np.trace(phi @ (x.T @ (w[:, None] ** 3 * x))) + np.trace(phi @ square @ phi @ square)
    )
    found = 0.5 * trace
    if information == "observed":
        lead = x.T @ (w * u)
        found = float(w @ u**2 - lead @ phi @ lead) - found
    if found <= 0 and information == "expected":
        raise PoolingError("Kenward and Roger's method breaks down: one study has nearly all the weight. Take hksj.")
    if found <= 0:
        raise PoolingError("the observed information about tau2 is not positive here. Take the expected one.")
    return 1.0 / found
