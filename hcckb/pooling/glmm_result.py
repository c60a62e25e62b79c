"""The result of a mixed model on counts, and how it is put together from the fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, ndtri, stdtrit

from hcckb.pooling.marginal import MarginalFit, MixedCounts, State, fit_random

BoolArray = NDArray[np.bool_]
#: First values of tau; the highest of the maxima reached counts.
STARTS = (0.2, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlmmPooled:
    """What a mixed model says, on the log (odds) scale.

    Attributes
    ----------
    measure : str
        "odds-ratio", "incidence-rate-ratio", "proportion" or "incidence-rate".
    form : str or None
        One of `FORMS`; None for single arms.
    level : float
        Level of all intervals.
    k : int
        Number of studies the likelihood depends on.
    kept : ndarray of bool
        Which of the given studies these are.
    estimate, se, ci_lower, ci_upper, statistic, p_value : float
        Mean effect (log odds or rate ratio, logit, log rate), its standard error from the observed information, Wald
        interval and test of 0.
    prediction_lower, prediction_upper : float or None
        Where the true effect of a new study lies, by t with k - 2 df; None below three studies.
    tau2 : float
        Variance of the effect between studies, by maximum likelihood.
    sigma2 : float or None
        Variance of the control arm's log odds or rate between studies, under "um-rs" only.
    log_likelihood, aic : float
        With all constants, of the random-effects model.
    estimate_common, se_common, ci_lower_common, ci_upper_common, log_likelihood_common : float
        The same model with tau2 = 0.
    lrt, lrt_p_value : float, float
        Likelihood ratio test of tau2 = 0, its P halved since tau2 lies on its boundary.
    nodes : int
        Quadrature nodes per random effect; 1 where tau2 is 0 and nothing is integrated.
    warnings : tuple of str
        What was left out, by name.
    """

    measure: str
    form: str | None
    level: float
    k: int
    kept: BoolArray
    estimate: float
    se: float
    ci_lower: float
    ci_upper: float
    statistic: float
    p_value: float
    prediction_lower: float | None
    prediction_upper: float | None
    tau2: float
    sigma2: float | None
    log_likelihood: float
    aic: float
    estimate_common: float
    se_common: float
    ci_lower_common: float
    ci_upper_common: float
    log_likelihood_common: float
    lrt: float
    lrt_p_value: float
    nodes: int
    warnings: tuple[str, ...]


def fitted(
    model: MixedCounts, start: State, asked: tuple[str, str | None, float], kept: BoolArray, dropped: Sequence[str]
) -> GlmmPooled:
    """Fit a model and put the numbers in their places.

    Parameters
    ----------
    model : MixedCounts
        Of the studies that tell something.
    start : State
        First values.
    asked : tuple
        Measure, form and level.
    kept : ndarray of bool
        Which of the studies given are in the model.
    dropped : sequence of str
        Names of the others.

    Raises
    ------
    ConvergenceError
        As `hcckb.pooling.marginal.fit_random`.
    """
    measure, form, level = asked
    k = len(model.offset)
    common, best = fit_random(model, start, STARTS if k > 1 else ())
    z = float(ndtri((1 + level) / 2))
    estimate, se = _effect(best)
    estimate0, se0 = _effect(common)
    tau2 = float(best.state.scale[-1] ** 2)
    lrt = max(0.0, 2 * (best.log_likelihood - common.log_likelihood))
    half = float(stdtrit(k - 2, (1 + level) / 2)) * math.sqrt(tau2 + se**2) if k > 2 else None
    parameters = len(start.alpha) + len(start.beta) + len(start.scale)
    return GlmmPooled(
        measure=measure,
        form=form,
        level=level,
        k=k,
        kept=kept,
        estimate=estimate,
        se=se,
        ci_lower=estimate - z * se,
        ci_upper=estimate + z * se,
        statistic=estimate / se,
        p_value=float(2 * ndtr(-abs(estimate / se))),
        prediction_lower=None if half is None else estimate - half,
        prediction_upper=None if half is None else estimate + half,
        tau2=tau2,
        sigma2=float(best.state.scale[0] ** 2) if form == "um-rs" else None,
        log_likelihood=best.log_likelihood,
        aic=2 * (parameters - best.log_likelihood),
        estimate_common=estimate0,
        se_common=se0,
        ci_lower_common=estimate0 - z * se0,
        ci_upper_common=estimate0 + z * se0,
        log_likelihood_common=common.log_likelihood,
        lrt=lrt,
        lrt_p_value=0.5 * float(chdtrc(1, lrt)) if lrt > 0 else 1.0,
        nodes=best.nodes,
        warnings=_told(dropped),
    )


def _effect(fit: MarginalFit) -> tuple[float, float]:
    return float(fit.state.beta[0]), math.sqrt(float(fit.covariance[0, 0]))


def _told(dropped: Sequence[str]) -> tuple[str, ...]:
    if not dropped:
        return ()
    return (
        f"Left out, since such a study says nothing in this model (no event, or nothing else): {', '.join(dropped)}.",
    )
