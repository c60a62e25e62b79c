"""Trim and fill: how many studies a symmetric funnel lacks, and the result with them filled in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hcckb.errors import ConvergenceError, PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray, as_rows, checked_batch
from hcckb.pooling.mixed import fit_mixed
from hcckb.pooling.pairwise import Pooled, pool
from hcckb.pooling.residual import residual_tau2

ESTIMATORS = ("L0", "R0")
SIDES = ("left", "right")
MAX_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimFill:
    """Result of trim and fill, on the analysis scale.

    Attributes
    ----------
    estimator, side : str
        How the number was estimated ("L0", "R0"), and on which side of the funnel studies are missing.
    k, k0 : int
        Number of studies, and of those that were filled in.
    se_k0 : float or None
        Standard error of the number missing; None where its variance formula gives none.
    p_k0 : float or None
        P value of no missing study; only R0 has one.
    pooled, adjusted : Pooled
        The result without and with the filled studies; the same where k0 = 0.
    filled_estimate, filled_variance : ndarray, shape (k0,)
        The mirror images that were added.
    note : str
        How far it can be trusted.
    """

    estimator: str
    side: str
    k: int
    k0: int
    se_k0: float | None
    p_k0: float | None
    pooled: Pooled
    adjusted: Pooled
    filled_estimate: FloatArray
    filled_variance: FloatArray
    note: str


def trim_and_fill(  # noqa: PLR0913 - the options of pool
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    estimator: str = "L0",
    side: str | None = None,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
) -> TrimFill:
    r"""Estimate the number of missing studies and pool with their mirror images.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    estimator : {"L0", "R0"}
        Estimator of the number missing.
    side : {"left", "right"}, optional
        Where studies are missing. When left out: right if the slope of Egger's regression, with the
        residual tau2 of the same estimator, is negative, else left.
    model, tau2, ci, level
        As in `pool_many`; the trimming pools by the same model.

    Returns
    -------
    TrimFill
        A sensitivity analysis: its adjusted estimate is not a corrected one.

    Raises
    ------
    PoolingError
        If k < 3, all standard errors are equal and no side is given, all estimates that are left after
        trimming are equal (R0), or as `pool`.
    UnknownNameError
        If `estimator`, `side`, or an option of `pool` is no such name.
    ConvergenceError
        If the number of missing studies does not settle, or tau2 does not converge.

    Notes
    -----
    Studies are ordered by estimate and the k0 on the far side left out of the mean; :math:`r_i` are the
    ranks of :math:`|y_i - \hat\mu|` among all k (ties in order). :math:`L_0 = (4 S - k (k + 1)) / (2 k - 1)`
    with S the sum of ranks above the mean; :math:`R_0 = k - \max_{y_i < \hat\mu} r_i - 1`. Both are
    rounded (half to even) and bounded below by 0, until they repeat. :math:`P = 2^{-(R_0 + 1)}`.

    Source: Duval & Tweedie 2000, Biometrics 56:455-463, doi:10.1111/j.0006-341X.2000.00455.x, and
    J Am Stat Assoc 95:89-98, doi:10.1080/01621459.2000.10473905; the choice of side is metafor's.

    Examples
    --------
    >>> found = trim_and_fill([-0.2, -0.3, -0.5, -0.9, -1.4], [0.01, 0.02, 0.05, 0.1, 0.2], model="common")
    >>> found.side, found.k0, round(found.pooled.estimate, 3), round(found.adjusted.estimate, 3)
    ('right', 2, -0.33, -0.265)
    """
    _check_names(estimator, side)
    y, v = as_rows(estimate, variance)
    k = int(checked_batch(y, v).k[0])
    if k < 3:
        raise PoolingError(f"trim and fill needs at least 3 estimates, got {k}. Widen the selection.")
    y, v = y[0], v[0]
    pooled = pool(y, v, model=model, tau2=tau2, ci=ci, level=level)
    side = side or _side(y, v, model, tau2)
    sign = -1.0 if side == "right" else 1.0
    order = np.lexsort((v, sign * y))
    ys, vs = sign * y[order], v[order]
    k0, se, mean = _missing(ys, vs, estimator, model, tau2)
    filled = sign * (2.0 * mean - ys[k - k0 :])
    spread = vs[k - k0 :].copy()
    adjusted = pooled
    if k0:
        both = np.concatenate([y, filled]), np.concatenate([v, spread])
        adjusted = pool(*both, model=model, tau2=tau2, ci=ci, level=level)
    return TrimFill(
        estimator=estimator,
        side=side,
        k=k,
        k0=k0,
        se_k0=se,
        p_k0=0.5 ** (k0 + 1) if estimator == "R0" else None,
        pooled=pooled,
        adjusted=adjusted,
        filled_estimate=filled,
        filled_variance=spread,
        note="The filled studies are not data: read the change of the estimate, not the adjusted estimate.",
    )


def _check_names(estimator: str, side: str | None) -> None:
    """Raise for a name that does not exist; `pool` checks the others."""
    if estimator not in ESTIMATORS:
        raise UnknownNameError(estimator, "estimator of trim and fill", ESTIMATORS, ", ".join(ESTIMATORS))
    if side is not None and side not in SIDES:
        raise UnknownNameError(side, "side of the funnel", SIDES, ", ".join(SIDES))


def _side(y: FloatArray, v: FloatArray, model: str, tau2: str) -> str:
    """Choose the side by the sign of Egger's slope."""
    se = np.sqrt(v)
    if np.ptp(se) <= 1e-10 * se.max():
        raise PoolingError("all standard errors are equal: their slope names no side. Name one with side=.")
    y = y - y[np.argmin(v)]
    design = np.column_stack([np.ones(len(y)), se])
    extra = residual_tau2(y, v, design, tau2) if model == "random" else 0.0
    return "right" if fit_mixed(y, v + extra, design, "common").beta[1] < 0 else "left"


def _missing(y: FloatArray, v: FloatArray, estimator: str, model: str, tau2: str) -> tuple[int, float | None, float]:
    """Iterate the number missing on the left of ascending estimates; also its standard error and the mean."""
    k, k0 = len(y), 0
    for _ in range(MAX_STEPS):
        mean = pool(y[: k - k0], v[: k - k0], model=model, tau2=tau2, ci="wald").estimate
        away = y - mean
        rank = np.empty(k)
        rank[np.argsort(np.abs(away), kind="stable")] = np.arange(1, k + 1)
        following, se = _rank_estimate(np.sign(away) * rank, estimator)
        if following == k0:
            return k0, se, mean
        k0 = following
    raise ConvergenceError(
        f"the number of missing studies did not settle in {MAX_STEPS} steps. Try the other estimator or side."
    )


def _rank_estimate(signed: FloatArray, estimator: str) -> tuple[int, float | None]:
    """Return the number missing, from signed ranks, with its standard error."""
    k = len(signed)
    if estimator == "R0":
        if not (signed < 0).any():
            raise PoolingError("the estimates left after trimming are equal: R0 has no answer. Take L0.")
        k0 = max(0, round(k + float(signed[signed < 0].min()) - 1))
        return k0, float(np.sqrt(2 * k0 + 2))
    total = float(signed[signed > 0].sum())
    raw = (4 * total - k * (k + 1)) / (2 * k - 1)
    cubic = 10 * raw**3 + 27 * raw**2 + 17 * raw - 18 * k * raw**2 - 18 * k * raw + 6 * k**2 * raw
    variance = (k * (k + 1) * (2 * k + 1) + cubic) / 24
    return max(0, round(raw)), None if variance < 0 else float(4 * np.sqrt(variance) / (2 * k - 1))
