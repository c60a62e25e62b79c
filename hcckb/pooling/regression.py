"""Meta-regression: estimates on study-level moderators, with tests, heterogeneity left, and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray, as_rows, checked_batch
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.intervals import quantile, two_sided
from hcckb.pooling.mixed import MixedFit, fit_mixed
from hcckb.pooling.pairwise import CI_METHODS, MODELS
from hcckb.pooling.residual import q_profile, residual_space, residual_tau2


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaRegression:
    """A fitted meta-regression with p coefficients, on the analysis scale.

    Attributes
    ----------
    model, tau2_method, ci_method, level
        As in `Pooled`.
    k, p : int
        Number of studies and of coefficients.
    intercept : bool
        Whether the first coefficient is the intercept.
    names : tuple of str
        Names of the coefficients.
    beta, se, ci_lower, ci_upper, statistic, p_value : ndarray, shape (p,)
        Coefficients, in units of the estimate by unit of the moderator, with their tests.
    covariance : ndarray, shape (p, p)
        Of `beta`, with the Knapp-Hartung factor where `ci_method` has it.
    df_ci : float
        Degrees of freedom of tests and intervals: k - p, infinite for Wald's.
    qm, qm_df, qm_df_residual, qm_p_value : float, int, float, float
        Joint test of all coefficients but the intercept: chi-squared for Wald's, where the residual
        degrees of freedom are infinite, else F.
    qe, qe_df, qe_p_value : float, int, float
        Test of residual heterogeneity.
    tau2, tau2_lower, tau2_upper : float
        Residual between-study variance with its Q-profile interval.
    i2, h2 : float
        Residual heterogeneity: under "random" from tau2 and the typical variance, else from QE.
    tau2_without, r2 : float or None
        tau2 of the same estimator without moderators, and the share of it that they explain, in [0, 1];
        None under "common" and without intercept. `r2` is 0 where `tau2_without` is.
    """

    model: str
    tau2_method: str | None
    ci_method: str
    level: float
    k: int
    p: int
    intercept: bool
    names: tuple[str, ...]
    beta: FloatArray
    se: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    covariance: FloatArray
    df_ci: float
    qm: float
    qm_df: int
    qm_df_residual: float
    qm_p_value: float
    qe: float
    qe_df: int
    qe_p_value: float
    tau2: float
    tau2_lower: float
    tau2_upper: float
    i2: float
    h2: float
    tau2_without: float | None
    r2: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Expected estimates at m settings of the moderators, arrays of shape (m,).

    `prediction_*` is where the true effect of a new study lies; NaN under the common-effect model.
    """

    estimate: FloatArray
    se: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    prediction_lower: FloatArray
    prediction_upper: FloatArray


def meta_regression(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    variance: ArrayLike,
    moderators: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    intercept: bool = True,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
) -> MetaRegression:
    r"""Regress estimates on moderators.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    moderators : array_like, shape (k,) or (k, m)
        Numbers; code categories as 0 and 1, one column fewer than categories beside an intercept.
    names : sequence of str, optional
        Names of the moderators; "x1", "x2" ... when left out.
    intercept : bool
        Whether to put a column of ones before the moderators.
    model : {"random", "common"}
        Mixed-effects model, or one without residual heterogeneity.
    tau2 : {"REML", "DL", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator of the residual between-study variance.
    ci : {"hksj", "wald", "hksj-guarded"}
        Tests and intervals: Knapp-Hartung's (t and F), Wald's (normal and chi-squared), or
        Knapp-Hartung's with a factor of at least 1.
    level : float
        Level of all intervals, in (0, 1).

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If the input is not valid, k <= p, a moderator does not vary or follows from the others, or
        Knapp-Hartung's factor is 0 because all estimates lie on the fit.
    UnknownNameError
        If `model`, `tau2` or `ci` is no such name.
    ConvergenceError
        If an iterated estimator does not converge.

    Notes
    -----
    :math:`\hat\beta = (X'WX)^{-1} X'Wy` with :math:`w_i = 1 / (v_i + \tau^2)`, covariance
    :math:`s^2 (X'WX)^{-1}`; :math:`s^2` is 1 for Wald's, else :math:`\sum w_i r_i^2 / (k - p)`.
    QM is the quadratic form of the tested coefficients (over their number for F); QE is Q of the residuals at
    :math:`\tau^2 = 0`; :math:`R^2 = \max(0, (\tau^2_0 - \tau^2) / \tau^2_0)`. With few studies for each
    moderator (fewer than ten are few) the fit follows chance; and studies were not randomised to their
    moderators.

    Source: Knapp & Hartung 2003, Stat Med 22:2693-2710, doi:10.1002/sim.1482; Raudenbush 2009, in Cooper
    et al., Handbook of Research Synthesis, ch. 16; Thompson & Higgins 2002, Stat Med 21:1559-1573,
    doi:10.1002/sim.1187.

    Examples
    --------
    >>> fit = meta_regression([0.1, 0.3, 0.8, 0.5], [0.02, 0.03, 0.05, 0.06], [1, 2, 4, 3], ci="wald")
    >>> fit.names, fit.beta.round(4).tolist(), round(fit.qm, 3)
    (('intercept', 'x1'), [-0.138, 0.2266], 7.511)
    """
    _check_names(model, ci)
    level = checked_level(level)
    rows = as_rows(estimate, variance)
    checked_batch(*rows)
    y, v = rows[0][0], rows[1][0]
    x, labels = _moderators(moderators, names, len(y))
    design, back = scaled_design(x, labels, intercept)
    origin = float(y[np.argmin(v)]) if intercept else 0.0
    extra = residual_tau2(y - origin, v, design, tau2) if model == "random" else 0.0
    fit = fit_mixed(y - origin, v + extra, design, "common")
    beta = back @ fit.beta
    beta[0] += origin
    dispersion, df = _dispersion(fit, ci, y - origin, v)
    covariance = dispersion * (back @ fit.covariance @ back.T)
    se = np.sqrt(np.diag(covariance))
    spread = np.full(len(beta), df)
    statistic = beta / se
    half = quantile(spread, level) * se
    return MetaRegression(
        model=model,
        tau2_method=tau2 if model == "random" else None,
        ci_method=ci,
        level=level,
        k=len(y),
        p=len(beta),
        intercept=intercept,
        names=("intercept", *labels) if intercept else labels,
        beta=beta,
        se=se,
        ci_lower=beta - half,
        ci_upper=beta + half,
        statistic=statistic,
        p_value=two_sided(statistic, spread),
        covariance=covariance,
        df_ci=df,
        **_joint_test(fit.beta, dispersion * fit.covariance, df, intercept),
        **_left_over(y - origin, v, design, extra, model, level),
        **_explained(y - origin, v, extra, tau2 if model == "random" and intercept else None),
    )


def predict(fit: MetaRegression, moderators: ArrayLike) -> Predicted:
    r"""Predict the mean estimate at settings of the moderators.

    Parameters
    ----------
    fit : MetaRegression
        As `meta_regression` returned it.
    moderators : array_like, shape (m, q)
        One row for each setting, without the intercept; shape (m,) where q = 1.

    Raises
    ------
    PoolingError
        If the number of columns is not that of the fit, or a number is not finite.

    Notes
    -----
    :math:`x'\hat\beta \pm t_{k-p} \sqrt{x'Cx}` and, for a new study,
    :math:`\pm t_{k-p} \sqrt{x'Cx + \tau^2}`; the normal quantile under Wald's. Metafor does the same.

    Examples
    --------
    >>> fit = meta_regression([0.1, 0.3, 0.8, 0.5], [0.02, 0.03, 0.05, 0.06], [1, 2, 4, 3], ci="wald")
    >>> predict(fit, [2.5]).estimate.round(4).tolist()
    [0.4285]
    """
    x = _columns(moderators)
    if x.shape[1] != fit.p - fit.intercept or not np.isfinite(x).all():
        wanted = ", ".join(fit.names[int(fit.intercept) :])
        raise PoolingError(f"moderators must hold finite numbers in {fit.p - fit.intercept} columns ({wanted}).")
    rows = np.column_stack([np.ones(len(x)), x]) if fit.intercept else x
    mean = rows @ fit.beta
    variance = np.einsum("ij,jk,ik->i", rows, fit.covariance, rows)
    factor = quantile(np.array([fit.df_ci]), fit.level)[0]
    half, wide = factor * np.sqrt(variance), factor * np.sqrt(variance + fit.tau2)
    if fit.model == "common":
        wide = np.full(len(mean), np.nan)
    return Predicted(
        estimate=mean,
        se=np.sqrt(variance),
        ci_lower=mean - half,
        ci_upper=mean + half,
        prediction_lower=mean - wide,
        prediction_upper=mean + wide,
    )


def _check_names(model: str, ci: str) -> None:
    """Raise for an option that does not exist; `residual_tau2` checks the estimator."""
    for name, kind, known in ((model, "model", MODELS), (ci, "interval", CI_METHODS)):
        if name not in known:
            raise UnknownNameError(name, kind, known, ", ".join(known))


def _columns(values: ArrayLike) -> FloatArray:
    """Return moderators as columns of floats."""
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PoolingError(f"moderators must hold numbers in equal rows ({error}). Code categories 0 and 1.") from error
    if x.ndim not in (1, 2):
        raise PoolingError(f"moderators must be a vector or a table, got shape {x.shape}.")
    return x[:, None] if x.ndim == 1 else x


def _moderators(values: ArrayLike, names: Sequence[str] | None, k: int) -> tuple[FloatArray, tuple[str, ...]]:
    """Return checked moderators, shape (k, m), and their names."""
    x = _columns(values)
    labels = tuple(f"x{i + 1}" for i in range(x.shape[1])) if names is None else tuple(names)
    if len(x) != k or x.shape[1] != len(labels) or not labels:
        raise PoolingError(
            f"{k} estimates and {len(labels)} names need moderators of shape ({k}, {len(labels)}), got {x.shape}."
        )
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise PoolingError(
            f"moderator {labels[column]!r} of estimate {row} is not a finite number: {x[row, column]}. "
            "Leave the study out of the regression."
        )
    return x, labels


def scaled_design(x: FloatArray, labels: tuple[str, ...], intercept: bool) -> tuple[FloatArray, FloatArray]:
    """Return a well-conditioned design and the matrix that takes its coefficients to those asked for."""
    centre = x.mean(axis=0) if intercept else np.zeros(x.shape[1])
    size = np.abs(x - centre).max(axis=0)
    flat = size <= 1e-12 * np.abs(x).max(axis=0)
    if flat.any():
        name = labels[int(np.argmax(flat))]
        raise PoolingError(f"moderator {name!r} does not vary: nothing can be regressed on it. Leave it out.")
    scaled, back = (x - centre) / size, np.diag(1.0 / size)
    if not intercept:
        return scaled, back
    full = np.eye(x.shape[1] + 1)
    full[1:, 1:] = back
    full[0, 1:] = -centre / size
    return np.column_stack([np.ones(len(x)), scaled]), full


def _dispersion(fit: MixedFit, ci: str, y: FloatArray, v: FloatArray) -> tuple[float, float]:
    """Return Knapp-Hartung's factor with the degrees of freedom of tests; 1 and infinity for Wald's."""
    if ci == "wald":
        return 1.0, np.inf
    factor = fit.q / fit.df
    if ci == "hksj-guarded":
        return max(1.0, factor), float(fit.df)
    if factor <= 1e-24 * (1.0 + float((y**2 / v).max())):
        raise PoolingError("all estimates lie on the fit: Knapp-Hartung's tests break down. Use ci='hksj-guarded'.")
    return factor, float(fit.df)


def _joint_test(beta: FloatArray, covariance: FloatArray, df: float, intercept: bool) -> dict[str, Any]:
    """Test all coefficients but the intercept; the scaling of the design does not matter."""
    tested = slice(int(intercept), None)
    b = beta[tested]
    form, number = float(b @ np.linalg.solve(covariance[tested, tested], b)), len(b)
    if np.isinf(df):
        statistic, p_value = form, float(chdtrc(number, form))
    else:
        statistic, p_value = form / number, float(fdtrc(number, df, form / number))
    return {"qm": statistic, "qm_df": number, "qm_df_residual": df, "qm_p_value": p_value}


def _left_over(
    y: FloatArray, v: FloatArray, design: FloatArray, tau2: float, model: str, level: float
) -> dict[str, Any]:
    """Residual heterogeneity."""
    x, c = residual_space(y, v, design)
    df = len(x)
    qe, typical = float(np.sum(c / x)), df / float(np.sum(1.0 / x))
    low, high = q_profile(x, c, level)
    if model == "random":
        i2, h2 = tau2 / (typical + tau2), tau2 / typical + 1.0
    else:
        i2, h2 = max(0.0, (qe - df) / qe) if qe > 0 else 0.0, qe / df
    found = {"qe": qe, "qe_df": df, "qe_p_value": float(chdtrc(df, qe)), "i2": i2, "h2": h2}
    return {**found, "tau2": tau2, "tau2_lower": low, "tau2_upper": high}


def _explained(y: FloatArray, v: FloatArray, tau2: float, method: str | None) -> dict[str, Any]:
    """Share of tau2 that the moderators explain."""
    if method is None:
        return {"tau2_without": None, "r2": None}
    without = residual_tau2(y, v, np.ones((len(y), 1)), method)
    return {"tau2_without": without, "r2": max(0.0, (without - tau2) / without) if without > 0 else 0.0}
