"""Bayesian random-effects pooling: the normal-normal model by numerical integration, without sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import PoolingError
from hcckb.pooling.batch import as_rows, checked_batch
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.mixtures import NormalMixture, mixture_interval, shortest_interval
from hcckb.pooling.posterior import NormalModel, TauPosterior, tau_posterior
from hcckb.pooling.priors import TauPrior, tau_prior

FloatArray = NDArray[np.float64]
DEFAULT_PRIOR = tau_prior("half-normal", 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A posterior distribution in numbers, on the analysis scale.

    Attributes
    ----------
    mean, sd : float or None
        None where infinite or not defined.
    median, mode : float
        Middle and peak.
    ci_lower, ci_upper : float
        Equal-tailed interval.
    shortest_lower, shortest_upper : float
        Shortest (highest density) interval.
    """

    mean: float | None
    sd: float | None
    median: float
    mode: float
    ci_lower: float
    ci_upper: float
    shortest_lower: float
    shortest_upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesPooled:
    """What the data and the priors say of k studies, on the analysis scale.

    Attributes
    ----------
    k, level : int, float
        Number of studies; level of all intervals.
    tau_prior : TauPrior
        Prior of the heterogeneity.
    mu_prior : tuple of float or None
        Mean and SD of the normal prior of mu; None for a flat one.
    mu, tau, new : Summary
        Mean effect, heterogeneity (a standard deviation), and true effect of a new study.
    studies : tuple of Summary
        True effect of each study in the light of all (shrinkage), in the order given.
    weights : ndarray, shape (k,)
        Posterior mean of each study's weight in mu; together with the prior's weight they sum to 1.
    threshold : float
        What counts as benefit: an effect below this.
    mu_below_zero, mu_below_threshold, new_below_zero, new_below_threshold : float
        Posterior probabilities.
    log_marginal_likelihood : float or None
        Log of the probability density of the data; None if a prior is improper.
    bayes_factor_mu_zero : float or None
        How many times likelier the data are under mu = 0 than under mu free; None under a flat prior of mu.
    bayes_factor_tau_zero : float or None
        The same for tau = 0; None where the prior of tau is improper or its density at 0 is 0.
    mu_posterior, new_posterior, tau_posterior : NormalMixture, NormalMixture, TauPosterior
        The distributions, with `density`, `below` and `quantile`.
    """

    k: int
    level: float
    tau_prior: TauPrior
    mu_prior: tuple[float, float] | None
    mu: Summary
    tau: Summary
    new: Summary
    studies: tuple[Summary, ...]
    weights: FloatArray
    threshold: float
    mu_below_zero: float
    mu_below_threshold: float
    new_below_zero: float
    new_below_threshold: float
    log_marginal_likelihood: float | None
    bayes_factor_mu_zero: float | None
    bayes_factor_tau_zero: float | None
    mu_posterior: NormalMixture
    new_posterior: NormalMixture
    tau_posterior: TauPosterior


def bayes_pool(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    prior: TauPrior = DEFAULT_PRIOR,
    mu_prior: tuple[float, float] | None = None,
    threshold: float = 0.0,
    level: float = 0.95,
) -> BayesPooled:
    r"""Pool estimates in the normal-normal hierarchical model with priors on mu and tau.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale (log HR, log OR, mean difference) and their sampling variances.
    prior : TauPrior
        From `hcckb.pooling.priors`; half-normal of scale 0.5 by default, which suits log ratios only.
    mu_prior : tuple of float, optional
        Mean and SD of a normal prior of mu; flat when left out.
    threshold : float
        Effects below count as benefit in `mu_below_threshold` and `new_below_threshold`.
    level : float
        Level of all intervals, in (0, 1).

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If shapes differ, a number is not finite, a variance not positive, or the posterior is improper: one
        study with a flat prior of mu and a heavy-tailed prior of tau.
    ConvergenceError
        If the integral over tau does not reach 1e-12.

    Notes
    -----
    :math:`y_i \mid \mu, \tau \sim N(\mu, v_i + \tau^2)`, :math:`w_i = 1 / (v_i + \tau^2)`. Given tau, mu is normal
    with precision :math:`\sum w_i + s_0^{-2}` and mean :math:`(\sum w_i y_i + m_0 s_0^{-2})` over it; the marginal
    likelihood of tau is closed. So every posterior is a mixture of normals over tau, and one integral in
    :math:`\ln\tau` is done by Gauss-Legendre panels (`tau_posterior`). The true effect of study i given tau is
    normal with mean :math:`(1 - b_i) y_i + b_i E(\mu \mid \tau)`, :math:`b_i = v_i / (v_i + \tau^2)`, and variance
    :math:`b_i \tau^2 + b_i^2 Var(\mu \mid \tau)`. Bayes factors are ratios of posterior to prior density at 0
    (Savage and Dickey). Moments that do not exist are None: under a flat prior of mu the posteriors fall as a power.

    Sources: Röver 2020, J Stat Softw 93(6), doi:10.18637/jss.v093.i06; Röver & Friede 2017, J Comput Graph Stat
    26:217-222, doi:10.1080/10618600.2016.1276840.

    Examples
    --------
    >>> b = bayes_pool([-0.46, -0.27, -0.34], [0.0136, 0.0093, 0.0127])
    >>> round(b.mu.median, 3), round(b.mu.ci_lower, 3), round(b.mu.ci_upper, 3), round(b.mu_below_zero, 3)
    (-0.35, -0.656, -0.055, 0.983)
    """
    level, threshold = checked_level(level), _finite(threshold, "threshold")
    y, v = _checked(estimate, variance)
    mean0, sd0 = _checked_mu_prior(mu_prior)
    model = NormalModel(y, v, prior, mean0, sd0)
    posterior = tau_posterior(model)
    mean, var = model.conditional(posterior.tau)
    mu, new = posterior.mixture(mean, var), posterior.mixture(mean, var + posterior.tau**2)
    normal = math.inf
    tails = model.tail if sd0 is None else normal
    return BayesPooled(
        k=len(y),
        level=level,
        tau_prior=prior,
        mu_prior=None if sd0 is None else (mean0, sd0),
        mu=_summary(mu, tails, level),
        tau=_tau_summary(posterior, level),
        new=_summary(new, model.tail, level),
        studies=tuple(_summary(m, normal, level) for m in _studies(posterior, mean, var)),
        weights=_weights(posterior, var),
        threshold=threshold,
        mu_below_zero=mu.below(0.0),
        mu_below_threshold=mu.below(threshold),
        new_below_zero=new.below(0.0),
        new_below_threshold=new.below(threshold),
        log_marginal_likelihood=posterior.log_norm if sd0 is not None and prior.proper else None,
        bayes_factor_mu_zero=None if sd0 is None else _at_zero(mu) / _normal_density(mean0, sd0),
        bayes_factor_tau_zero=_tau_zero(posterior),
        mu_posterior=mu,
        new_posterior=new,
        tau_posterior=posterior,
    )


def _checked(estimate: ArrayLike, variance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    rows = as_rows(estimate, variance)
    checked_batch(*rows)
    return rows[0][0], rows[1][0]


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise PoolingError(f"{name} {value!r} is not a finite number. Give it on the analysis scale.")
    return float(value)


def _checked_mu_prior(mu_prior: tuple[float, float] | None) -> tuple[float, float | None]:
    if mu_prior is None:
        return 0.0, None
    mean, sd = mu_prior
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
        raise PoolingError(f"the normal prior of mu needs a finite mean and an SD above 0, not {mean!r} and {sd!r}.")
    return float(mean), float(sd)


def _summary(mixture: NormalMixture, tail: float, level: float) -> Summary:
    """Describe a mixture whose density falls as x ** -tail."""
    mean = float(mixture.weight @ mixture.mean)
    variance = float(mixture.weight @ (mixture.sd**2 + (mixture.mean - mean) ** 2))
    shortest = mixture_interval(mixture, level)
    return Summary(
        mean=mean if tail > 2 else None,
        sd=math.sqrt(variance) if tail > 3 else None,
        median=mixture.quantile(0.5),
        mode=mixture.mode(),
        ci_lower=mixture.quantile((1 - level) / 2),
        ci_upper=mixture.quantile((1 + level) / 2),
        shortest_lower=shortest[0],
        shortest_upper=shortest[1],
    )


def _tau_summary(posterior: TauPosterior, level: float) -> Summary:
    mean, square = posterior.mean(), posterior.mean(2.0)
    sd = None
    if mean is not None and square is not None:
        sd = math.sqrt(float(posterior.weight @ (posterior.tau - mean) ** 2))
    shortest = shortest_interval(posterior, level)
    return Summary(
        mean=mean,
        sd=sd,
        median=posterior.quantile(0.5),
        mode=posterior.mode(),
        ci_lower=posterior.quantile((1 - level) / 2),
        ci_upper=posterior.quantile((1 + level) / 2),
        shortest_lower=shortest[0],
        shortest_upper=shortest[1],
    )


def _studies(posterior: TauPosterior, mean: FloatArray, variance: FloatArray) -> list[NormalMixture]:
    """Posterior of each study's true effect."""
    square, found = posterior.tau**2, []
    for y, v in zip(posterior.model.y, posterior.model.v, strict=True):
        pull = v / (v + square)
        own = square / (v + square)
        found.append(posterior.mixture(own * y + pull * mean, pull * square + pull**2 * variance))
    return found


def _weights(posterior: TauPosterior, variance: FloatArray) -> FloatArray:
    """Posterior mean of each study's share of the precision of mu."""
    square = posterior.tau**2
    shares = [posterior.weight @ (variance / (v + square)) for v in posterior.model.v]
    return np.asarray(shares, dtype=np.float64)


def _at_zero(mixture: NormalMixture) -> float:
    return float(mixture.density(np.asarray(0.0)))


def _normal_density(mean: float, sd: float) -> float:
    return math.exp(-0.5 * (mean / sd) ** 2) / (sd * math.sqrt(2 * math.pi))


def _tau_zero(posterior: TauPosterior) -> float | None:
    before = posterior.model.prior.density_at_zero()
    return None if before is None else float(posterior.density(np.asarray(0.0))) / before
