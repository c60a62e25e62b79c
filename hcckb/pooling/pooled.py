"""What pooling returns: one result, or many in arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcckb.pooling.batch import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """One pooled estimate, on the analysis scale.

    Attributes
    ----------
    model : str
        "random" or "common".
    tau2_method : str or None
        Estimator of tau2; None under the common-effect model.
    ci_method : str
        What was done: "wald" for a single study, "hksj-guarded" for equal estimates (see `pool_many`).
    level : float
        Level of all intervals.
    k : int
        Number of studies.
    estimate, se, ci_lower, ci_upper, statistic, p_value : float
        Pooled estimate, its standard error (Hartung-Knapp's under "hksj"), interval, estimate / se and
        two-sided P.
    df_ci : float
        Degrees of freedom of the interval; infinite for Wald's.
    prediction_lower, prediction_upper : float or None
        Where the true effect of a new study lies; None below three studies and under "common".
    tau2, tau2_lower, tau2_upper : float, float or None, float or None
        Between-study variance with its Q-profile interval; None for a single study. The interval speaks
        of the data and is given under "common" too, where tau2 is 0.
    q, df, q_p_value : float, int, float
        Cochran's Q test.
    i2, h2 : float
        Under "random" from this tau2 and the typical variance (metafor), under "common" from Q.
    weights : ndarray, shape (k,)
        Share of each study, in the order given; they sum to 1.
    """

    model: str
    tau2_method: str | None
    ci_method: str
    level: float
    k: int
    estimate: float
    se: float
    ci_lower: float
    ci_upper: float
    statistic: float
    df_ci: float
    p_value: float
    prediction_lower: float | None
    prediction_upper: float | None
    tau2: float
    tau2_lower: float | None
    tau2_upper: float | None
    q: float
    df: int
    q_p_value: float
    i2: float
    h2: float
    weights: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledMany:
    """`Pooled` for m meta-analyses: arrays of shape (m,), `weights` (m, k) with 0 where no study is.

    Where `Pooled` has None, the arrays hold NaN. `ci_method` is an array of names.
    """

    model: str
    tau2_method: str | None
    ci_method: NDArray[np.str_]
    level: float
    k: IntArray
    estimate: FloatArray
    se: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    statistic: FloatArray
    df_ci: FloatArray
    p_value: FloatArray
    prediction_lower: FloatArray
    prediction_upper: FloatArray
    tau2: FloatArray
    tau2_lower: FloatArray
    tau2_upper: FloatArray
    q: FloatArray
    df: IntArray
    q_p_value: FloatArray
    i2: FloatArray
    h2: FloatArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.estimate)


def row_of(many: PooledMany, index: int) -> Pooled:
    """Return one of many pooled results; its `weights` are those of its own row, shape (k,)."""
    several = int(many.k[index]) > 1
    predicted = not np.isnan(many.prediction_lower[index])
    return Pooled(
        model=many.model,
        tau2_method=many.tau2_method,
        ci_method=str(many.ci_method[index]),
        level=many.level,
        k=int(many.k[index]),
        estimate=float(many.estimate[index]),
        se=float(many.se[index]),
        ci_lower=float(many.ci_lower[index]),
        ci_upper=float(many.ci_upper[index]),
        statistic=float(many.statistic[index]),
        df_ci=float(many.df_ci[index]),
        p_value=float(many.p_value[index]),
        prediction_lower=float(many.prediction_lower[index]) if predicted else None,
        prediction_upper=float(many.prediction_upper[index]) if predicted else None,
        tau2=float(many.tau2[index]),
        tau2_lower=float(many.tau2_lower[index]) if several else None,
        tau2_upper=float(many.tau2_upper[index]) if several else None,
        q=float(many.q[index]),
        df=int(many.df[index]),
        q_p_value=float(many.q_p_value[index]),
        i2=float(many.i2[index]),
        h2=float(many.h2[index]),
        weights=many.weights[index],
    )
