"""Estimates that depend on each other: generalised least squares and the three-level model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, chdtri

from hcckb.errors import ConvergenceError, EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.components import Clustered, Solved, grid, maximise, padded, solve
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.intervals import quantile, two_sided

METHODS = ("REML", "ML")
LEVELS = ("cluster", "estimate")
TESTS = ("t", "wald")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A variance component: `level` is "cluster" or "estimate", `i2` its share of the total variance.

    The interval is that of the profile likelihood, None where it was not asked for.
    """

    level: str
    sigma2: float
    lower: float | None
    upper: float | None
    i2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Multilevel:
    """A fitted three-level model (or generalised least squares), on the analysis scale.

    Attributes
    ----------
    method : str or None
        "REML" or "ML"; None without components.
    test, level, n, clusters
        "t" or "wald", level of intervals, number of estimates and of clusters.
    names : tuple of str
        Of the coefficients.
    beta, se, statistic, df, p_value, ci_lower, ci_upper : ndarray, shape (p,)
        Coefficients with their tests; `df` is infinite for Wald's.
    covariance : ndarray, shape (p, p)
        Of `beta`.
    components : tuple of Component
        The variance components.
    i2 : float
        Share of all components in the total variance of a typical estimate.
    prediction_lower, prediction_upper : float or None
        Where the true effect of an estimate from a new cluster lies; None with covariates or without components.
    qe, qe_df, qe_p_value : float, int, float
        Test of all heterogeneity, with the sampling covariance alone.
    log_likelihood : float
        At the maximum, restricted for REML.
    weights : ndarray, shape (n,)
        Of each estimate in the mean, adding to 1 (one may be negative); with covariates in none.
    """

    method: str | None
    test: str
    level: float
    n: int
    clusters: int
    names: tuple[str, ...]
    beta: FloatArray
    se: FloatArray
    statistic: FloatArray
    df: FloatArray
    p_value: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    covariance: FloatArray
    components: tuple[Component, ...]
    i2: float
    prediction_lower: float | None
    prediction_upper: float | None
    qe: float
    qe_df: int
    qe_p_value: float
    log_likelihood: float
    weights: FloatArray


def multilevel(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    covariance: ArrayLike,
    cluster: Sequence[str],
    design: ArrayLike | None = None,
    *,
    names: Sequence[str] = ("intercept",),
    components: Sequence[str] = LEVELS,
    method: str = "REML",
    test: str = "t",
    level: float = 0.95,
    profile: bool = True,
) -> Multilevel:
    r"""Pool estimates that share a cluster, or regress them on covariates.

    Parameters
    ----------
    estimate : array_like, shape (n,)
        Estimates on an additive scale.
    covariance : array_like, shape (n,) or (n, n)
        Sampling variances, or the full sampling covariance with 0 between clusters.
    cluster : sequence of str, length n
        Study of each estimate.
    design : array_like, shape (n, p), optional
        Covariates with their column of ones; the ones alone when left out.
    names : sequence of str
        Of the coefficients.
    components : sequence of {"cluster", "estimate"}
        Variance components: between clusters, and between estimates of one cluster. None for generalised least
        squares with the sampling covariance alone.
    method : {"REML", "ML"}
        Likelihood whose maximum is sought.
    test : {"t", "wald"}
        Tests and intervals by t or by the normal.
    level : float
        Level of the intervals.
    profile : bool
        Whether to give profile-likelihood intervals of the components.

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If the input is not valid, the sampling covariance is not positive definite, or the components cannot be told
        apart.
    UnknownNameError
        If a component, method or test does not exist.
    ConvergenceError
        If the likelihood has no maximum that could be found.

    Notes
    -----
    :math:`y_{ij} = x_{ij}'\beta + u_j + w_{ij} + e_{ij}` with :math:`u_j \sim N(0, \sigma^2_1)`,
    :math:`w_{ij} \sim N(0, \sigma^2_2)` and e of the given covariance; marginal covariance
    :math:`\Phi = V + \sigma^2_1 ZZ' + \sigma^2_2 I`, :math:`\hat\beta = (X'\Phi^{-1}X)^{-1}X'\Phi^{-1}y`.
    Newton steps kept at :math:`\sigma^2 \ge 0` climb from nine starts; the highest maximum wins. A covariate that
    is constant in each of the m clusters has t on m - p degrees of freedom, another one on n - p. :math:`I^2` of a
    level is :math:`\sigma^2_a / (\sum \sigma^2 + \tilde v)` with :math:`\tilde v = (n - p) / \mathrm{tr}\, P` at
    :math:`\sigma^2 = 0`. Profile intervals hold all values that a likelihood-ratio test does not reject.

    Source: Konstantopoulos 2011, Res Synth Methods 2:61-76, doi:10.1002/jrsm.35; Van den Noortgate et al. 2013,
    Behav Res Methods 45:576-594, doi:10.3758/s13428-012-0261-6; Cheung 2014, Psychol Methods 19:211-229,
    doi:10.1037/a0032968.

    Examples
    --------
    >>> fit = multilevel([0.1, 0.3, 0.8, 0.5, 0.2], [0.02, 0.03, 0.05, 0.06, 0.04], ["a", "a", "b", "b", "c"])
    >>> round(float(fit.beta[0]), 4), [round(c.sigma2, 4) for c in fit.components]
    (0.3414, [0.0505, 0.0])
    """
    level = checked_level(level)
    _check_names(components, method, test)
    y, v, x, blocks = checked_clusters(estimate, covariance, cluster, design, names)
    _refuse_inseparable(components, blocks, x.shape)
    data = padded(y, v, x, blocks, components, method == "REML")
    rough = float(np.var(y)) + float(np.median(np.diag(v))) * 1e-3
    theta, fit = maximise(data, grid(len(components), rough))
    plain = solve(data, np.zeros(len(components)))
    n, p = x.shape
    typical = (n - p) / (plain.trace - (np.size(data.y) - n)) if n > p else float(np.median(np.diag(v)))
    total = float(theta.sum()) + typical
    limits = _profile(data, theta, fit, level) if profile else [(None, None)] * len(theta)
    df = _degrees(x, blocks) if test == "t" else np.full(p, np.inf)
    if not (df > 0).all():
        raise PoolingError(f"{len(blocks)} clusters leave no degrees of freedom for t. Take test='wald'.")
    se = np.sqrt(np.diag(fit.bread))
    statistic, factor = fit.beta / se, quantile(df, level)
    alone = design is None and len(theta) > 0
    wide = factor[0] * float(np.sqrt(se[0] ** 2 + theta.sum()))
    return Multilevel(
        method=method if len(theta) else None,
        test=test,
        level=level,
        n=n,
        clusters=len(blocks),
        names=tuple(names),
        beta=fit.beta,
        se=se,
        statistic=statistic,
        df=df,
        p_value=two_sided(statistic, df),
        ci_lower=fit.beta - factor * se,
        ci_upper=fit.beta + factor * se,
        covariance=fit.bread,
        components=tuple(
            Component(level=name, sigma2=float(s), lower=low, upper=high, i2=float(s) / total)
            for name, s, (low, high) in zip(components, theta, limits, strict=True)
        ),
        i2=float(theta.sum()) / total,
        prediction_lower=float(fit.beta[0]) - wide if alone else None,
        prediction_upper=float(fit.beta[0]) + wide if alone else None,
        qe=plain.q,
        qe_df=n - p,
        qe_p_value=float(chdtrc(n - p, plain.q)) if n > p else 1.0,
        log_likelihood=fit.height + _constant(x, method == "REML"),
        weights=_weights(data, fit, blocks, n) if design is None else np.zeros(0),
    )


def marginal_covariance(covariance: ArrayLike, cluster: Sequence[str], components: Sequence[Component]) -> FloatArray:
    """Return the marginal covariance of estimates under a fitted model, shape (n, n), as `robust` wants it."""
    given = np.asarray(covariance, dtype=np.float64)
    phi = np.diag(given) if given.ndim == 1 else given.copy()
    same = np.array(cluster)[:, None] == np.array(cluster)[None, :]
    for component in components:
        phi = phi + component.sigma2 * (same if component.level == "cluster" else np.eye(len(phi)))
    return phi


def checked_clusters(
    estimate: ArrayLike,
    covariance: ArrayLike,
    cluster: Sequence[str],
    design: ArrayLike | None,
    names: Sequence[str],
) -> tuple[FloatArray, FloatArray, FloatArray, list[list[int]]]:
    """Return checked estimates, their full covariance, the design and the rows of each cluster."""
    y, given = np.asarray(estimate, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    n = len(y)
    if n == 0:
        raise EmptySelectionError("there is no estimate to pool. Widen the selection.")
    x = np.ones((n, 1)) if design is None else np.asarray(design, dtype=np.float64)
    if given.shape not in ((n,), (n, n)) or len(cluster) != n or x.shape != (n, len(names)):
        raise PoolingError(f"{n} estimates need a covariance, clusters and {len(names)} covariates of {n} rows.")
    v = np.diag(given) if given.ndim == 1 else given
    if not (np.isfinite(y).all() and np.isfinite(v).all() and np.isfinite(x).all() and (np.diag(v) > 0).all()):
        raise PoolingError("estimates and covariates must be finite, variances positive. Leave the study out.")
    if n < x.shape[1] or np.linalg.matrix_rank(x) < x.shape[1]:
        raise PoolingError("the covariates do not vary, or one follows from the others. Leave one out.")
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(cluster):
        rows.setdefault(str(name), []).append(i)
    same = np.array(cluster)[:, None] == np.array(cluster)[None, :]
    if np.any(v[~same] != 0.0) or not np.allclose(v, v.T, rtol=1e-12, atol=0.0):
        raise PoolingError("the sampling covariance must be symmetric, and 0 between clusters.")
    for name, b in rows.items():
        scale = np.sqrt(np.diag(v)[b])
        if np.linalg.eigvalsh(v[np.ix_(b, b)] / np.outer(scale, scale)).min() < 1e-10:
            raise PoolingError(
                f"the sampling covariance of {name} is not positive definite: one of its estimates follows from the "
                "others, or a correlation is too high. Leave one contrast out, or lower rho."
            )
    return y, v, x, list(rows.values())


def _check_names(components: Sequence[str], method: str, test: str) -> None:
    for name in components:
        if name not in LEVELS:
            raise UnknownNameError(name, "variance component", LEVELS, ", ".join(LEVELS))
    for name, kind, known in ((method, "likelihood", METHODS), (test, "test", TESTS)):
        if name not in known:
            raise UnknownNameError(name, kind, known, ", ".join(known))


def _refuse_inseparable(components: Sequence[str], blocks: Sequence[Sequence[int]], shape: tuple[int, ...]) -> None:
    """Refuse components that the data cannot tell apart."""
    n, p = shape
    if components and n <= p:
        raise PoolingError(f"{n} estimates cannot carry {p} coefficients and a variance. Take components=().")
    if len(components) == 2 and len(blocks) == n:
        raise PoolingError("every cluster has one estimate: its two levels cannot be told apart. Use pool.")
    if "cluster" in components and len(blocks) < 2:
        raise PoolingError("all estimates are of one cluster: nothing can be said between clusters.")


def _degrees(x: FloatArray, blocks: Sequence[Sequence[int]]) -> FloatArray:
    """Degrees of freedom of each coefficient: by clusters where its covariate is constant in each."""
    between = np.array([all(np.ptp(x[b, c]) == 0 for b in blocks) for c in range(x.shape[1])])
    return np.array([(len(blocks) if b else len(x)) - x.shape[1] for b in between], dtype=np.float64)


def _weights(data: Clustered, fit: Solved, blocks: Sequence[Sequence[int]], n: int) -> FloatArray:
    """Weights of the estimates in the mean, in the order of the input."""
    rows, w = np.einsum("mij,mjp->mi", fit.weight, data.x) * fit.bread[0, 0], np.zeros(n)
    for j, b in enumerate(blocks):
        w[list(b)] = rows[j, : len(b)]
    return w


def _constant(x: FloatArray, restricted: bool) -> float:
    n, p = x.shape
    if not restricted:
        return -0.5 * float(n * np.log(2 * np.pi))
    return 0.5 * float(np.linalg.slogdet(x.T @ x)[1] - (n - p) * np.log(2 * np.pi))


def _profile(data: Clustered, theta: FloatArray, fit: Solved, level: float) -> list[tuple[float | None, float | None]]:
    """Profile-likelihood interval of each component."""
    drop = 0.5 * float(chdtri(1, 1.0 - level))
    unit = float(np.median(np.einsum("mii->mi", data.v)))
    out: list[tuple[float | None, float | None]] = []
    for a in range(len(theta)):

        def excess(value: float, a: int = a) -> float:
            starts = []
            for s in (theta, 0.0 * theta):
                start = np.array(s, dtype=np.float64)
                start[a] = value
                starts.append(tuple(start))
            return maximise(data, starts, (a,))[1].height - (fit.height - drop)

        low = 0.0 if theta[a] == 0 or excess(0.0) >= 0 else _crossing(excess, 0.0, float(theta[a]))
        inside, outside = float(theta[a]), float(theta[a]) + unit
        for _ in range(200):
            if excess(outside) < 0:
                break
            inside, outside = outside, 4.0 * outside
        else:
            raise ConvergenceError("the profile likelihood of a variance component does not fall. Take profile=False.")
        out.append((low, _crossing(excess, inside, outside)))
    return out


def _crossing(excess: Callable[[float], float], lower: float, upper: float) -> float:
    """Solve excess = 0 in a bracket."""
    from scipy.optimize import brentq

    return float(brentq(excess, lower, upper, xtol=1e-12 * upper, rtol=1e-12))
