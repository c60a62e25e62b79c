"""Step-function selection models: the mean once selection by P value is allowed for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr

from hcckb.errors import ConvergenceError, PoolingError, UnknownNameError
from hcckb.pooling.batch import BoolArray, FloatArray
from hcckb.pooling.bias import bias_note, checked_studies
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.heterogeneity import tau2 as estimate_tau2
from hcckb.pooling.intervals import quantile
from hcckb.pooling.selection_likelihood import Maximum, Selected, climb, selected

ALTERNATIVES = ("greater", "less")
MODELS = ("random", "common")
VEVEA_WOODS_STEPS = (0.005, 0.01, 0.05, 0.10, 0.25, 0.35, 0.50, 0.65, 0.75, 0.90, 0.95, 0.99, 0.995)
VEVEA_WOODS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "moderate-one-tailed": (1, 0.99, 0.95, 0.80, 0.75, 0.65, 0.60, 0.55, 0.50, 0.50, 0.50, 0.50, 0.50, 0.50),
        "severe-one-tailed": (1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.40, 0.35, 0.30, 0.25, 0.10, 0.10, 0.10, 0.10),
        "moderate-two-tailed": (1, 0.99, 0.95, 0.90, 0.80, 0.75, 0.60, 0.60, 0.75, 0.80, 0.90, 0.95, 0.99, 1.00),
        "severe-two-tailed": (1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.25, 0.25, 0.50, 0.60, 0.75, 0.90, 0.99, 1.00),
    }
)
"""Weights of publication fixed beforehand, one for each interval of `VEVEA_WOODS_STEPS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionModel:
    """Result of a step-function selection model, on the analysis scale.

    Attributes
    ----------
    model, alternative : str
        "random" or "common"; "greater" or "less", the direction whose small P values are published more.
    steps : tuple of float
        Upper ends of the intervals of one-sided P values; the last is 1.
    counts : tuple of int
        Estimates in each interval.
    k : int
        Number of estimates.
    level, estimate, se, ci_lower, ci_upper, statistic, p_value
        The adjusted mean with its normal interval.
    tau2 : float
        Between-study variance before selection, by maximum likelihood.
    weights, weights_se : ndarray, shape (m,)
        Chance of publication in each interval, relative to the first; standard errors are 0 where fixed.
    fixed : bool
        Whether the weights were given and not estimated.
    log_likelihood : float
        Of the model, with all constants.
    unadjusted_estimate, unadjusted_tau2 : float
        Maximum likelihood without selection.
    lrt, lrt_df, lrt_p_value
        Likelihood ratio test of no selection; None where the weights are fixed.
    note : str
        How far it can be trusted.
    """

    model: str
    alternative: str
    steps: tuple[float, ...]
    counts: tuple[int, ...]
    k: int
    level: float
    estimate: float
    se: float
    ci_lower: float
    ci_upper: float
    statistic: float
    p_value: float
    tau2: float
    weights: FloatArray
    weights_se: FloatArray
    fixed: bool
    log_likelihood: float
    unadjusted_estimate: float
    unadjusted_tau2: float
    lrt: float | None
    lrt_df: int | None
    lrt_p_value: float | None
    note: str


def selection_model(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    steps: Sequence[float] = (0.025,),
    weights: Sequence[float] | None = None,
    alternative: str | None = None,
    model: str = "random",
    level: float = 0.95,
) -> SelectionModel:
    r"""Fit a step-function selection model by maximum likelihood.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    steps : sequence of float
        Cut points of the one-sided P value, in (0, 1), ascending; 1 may be left out. One cut point at 0.025
        makes the three-parameter model.
    weights : sequence of float, optional
        Fixed chance of publication in each interval, one more than there are cut points below 1, e.g.
        ``VEVEA_WOODS["severe-one-tailed"]`` with `VEVEA_WOODS_STEPS`. Estimated when left out.
    alternative : {"greater", "less"}, optional
        Direction whose small P values are published more; that of the unadjusted mean by default.
    model : {"random", "common"}
        "common" fixes tau2 at 0.
    level : float
        Level of the interval.

    Raises
    ------
    UnknownNameError
        If there is no such alternative or model.
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If k < 3, the steps or weights are not valid, or, for estimated weights, an interval holds no estimate.
    ConvergenceError
        If no maximum is found or it is flat: often so with few studies.

    Notes
    -----
    :math:`L = \prod_i \delta_{j(i)} \phi(y_i; \mu, v_i + \tau^2) / \int \delta_{j(u)} \phi(u; \mu, v_i + \tau^2) du`,
    j the interval of the one-sided P value :math:`1 - \Phi(y_i / \sqrt{v_i})` and :math:`\delta_1 = 1`. Newton
    steps with exact derivatives from several starts, tau2 bounded by 0; the highest maximum wins. The standard
    error follows from the observed information; where tau2 = 0 it takes that as known. The test of no selection
    is twice the difference of log likelihoods, chi-squared with as many degrees of freedom as free weights.

    Source: Hedges 1992, Stat Sci 7:246-255, doi:10.1214/ss/1177011364; Vevea & Hedges 1995, Psychometrika
    60:419-435, doi:10.1007/BF02294384; fixed weights: Vevea & Woods 2005, Psychol Methods 10:428-443,
    doi:10.1037/1082-989X.10.4.428.

    Examples
    --------
    >>> y, v = [0.2, 0.35, 0.1, 0.5, 0.42, 0.31], [0.02, 0.03, 0.05, 0.04, 0.03, 0.01]
    >>> found = selection_model(y, v, steps=[0.025])
    >>> round(found.estimate, 3), round(found.lrt_p_value, 3)
    (0.224, 0.193)
    """
    level = checked_level(level)
    cuts = _checked_steps(steps)
    for name, kind, known in ((model, "selection model", MODELS), (alternative or "less", "alternative", ALTERNATIVES)):
        if name not in known:
            raise UnknownNameError(name, kind, known, ", ".join(known))
    y, v = checked_studies(estimate, variance)
    fixed = _checked_weights(weights, len(cuts))
    half = int(np.frexp(np.median(v))[1]) // 2
    y, v, unit = np.ldexp(y, -half), np.ldexp(v, -2 * half), float(np.ldexp(1.0, half))
    plain = _plain(y, v, model)
    direction = alternative or ("greater" if plain.point[0] >= 0 else "less")
    sign = 1.0 if direction == "greater" else -1.0
    data = selected(sign * y, v, cuts)
    if fixed is None:
        _refuse_empty(data, cuts, direction)
    best = _best(data, np.array([sign * plain.point[0], plain.point[1]]), fixed, model)
    return SelectionModel(
        model=model,
        alternative=direction,
        steps=tuple(float(c) for c in cuts),
        counts=tuple(int(n) for n in data.counts),
        k=len(y),
        level=level,
        **_mean(best, sign * unit, level),
        tau2=float(best.point[1]) * unit**2,
        **_weights(best, fixed),
        fixed=fixed is not None,
        log_likelihood=best.value - len(y) * (0.5 * math.log(2.0 * math.pi) + math.log(unit)),
        unadjusted_estimate=float(plain.point[0]) * unit,
        unadjusted_tau2=float(plain.point[1]) * unit**2,
        **_ratio_test(best, plain, 0 if fixed is not None else len(cuts) - 1),
        note=bias_note(len(y)),
    )


def _mean(best: Maximum, unit: float, level: float) -> dict[str, Any]:
    """Give the adjusted mean with its normal interval and test; `unit` has the sign of the direction."""
    value, se = float(best.point[0]) * unit, float(np.sqrt(best.covariance[0, 0])) * abs(unit)
    reach = float(quantile(np.array([np.inf]), level)[0]) * se
    return {
        "estimate": value,
        "se": se,
        "ci_lower": value - reach,
        "ci_upper": value + reach,
        "statistic": value / se,
        "p_value": 2.0 * float(ndtr(-abs(value / se))),
    }


def _weights(best: Maximum, fixed: FloatArray | None) -> dict[str, Any]:
    """Give the weights with the standard errors that follow from those of their logs."""
    delta = np.exp(np.concatenate([[0.0], best.point[2:]])) if fixed is None else fixed
    return {
        "weights": delta,
        "weights_se": delta * np.concatenate([[0.0], np.sqrt(np.diag(best.covariance)[2:])]),
    }


def _ratio_test(best: Maximum, plain: Maximum, df: int) -> dict[str, Any]:
    """Test no selection by the likelihood ratio, with one degree of freedom for each free weight."""
    if not df:
        return {"lrt": None, "lrt_df": None, "lrt_p_value": None}
    lrt = max(0.0, 2.0 * (best.value - plain.value))
    return {"lrt": lrt, "lrt_df": df, "lrt_p_value": float(chdtrc(df, lrt))}


def _checked_steps(steps: Sequence[float]) -> FloatArray:
    """Return the cut points with 1 at their end."""
    cuts = np.asarray(steps, dtype=np.float64).ravel()
    if cuts.size and cuts[-1] == 1.0:
        cuts = cuts[:-1]
    if not cuts.size or not ((cuts > 0) & (cuts < 1)).all() or (np.diff(cuts) <= 0).any():
        told = ", ".join(f"{c:g}" for c in np.asarray(steps, dtype=np.float64).ravel())
        raise PoolingError(f"steps {told or '(none)'} do not ascend within (0, 1). Give e.g. 0.025, 0.5.")
    return np.append(cuts, 1.0)


def _checked_weights(weights: Sequence[float] | None, intervals: int) -> FloatArray | None:
    if weights is None:
        return None
    given = np.asarray(weights, dtype=np.float64).ravel()
    if len(given) != intervals or not (np.isfinite(given) & (given > 0)).all():
        raise PoolingError(f"{len(given)} weights for {intervals} intervals: give one for each, all above 0.")
    ratios: FloatArray = given / given[0]
    return ratios


def _refuse_empty(data: Selected, cuts: FloatArray, direction: str) -> None:
    empty = np.flatnonzero(data.counts == 0)
    if empty.size:
        j = int(empty[0])
        lower = 0.0 if j == 0 else float(cuts[j - 1])
        raise PoolingError(
            f"no estimate has a one-sided P ({direction}) in ({lower:g}, {cuts[j]:g}]: its weight cannot be estimated. "
            "Take other steps, or fixed weights."
        )


def _plain(y: FloatArray, v: FloatArray, model: str) -> Maximum:
    """Maximum likelihood without selection, as a selection model whose weights are all 1."""
    tau2 = 0.0 if model == "common" else estimate_tau2(y, v, method="ML")
    w = 1.0 / (v + tau2)
    mean = float(w @ y / w.sum())
    value = -0.5 * float(np.sum(np.log(v + tau2) + w * (y - mean) ** 2))
    return Maximum(np.array([mean, tau2]), value, np.zeros((2, 2)))


def _best(data: Selected, plain: FloatArray, fixed: FloatArray | None, model: str) -> Maximum:
    """Climb from several starts and return the highest maximum."""
    m = data.intervals
    free: BoolArray = np.ones(m + 1, dtype=bool)
    free[1] = model == "random"
    free[2:] = fixed is None
    log_weights = np.zeros(m - 1) if fixed is None else np.log(fixed[1:])
    mean, tau2 = float(plain[0]), float(plain[1])
    typical = float(np.median(data.v))
    between = (tau2, 0.25 * typical, 4.0 * tau2 + typical) if model == "random" else (0.0,)
    found: list[Maximum] = []
    failure: ConvergenceError | None = None
    for mu, extra in [(mu, extra) for mu in (mean, 0.5 * mean, 0.0) for extra in between]:
        try:
            found.append(climb(data, np.concatenate([[mu, extra], log_weights]), free))
        except ConvergenceError as error:
            failure = error
    if not found:
        raise failure or ConvergenceError("the selection model found no maximum. Take other steps.")
    return max(found, key=lambda maximum: maximum.value)
