"""All defensible ways to pool one set of estimates at once: estimators, intervals, sets of studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import UnknownNameError
from hcckb.pooling.batch import FloatArray, IntArray, checked_batch, moments
from hcckb.pooling.heterogeneity import TAU2_METHODS, batch_tau2, checked_level, unknown_estimator
from hcckb.pooling.intervals import pooled_mean

COMMON = "common"
INTERVALS = ("wald", "hksj", "hksj-guarded")
ESTIMATORS = ("REML", "DL", "PM", "ML", "SJ", "HE", "HS", "EB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Specifications:
    """Pooled results of n specifications, arrays of shape (n,), on the analysis scale.

    Attributes
    ----------
    estimator : ndarray of str
        "common" for the common effect, else the estimator of tau2.
    ci_method : ndarray of str
        Interval that was asked for; where a set has one study or equal estimates another stands in for it.
    row : ndarray of int
        Which set of studies.
    estimate, se, ci_lower, ci_upper, p_value, tau2, i2 : ndarray
        As in `PooledMany`; I2 of the common effect comes from Q.
    k : ndarray of int
        Number of studies.
    """

    estimator: NDArray[np.str_]
    ci_method: NDArray[np.str_]
    row: IntArray
    estimate: FloatArray
    se: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    p_value: FloatArray
    tau2: FloatArray
    i2: FloatArray
    k: IntArray

    def __len__(self) -> int:
        return len(self.estimate)


def multiverse(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    variance: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    estimators: Sequence[str] = ESTIMATORS,
    intervals: Sequence[str] = INTERVALS,
    common: bool = True,
    level: float = 0.95,
) -> Specifications:
    """Pool m sets of studies by every estimator of tau2 and every interval.

    Parameters
    ----------
    estimate, variance : array_like, shape (m, k)
        Estimates on an additive scale and their sampling variances; rows are sets of studies.
    mask : array_like of bool, shape (m, k), optional
        True where a study is in the set.
    estimators : sequence of str
        Estimators of tau2, as in `tau2_many`.
    intervals : sequence of {"wald", "hksj", "hksj-guarded"}
        Intervals of the mean under random effects, as in `pool_many`.
    common : bool
        Whether the common effect, with Wald's interval, is among the specifications.
    level : float
        Level of the intervals, in (0, 1).

    Returns
    -------
    Specifications
        By estimator, then interval, then set: ``(len(estimators) * len(intervals) + common) * m`` of them.
        Each number is that of `pool_many` for the same specification.

    Raises
    ------
    EmptySelectionError, PoolingError, UnknownNameError, ConvergenceError
        As `pool_many`.

    Notes
    -----
    Source: Steegen et al. 2016, Perspect Psychol Sci 11:702-712, doi:10.1177/1745691616658637 (multiverse);
    Simonsohn, Simmons & Nelson 2020, Nat Hum Behav 4:1208-1214, doi:10.1038/s41562-020-0912-z (specification
    curve).

    Examples
    --------
    >>> found = multiverse([[0.1, 0.3, 0.8]], [[0.02, 0.03, 0.05]], estimators=["DL", "REML"])
    >>> len(found), found.estimate.round(3).tolist()
    (7, [0.3, 0.368, 0.368, 0.368, 0.37, 0.37, 0.37])
    """
    level = checked_level(level)
    for name in intervals:
        if name not in INTERVALS:
            raise UnknownNameError(name, "interval", INTERVALS, ", ".join(INTERVALS))
    for name in estimators:
        if name not in TAU2_METHODS:
            raise unknown_estimator(name)
    batch = checked_batch(estimate, variance, mask)
    m, zero = len(batch.k), np.zeros(len(batch.k))
    at_zero, df = moments(batch, zero), batch.k - 1
    typical = np.maximum(df, 1) / np.where(df > 0, at_zero.trace, 1.0)
    from_q = np.where((df > 0) & (at_zero.q > df), 1.0 - df / np.where(at_zero.q > df, at_zero.q, 1.0), 0.0)
    plan: list[tuple[str, FloatArray, FloatArray, tuple[str, ...]]] = (
        [(COMMON, zero, from_q, ("wald",))] if common else []
    )
    for name in estimators:
        own = batch_tau2(batch, name)
        plan.append((name, own, own / (typical + own), tuple(intervals)))
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in Specifications.__dataclass_fields__}
    for name, own, i2, cis in plan:
        for ci in cis:
            mean = pooled_mean(batch, own, ci, level)
            half = mean.quantile * mean.se
            made = {"estimate": mean.estimate, "se": mean.se, "p_value": mean.p_value}
            ends = {"ci_lower": mean.estimate - half, "ci_upper": mean.estimate + half}
            whole = {"tau2": batch.square(own), "i2": i2, "k": batch.k, "row": np.arange(m)}
            names = {"estimator": np.full(m, name), "ci_method": np.full(m, ci)}
            for column, values in {**made, **ends, **whole, **names}.items():
                columns[column].append(values)
    return Specifications(**{name: np.concatenate(parts) for name, parts in columns.items()})
