"""Evidence table in, Bayesian random-effects result out, on the scale of the measure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hcckb.analysis.pool import pool
from hcckb.analysis.scales import scale_of
from hcckb.errors import UsageError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.bayes import BayesPooled, Summary, bayes_pool
from hcckb.pooling.priors import TauPrior, rhodes2015, tau_prior, turner2015
from hcckb.results import PooledResult, PooledRow

PRIOR_NAMES = ("half-normal", "half-cauchy", "exponential", "uniform", "log-normal", "log-t", "jeffreys", "flat")
PUBLISHED = ("turner2015", "rhodes2015")
#: Scale of a half-normal, half-Cauchy or exponential prior where none is given; it suits log and logit scales.
DEFAULT_SCALE = 0.5
_LOG_LIKE = ("log", "logit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A posterior on the scale of the measure: its median, equal-tailed and shortest limits.

    The shortest interval is shortest on the analysis scale.
    """

    estimate: float
    ci_lower: float
    ci_upper: float
    shortest_lower: float
    shortest_upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrunkenRow:
    """One study: what it reports, and its true effect in the light of all (scale of the measure).

    `weight` is the posterior mean of its share in the mean effect; `mean` and `sd` are on the analysis scale.
    """

    study: str
    year: int | None
    value: float
    value_lower: float
    value_upper: float
    estimate: float
    ci_lower: float
    ci_upper: float
    mean: float | None
    sd: float | None
    weight: float
    source: str
    estimate_iri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesResult:
    """The Bayesian answer beside the frequentist one.

    Attributes
    ----------
    pooled : PooledResult
        The frequentist result of the same rows; names measure, endpoint, scale and provenance.
    prior : TauPrior
        Of tau.
    mu, new : Effect
        Mean effect, and true effect of a new study, on the scale of the measure.
    threshold : float or None
        What counts as benefit, on the scale of the measure: an effect below this.
    rows : tuple of ShrunkenRow
        One per study.
    fitted : BayesPooled
        Everything on the analysis scale, with the distributions themselves.
    notes : tuple of str
        What to know of the priors.
    """

    pooled: PooledResult
    prior: TauPrior
    mu: Effect
    new: Effect
    threshold: float | None
    rows: tuple[ShrunkenRow, ...]
    fitted: BayesPooled
    notes: tuple[str, ...]


def named_prior(
    name: str = "half-normal",
    *,
    scale: float | None = None,
    location: float | None = None,
    df: float | None = None,
    about: tuple[str, str] | None = None,
) -> TauPrior:
    """Make the prior of tau that a command line names.

    Parameters
    ----------
    name : str
        One of `PRIOR_NAMES` or `PUBLISHED`.
    scale : float, optional
        Scale, mean (exponential) or upper end (uniform); 0.5 for the first three when left out.
    location, df : float, optional
        For "log-normal" and "log-t"; df is 5 when left out.
    about : tuple of str, optional
        Outcome and comparison for "turner2015".

    Raises
    ------
    UsageError
        If an option is missing, or given to a prior that has none.
    UnknownNameError, PoolingError
        As :func:`hcckb.pooling.priors.tau_prior`.
    """
    if name in PUBLISHED:
        if (scale, location, df) != (None, None, None):
            raise UsageError(f"--prior {name} brings its own numbers: leave --prior-scale, -location and -df out.")
        return turner2015(*about or ("general", "general")) if name == "turner2015" else rhodes2015()
    if about is not None:
        raise UsageError("--prior-outcome and --prior-comparison are for --prior turner2015.")
    if name in ("jeffreys", "flat"):
        return tau_prior(name)
    if name in ("log-normal", "log-t"):
        if location is None or scale is None:
            raise UsageError(f"--prior {name} needs --prior-location and --prior-scale, of ln tau squared.")
        return tau_prior(name, location, scale, *((df or 5.0,) if name == "log-t" else ()))
    if name == "uniform" and scale is None:
        raise UsageError("--prior uniform needs --prior-scale: the largest tau it allows.")
    return tau_prior(name, DEFAULT_SCALE if scale is None else scale)


def bayes(
    table: EvidenceTable,
    *,
    prior: TauPrior | None = None,
    mu_prior: tuple[float, float] | None = None,
    threshold: float | None = None,
    **method: str | float,
) -> BayesResult:
    """Pool an evidence table in the normal-normal model with priors.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    prior : TauPrior, optional
        Of the heterogeneity; half-normal of scale 0.5 by default, on log and logit scales only.
    mu_prior : tuple of float, optional
        Mean and SD of a normal prior of the mean effect, on the analysis scale (log ratios); flat when left out.
    threshold : float, optional
        What counts as benefit, on the scale of the measure: 0.8 for a hazard ratio of at most 0.8.
    **method
        As for :func:`hcckb.analysis.pool.pool`, for the frequentist result beside; `level` for both.

    Raises
    ------
    UsageError
        If there is no prior for a scale that has no default, or a threshold that the scale does not have.
    PoolingError, ConvergenceError
        As :func:`hcckb.analysis.pool.pool` and :func:`hcckb.pooling.bayes.bayes_pool`.
    """
    pooled = pool(table, **method)
    if prior is None:
        if pooled.scale not in _LOG_LIKE:
            raise UsageError(f"no prior of tau suits every {pooled.measure}: give --prior-scale, in its own units.")
        prior = tau_prior("half-normal", DEFAULT_SCALE)
    fitted = bayes_pool(
        [row.analysis_value for row in pooled.rows],
        [row.se**2 for row in pooled.rows],
        prior=prior,
        mu_prior=mu_prior,
        threshold=_analysis_threshold(pooled, threshold),
        level=pooled.level,
    )
    rows = [_row(pooled, i, row, fitted) for i, row in enumerate(pooled.rows)]
    return BayesResult(
        pooled=pooled,
        prior=prior,
        mu=_effect(pooled, fitted.mu),
        new=_effect(pooled, fitted.new),
        threshold=threshold,
        rows=tuple(rows),
        fitted=fitted,
        notes=_notes(pooled, fitted),
    )


def back(pooled: PooledResult, value: float) -> float:
    """Turn a number on the analysis scale of a result into one on the scale of its measure."""
    return scale_of(pooled).back(min(value, 700.0) if pooled.scale == "log" else value)


def _analysis_threshold(pooled: PooledResult, threshold: float | None) -> float:
    if threshold is None:
        return 0.0
    if pooled.scale == "log":
        if threshold <= 0:
            raise UsageError(f"--threshold {threshold:g}: a {pooled.measure} is above 0. Write 0.8, not its logarithm.")
        return math.log(threshold)
    if pooled.scale == "logit":
        if not 0 < threshold < 1:
            raise UsageError(f"--threshold {threshold:g}: a proportion lies between 0 and 1.")
        return math.log(threshold / (1 - threshold))
    if pooled.scale != "identity":
        raise UsageError(f"--threshold is not for the {pooled.scale} scale. Pool with --transform logit.")
    return threshold


def _effect(pooled: PooledResult, summary: Summary) -> Effect:
    return Effect(
        estimate=back(pooled, summary.median),
        ci_lower=back(pooled, summary.ci_lower),
        ci_upper=back(pooled, summary.ci_upper),
        shortest_lower=back(pooled, summary.shortest_lower),
        shortest_upper=back(pooled, summary.shortest_upper),
    )


def _row(pooled: PooledResult, index: int, row: PooledRow, fitted: BayesPooled) -> ShrunkenRow:
    effect = _effect(pooled, fitted.studies[index])
    return ShrunkenRow(
        study=row.study,
        year=row.year,
        value=row.value,
        value_lower=row.ci_lower,
        value_upper=row.ci_upper,
        estimate=effect.estimate,
        ci_lower=effect.ci_lower,
        ci_upper=effect.ci_upper,
        mean=fitted.studies[index].mean,
        sd=fitted.studies[index].sd,
        weight=float(fitted.weights[index]),
        source=row.source,
        estimate_iri=row.estimate_iri,
    )


def _notes(pooled: PooledResult, fitted: BayesPooled) -> tuple[str, ...]:
    notes = []
    if fitted.tau_prior.source.startswith("Turner") and pooled.measure != "odds-ratio":
        notes.append(f"The prior was learned from log odds ratios; here it is borrowed for a {pooled.measure}.")
    if fitted.tau_prior.source.startswith("Rhodes") and not pooled.measure.startswith("standardised"):
        notes.append(
            f"The prior was learned from standardised mean differences; here it is lent to a {pooled.measure}."
        )
    prior_sd = fitted.tau_prior.centre if fitted.tau_prior.name == "half-normal" else None
    if pooled.k < 5 and prior_sd is not None:
        notes.append(f"With k = {pooled.k} the prior of tau weighs heavily: see what others give (--prior-scale).")
    return tuple(notes)
