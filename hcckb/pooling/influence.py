"""How a pooled result hangs on single studies: leave-one-out, cumulative pooling, case deletion diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtr

from hcckb.errors import PoolingError
from hcckb.pooling.batch import BoolArray, FloatArray, as_rows, checked_batch
from hcckb.pooling.pairwise import Pooled, PooledMany, pool_many, row_of

# A deleted residual below this share of the estimates' size is rounding.
ROUNDING = 100 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """Case deletion diagnostics of one meta-analysis; arrays of shape (k,) in the order given.

    Attributes
    ----------
    pooled : Pooled
        The result with all studies.
    left_out : PooledMany
        Row i is the result without study i.
    rstudent : ndarray
        Deleted residual over its standard error.
    dffits : ndarray
        Change of the pooled estimate when the study is left out, in standard errors.
    cook_distance : ndarray
        Squared change of the pooled estimate over its squared standard error.
    covariance_ratio : ndarray
        Variance of the pooled estimate without the study over that with it; below 1 where the study
        costs precision.
    tau2_deleted, q_deleted : ndarray
        Between-study variance and Cochran's Q without the study.
    hat, weight : ndarray
        Leverage and share of the weight: the same number in a model without moderators.
    dfbetas : ndarray
        As `dffits`, with the standard error at the deleted tau2 over all studies.
    influential : ndarray of bool
        Whether any of metafor's four rules flags the study.
    """

    pooled: Pooled
    left_out: PooledMany
    rstudent: FloatArray
    dffits: FloatArray
    cook_distance: FloatArray
    covariance_ratio: FloatArray
    tau2_deleted: FloatArray
    q_deleted: FloatArray
    hat: FloatArray
    weight: FloatArray
    dfbetas: FloatArray
    influential: BoolArray


def leave_one_out(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
) -> PooledMany:
    """Pool k times, each time without one study.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    model, tau2, ci, level
        As in `pool_many`.

    Returns
    -------
    PooledMany
        Row i is the result without study i; ``weights[i, i]`` is 0.

    Raises
    ------
    PoolingError
        If k < 3, or as `pool_many`.
    UnknownNameError, ConvergenceError
        As `pool_many`.

    Examples
    --------
    >>> many = leave_one_out([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], model="common")
    >>> many.estimate.round(4).tolist(), many.k.tolist()
    ([0.4875, 0.3, 0.18], [2, 2, 2])
    """
    y, v = _studies(estimate, variance)
    k = len(y)
    return pool_many(*_repeated(y, v, k), ~np.eye(k, dtype=bool), model=model, tau2=tau2, ci=ci, level=level)


def cumulative(  # noqa: PLR0913 - the options of pool_many
    estimate: ArrayLike,
    variance: ArrayLike,
    order: ArrayLike,
    *,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
) -> PooledMany:
    """Pool the first study, the first two, ... up to all, in a given order.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    order : array_like of int, shape (k,)
        Indices of the studies in the order in which they enter, each once (``np.argsort(year)``).
    model, tau2, ci, level
        As in `pool_many`.

    Returns
    -------
    PooledMany
        Row j holds the first j + 1 studies; columns of `weights` stay in the order of the input.

    Raises
    ------
    PoolingError
        If k < 2, `order` is not a permutation of 0 to k - 1, or as `pool_many`.
    UnknownNameError, ConvergenceError
        As `pool_many`.

    Notes
    -----
    Source: Lau et al. 1992, N Engl J Med 327:248-254, doi:10.1056/NEJM199207233270406.

    Examples
    --------
    >>> many = cumulative([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], [2, 0, 1], model="common")
    >>> many.estimate.round(4).tolist(), many.k.tolist()
    ([0.8, 0.3, 0.3], [1, 2, 3])
    """
    y, v = _studies(estimate, variance, least=2)
    k = len(y)
    place = np.asarray(order)
    if place.shape != (k,) or not np.array_equal(np.sort(place), np.arange(k)):
        raise PoolingError(f"order must name each of 0 to {k - 1} once, got {place.tolist()}. Use numpy.argsort.")
    entered = np.empty(k, dtype=np.int64)
    entered[place] = np.arange(k)
    mask = entered[None, :] <= np.arange(k)[:, None]
    return pool_many(*_repeated(y, v, k), mask, model=model, tau2=tau2, ci=ci, level=level)


def influence(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
) -> Influence:
    r"""Measure what each study does to the pooled result.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    model, tau2, ci, level
        As in `pool_many`.

    Returns
    -------
    Influence
        Together with the results with all studies and without each.

    Raises
    ------
    PoolingError
        If k < 3, or as `pool_many`.
    UnknownNameError, ConvergenceError
        As `pool_many`.

    Notes
    -----
    :math:`(i)` marks what is computed without study i, tau2 included; :math:`s^2` is 1 for Wald's and the
    Hartung-Knapp factor for the other intervals; :math:`h_i = w_i / \sum w_j`.

    - rstudent :math:`(y_i - \hat\mu_{(i)}) / \sqrt{s^2_{(i)} (v_i + \tau^2_{(i)}) + se^2_{(i)}}`
    - DFFITS :math:`(\hat\mu - \hat\mu_{(i)}) / \sqrt{s^2_{(i)} h_i (v_i + \tau^2_{(i)})}`
    - DFBETAS :math:`(\hat\mu - \hat\mu_{(i)}) / \sqrt{s^2_{(i)} / \sum_j (v_j + \tau^2_{(i)})^{-1}}`
    - Cook's distance :math:`(\hat\mu - \hat\mu_{(i)})^2 / se^2`
    - covariance ratio :math:`se^2_{(i)} / se^2`

    A study is flagged where :math:`|DFFITS| > 3 / \sqrt{k - 1}`, the lower tail area of Cook's distance
    under chi-squared with one degree of freedom exceeds 0.5, :math:`h_i > 3 / k`, or
    :math:`|DFBETAS| > 1`: the rules of metafor's ``influence.rma.uni``. They are conventions, not tests.

    Source: Viechtbauer & Cheung 2010, Res Synth Methods 1:112-125, doi:10.1002/jrsm.11.

    Examples
    --------
    >>> found = influence([0.1, 0.3, 0.8, 0.2], [0.02, 0.03, 0.05, 0.01], ci="wald")
    >>> found.rstudent.round(2).tolist(), found.influential.tolist()
    ([-0.89, -0.07, 2.59, -0.46], [False, False, True, False])
    """
    y, v = _studies(estimate, variance)
    k = len(y)
    mask = np.vstack([np.ones((1, k), dtype=bool), ~np.eye(k, dtype=bool)])
    many = pool_many(*_repeated(y, v, k + 1), mask, model=model, tau2=tau2, ci=ci, level=level)
    full, out = row_of(many, 0), _without_first(many)
    change = full.estimate - out.estimate
    at_deleted = v[None, :] + out.tau2[:, None]
    own = np.diagonal(at_deleted)
    dispersion = out.se**2 * np.where(np.eye(k, dtype=bool), 0.0, 1.0 / at_deleted).sum(axis=1)
    residual = y - out.estimate
    residual = np.where(np.abs(residual) < ROUNDING * np.abs(y).max(), 0.0, residual)
    hat = full.weights
    dffits = change / np.sqrt(dispersion * hat * own)
    dfbetas = change * np.sqrt((1.0 / at_deleted).sum(axis=1) / dispersion)
    cook = (change / full.se) ** 2
    flags = (np.abs(dffits) > 3 / np.sqrt(k - 1)) | (chdtr(1, cook) > 0.5) | (hat > 3 / k) | (np.abs(dfbetas) > 1)
    return Influence(
        pooled=full,
        left_out=out,
        rstudent=residual / np.sqrt(dispersion * own + out.se**2),
        dffits=dffits,
        cook_distance=cook,
        covariance_ratio=(out.se / full.se) ** 2,
        tau2_deleted=out.tau2,
        q_deleted=out.q,
        hat=hat,
        weight=full.weights,
        dfbetas=dfbetas,
        influential=flags,
    )


def _studies(estimate: ArrayLike, variance: ArrayLike, least: int = 3) -> tuple[FloatArray, FloatArray]:
    """Return checked vectors of at least `least` studies."""
    y, v = as_rows(estimate, variance)
    k = int(checked_batch(y, v).k[0])
    if k < least:
        raise PoolingError(f"at least {least} estimates are needed to see what one of them does, got {k}.")
    return y[0], v[0]


def _repeated(y: FloatArray, v: FloatArray, times: int) -> tuple[FloatArray, FloatArray]:
    return np.broadcast_to(y, (times, len(y))), np.broadcast_to(v, (times, len(v)))


def _without_first(many: PooledMany) -> PooledMany:
    """Drop the first row."""
    rows: dict[str, Any] = {name: getattr(many, name) for name in PooledMany.__dataclass_fields__}
    rows.update({name: value[1:] for name, value in rows.items() if isinstance(value, np.ndarray)})
    return PooledMany(**rows)
