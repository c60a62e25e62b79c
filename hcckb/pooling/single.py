"""One meta-analysis in plain floats: what `pool_many` computes for many, without the cost of arrays of one."""

from __future__ import annotations

from math import frexp, inf, isfinite, ldexp, sqrt

import numpy as np
from scipy.special import chdtrc, chdtri, ndtr, ndtri, stdtr, stdtrit

from hcckb.pooling.batch import FAR, Batch, FloatArray, checked_batch
from hcckb.pooling.heterogeneity import TAU2_METHODS, checked_level, unknown_estimator
from hcckb.pooling.intervals import EQUAL
from hcckb.pooling.likelihood import tau2_likelihood_of_one
from hcckb.pooling.pooled import Pooled
from hcckb.pooling.powers import OneSet, Powers
from hcckb.pooling.q_roots import solve_q_of_one


def one_batch(y: FloatArray, v: FloatArray) -> Batch:
    """Bring the vectors of one meta-analysis, shape (1, k), into the same canonical form as `checked_batch`."""
    good = y.shape == v.shape and y.size and np.isfinite(y).all() and np.isfinite(v).all() and v.min() > 0
    if not good:
        return checked_batch(y, v)
    estimate, variance = y[0], v[0]
    order = np.lexsort((estimate, variance))
    estimate, variance = estimate[order], variance[order]
    origin = estimate[0]
    half = frexp(variance[0])[1] // 2
    with np.errstate(over="ignore"):
        d, scaled = np.ldexp(estimate - origin, -half), np.ldexp(variance, -2 * half)
    if scaled[-1] > FAR or np.abs(d).max() > FAR:
        return checked_batch(y, v)
    return Batch(d[None, :], scaled[None, :], np.array([len(d)]), np.array([origin]), np.array([half]))


def pool_one(  # noqa: PLR0913 - the options of pool
    y: FloatArray, v: FloatArray, *, model: str, tau2: str, ci: str, level: float, prediction: str
) -> Pooled:
    """Pool one meta-analysis of at least two studies, arrays of shape (1, k); options as `pool_many`, checked."""
    level = checked_level(level)
    if tau2 not in TAU2_METHODS and model == "random":
        raise unknown_estimator(tau2)
    batch = one_batch(y, v)
    data, random = OneSet(batch), model == "random"
    k, half, origin = len(batch.d[0]), int(batch.half[0]), float(batch.origin[0])
    zero = data.powers(0.0)
    own = _tau2(batch, data, zero, tau2) if random else 0.0
    at = data.powers(own) if own else zero
    mean = _mean(batch, at, ci if random else "wald", level)
    estimate, se = origin + ldexp(at.mean, half), ldexp(mean.se, half)
    wald_se, square = ldexp(sqrt(1.0 / at.total), half), ldexp(own, 2 * half)
    low, high = _prediction(estimate, (square, k), (wald_se, se, mean.quantile), level, prediction if random else None)
    df = k - 1
    tail = (1.0 - level) / 2.0
    typical = df / zero.trace
    i2 = own / (typical + own) if random else max(0.0, 1.0 - df / zero.q) if zero.q > df else 0.0
    w = (ldexp(data.smallest, 2 * half) + square) / (v[0] + square)
    statistic = estimate / se
    return Pooled(
        model=model,
        tau2_method=tau2 if random else None,
        ci_method=mean.method,
        level=level,
        k=k,
        estimate=estimate,
        se=se,
        ci_lower=estimate - mean.quantile * se,
        ci_upper=estimate + mean.quantile * se,
        statistic=statistic,
        df_ci=mean.df,
        p_value=min(1.0, 2.0 * float(stdtr(mean.df, -abs(statistic)) if isfinite(mean.df) else ndtr(-abs(statistic)))),
        prediction_lower=low,
        prediction_upper=high,
        tau2=square,
        tau2_lower=ldexp(solve_q_of_one(data, zero, float(chdtri(df, tail))), 2 * half),
        tau2_upper=ldexp(solve_q_of_one(data, zero, float(chdtri(df, 1.0 - tail))), 2 * half),
        q=zero.q,
        df=df,
        q_p_value=float(chdtrc(df, zero.q)),
        i2=i2,
        h2=1.0 + own / typical if random else zero.q / df,
        weights=w / w.sum(),
    )


def _tau2(batch: Batch, data: OneSet, zero: Powers, method: str) -> float:
    """tau2 in the batch's own units; the estimators without a short form here take the way of many."""
    k = len(batch.d[0])
    if method in ("REML", "ML"):
        return tau2_likelihood_of_one(batch, data, zero, restricted=method == "REML")
    if method in ("PM", "EB"):
        return solve_q_of_one(data, zero, k - 1.0)
    if method == "DL":
        return float(max(0.0, (zero.q - (k - 1)) / zero.trace))
    return float(TAU2_METHODS[method](batch)[0])


class _Mean:
    """How the interval of the mean is made: standard error, degrees of freedom, quantile, name."""

    __slots__ = ("df", "method", "quantile", "se")

    def __init__(self, se: float, df: float, quantile: float, method: str) -> None:
        self.se, self.df, self.quantile, self.method = se, df, quantile, method


def _mean(batch: Batch, at: Powers, ci: str, level: float) -> _Mean:
    """Return the standard error in the batch's own units, with what goes around it; formulas in `pool_many`."""
    se, upper = sqrt(1.0 / at.total), (1.0 + level) / 2.0
    if ci == "wald":
        return _Mean(se, inf, float(ndtri(upper)), ci)
    d, half, origin = batch.d[0], int(batch.half[0]), float(batch.origin[0])
    low, high = float(d.min()), float(d.max())
    size = max(abs(origin + ldexp(low, half)), abs(origin + ldexp(high, half)))
    method = "hksj-guarded" if at.q <= 0.0 or ldexp(high - low, half) <= EQUAL * size else ci
    df = len(d) - 1.0
    spread = sqrt(max(at.q, 0.0) / df)
    stretch = spread if method == "hksj" else max(1.0, spread)
    return _Mean(se * stretch, df, float(stdtrit(df, upper)), method)


def _prediction(
    estimate: float, spread: tuple[float, int], mean: tuple[float, float, float], level: float, prediction: str | None
) -> tuple[float | None, float | None]:
    """Prediction interval; `spread` is tau2 and k, `mean` Wald's and the used standard error and the quantile."""
    (tau2, k), (wald_se, se, factor) = spread, mean
    if prediction is None or k < 3:
        return None, None
    if prediction == "hts":
        factor, se = float(stdtrit(k - 2.0, (1.0 + level) / 2.0)), wald_se
    half = factor * sqrt(tau2 + se**2)
    return estimate - half, estimate + half
