"""Common-effect and random-effects pooling of one or many meta-analyses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray, as_rows, checked_batch
from hcckb.pooling.heterogeneity import batch_heterogeneity, batch_tau2, checked_level
from hcckb.pooling.intervals import pooled_mean, prediction_interval
from hcckb.pooling.pooled import Pooled, PooledMany, row_of
from hcckb.pooling.single import pool_one
from hcckb.pooling.tau2_intervals import TAU2_INTERVALS
from hcckb.pooling.tau2_intervals import tau2_interval as interval_of_tau2

__all__ = ["CI_METHODS", "MODELS", "PREDICTIONS", "Pooled", "PooledMany", "pool", "pool_many", "row_of"]

MODELS = ("random", "common")
CI_METHODS = ("hksj", "wald", "hksj-guarded")
INTERVALS = (*CI_METHODS, "kenward-roger")
PREDICTIONS = ("hts", "metafor")


def pool(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
    prediction: str = "hts",
    tau2_interval: str = "q-profile",
) -> Pooled:
    """Pool the estimates of one meta-analysis.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale (log HR, log RR, RD) and their sampling variances.
    model, tau2, ci, level, prediction
        As in `pool_many`, which also names the formulas and errors.
    tau2_interval : {"q-profile", "generalised-q", "profile-likelihood"}
        Interval of tau2, as `hcckb.pooling.tau2_intervals.tau2_interval`; the likelihood is the restricted one but
        for ``tau2="ML"``.

    Returns
    -------
    Pooled
        On the scale of `estimate`.

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError, UnknownNameError, ConvergenceError
        As `pool_many`.

    Examples
    --------
    >>> p = pool([-0.46, -0.27, -0.34], [0.0136, 0.0093, 0.0127], ci="wald")
    >>> round(p.estimate, 4), round(p.ci_lower, 4), round(p.ci_upper, 4)
    (-0.345, -0.4666, -0.2234)
    """
    y, v = as_rows(estimate, variance)
    if y.shape[1] > 1 and ci in CI_METHODS:
        _check_names(model, ci, prediction)
        pooled = pool_one(y, v, model=model, tau2=tau2, ci=ci, level=level, prediction=prediction)
    else:
        pooled = row_of(pool_many(y, v, model=model, tau2=tau2, ci=ci, level=level, prediction=prediction), 0)
    if tau2_interval == "q-profile" or pooled.k < 2:
        _known_interval(tau2_interval)
        return pooled
    found = interval_of_tau2(estimate, variance, method=tau2_interval, level=level, tau2=tau2)
    return replace(pooled, tau2_lower=found.lower, tau2_upper=found.upper)


def pool_many(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    variance: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
    prediction: str = "hts",
) -> PooledMany:
    r"""Pool many meta-analyses at once.

    Parameters
    ----------
    estimate, variance : array_like, shape (m, k)
        Estimates on an additive scale and their sampling variances.
    mask : array_like of bool, shape (m, k), optional
        True where a study is present; other cells may hold anything.
    model : {"random", "common"}
        Random-effects or common-effect (inverse variance) model.
    tau2 : {"REML", "DL", "DL2", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator of the between-study variance; not used by the common-effect model.
    ci : {"hksj", "wald", "hksj-guarded", "kenward-roger"}
        Interval of the mean under the random-effects model: Hartung-Knapp-Sidik-Jonkman (metafor's
        "knha"), Wald's, HKSJ never with a smaller standard error than Wald's (metafor's "adhoc"), or Kenward and
        Roger's with the expected information (`hcckb.pooling.kenward_roger`), which needs tau2 by REML.
    level : float
        Level of all intervals, in (0, 1).
    prediction : {"hts", "metafor"}
        "hts": t with k - 2 degrees of freedom and Wald's standard error of the mean (Higgins et al.);
        "metafor": quantile and standard error of the interval of the mean.

    Raises
    ------
    EmptySelectionError
        If a meta-analysis has no study, or there is none.
    PoolingError
        If shapes differ, an estimate is not finite, a variance not positive and finite, or `level` is
        not in (0, 1).
    UnknownNameError
        If `model`, `tau2`, `ci` or `prediction` is no such name.
    ConvergenceError
        If an iterated estimator does not converge.

    Notes
    -----
    With :math:`w_i = 1 / (v_i + \tau^2)`: :math:`\hat\mu = \sum w_i y_i / \sum w_i`, Wald's
    :math:`se^2 = 1 / \sum w_i`, HKSJ's :math:`se^2 = s^2 / \sum w_i` with
    :math:`s^2 = \sum w_i (y_i - \hat\mu)^2 / (k - 1)` (guarded: :math:`\max(1, s^2)`) and t with
    :math:`k - 1` degrees of freedom; prediction :math:`\hat\mu \pm t_{k-2} \sqrt{\tau^2 + se^2}`.

    Two cases need a decision. A single study stands for itself: its own interval, Wald's, tau2 = 0 and
    ``ci_method`` "wald". Where all estimates of a meta-analysis are equal, HKSJ's standard error would be
    0, so the guarded one is used and ``ci_method`` says so.

    Sources: Hartung & Knapp 2001, Stat Med 20:3875-3889, doi:10.1002/sim.1009; Sidik & Jonkman 2002,
    Stat Med 21:3153-3159, doi:10.1002/sim.1262; Higgins, Thompson & Spiegelhalter 2009, J R Stat Soc A
    172:137-159, doi:10.1111/j.1467-985X.2008.00552.x.

    Examples
    --------
    >>> many = pool_many([[-0.46, -0.27], [-0.34, 0.0]], [[0.0136, 0.0093], [0.0127, 1.0]],
    ...                  [[True, True], [True, False]], model="common")
    >>> many.estimate.round(4).tolist(), many.k.tolist()
    ([-0.3472, -0.34], [2, 1])
    """
    _check_names(model, ci, prediction)
    if ci == "kenward-roger" and model == "random" and tau2 != "REML":
        raise PoolingError(
            f"Kenward and Roger's interval needs tau2 by REML, not {tau2}. Take REML, or another interval."
        )
    level = checked_level(level)
    batch = checked_batch(estimate, variance, mask)
    random = model == "random"
    method = tau2 if random else "common"
    own = batch_tau2(batch, tau2) if random else np.zeros(len(batch.k))
    h = batch_heterogeneity(batch, own, method=method, level=level)
    mean = pooled_mean(batch, own, ci if random else "wald", level)
    low, high = prediction_interval(batch, own, mean, level, prediction if random else None)
    return PooledMany(
        model=model,
        tau2_method=tau2 if random else None,
        ci_method=mean.ci_method,
        level=level,
        k=batch.k,
        estimate=mean.estimate,
        se=mean.se,
        ci_lower=mean.estimate - mean.quantile * mean.se,
        ci_upper=mean.estimate + mean.quantile * mean.se,
        statistic=mean.statistic,
        df_ci=mean.df,
        p_value=mean.p_value,
        prediction_lower=low,
        prediction_upper=high,
        tau2=h.tau2,
        tau2_lower=h.tau2_lower,
        tau2_upper=h.tau2_upper,
        q=h.q,
        df=h.df,
        q_p_value=h.q_p_value,
        i2=h.i2 if random else h.i2_q,
        h2=h.h2 if random else h.h2_q,
        weights=_weights(variance, mask, h.tau2),
    )


def _known_interval(name: str) -> None:
    if name not in TAU2_INTERVALS:
        raise UnknownNameError(name, "interval of tau2", TAU2_INTERVALS, ", ".join(TAU2_INTERVALS))


def _check_names(model: str, ci: str, prediction: str) -> None:
    """Raise for an option that does not exist."""
    for name, kind, known in (
        (model, "model", MODELS),
        (ci, "interval", INTERVALS),
        (prediction, "prediction interval", PREDICTIONS),
    ):
        if name not in known:
            raise UnknownNameError(name, kind, known, ", ".join(known))


def _weights(variance: ArrayLike, mask: ArrayLike | None, tau2: FloatArray) -> FloatArray:
    """Weights in the order of the input, each row summing to 1."""
    v = np.asarray(variance, dtype=np.float64)
    present = np.ones(v.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    v = np.where(present, v, np.inf)
    # Relative to the smallest, so that tiny variances do not overflow.
    w = (v.min(axis=1) + tau2)[:, None] / (v + tau2[:, None])
    return np.asarray(w / w.sum(axis=1, keepdims=True))
