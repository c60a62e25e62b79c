"""Permutation tests of a meta-regression and of a pooled mean."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import PoolingError
from hcckb.pooling.batch import FloatArray, as_rows, checked_batch
from hcckb.pooling.pairwise import pool
from hcckb.pooling.regression import MetaRegression, scaled_design
from hcckb.pooling.residual_many import residual_tau2_many

# Statistics that differ by less are the same: permutations that repeat the data must count.
SAME = 1e-8
EXACT_LIMIT = 10_000
CELLS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationTest:
    """P values from the permutation distribution.

    Attributes
    ----------
    exact : bool
        Whether all distinct permutations were taken, the observed one among them.
    permutations : int
        How many permutations were fitted; without `exact` the observed data are counted beside them.
    possible : int
        Number of distinct permutations that there are.
    seed : int or None
        Of the random permutations; None where `exact`.
    p_value : ndarray, shape (p,)
        Two-sided, one for each coefficient, by the absolute value of its test statistic.
    qm_p_value : float
        Of the joint test of all coefficients but the intercept; that of the mean where there is no moderator.
    """

    exact: bool
    permutations: int
    possible: int
    seed: int | None
    p_value: FloatArray
    qm_p_value: float


def permute_moderators(  # noqa: PLR0913 - every option is a keyword
    fit: MetaRegression,
    estimate: ArrayLike,
    variance: ArrayLike,
    moderators: ArrayLike,
    *,
    permutations: int = 5000,
    seed: int = 1,
    exact: bool | None = None,
) -> PermutationTest:
    r"""Test a meta-regression by reshuffling which study has which moderators.

    Parameters
    ----------
    fit : MetaRegression
        The regression of `estimate` on `moderators`; its model, tau2 estimator and tests are used again.
    estimate, variance, moderators : array_like
        As given to `meta_regression`.
    permutations : int
        Number of random permutations where not all are taken.
    seed : int
        Of the random permutations.
    exact : bool, optional
        True takes all distinct permutations; None does so when there are at most 10,000, or at most `permutations`.

    Raises
    ------
    PoolingError
        If the data are not those of `fit`, `permutations` is below 1, or an exact test needs over a million.
    ConvergenceError
        If an iterated estimator of tau2 does not converge.

    Notes
    -----
    Rows of the moderators are exchanged as wholes; tau2 is estimated anew each time. P is the share of permutations
    whose statistic is at least as far from 0 as the observed one; with B random ones :math:`(1 + b) / (1 + B)`,
    since the observed data are one of the possible draws. Rows with equal moderators are not told apart. With few
    studies P cannot be small: five studies on one number have 120 permutations.

    Source: Higgins & Thompson 2004, Stat Med 23:1663-1682, doi:10.1002/sim.1752; Phipson & Smyth 2010, Stat Appl
    Genet Mol Biol 9:39, doi:10.2202/1544-6115.1585.
    """
    rows = as_rows(estimate, variance)
    checked_batch(*rows)
    y, v = rows[0][0], rows[1][0]
    x = np.asarray(moderators, dtype=np.float64).reshape(len(y), -1)
    if fit.k != len(y) or fit.p != x.shape[1] + fit.intercept:
        raise PoolingError(f"the regression has k = {fit.k}, p = {fit.p}; the data are others. Give those of the fit.")
    _, label = np.unique(x, axis=0, return_inverse=True)
    label = np.asarray(label).reshape(-1)
    possible = math.factorial(len(y))
    for count in np.bincount(label):
        possible //= math.factorial(int(count))
    whole = _is_exact(possible, permutations, exact)
    home = np.argsort(label, kind="stable")
    design, back = scaled_design(x[home], fit.names[int(fit.intercept) :], fit.intercept)
    if whole:
        chosen: Iterator[NDArray[np.int64]] = _arrangements(label)
    else:
        rng = np.random.default_rng(seed)
        chosen = (rng.permutation(len(y)) for _ in range(permutations))
    beyond = np.zeros(fit.p + 1)
    for block in _blocks(chosen, len(y)):
        beyond += _beyond(fit, y[block], v[block], design, back)
    return _answer(beyond, possible if whole else permutations, possible, None if whole else seed)


def permute_signs(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    permutations: int = 5000,
    seed: int = 1,
    exact: bool | None = None,
) -> PermutationTest:
    """Test a pooled mean against 0 by flipping the signs of the estimates.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale where 0 is no effect, and their sampling variances.
    model, tau2, ci
        As in `hcckb.pooling.pairwise.pool`.
    permutations, seed, exact
        As in `permute_moderators`; there are 2^k sign patterns.

    Raises
    ------
    PoolingError, ConvergenceError
        As `pool` and `permute_moderators`.

    Notes
    -----
    Under the hypothesis of no mean effect and a symmetric distribution of the true effects, each sign is as likely as
    the other. P is never below 2 / 2^k: five studies cannot reach 0.05.

    Source: Follmann & Proschan 1999, Biometrics 55:732-737, doi:10.1111/j.0006-341X.1999.00732.x.

    Examples
    --------
    >>> permute_signs([-0.1, -0.3, -0.2, -0.4, -0.1], [0.02, 0.03, 0.02, 0.04, 0.01]).qm_p_value
    0.0625
    """
    pooled = pool(estimate, variance, model=model, tau2=tau2, ci=ci)
    y, v = np.asarray(estimate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    k = len(y)
    possible = 2**k
    whole = _is_exact(possible, permutations, exact)
    rng = np.random.default_rng(seed)
    patterns = iter(range(possible)) if whole else None
    done, wanted, beyond = 0, possible if whole else permutations, 0
    size = max(1, CELLS // (k * k))
    observed = abs(pooled.statistic)
    while done < wanted:
        count = min(size, wanted - done)
        if patterns is not None:
            numbers = np.fromiter(islice(patterns, count), dtype=np.int64, count=count)
            signs = 1.0 - 2.0 * ((numbers[:, None] >> np.arange(k)) & 1)
        else:
            signs = rng.choice(np.array([-1.0, 1.0]), size=(count, k))
        one = np.ones((k, 1))
        flipped = np.broadcast_to(v, (count, k))
        statistic, _ = _statistics(signs * y, flipped, one, one[:1], (model, pooled.tau2_method, ci), True)
        beyond += int(np.sum(np.abs(statistic[:, 0]) >= observed - SAME))
        done += count
    return _answer(np.array([beyond, beyond], dtype=float), wanted, possible, None if whole else seed)


def _is_exact(possible: int, permutations: int, exact: bool | None) -> bool:
    """Decide whether all permutations are taken."""
    if permutations < 1:
        raise PoolingError(f"{permutations} permutations are too few: at least 1 is needed, 1000 say something.")
    if exact and possible > 1_000_000:
        raise PoolingError(f"an exact test would need {possible:,} permutations. Take random ones (exact=False).")
    return possible <= max(EXACT_LIMIT, permutations) if exact is None else exact


def _answer(beyond: FloatArray, fitted: int, possible: int, seed: int | None) -> PermutationTest:
    extra = 0 if seed is None else 1
    p_value = (beyond + extra) / (fitted + extra)
    return PermutationTest(
        exact=seed is None,
        permutations=fitted,
        possible=possible,
        seed=seed,
        p_value=p_value[:-1],
        qm_p_value=float(p_value[-1]),
    )


def _arrangements(label: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield, for each distinct arrangement of the labels, the order that sorts it (lexicographic successors)."""
    a = sorted(int(i) for i in label)
    while True:
        yield np.argsort(np.array(a), kind="stable")
        i = len(a) - 2
        while i >= 0 and a[i] >= a[i + 1]:
            i -= 1
        if i < 0:
            return
        j = len(a) - 1
        while a[j] <= a[i]:
            j -= 1
        a[i], a[j] = a[j], a[i]
        a[i + 1 :] = a[:i:-1]


def _blocks(orders: Iterator[NDArray[np.int64]], k: int) -> Iterator[NDArray[np.int64]]:
    """Stack orders into blocks that fit in memory."""
    size = max(1, CELLS // (k * k))
    while block := list(islice(orders, size)):
        yield np.array(block)


def _beyond(fit: MetaRegression, y: FloatArray, v: FloatArray, design: FloatArray, back: FloatArray) -> FloatArray:
    """Count, for each coefficient and last for QM, the statistics at least as far out as those observed."""
    how = (fit.model, fit.tau2_method, fit.ci_method)
    statistic, qm = _statistics(y, v, design, back, how, fit.intercept)
    counts = np.sum(np.abs(statistic) >= np.abs(fit.statistic) - SAME, axis=0)
    return np.append(counts, np.sum(qm >= fit.qm - SAME)).astype(np.float64)


def _statistics(
    y: FloatArray,
    v: FloatArray,
    design: FloatArray,
    back: FloatArray,
    how: tuple[str, str | None, str],
    intercept: bool,
) -> tuple[FloatArray, FloatArray]:
    """Return the test statistics (m, p) of the coefficients, and QM (m,)."""
    model, method, ci = how
    p = design.shape[1]
    tau2 = np.zeros(len(y)) if model == "common" else residual_tau2_many(y, v, design, method or "REML")
    w = 1.0 / (v + tau2[:, None])
    inverse = np.linalg.inv(np.einsum("ki,mk,kj->mij", design, w, design, optimize=True))
    beta = np.einsum("mij,mj->mi", inverse, (w * y) @ design)
    factor = np.ones(len(y))
    if ci != "wald":
        factor = np.sum(w * (y - beta @ design.T) ** 2, axis=1) / (y.shape[1] - p)
        factor = np.maximum(factor, 1.0 if ci == "hksj-guarded" else np.finfo(float).tiny)
    covariance = factor[:, None, None] * inverse
    told = beta @ back.T
    se = np.sqrt(np.einsum("ij,mjk,ik->mi", back, covariance, back, optimize=True))
    first = int(intercept) if p > 1 else 0
    b = beta[:, first:]
    qm = np.einsum("mi,mi->m", b, np.linalg.solve(covariance[:, first:, first:], b[..., None])[..., 0])
    return told / se, qm if ci == "wald" else qm / b.shape[1]
