"""Common-effect pooling straight from the cells of 2x2 tables: Mantel-Haenszel and Peto."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError
from hcckb.pooling.counts import Counts, FloatArray, count_effects, observed_minus_expected
from hcckb.pooling.heterogeneity import checked_level


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPooled:
    """One estimate pooled from raw cells, on the analysis scale.

    Attributes
    ----------
    method, measure : str
        "mantel-haenszel" or "peto"; what was pooled.
    level : float
        Level of the interval.
    k : int
        Number of tables, double zeros included: to a risk difference they matter.
    estimate, se, ci_lower, ci_upper, statistic, p_value : float
        Natural logs for ratios; normal interval and two-sided P.
    q, df, q_p_value : float, int, float
        Test of heterogeneity; `df` is one less than the number of tables that have an effect.
    i2, h2 : float
        From Q; `i2` lies in [0, 1]. `h2` is NaN where df is 0.
    weights : ndarray, shape (k,)
        Share of each table, in the order given; they sum to 1.
    """

    method: str
    measure: str
    level: float
    k: int
    estimate: float
    se: float
    ci_lower: float
    ci_upper: float
    statistic: float
    p_value: float
    q: float
    df: int
    q_p_value: float
    i2: float
    h2: float
    weights: FloatArray


def mantel_haenszel(
    counts: Counts, measure: str, *, level: float = 0.95, difference_variance: str = "sato"
) -> RawPooled:
    r"""Pool 2x2 tables by Mantel and Haenszel's weights, without continuity correction.

    Parameters
    ----------
    counts : Counts
        From `hcckb.pooling.counts.two_arms`.
    measure : {"risk-ratio", "odds-ratio", "risk-difference"}
        What is pooled.
    level : float
        Level of the interval, in (0, 1).
    difference_variance : {"sato", "greenland-robins"}
        Variance of a risk difference; the other measures have one each.

    Raises
    ------
    EmptySelectionError
        If there is no table.
    PoolingError
        If all tables together have no event in an arm (or, for odds, nothing but events), or `level` is
        not in (0, 1).
    UnknownNameError
        If the measure or the variance is none of these.

    Notes
    -----
    With the letters of `count_effects` and sums over tables:

    - odds ratio: R/S, R = Σ ad/N, S = Σ bc/N; variance of the log by Robins, Breslow & Greenland 1986,
      Biometrics 42:311-323, doi:10.2307/2531052: Σ PR/(2R²) + Σ(PS + QR)/(2RS) + Σ QS/(2S²), P = (a + d)/N,
      Q = (b + c)/N
    - risk ratio: R/S, R = Σ a n2/N, S = Σ c n1/N; variance of the log Σ(n1 n2 (a + c)/N² - ac/N)/(RS) by
      Greenland & Robins 1985, Biometrics 41:55-68, doi:10.2307/2530643
    - risk difference: Σ(a n2 - c n1)/N / Σ n1 n2/N; variance by Sato, Greenland & Robins 1989, Biometrics
      45:1323-1324, as in metafor; RevMan and meta use that of Greenland & Robins 1985,
      Σ(ab n2³ + cd n1³)/(n1 n2 N²) / (Σ n1 n2/N)²

    Q = Σ w(y - estimate)² with y and w = 1/v of `count_effects`, which adds 0.5 to tables with a cell of 0 and
    drops double zeros, as metafor's rma.mh does.

    Examples
    --------
    >>> from hcckb.pooling.counts import two_arms
    >>> p = mantel_haenszel(two_arms([4, 6], [123, 306], [11, 29], [139, 303]), "odds-ratio")
    >>> round(p.estimate, 4), round(p.se, 4)
    (-1.4215, 0.3595)
    """
    level = checked_level(level)
    if measure not in _SUMS:
        raise UnknownNameError(measure, "measure for Mantel-Haenszel", tuple(_SUMS), ", ".join(_SUMS))
    if difference_variance not in _DIFFERENCE_VARIANCES:
        known = tuple(_DIFFERENCE_VARIANCES)
        raise UnknownNameError(difference_variance, "variance of a risk difference", known, ", ".join(known))
    _refuse_empty(counts)
    sums = _DIFFERENCE_VARIANCES[difference_variance] if measure == "risk-difference" else _SUMS[measure]
    estimate, variance, weights = sums(counts)
    q, df = 0.0, 0
    if np.sum(~counts.double_zero) > 1:
        each = count_effects(counts, measure, double_zero="drop").effects
        q, df = float(np.sum((each.estimate - estimate) ** 2 / each.variance)), len(each) - 1
    return _pooled("mantel-haenszel", measure, level, (estimate, variance), (q, df), weights)


def peto(counts: Counts, *, level: float = 0.95) -> RawPooled:
    r"""Pool odds ratios by Peto's one-step method.

    Parameters
    ----------
    counts : Counts
        From `hcckb.pooling.counts.two_arms`.
    level : float
        Level of the interval, in (0, 1).

    Raises
    ------
    EmptySelectionError
        If there is no table.
    PoolingError
        If every table is a double zero, or `level` is not in (0, 1).

    Notes
    -----
    :math:`\ln OR = \sum (O - E) / \sum V`, variance :math:`1 / \sum V`, :math:`Q = \sum (O - E)^2 / V - (\sum (O -
    E))^2 / \sum V` over tables with V > 0. Meant for rare events, arms of like size and small effects.

    Source: Yusuf et al. 1985, Prog Cardiovasc Dis 27:335-371, doi:10.1016/S0033-0620(85)80003-7.

    Examples
    --------
    >>> from hcckb.pooling.counts import two_arms
    >>> p = peto(two_arms([4, 6], [123, 306], [11, 29], [139, 303]))
    >>> round(p.estimate, 4), round(p.se, 4)
    (-1.2401, 0.2912)
    """
    level = checked_level(level)
    _refuse_empty(counts)
    difference, v = observed_minus_expected(counts)
    total = float(v.sum())
    if total <= 0:
        raise PoolingError("no table has both participants with and without the event. Pool risk differences instead.")
    estimate = float(difference.sum()) / total
    told = v > 0
    q = float(np.sum(difference[told] ** 2 / v[told])) - float(difference.sum()) ** 2 / total
    return _pooled("peto", "peto-odds-ratio", level, (estimate, 1 / total), (max(0.0, q), int(told.sum()) - 1), v)


def _refuse_empty(counts: Counts) -> None:
    if len(counts) == 0:
        raise EmptySelectionError("there is no table to pool. Give at least one study.")


def _pooled(
    method: str,
    measure: str,
    level: float,
    effect: tuple[float, float],
    heterogeneity: tuple[float, int],
    weights: FloatArray,
) -> RawPooled:
    (estimate, variance), (q, df) = effect, heterogeneity
    se = float(np.sqrt(variance))
    half = float(ndtri((1 + level) / 2)) * se
    return RawPooled(
        method=method,
        measure=measure,
        level=level,
        k=len(weights),
        estimate=estimate,
        se=se,
        ci_lower=estimate - half,
        ci_upper=estimate + half,
        statistic=estimate / se,
        p_value=float(2 * ndtr(-abs(estimate / se))),
        q=q,
        df=df,
        q_p_value=float(chdtrc(df, q)) if df > 0 else 1.0,
        i2=max(0.0, (q - df) / q) if q > 0 else 0.0,
        h2=q / df if df > 0 else float("nan"),
        weights=weights / weights.sum(),
    )


def _odds_ratio(t: Counts) -> tuple[float, float, FloatArray]:
    p, q = (t.a + t.d) / t.total, (t.b + t.c) / t.total
    r, s = t.a / t.total * t.d, t.b / t.total * t.c
    R, S = float(r.sum()), float(s.sum())
    _refuse_one_sided(R, S, "odds-ratio")
    variance = (p @ r / R**2 + (p @ s + q @ r) / (R * S) + q @ s / S**2) / 2
    return float(np.log(R / S)), float(variance), s


def _risk_ratio(t: Counts) -> tuple[float, float, FloatArray]:
    r, s = t.a * (t.n2 / t.total), t.c * (t.n1 / t.total)
    R, S = float(r.sum()), float(s.sum())
    _refuse_one_sided(R, S, "risk-ratio")
    terms = (t.n1 / t.total) * (t.n2 / t.total) * (t.a + t.c) - t.a / t.total * t.c
    variance = float(terms.sum()) / (R * S)
    if variance <= 0:
        raise PoolingError("every participant had the event: the risk ratio has no variance. Pool risk differences.")
    return float(np.log(R / S)), variance, s


def _risk_difference(t: Counts) -> tuple[float, float, FloatArray]:
    w = t.n1 * (t.n2 / t.total)
    estimate = float(np.sum(t.a * (t.n2 / t.total) - t.c * (t.n1 / t.total))) / float(w.sum())
    f1, f2 = t.n1 / t.total, t.n2 / t.total
    p = t.c * f1**2 - t.a * f2**2 + f1 * f2 * (t.n2 - t.n1) / 2
    q = (t.a * t.d + t.c * t.b) / t.total / 2
    variance = (estimate * float(p.sum()) + float(q.sum())) / float(w.sum()) ** 2
    if variance <= 0:
        raise PoolingError(
            "no table has a spread: every arm has no event, or nothing but events. There is no interval."
        )
    return estimate, variance, w


def _risk_difference_1985(t: Counts) -> tuple[float, float, FloatArray]:
    estimate, _, w = _risk_difference(t)
    f1, f2 = t.n1 / t.total, t.n2 / t.total
    total = float(np.sum(t.a * (t.b / t.n1) * f2**2 + t.c * (t.d / t.n2) * f1**2))
    if total <= 0:
        raise PoolingError(
            'no arm has a spread of its own. Take difference_variance="sato", or leave the interval out.'
        )
    return estimate, total / float(w.sum()) ** 2, w


def _refuse_one_sided(R: float, S: float, measure: str) -> None:
    if R <= 0 or S <= 0:
        raise PoolingError(
            f"an arm has no event (or nothing but events) in any table: the {measure} is 0 or infinite. "
            "Pool risk differences, or say so in words."
        )


_SUMS: dict[str, Callable[[Counts], tuple[float, float, FloatArray]]] = {
    "risk-ratio": _risk_ratio,
    "odds-ratio": _odds_ratio,
    "risk-difference": _risk_difference,
}
_DIFFERENCE_VARIANCES = {"sato": _risk_difference, "greenland-robins": _risk_difference_1985}
