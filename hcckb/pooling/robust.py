"""Cluster-robust variance of a meta-regression: estimates of one study may depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtrc

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.intervals import quantile, two_sided

CORRECTIONS = ("CR2", "CR1", "CR0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Robust:
    """Coefficients with a cluster-robust variance.

    Attributes
    ----------
    correction : str
        "CR2", "CR1" or "CR0".
    level : float
        Level of the intervals.
    clusters : int
        Number of independent clusters.
    beta, se, statistic, df, p_value, ci_lower, ci_upper : ndarray, shape (p,)
        Tests and intervals by t on `df`: Satterthwaite's, one for each coefficient.
    covariance : ndarray, shape (p, p)
        Of `beta`.
    f, f_df1, f_df2, f_p_value : float, int, float, float
        Joint test of the coefficients asked for: Hotelling's T squared as F (HTZ).
    few : tuple of bool
        Which coefficients have fewer than 4 degrees of freedom: their P values are not to be trusted.
    """

    correction: str
    level: float
    clusters: int
    beta: FloatArray
    se: FloatArray
    statistic: FloatArray
    df: FloatArray
    p_value: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    covariance: FloatArray
    f: float
    f_df1: int
    f_df2: float
    f_p_value: float
    few: tuple[bool, ...]


def robust(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    covariance: ArrayLike,
    design: ArrayLike,
    cluster: Sequence[str],
    *,
    correction: str = "CR2",
    level: float = 0.95,
    tested: Sequence[int] | None = None,
) -> Robust:
    r"""Fit a regression by generalised least squares and estimate its variance from clusters.

    Parameters
    ----------
    estimate : array_like, shape (n,)
        Estimates on an additive scale.
    covariance : array_like, shape (n,) or (n, n)
        Working marginal covariance: sampling plus between-study variance (a vector where it is diagonal). Entries
        between clusters must be 0. Its inverse gives the weights.
    design : array_like, shape (n, p)
        Covariates of full rank, the column of ones included.
    cluster : sequence of str, length n
        Independent cluster (the study) of each estimate.
    correction : {"CR2", "CR1", "CR0"}
        Bias-reduced linearisation, the factor m / (m - 1), or none.
    level : float
        Level of the intervals.
    tested : sequence of int, optional
        Coefficients of the joint test; all when left out.

    Raises
    ------
    PoolingError
        If there are fewer than two clusters, shapes differ, clusters are not independent in `covariance`, the design
        has not full rank, or a coefficient is carried by a single cluster.
    UnknownNameError
        If there is no such correction.

    Notes
    -----
    With :math:`\Phi` the working covariance, :math:`M = (X'\Phi^{-1}X)^{-1}` and residuals :math:`e_j` of cluster j,

    .. math:: V = M \Big[\sum_j X_j'\Phi_j^{-1} A_j e_j e_j' A_j' \Phi_j^{-1} X_j\Big] M,

    :math:`A_j = D_j' B_j^{+1/2} D_j`, :math:`\Phi_j = D_j'D_j` and
    :math:`B_j = D_j (\Phi_j - X_j M X_j') D_j'` under CR2, so that V is unbiased where the working
    covariance is right; :math:`A_j = I` under CR0 and :math:`\sqrt{m / (m - 1)} I` under CR1. The degrees of
    freedom match two moments of V under the working covariance (Satterthwaite). The joint test divides Wald's
    statistic Q of q coefficients to :math:`F = (\eta - q + 1) Q / (\eta q)` on q and :math:`\eta - q + 1`, with
    :math:`\eta` matched to the total variance of the standardised V.

    Source: Pustejovsky & Tipton 2018, J Bus Econ Stat 36:672-683, doi:10.1080/07350015.2016.1247004; Tipton &
    Pustejovsky 2015, J Educ Behav Stat 40:604-634, doi:10.3102/1076998615606099.

    Examples
    --------
    >>> r = robust([0.1, 0.3, 0.8, 0.5], [0.02, 0.03, 0.05, 0.06], [[1]] * 4, ["a", "a", "b", "c"])
    >>> r.beta.round(4).tolist(), r.se.round(4).tolist(), r.df.round(3).tolist()
    ([0.3278], [0.2026], [1.416])
    """
    level = checked_level(level)
    if correction not in CORRECTIONS:
        raise UnknownNameError(correction, "cluster-robust correction", CORRECTIONS, ", ".join(CORRECTIONS))
    y, phi, x, blocks = _checked(estimate, covariance, design, cluster)
    inverse = [np.linalg.inv(_block(phi, b)) for b in blocks]
    information = sum(x[b].T @ w @ x[b] for b, w in zip(blocks, inverse, strict=True))
    bread: FloatArray = np.asarray(np.linalg.inv(information), dtype=np.float64)
    beta = bread @ sum(x[b].T @ w @ y[b] for b, w in zip(blocks, inverse, strict=True))
    m, p = len(blocks), x.shape[1]
    # gather[j] takes the residuals of cluster j to their part of each coefficient's error, shape (n_j, p).
    gather = [
        _adjusted(_block(phi, b), x[b], bread, correction, m) @ w @ x[b] @ bread
        for b, w in zip(blocks, inverse, strict=True)
    ]
    scores = np.array([(y[b] - x[b] @ beta) @ g for b, g in zip(blocks, gather, strict=True)])
    found = scores.T @ scores
    moments = _cross_moments(phi, x, blocks, gather, bread)
    df = np.array([_satterthwaite(moments[:, :, i, i]) for i in range(p)])
    se = np.sqrt(np.diag(found))
    if not (se > 0).all():
        raise PoolingError("a robust standard error is 0: a coefficient rests on one cluster. Leave its moderator out.")
    statistic, half = beta / se, quantile(df, level) * se
    chosen = list(range(p)) if tested is None else list(tested)
    f, df2 = _joint(beta[chosen], found[np.ix_(chosen, chosen)], moments[:, :, chosen][:, :, :, chosen])
    return Robust(
        correction=correction,
        level=level,
        clusters=m,
        beta=beta,
        se=se,
        statistic=statistic,
        df=df,
        p_value=two_sided(statistic, df),
        ci_lower=beta - half,
        ci_upper=beta + half,
        covariance=found,
        f=f,
        f_df1=len(chosen),
        f_df2=df2,
        f_p_value=float(fdtrc(len(chosen), df2, f)) if df2 > 0 and f > 0 else 1.0,
        few=tuple(bool(d < 4) for d in df),
    )


def _checked(
    estimate: ArrayLike, covariance: ArrayLike, design: ArrayLike, cluster: Sequence[str]
) -> tuple[FloatArray, FloatArray, FloatArray, list[list[int]]]:
    """Return checked estimates, covariance (a vector or a matrix), design, and the rows of each cluster."""
    y, phi, x = (np.asarray(a, dtype=np.float64) for a in (estimate, covariance, design))
    n = len(y)
    if y.ndim != 1 or x.ndim != 2 or len(x) != n or phi.shape not in ((n,), (n, n)) or len(cluster) != n:
        raise PoolingError(f"{n} estimates need a covariance, a design and clusters of {n} rows.")
    if not all(np.isfinite(a).all() for a in (y, phi, x)):
        raise PoolingError("estimates, covariance and design must hold finite numbers. Leave the study out.")
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(cluster):
        rows.setdefault(str(name), []).append(i)
    blocks = list(rows.values())
    if len(blocks) < 2:
        raise PoolingError(f"robust variance needs two clusters, got {len(blocks)}. Cluster by study.")
    size = np.abs(x).max(axis=0)
    if np.linalg.matrix_rank(x / np.where(size > 0, size, 1.0), tol=1e-10 * np.sqrt(n)) < x.shape[1]:
        raise PoolingError("the covariates do not vary, or one follows from the others. Leave one out.")
    if phi.ndim == 2:
        inside = np.zeros((n, n), dtype=bool)
        for b in blocks:
            inside[np.ix_(b, b)] = True
        if np.any(phi[~inside] != 0.0):
            raise PoolingError("the covariance links estimates of different clusters. Choose wider clusters.")
    return y, phi, x, blocks


def _block(phi: FloatArray, rows: Sequence[int]) -> FloatArray:
    """Return the working covariance of one cluster."""
    return np.diag(phi[list(rows)]) if phi.ndim == 1 else phi[np.ix_(rows, rows)]


def _adjusted(own: FloatArray, x: FloatArray, bread: FloatArray, correction: str, m: int) -> FloatArray:
    """Return the adjustment matrix A' of one of m clusters from its covariance and covariates."""
    if correction != "CR2":
        return np.eye(len(own)) * (np.sqrt(m / (m - 1)) if correction == "CR1" else 1.0)
    upper = np.linalg.cholesky(own).T
    middle = upper @ (own - x @ bread @ x.T) @ upper.T
    value, vector = np.linalg.eigh(middle)
    keep = value > 1e-10 * np.trace(own @ own)
    root = (vector[:, keep] / np.sqrt(value[keep])) @ vector[:, keep].T
    return np.asarray(upper.T @ root @ upper)


def _cross_moments(
    phi: FloatArray, x: FloatArray, blocks: Sequence[Sequence[int]], gather: Sequence[FloatArray], bread: FloatArray
) -> FloatArray:
    """Return the covariances, under the working model, of the clusters' parts of the coefficients' errors.

    Shape (m, m, p, p): entry [i, j, s, t] is that of cluster i in coefficient s with cluster j in coefficient t.
    """
    lead = np.array([x[list(b)].T @ g for b, g in zip(blocks, gather, strict=True)])
    found = -np.einsum("iap,ab,jbq->ijpq", lead, bread, lead, optimize=True)
    for j, (b, g) in enumerate(zip(blocks, gather, strict=True)):
        found[j, j] += g.T @ _block(phi, b) @ g
    return np.asarray(found)


def _satterthwaite(moments: FloatArray) -> float:
    """Degrees of freedom of one robust variance: twice its squared mean over its variance."""
    return float(np.trace(moments) ** 2 / np.sum(moments**2))


def _joint(beta: FloatArray, covariance: FloatArray, moments: FloatArray) -> tuple[float, float]:
    """Return F and its second degrees of freedom, 0 where the test cannot be done."""
    q = len(beta)
    working = np.einsum("iist->st", moments)
    value, vector = np.linalg.eigh(working)
    if value.min() <= 0 or np.linalg.matrix_rank(covariance) < q:
        return 0.0, 0.0
    root = (vector / np.sqrt(value)) @ vector.T
    a = np.einsum("su,ijuv,tv->ijst", root, moments, root, optimize=True)
    same = np.einsum("ijss,ijtt->", a, a)
    total = float(same + np.einsum("ijst,ijts->", a, a))
    eta = q * (q + 1) / total
    df2 = eta - q + 1
    wald = float(beta @ np.linalg.solve(covariance, beta))
    return (wald * df2 / (eta * q), float(df2)) if df2 > 0 else (0.0, 0.0)
