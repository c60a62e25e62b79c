"""Random-effects models on the counts themselves: binomial-normal and Poisson-normal, without continuity correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.counts import Counts, checked_counts
from hcckb.pooling.families import Binomial, Family, Hypergeometric, Poisson
from hcckb.pooling.glmm_result import GlmmPooled, fitted
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.marginal import MixedCounts, State
from hcckb.pooling.times import checked_times

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
FORMS = ("cm-el", "cm-al", "um-fs", "um-rs")
RATE_FORMS = ("cm-el", "um-fs", "um-rs")
CODINGS = (0.5, 1.0)


def glmm_odds_ratio(counts: Counts, form: str = "cm-el", *, coding: float = 0.5, level: float = 0.95) -> GlmmPooled:
    r"""Pool odds ratios in a logistic model with random effects; tables with zeros count as they are.

    Parameters
    ----------
    counts : Counts
        From `hcckb.pooling.counts.two_arms`.
    form : {"cm-el", "cm-al", "um-fs", "um-rs"}
        Conditional on the margins with the exact (non-central hypergeometric) or the approximate (binomial) likelihood;
        unconditional with fixed or with random study effects.
    coding : {0.5, 1.0}
        Unconditional forms: whether the random effect enters as +1/2 and -1/2 in the two arms, or only in the
        experimental one.
    level : float
        Level of all intervals, in (0, 1).

    Raises
    ------
    EmptySelectionError
        If there is no table.
    PoolingError
        If no table tells anything, or the estimate is infinite: one arm has no event (or only events) in all.
    UnknownNameError
        If there is no such form.
    ConvergenceError
        If the likelihood does not reach its maximum.

    Notes
    -----
    With :math:`\theta_i \sim N(\mu, \tau^2)` the log odds ratio of study i:

    - um-fs: :math:`\mathrm{logit}\, p_{i1,i2} = \alpha_i \pm \theta_i / 2`, :math:`\alpha_i` fixed (with `coding` 0.5)
    - um-rs: the same with :math:`\alpha_i \sim N(\alpha, \sigma^2)`, independent of :math:`\theta_i`
    - cm-el: events of the experimental arm given both margins, non-central hypergeometric in :math:`\theta_i`
    - cm-al: binomial(a + c) with log odds :math:`\ln(n_1 / n_2) + \theta_i`; good where events are rare

    Double zeros say nothing but in "um-rs" and are left out elsewhere, with a warning. Maximum likelihood: tau2 is
    biased low when k is small. "um-fs" has one more parameter per study.

    Sources: Stijnen, Hamza & Özdemir 2010, Stat Med 29:3046-3067, doi:10.1002/sim.4040; Turner et al. 2000, Stat
    Med 19:3417-3432; van Houwelingen, Zwinderman & Stijnen 1993, Stat Med 12:2273-2284; Jackson et al.
    2018, Stat Med 37:1059-1085, doi:10.1002/sim.7588 (their models 4, 5, 7 and, for `coding` 1, 2 and 3).

    Examples
    --------
    >>> from hcckb.pooling.counts import two_arms
    >>> p = glmm_odds_ratio(two_arms([4, 6, 3], [123, 306, 231], [11, 29, 11], [139, 303, 220]))
    >>> round(p.estimate, 3), round(p.se, 3), p.tau2
    (-1.416, 0.316, 0.0)
    """
    _known(form, FORMS)
    level = checked_level(level)
    if len(counts) == 0:
        raise EmptySelectionError("there is no table to pool. Give at least one study.")
    kept = np.ones(len(counts), dtype=bool) if form == "um-rs" else ~counts.double_zero
    if counts.double_zero.all():
        raise PoolingError("every table is a double zero: both arms have no event, or nothing but events.")
    used = counts.take(kept)
    told = used.take(~used.double_zero)
    _refuse_infinite((told.a == 0) | (told.d == 0), (told.b == 0) | (told.c == 0), "odds ratio")
    start = _log_odds(used.a.sum(), used.b.sum()) - _log_odds(used.c.sum(), used.d.sum())
    if form == "cm-el":
        model, state = _single(Hypergeometric(used.a, used.n1, used.c, used.n2), np.zeros(len(used)), start)
    elif form == "cm-al":
        law = Binomial(used.a[:, None], (used.a + used.c)[:, None])
        model, state = _single(law, np.log(used.n1 / used.n2), start)
    else:
        law = Binomial(np.stack([used.a, used.c], axis=1), np.stack([used.n1, used.n2], axis=1))
        alpha = _log_odds(used.a + used.c, used.b + used.d) - 0.5 * start
        model, state = _two_rows(law, alpha, start, form, coding)
    names = [counts.name(int(i)) for i in np.flatnonzero(~kept)]
    return fitted(model, state, ("odds-ratio", form, level), kept, names)


def glmm_rate_ratio(  # noqa: PLR0913 - two arms of two columns, and keywords
    events_experimental: ArrayLike,
    time_experimental: ArrayLike,
    events_comparator: ArrayLike,
    time_comparator: ArrayLike,
    form: str = "cm-el",
    *,
    coding: float = 0.5,
    level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> GlmmPooled:
    r"""Pool incidence rate ratios in a Poisson model with random effects.

    Parameters
    ----------
    events_experimental, time_experimental, events_comparator, time_comparator : array_like, shape (k,)
        Events and person-time of each arm.
    form : {"cm-el", "um-fs", "um-rs"}
        As `glmm_odds_ratio`; given the events of both arms those of one are binomial with log odds
        :math:`\ln(t_1 / t_2) + \theta_i`, exactly.
    coding, level : float
        As `glmm_odds_ratio`.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    EmptySelectionError, PoolingError, UnknownNameError, ConvergenceError
        As `glmm_odds_ratio`, or if a time is not above 0.

    Notes
    -----
    Source: Stijnen, Hamza & Özdemir 2010, Stat Med 29:3046-3067, doi:10.1002/sim.4040.

    Examples
    --------
    >>> p = glmm_rate_ratio([2, 5, 9], [100, 220, 310], [6, 9, 14], [105, 215, 300])
    >>> round(p.estimate, 3), p.tau2
    (-0.61, 0.0)
    """
    _known(form, RATE_FORMS)
    level = checked_level(level)
    a, t1 = checked_times(events_experimental, time_experimental, labels)
    c, t2 = checked_times(events_comparator, time_comparator, labels)
    if len(a) != len(c):
        raise PoolingError(
            f"{len(a)} experimental and {len(c)} comparator arms make no pairs. Give both of each study."
        )
    if len(a) == 0:
        raise EmptySelectionError("there is no study to pool. Give at least one.")
    kept = np.ones(len(a), dtype=bool) if form == "um-rs" else (a + c) > 0
    informed = (a + c) > 0
    if not informed.any():
        raise PoolingError("no study has an event. A rate ratio needs some.")
    _refuse_infinite(a[informed] == 0, c[informed] == 0, "rate ratio")
    names = [labels[int(i)] if labels is not None else f"study {i}" for i in np.flatnonzero(~kept)]
    a, t1, c, t2 = a[kept], t1[kept], c[kept], t2[kept]
    start = float(np.log((a.sum() + 0.5) / t1.sum()) - np.log((c.sum() + 0.5) / t2.sum()))
    if form == "cm-el":
        model, state = _single(Binomial(a[:, None], (a + c)[:, None]), np.log(t1 / t2), start)
    else:
        law = Poisson(np.stack([a, c], axis=1), np.stack([t1, t2], axis=1))
        model, state = _two_rows(law, np.log((a + c + 0.5) / (t1 + t2)) - 0.5 * start, start, form, coding)
    return fitted(model, state, ("incidence-rate-ratio", form, level), kept, names)


def glmm_proportion(
    events: ArrayLike, n: ArrayLike, *, level: float = 0.95, labels: Sequence[str] | None = None
) -> GlmmPooled:
    r"""Pool proportions of single arms in a logistic model with a random intercept.

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Participants with the event, and all participants; arms with 0 or only events count as they are.
    level : float
        Level of all intervals, in (0, 1).
    labels : sequence of str, optional
        Names of the studies, for messages.

    Returns
    -------
    GlmmPooled
        On the logit scale: expit(estimate) is the proportion in a study of average logit (the median study).

    Raises
    ------
    EmptySelectionError, PoolingError, ConvergenceError
        As `glmm_odds_ratio`.

    Notes
    -----
    :math:`x_i \sim \mathrm{Bin}(n_i, p_i)`, :math:`\mathrm{logit}\, p_i \sim N(\mu, \tau^2)`.

    Sources: Stijnen, Hamza & Özdemir 2010, Stat Med 29:3046-3067, doi:10.1002/sim.4040; Schwarzer et al. 2019, Res
    Synth Methods 10:476-483, doi:10.1002/jrsm.1348 (why rather than the double arcsine).

    Examples
    --------
    >>> p = glmm_proportion([0, 3, 10], [12, 20, 25])
    >>> round(p.estimate, 3), round(p.tau2, 3)
    (-1.713, 1.13)
    """
    level = checked_level(level)
    x, size = checked_counts({"events": events, "n": n}, labels)
    if len(x) == 0:
        raise EmptySelectionError("there is no arm to pool. Give at least one study.")
    if x.sum() == 0 or (x == size).all():
        raise PoolingError(
            "no arm has an event, or all have nothing else: the pooled logit is infinite. Give the range."
        )
    model, state = _single(Binomial(x[:, None], size[:, None]), np.zeros(len(x)), _log_odds(x.sum(), (size - x).sum()))
    return fitted(model, state, ("proportion", None, level), np.ones(len(x), dtype=bool), [])


def glmm_rate(
    events: ArrayLike, time: ArrayLike, *, level: float = 0.95, labels: Sequence[str] | None = None
) -> GlmmPooled:
    r"""Pool incidence rates of single arms in a Poisson model with a random intercept.

    Parameters
    ----------
    events, time : array_like, shape (k,)
        Events and person-time.
    level : float
        Level of all intervals, in (0, 1).
    labels : sequence of str, optional
        Names of the studies, for messages.

    Returns
    -------
    GlmmPooled
        On the log scale: exp(estimate) is the rate in a study of average log rate.

    Raises
    ------
    EmptySelectionError, PoolingError, ConvergenceError
        As `glmm_odds_ratio`.

    Notes
    -----
    :math:`x_i \sim \mathrm{Poisson}(t_i e^{\theta_i})`, :math:`\theta_i \sim N(\mu, \tau^2)`.

    Source: Stijnen, Hamza & Özdemir 2010, Stat Med 29:3046-3067, doi:10.1002/sim.4040.

    Examples
    --------
    >>> p = glmm_rate([0, 3, 10], [120, 200, 250])
    >>> round(p.estimate, 3), round(p.tau2, 3)
    (-4.131, 0.502)
    """
    level = checked_level(level)
    x, t = checked_times(events, time, labels)
    if len(x) == 0:
        raise EmptySelectionError("there is no arm to pool. Give at least one study.")
    if x.sum() == 0:
        raise PoolingError("no arm has an event: the pooled log rate is infinite. Give an upper limit instead.")
    model, state = _single(Poisson(x[:, None], t[:, None]), np.zeros(len(x)), float(np.log(x.sum() / t.sum())))
    return fitted(model, state, ("incidence-rate", None, level), np.ones(len(x), dtype=bool), [])


def _known(form: str, forms: Sequence[str]) -> None:
    if form not in forms:
        raise UnknownNameError(form, "form of the mixed model", forms, ", ".join(forms))


def _log_odds(events: ArrayLike, others: ArrayLike) -> FloatArray:
    return np.asarray(np.log((np.asarray(events) + 0.5) / (np.asarray(others) + 0.5)))


def _refuse_infinite(lowest: BoolArray, highest: BoolArray, what: str) -> None:
    """Refuse data in which every study that tells anything lies at the same end of what its margins allow."""
    if lowest.all() or highest.all():
        raise PoolingError(
            f"the {what} is {'0' if lowest.all() else 'infinite'}: every study lies at the same end of its range. "
            "Pool risk differences, or take a continuity correction."
        )


def _single(law: Family, offset: FloatArray, start: ArrayLike) -> tuple[MixedCounts, State]:
    """Give a model of one row per study: eta = offset + mu + tau u."""
    ones = np.ones((len(offset), 1, 1))
    model = MixedCounts(law, offset[:, None], ones, ones, own_intercept=False)
    return model, State(np.zeros(0), np.atleast_1d(np.asarray(start, dtype=np.float64)), np.zeros(1))


def _two_rows(law: Family, alpha: FloatArray, start: ArrayLike, form: str, coding: float) -> tuple[MixedCounts, State]:
    """Give a model of both arms: eta = alpha_i + mu x + tau u z, alpha_i fixed or random."""
    if coding not in CODINGS:
        raise PoolingError(f"coding {coding!r} must be 0.5 (both arms) or 1.0 (experimental arm only).")
    k = len(alpha)
    z = np.array([0.5, -0.5]) if coding == 0.5 else np.array([1.0, 0.0])
    effect, constant = np.tile(z[:, None], (k, 1, 1)), np.ones((k, 2, 1))
    mu = np.atleast_1d(np.asarray(start, dtype=np.float64))
    if coding == 0.5:
        alpha = alpha + 0.5 * mu
    if form == "um-fs":
        return MixedCounts(law, np.zeros((k, 2)), effect, effect, own_intercept=True), State(alpha, mu, np.zeros(1))
    model = MixedCounts(
        law,
        np.zeros((k, 2)),
        np.concatenate([effect, constant], axis=2),
        np.concatenate([constant, effect], axis=2),
        False,
    )
    spread = max(float(np.std(alpha)), 0.2)
    return model, State(np.zeros(0), np.array([mu[0], float(alpha.mean())]), np.array([spread, 0.0]))
