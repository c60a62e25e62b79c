"""Tests for small-study effects from 2x2 tables, where the error of an odds ratio hangs on its value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtr

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.bias import bias_note, kendall, thompson_sharp
from hcckb.pooling.counts import Counts, count_effects, observed_minus_expected
from hcckb.pooling.raw import mantel_haenszel
from hcckb.pooling.weighted_line import fit_line

WEIGHTS = ("inverse-variance", "pooled")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTest:
    """One test for small-study effects from 2x2 tables.

    `bias` is the slope of the regression or Kendall's S of the rank test, `se` its standard error, `df` = k - 2
    for a t test and infinite for a normal one. `predictor` names what the effect is held against.
    `limit_estimate` is the log odds ratio where the predictor is 0, None where that has no meaning. The
    one-sided P looks in the direction observed.
    """

    method: str
    predictor: str
    k: int
    df: float
    bias: float
    se: float
    statistic: float
    p_value: float
    p_value_one_sided: float
    limit_estimate: float | None
    note: str


def harbord(counts: Counts) -> CountTest:
    r"""Harbord's modified test: regression of the efficient score on its information.

    Parameters
    ----------
    counts : Counts
        2x2 tables; those in which every participant or none had the event tell nothing and are left out.

    Raises
    ------
    PoolingError
        If fewer than three tables tell anything, all have the same information, or all lie on a line.

    Notes
    -----
    :math:`Z_i / V_i = \beta_0 + \beta_1 / \sqrt{V_i}` with weights :math:`V_i` and a dispersion factor, where
    :math:`Z_i = a_i - E(a_i)` and :math:`V_i` its hypergeometric variance under no effect; t with k - 2
    degrees of freedom. Peto's log odds ratio stands in place of the log odds ratio, whose standard error is
    tied to it.

    Source: Harbord, Egger & Sterne 2006, Stat Med 25:3443-3457, doi:10.1002/sim.2380.

    Examples
    --------
    >>> from hcckb.pooling.counts import two_arms
    >>> tables = two_arms([4, 6, 3, 62], [123, 306, 231, 13598], [11, 29, 11, 248], [139, 303, 220, 12867])
    >>> round(harbord(tables).statistic, 3)
    0.574
    """
    tables = _informative(counts)
    z, v = observed_minus_expected(tables)
    return _regression("Harbord", "1 / sqrt(V)", z / v, 1.0 / np.sqrt(v), v, meaning=True)


def peters(counts: Counts) -> CountTest:
    r"""Peters' test: regression of the log odds ratio on the inverse of the number of participants.

    Parameters
    ----------
    counts : Counts
        2x2 tables. The log odds ratio has 0.5 added to each cell of a table with a zero; the weights have not.

    Raises
    ------
    PoolingError
        As `harbord`; equal sizes in place of equal information.

    Notes
    -----
    :math:`\ln OR_i = \beta_0 + \beta_1 / n_i` with weights :math:`(1 / e_i + 1 / (n_i - e_i))^{-1}`, e the events
    and n the participants of both arms, and a dispersion factor; t with k - 2 degrees of freedom.

    Source: Peters et al. 2006, JAMA 295:676-680, doi:10.1001/jama.295.6.676.
    """
    tables, estimate, _ = _log_odds(counts)
    return _regression("Peters", "1 / n", estimate, 1.0 / tables.total, _pooled_weight(tables), meaning=True)


def macaskill(counts: Counts, *, weights: str = "inverse-variance") -> CountTest:
    r"""Macaskill's test: regression of the log odds ratio on the number of participants.

    Parameters
    ----------
    counts : Counts
        2x2 tables, as for `peters`.
    weights : {"inverse-variance", "pooled"}
        "inverse-variance": 1 / v (the paper's FIV, which meta has). "pooled": that of `peters` (its FPV), which
        does not hang on the effect.

    Raises
    ------
    PoolingError
        As `peters`.
    UnknownNameError
        If there are no such weights.

    Notes
    -----
    :math:`\ln OR_i = \beta_0 + \beta_1 n_i`; t with k - 2 degrees of freedom.

    Source: Macaskill, Walter & Irwig 2001, Stat Med 20:641-654, doi:10.1002/sim.698.
    """
    if weights not in WEIGHTS:
        raise UnknownNameError(weights, "weight of Macaskill's test", WEIGHTS, ", ".join(WEIGHTS))
    tables, estimate, variance = _log_odds(counts)
    weight = _pooled_weight(tables) if weights == "pooled" else 1.0 / variance
    return _regression(f"Macaskill, {weights}", "n", estimate, tables.total, weight, meaning=False)


def deeks(counts: Counts) -> CountTest:
    r"""Deeks' test: regression of the log odds ratio on the inverse root of the effective sample size.

    Made for diagnostic odds ratios; it fits any 2x2 table.

    Parameters
    ----------
    counts : Counts
        2x2 tables, as for `peters`.

    Raises
    ------
    PoolingError
        As `peters`.

    Notes
    -----
    :math:`\ln OR_i = \beta_0 + \beta_1 / \sqrt{m_i}` with weights :math:`m_i = 4 n_{1i} n_{2i} / n_i` and a
    dispersion factor; t with k - 2 degrees of freedom.

    Source: Deeks, Macaskill & Irwig 2005, J Clin Epidemiol 58:882-893, doi:10.1016/j.jclinepi.2005.01.016.
    """
    tables, estimate, _ = _log_odds(counts)
    size = 4.0 * tables.n1 * tables.n2 / tables.total
    return _regression("Deeks", "1 / sqrt(effective n)", estimate, 1.0 / np.sqrt(size), size, meaning=True)


def schwarzer(counts: Counts) -> CountTest:
    r"""Schwarzer's rank test of the standardised events of the experimental arm against their variance.

    Parameters
    ----------
    counts : Counts
        2x2 tables; those in which every participant or none had the event tell nothing and are left out.

    Raises
    ------
    PoolingError
        If fewer than three tables tell anything, the Mantel-Haenszel odds ratio is 0 or infinite, or all ranks
        are equal.

    Notes
    -----
    Kendall's S between :math:`(a_i - E_i) / \sqrt{V_i}` and :math:`V_i^{-1}`, E and V being the mean and variance
    of the noncentral hypergeometric distribution of :math:`a_i` under the Mantel-Haenszel odds ratio; normal
    approximation without continuity correction.

    Source: Schwarzer, Antes & Schumacher 2007, Stat Med 26:721-733, doi:10.1002/sim.2588.
    """
    tables = _informative(counts)
    odds = mantel_haenszel(tables, "odds-ratio").estimate
    mean, variance = (np.array(column) for column in zip(*map(_noncentral, _cells(tables, odds)), strict=True))
    rank = kendall((tables.a - mean) / np.sqrt(variance), 1.0 / variance)
    statistic = rank.score / rank.se
    tail = float(ndtr(-abs(statistic)))
    return CountTest(
        method="Schwarzer",
        predictor="rank of 1 / V",
        k=len(tables),
        df=np.inf,
        bias=float(rank.score),
        se=rank.se,
        statistic=statistic,
        p_value=2 * tail,
        p_value_one_sided=tail,
        limit_estimate=None,
        note=bias_note(len(tables)),
    )


def rucker(counts: Counts) -> CountTest:
    r"""Rücker's test: Thompson and Sharp's regression of arcsine differences.

    Parameters
    ----------
    counts : Counts
        2x2 tables; none is left out or corrected, whatever its zeros.

    Raises
    ------
    PoolingError
        If there are fewer than three tables, or all have the same standard error.

    Notes
    -----
    :math:`\arcsin\sqrt{a_i / n_{1i}} - \arcsin\sqrt{c_i / n_{2i}}` on its standard error
    :math:`\sqrt{1 / (4 n_{1i}) + 1 / (4 n_{2i})}`, which does not hang on the events, with weights
    :math:`1 / (v_i + \tau^2)`, tau2 by moments; t with k - 2 degrees of freedom.

    Source: Rücker, Schwarzer & Carpenter 2008, Stat Med 27:746-763, doi:10.1002/sim.2971.
    """
    effects = count_effects(counts, "arcsine-difference").effects
    test = thompson_sharp(effects.estimate, effects.variance)
    return CountTest(
        method="Rücker",
        predictor="standard error of the arcsine difference",
        k=test.k,
        df=test.df,
        bias=test.bias,
        se=test.se,
        statistic=test.statistic,
        p_value=test.p_value,
        p_value_one_sided=test.p_value_one_sided,
        limit_estimate=None,
        note=test.note,
    )


def _informative(counts: Counts) -> Counts:
    """Return the tables that tell anything of an odds ratio, three at least."""
    tables = counts.take(~counts.double_zero)
    if len(tables) < 3:
        raise PoolingError(
            f"a test of asymmetry needs at least 3 tables with events and non-events, got {len(tables)}. "
            "Widen the selection."
        )
    return tables


def _log_odds(counts: Counts) -> tuple[Counts, FloatArray, FloatArray]:
    tables = _informative(counts)
    effects = count_effects(tables, "odds-ratio").effects
    return tables, effects.estimate, effects.variance


def _pooled_weight(tables: Counts) -> FloatArray:
    events = tables.a + tables.c
    return events * ((tables.total - events) / tables.total)


def _regression(
    method: str, predictor: str, y: FloatArray, x: FloatArray, weight: FloatArray, *, meaning: bool
) -> CountTest:
    line = fit_line(y, x, weight)
    return CountTest(
        method=method,
        predictor=predictor,
        k=len(y),
        df=line.df,
        bias=line.slope,
        se=line.slope_se,
        statistic=line.statistic,
        p_value=line.p_value,
        p_value_one_sided=line.p_value / 2,
        limit_estimate=line.intercept if meaning else None,
        note=bias_note(len(y)),
    )


def _cells(tables: Counts, odds: float) -> list[tuple[float, float, float, float]]:
    """Return the margins of each table with the log odds ratio."""
    events = tables.a + tables.c
    return [(float(n1), float(n2), float(e), odds) for n1, n2, e in zip(tables.n1, tables.n2, events, strict=True)]


def _noncentral(margins: tuple[float, float, float, float]) -> tuple[float, float]:
    """Mean and variance of a cell of a 2x2 table with these margins, at a log odds ratio."""
    n1, n2, events, odds = margins
    a = np.arange(max(0.0, events - n2), min(n1, events) + 1.0)
    ways = -(gammaln(a + 1) + gammaln(n1 - a + 1) + gammaln(events - a + 1) + gammaln(n2 - events + a + 1))
    height = ways + a * odds
    chance = np.exp(height - height.max())
    chance /= chance.sum()
    mean = float(chance @ a)
    return mean, float(chance @ (a - mean) ** 2)
