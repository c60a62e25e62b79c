"""Fail-safe numbers: how many unpublished null results would undo a pooled one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray, as_rows, checked_batch
from hcckb.pooling.heterogeneity import checked_level

METHODS = ("Rosenthal", "Orwin", "Rosenberg")
_CAUTION = "A fail-safe number assumes that missing studies found nothing on average, and ignores heterogeneity."


@dataclass(frozen=True, slots=True, kw_only=True)
class FailSafe:
    """A fail-safe number of studies.

    Attributes
    ----------
    method : str
        "Rosenthal", "Orwin" or "Rosenberg".
    k, number : int
        Studies there are; null studies that would have to be added, 0 where the result is undone already.
    alpha : float or None
        Level of the test; None for Orwin.
    p_value : float or None
        P value of the studies there are: one-sided for Rosenthal, two-sided for Rosenberg.
    average, target : float or None
        Orwin's mean estimate, and what it is to be brought down to.
    note : str
        How far it can be trusted.
    """

    method: str
    k: int
    number: int
    alpha: float | None
    p_value: float | None
    average: float | None
    target: float | None
    note: str


def fail_safe(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    method: str = "Rosenthal",
    alpha: float = 0.05,
    target: float | None = None,
    weighted: bool = False,
) -> FailSafe:
    r"""Count the null studies that would undo a result.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    method : {"Rosenthal", "Orwin", "Rosenberg"}
        Significance by combined z (Rosenthal) or by the common-effect mean (Rosenberg); size of the mean (Orwin).
    alpha : float
        Level at which the result stops being significant.
    target : float, optional
        Orwin's mean that no longer matters, on the analysis scale and of the sign of the mean; half of the mean
        by default.

    weighted : bool
        Whether Orwin's mean has inverse-variance weights.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If the target is 0 or on the other side of the mean, or the input is not valid.

    Notes
    -----
    Rosenthal: :math:`N = (\sum z_i)^2 / z_\alpha^2 - k` with :math:`z_i = y_i / \sqrt{v_i}`, one-sided. Orwin:
    :math:`N = k (\bar y - y_c) / y_c` with the plain mean, as in the source, or the weighted one. Rosenberg:
    :math:`N = (\sum w_i y_i)^2 / (z_{\alpha/2}^2 \bar w) - k`, :math:`w_i = 1 / v_i`, two-sided. All are rounded up.

    Source: Rosenthal 1979, Psychol Bull 86:638-641, doi:10.1037/0033-2909.86.3.638; Orwin 1983, J Educ Stat
    8:157-159, doi:10.3102/10769986008002157; Rosenberg 2005, Evolution 59:464-468,
    doi:10.1111/j.0014-3820.2005.tb01004.x. Against its use: Becker 2005, in Rothstein et al., Publication Bias in
    Meta-Analysis, ch. 7.

    Examples
    --------
    >>> fail_safe([-0.4, -0.3, -0.5], [0.01, 0.02, 0.03]).number
    27
    """
    if method not in METHODS:
        raise UnknownNameError(method, "fail-safe number", METHODS, ", ".join(METHODS))
    alpha = checked_level(alpha)
    rows_y, rows_v = as_rows(estimate, variance)
    if rows_y.size == 0:
        raise EmptySelectionError("there is no estimate to undo. Widen the selection.")
    checked_batch(rows_y, rows_v)
    y, v = rows_y[0], rows_v[0]
    if method == "Orwin":
        return _orwin(y, 1.0 / v if weighted else np.ones(len(y)), target)
    k, w = len(y), 1.0 / v
    if method == "Rosenthal":
        z, critical = abs(float(np.sum(y / np.sqrt(v)))) / math.sqrt(k), float(-ndtri(alpha))
        p_value = float(ndtr(-z))
    else:
        z, critical = abs(float(w @ y)) / math.sqrt(float(w.sum())), float(-ndtri(alpha / 2))
        p_value = 2 * float(ndtr(-z))
    number = k * (z / critical) ** 2 - k
    return FailSafe(
        method=method,
        k=k,
        number=_up(number),
        alpha=alpha,
        p_value=p_value,
        average=None,
        target=None,
        note=_CAUTION,
    )


def _orwin(y: FloatArray, w: FloatArray, target: float | None) -> FailSafe:
    mean = float(w @ y / w.sum())
    wanted = mean / 2 if target is None else float(target)
    if not math.isfinite(wanted) or (target is not None and wanted * mean <= 0):
        raise PoolingError(f"the target {wanted} does not lie between 0 and the mean {mean}. Give one that does.")
    return FailSafe(
        method="Orwin",
        k=len(y),
        number=0 if mean == 0 else _up(len(y) * (mean - wanted) / wanted),
        alpha=None,
        p_value=None,
        average=mean,
        target=wanted,
        note=_CAUTION,
    )


def _up(number: float) -> int:
    """Round up to a number of studies; what rounding lifts above a whole number stays there."""
    return max(0, math.ceil(number - 1e-9 * max(1.0, abs(number))))
