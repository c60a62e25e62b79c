"""Ranks of treatments: P-scores in closed form, rankograms and SUCRA by simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from hcckb.errors import PoolingError
from hcckb.pooling.batch import FloatArray, IntArray

# Draws that are ranked at a time.
BLOCK = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Rankogram:
    """Simulated ranks of n treatments.

    Attributes
    ----------
    samples : int
        Draws.
    probability : ndarray, shape (n, n)
        Treatment i takes rank j + 1, 1 being the best; rows and columns sum to 1.
    cumulative : ndarray, shape (n, n)
        Treatment i takes rank j + 1 or better.
    sucra : ndarray, shape (n,)
        Surface under the cumulative ranking curve, in [0, 1]; without sampling error it is the P-score.
    mean_rank : ndarray, shape (n,)
        Mean rank, 1 to n.
    """

    samples: int
    probability: FloatArray
    cumulative: FloatArray
    sucra: FloatArray
    mean_rank: FloatArray


def p_scores(estimate: FloatArray, se: FloatArray, *, small_is_good: bool = True) -> FloatArray:
    r"""Rank treatments by the mean one-sided certainty of being better than each other one.

    Parameters
    ----------
    estimate, se : ndarray, shape (n, n)
        Row minus column and its standard error, as in `Network`.
    small_is_good : bool
        Whether small estimates are good.

    Returns
    -------
    ndarray, shape (n,)
        In [0, 1], with mean 0.5. They rank; they say nothing of how much better, nor of the quality of trials.

    Notes
    -----
    :math:`P_i = \frac{1}{n - 1} \sum_{j \ne i} \Phi(\pm(\hat\theta_j - \hat\theta_i) / se_{ij})`, the analytic form
    of SUCRA. Source: Rücker & Schwarzer 2015, BMC Med Res Methodol 15:58, doi:10.1186/s12874-015-0060-8.
    """
    certainty = ndtr((-1.0 if small_is_good else 1.0) * statistic(estimate, se))
    np.fill_diagonal(certainty, 0.0)
    scores: FloatArray = certainty.sum(axis=1) / (len(estimate) - 1)
    return scores


def rankogram(
    effect: FloatArray,
    covariance: FloatArray,
    *,
    samples: int = 10_000,
    rng: np.random.Generator,
    small_is_good: bool = True,
) -> Rankogram:
    r"""Simulate the ranks of treatments whose effects are normal.

    Parameters
    ----------
    effect : ndarray, shape (n,)
        Treatment effects against any common reference, on an additive scale.
    covariance : ndarray, shape (n, n)
        Their covariance; it may be singular, as that of a `Network` is.
    samples : int
        Draws, at least 1.
    rng : numpy.random.Generator
        Source of the draws; one seed gives one result.
    small_is_good : bool
        Whether small effects are good.

    Returns
    -------
    Rankogram

    Raises
    ------
    PoolingError
        If `samples` is less than 1.

    Notes
    -----
    SUCRA is the mean of the first n - 1 cumulative probabilities, :math:`(n - \bar r) / (n - 1)` with the mean rank
    :math:`\bar r`. Its error by simulation is at most :math:`1 / (2 \sqrt{samples})`. Source: Salanti, Ades &
    Ioannidis 2011, J Clin Epidemiol 64:163-171, doi:10.1016/j.jclinepi.2010.03.016; Rücker & Schwarzer 2015,
    BMC Med Res Methodol 15:58, doi:10.1186/s12874-015-0060-8, for P-scores as their limit.
    """
    if samples < 1:
        raise PoolingError(f"a rankogram needs at least one sample, got {samples}. Ask for 10000.")
    n = len(effect)
    square, turn = np.linalg.eigh(covariance)
    root = turn * np.sqrt(np.maximum(square, 0.0))
    count = np.zeros(n * n, dtype=np.int64)
    sign = 1.0 if small_is_good else -1.0
    for start in range(0, samples, BLOCK):
        draws = sign * (effect[:, None] + root @ rng.standard_normal((n, min(BLOCK, samples - start))))
        count += np.bincount((_ranks(draws) + n * np.arange(n)[:, None]).ravel(), minlength=n * n)
    probability = count.reshape(n, n) / samples
    mean_rank = probability @ np.arange(1.0, n + 1.0)
    return Rankogram(
        samples=samples,
        probability=probability,
        cumulative=np.minimum(np.cumsum(probability, axis=1), 1.0),
        sucra=(n - mean_rank) / (n - 1),
        mean_rank=mean_rank,
    )


def _ranks(draws: FloatArray) -> IntArray:
    """Rank each column of draws (n, m), the smallest 0, by comparing pairs: quicker than sorting."""
    n = len(draws)
    rank = np.zeros(draws.shape, dtype=np.int16)
    for i in range(n - 1):
        ahead = draws[i] < draws[i + 1 :]
        rank[i + 1 :] += ahead
        rank[i] += n - 1 - i - ahead.sum(axis=0, dtype=np.int16)
    return rank.astype(np.int64)


def statistic(estimate: FloatArray, se: FloatArray) -> FloatArray:
    """Estimate over standard error, 0 on the diagonal."""
    return np.divide(estimate, se, out=np.zeros_like(estimate), where=se > 0)
