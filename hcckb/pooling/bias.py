"""Tests for small-study effects from estimates and variances: Begg and Mazumdar, Egger, Thompson and Sharp."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray, as_rows, checked_batch
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.intervals import quantile, two_sided
from hcckb.pooling.mixed import fit_mixed

EGGER_MODELS = ("multiplicative", "random", "common")
FEW = 10
EXACT_BELOW = 50


@dataclass(frozen=True, slots=True)
class Rank:
    """Kendall's S with its standard error, tau-b, and whether there are ties."""

    score: int
    se: float
    tau: float
    ties: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTest:
    """Begg and Mazumdar's rank correlation of estimate and variance.

    `score` is Kendall's S, `tau` Kendall's tau-b, `se` the standard error of S under no association.
    `statistic` = S / se is without, `statistic_corrected` with continuity correction. The exact P values
    are None with ties or from 50 studies on. One-sided P values look in the direction observed.
    """

    k: int
    score: int
    tau: float
    se: float
    statistic: float
    p_value: float
    p_value_one_sided: float
    statistic_corrected: float
    p_value_corrected: float
    p_value_corrected_one_sided: float
    p_value_exact: float | None
    p_value_exact_one_sided: float | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EggerTest:
    """Egger's regression of the estimate on its standard error.

    `bias` is the slope (the intercept in Egger's own form, standardised effect on precision), `se` its
    standard error. `df` is k - 2 for the t test of the multiplicative model and infinite for z tests.
    `limit_*` is the estimate as the standard error goes to 0. `tau2` is the residual between-study
    variance (0 but in the random-effects model). The one-sided P looks in the direction observed.
    """

    model: str
    tau2_method: str | None
    k: int
    df: float
    bias: float
    se: float
    statistic: float
    p_value: float
    p_value_one_sided: float
    limit_estimate: float
    limit_lower: float
    limit_upper: float
    tau2: float
    note: str


def begg(estimate: ArrayLike, variance: ArrayLike) -> RankTest:
    r"""Test for funnel-plot asymmetry by rank correlation.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.

    Returns
    -------
    RankTest
        Normal approximation with and without continuity correction, and exact P values.

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If k < 3, all variances or all standardised estimates are equal, or the input is not valid.

    Notes
    -----
    Kendall's S between :math:`v_i` and :math:`(y_i - \hat\mu) / \sqrt{v_i - 1 / \sum w_j}` with
    :math:`w_i = 1 / v_i` and the common-effect mean :math:`\hat\mu`. Without ties
    :math:`Var(S) = k (k - 1) (2 k + 5) / 18`; with ties Kendall's correction is made.

    Source: Begg & Mazumdar 1994, Biometrics 50:1088-1101, doi:10.2307/2533446; Kendall 1970, Rank
    Correlation Methods, ch. 4 for ties.

    Examples
    --------
    >>> test = begg([0.1, 0.3, 0.8, 0.5], [0.02, 0.03, 0.05, 0.06])
    >>> test.score, round(test.p_value, 3), round(test.p_value_exact, 3)
    (4, 0.174, 0.333)
    """
    y, v = checked_studies(estimate, variance)
    y = y - y[np.argmin(v)]
    w = 1.0 / v
    # v - 1/sum(w), written so that it does not cancel when one study holds nearly all weight.
    others = np.array([np.delete(w, i).sum() for i in range(len(w))])
    deviate = (y - w @ y / w.sum()) / np.sqrt(v * others / w.sum())
    rank = kendall(deviate, v)
    score, se = rank.score, rank.se
    exact = None if rank.ties or len(y) >= EXACT_BELOW else _kendall_tail(abs(score), len(y))
    z, corrected = score / se, float(np.sign(score)) * max(0, abs(score) - 1) / se
    tail, tail_corrected = float(ndtr(-abs(z))), float(ndtr(-abs(corrected)))
    return RankTest(
        k=len(y),
        score=score,
        tau=rank.tau,
        se=se,
        statistic=z,
        p_value=2 * tail,
        p_value_one_sided=tail,
        statistic_corrected=corrected,
        p_value_corrected=2 * tail_corrected,
        p_value_corrected_one_sided=tail_corrected,
        p_value_exact=None if exact is None else min(1.0, 2 * exact),
        p_value_exact_one_sided=exact,
        note=bias_note(len(y)),
    )


def egger(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    model: str = "multiplicative",
    tau2: str = "REML",
    level: float = 0.95,
) -> EggerTest:
    r"""Test for funnel-plot asymmetry by regression on the standard error.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    model : {"multiplicative", "random", "common"}
        "multiplicative": the classical test, weighted least squares with a dispersion factor, t with
        k - 2 degrees of freedom. "random": mixed-effects meta-regression, z. "common": the same with
        tau2 = 0.
    tau2 : {"REML", "DL"}
        Estimator of the residual tau2 in the random-effects model.
    level : float
        Level of the interval of the limit estimate.

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If k < 3, all standard errors are equal, all estimates lie on the fitted line (multiplicative
        model), or the input is not valid.
    UnknownNameError
        If there is no such model or estimator.
    ConvergenceError
        If REML does not converge.

    Notes
    -----
    :math:`y_i = \beta_0 + \beta_1 \sqrt{v_i} + \epsilon_i` with weights :math:`1 / v_i`, or
    :math:`1 / (v_i + \tau^2)` in the random-effects model; the test is of :math:`\beta_1 = 0`.

    Source: Egger et al. 1997, BMJ 315:629-634, doi:10.1136/bmj.315.7109.629; Sterne & Egger 2005, in
    Rothstein et al., Publication Bias in Meta-Analysis, ch. 6.

    Examples
    --------
    >>> test = egger([0.1, 0.3, 0.8, 0.5], [0.02, 0.03, 0.05, 0.06])
    >>> round(test.bias, 3), round(test.p_value, 3), test.df
    (5.675, 0.116, 2.0)
    """
    if model not in EGGER_MODELS:
        raise UnknownNameError(model, "model of Egger's test", EGGER_MODELS, ", ".join(EGGER_MODELS))
    level = checked_level(level)
    y, v = checked_studies(estimate, variance)
    origin, se = float(y[np.argmin(v)]), np.sqrt(v)
    y = y - origin
    if np.ptp(se) <= 1e-10 * se.max():
        raise PoolingError("all standard errors are equal: nothing can be regressed on them. Do not test.")
    design = np.column_stack([np.ones(len(y)), se])
    fit = fit_mixed(y, v, design, tau2 if model == "random" else "common")
    dispersion, df = 1.0, np.inf
    if model == "multiplicative":
        dispersion, df = fit.q / fit.df, float(fit.df)
        if dispersion <= 1e-24 * (1.0 + float((y**2 / v).max())):
            raise PoolingError("all estimates lie on the fitted line: no test follows. Use model='common'.")
    spread = np.sqrt(dispersion * np.diag(fit.covariance))
    statistic = float(fit.beta[1] / spread[1])
    p_value = float(two_sided(np.array([statistic]), np.array([df]))[0])
    limit = float(fit.beta[0]) + origin
    half = float(quantile(np.array([df]), level)[0] * spread[0])
    return EggerTest(
        model=model,
        tau2_method=tau2 if model == "random" else None,
        k=len(y),
        df=df,
        bias=float(fit.beta[1]),
        se=float(spread[1]),
        statistic=statistic,
        p_value=p_value,
        p_value_one_sided=p_value / 2,
        limit_estimate=limit,
        limit_lower=limit - half,
        limit_upper=limit + half,
        tau2=fit.tau2,
        note=bias_note(len(y)),
    )


def thompson_sharp(estimate: ArrayLike, variance: ArrayLike, *, tau2: str = "DL", level: float = 0.95) -> EggerTest:
    r"""Egger's test with an additive between-study variance and a t distribution.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    tau2 : {"DL", "REML"}
        Estimator of the residual tau2; "DL" is the method of moments of the source.
    level : float
        Level of the interval of the limit estimate.

    Returns
    -------
    EggerTest
        With model "random"; the statistic is that of ``egger(model="random")``, its P value of t with k - 2
        degrees of freedom.

    Raises
    ------
    PoolingError
        As `egger`.

    Notes
    -----
    :math:`y_i = \beta_0 + \beta_1 \sqrt{v_i}` with weights :math:`1 / (v_i + \tau^2)`, the variances being known
    but for tau2 (method 3a of the source).

    Source: Thompson & Sharp 1999, Stat Med 18:2693-2708,
    doi:10.1002/(SICI)1097-0258(19991030)18:20<2693::AID-SIM235>3.0.CO;2-V; t as in meta's metabias.
    """
    test = egger(estimate, variance, model="random", tau2=tau2, level=level)
    df = np.array([test.k - 2.0])
    p_value = float(two_sided(np.array([test.statistic]), df)[0])
    half = (
        (test.limit_upper - test.limit_lower)
        / 2
        * float(quantile(df, level)[0] / quantile(np.array([np.inf]), level)[0])
    )
    return replace(
        test,
        df=float(df[0]),
        p_value=p_value,
        p_value_one_sided=p_value / 2,
        limit_lower=test.limit_estimate - half,
        limit_upper=test.limit_estimate + half,
    )


def checked_studies(estimate: ArrayLike, variance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return checked vectors of at least three studies."""
    y, v = as_rows(estimate, variance)
    k = int(checked_batch(y, v).k[0])
    if k < 3:
        raise PoolingError(f"a test of asymmetry needs at least 3 estimates, got {k}. Widen the selection.")
    return y[0], v[0]


def bias_note(k: int) -> str:
    """Say how far a test of asymmetry among k studies can be trusted."""
    if k >= FEW:
        return "Asymmetry has other causes than unpublished studies, heterogeneity among them."
    return f"With {k} studies the test has little power: below {FEW} it tells little, whatever its P value."


def kendall(a: FloatArray, b: FloatArray) -> Rank:
    """Kendall's S between two columns of shape (k,), its standard error under no association, and tau-b.

    Raises
    ------
    PoolingError
        If either column holds one value only.
    """
    pairs = np.triu_indices(len(a), 1)
    across, along = np.sign(a[:, None] - a)[pairs], np.sign(b[:, None] - b)[pairs]
    score = round(float(across @ along))
    possible = np.sqrt(np.count_nonzero(across)) * np.sqrt(np.count_nonzero(along))
    if possible == 0:
        raise PoolingError("all variances, or all estimates, are equal: they cannot be ranked. Do not test.")
    ties = np.count_nonzero(across) < len(across) or np.count_nonzero(along) < len(along)
    return Rank(score, float(np.sqrt(_score_variance(a, b))), float(score / possible), bool(ties))


def _score_variance(a: FloatArray, b: FloatArray) -> float:
    """Variance of Kendall's S, corrected for ties in either variable."""
    k = len(a)
    t, u = (np.unique(x, return_counts=True)[1].astype(np.float64) for x in (a, b))
    full = k * (k - 1) * (2 * k + 5)
    tied = sum(float(np.sum(x * (x - 1) * (2 * x + 5))) for x in (t, u))
    twos = float(np.sum(t * (t - 1)) * np.sum(u * (u - 1))) / (2 * k * (k - 1))
    threes = float(np.sum(t * (t - 1) * (t - 2)) * np.sum(u * (u - 1) * (u - 2)))
    return (full - tied) / 18 + twos + threes / (9 * k * (k - 1) * (k - 2))


def _kendall_tail(score: int, k: int) -> float:
    """Exact P(S >= score) without ties, from the distribution of inversions of a permutation."""
    chance = np.ones(1)
    for size in range(2, k + 1):
        chance = np.convolve(chance, np.full(size, 1.0 / size))
    most = k * (k - 1) // 2
    return min(1.0, float(chance[: (most - score) // 2 + 1].sum()))
