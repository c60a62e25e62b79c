"""Confidence and prediction intervals of a pooled mean, and the quantiles they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from hcckb.errors import PoolingError
from hcckb.pooling.batch import Batch, BoolArray, FloatArray, moments

# Estimates that differ by no more than this, relative to their size, are equal but for rounding.
EQUAL = 1e-13
# Below so few degrees of freedom t has quantiles that say nothing.
LEAST_DF = 0.1


@dataclass(frozen=True, slots=True)
class Mean:
    """The pooled mean of each row with what its interval needs; shape (m,) in the units of the input."""

    estimate: FloatArray
    wald_se: FloatArray
    se: FloatArray
    df: FloatArray
    quantile: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    ci_method: NDArray[np.str_]


def pooled_mean(batch: Batch, tau2: FloatArray, ci: str, level: float) -> Mean:
    """Weighted mean, standard error and test at `tau2` (in the batch's own units)."""
    m = moments(batch, tau2)
    wald_se = np.sqrt(1.0 / m.total)
    single, equal = batch.k == 1, _all_equal(batch) | (m.q <= 0.0)
    names: Sequence[str] = ("wald",) if ci == "wald" else ("wald", "hksj-guarded", ci)
    if ci == "kenward-roger":
        names = ("wald", ci)
    kind = np.zeros(len(batch.k), dtype=np.int64)
    stretch = np.ones(len(batch.k))
    df = np.full(len(batch.k), np.inf)
    if ci == "kenward-roger":
        kind = np.where(single, 0, 1)
        stretch, df = _kenward_roger(m.w, single)
    elif ci != "wald":
        kind = np.where(single, 0, np.where(equal, 1, 2))
        spread = np.sqrt(m.q / np.maximum(batch.k - 1, 1))
        guarded = equal | (ci == "hksj-guarded")
        stretch = np.where(single, 1.0, np.where(guarded, np.maximum(1.0, spread), spread))
        df = np.where(single, np.inf, batch.k - 1.0)
    estimate, se = batch.location(m.mean), batch.length(wald_se * stretch)
    statistic = estimate / se
    return Mean(
        estimate=estimate,
        wald_se=batch.length(wald_se),
        se=se,
        df=df,
        quantile=quantile(df, level),
        statistic=statistic,
        p_value=two_sided(statistic, df),
        ci_method=np.array(names)[kind],
    )


def _kenward_roger(w: FloatArray, single: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the factor on Wald's standard error and the degrees of freedom; 1 and infinity for a single study.

    The formulas are those of `hcckb.pooling.kenward_roger`, for one coefficient.
    """
    # Relative to the heaviest study, the first: powers of weights must not overflow. Sums of what is positive only.
    u = w / w[:, :1]
    one, squares = u.sum(axis=1), (u**2).sum(axis=1)
    rest, rest2 = one[:, None] - u, squares[:, None] - u**2
    rest[:, 0], rest2[:, 0] = u[:, 1:].sum(axis=1), (u[:, 1:] ** 2).sum(axis=1)
    information = 0.5 * (u**2 * (rest**2 + rest2)).sum(axis=1) / one**2
    apart = (u * (u - (squares / one)[:, None]) ** 2).sum(axis=1) / one
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        df = np.where(single, np.inf, 2.0 * (one / squares) ** 2 * information)
        stretch = np.where(single, 1.0, np.sqrt(1.0 + 2.0 * apart / information))
    if (df < LEAST_DF).any():
        raise PoolingError(
            f"Kenward and Roger's interval breaks down ({df.min():.2g} degrees of freedom): one study has nearly all "
            "the weight. Take another interval."
        )
    return stretch, df


def prediction_interval(
    batch: Batch, own: FloatArray, mean: Mean, level: float, prediction: str | None
) -> tuple[FloatArray, FloatArray]:
    """Prediction interval of each row, NaN where there is none."""
    if prediction is None:
        none = np.full(len(batch.k), np.nan)
        return none, none.copy()
    tau2 = batch.square(own)
    if prediction == "hts":
        factor, se = quantile(np.maximum(batch.k - 2.0, 1.0), level), mean.wald_se
    else:
        factor, se = mean.quantile, mean.se
    half = np.where(batch.k >= 3, factor * np.sqrt(tau2 + se**2), np.nan)
    return mean.estimate - half, mean.estimate + half


def _all_equal(batch: Batch) -> BoolArray:
    """Whether all estimates of a row are the same number, up to rounding."""
    size = np.maximum(np.abs(batch.location(batch.d.min(axis=1))), np.abs(batch.location(batch.d.max(axis=1))))
    equal: BoolArray = batch.length(np.ptp(batch.d, axis=1)) <= EQUAL * size
    return equal


def quantile(df: FloatArray, level: float) -> FloatArray:
    """Quantile of t at (1 + level) / 2, or of the normal where df is infinite, shape of `df`."""
    upper = (1.0 + level) / 2.0
    kinds, where = np.unique(df, return_inverse=True)
    values = [float(ndtri(upper)) if np.isinf(kind) else float(stdtrit(kind, upper)) for kind in kinds]
    return np.array(values)[where]


def two_sided(statistic: FloatArray, df: FloatArray) -> FloatArray:
    """Two-sided P value of a t statistic, or of a normal one where df is infinite."""
    normal = np.isinf(df)
    tail = np.where(normal, ndtr(-np.abs(statistic)), stdtr(np.where(normal, 1.0, df), -np.abs(statistic)))
    return np.minimum(1.0, 2.0 * tail)
