"""Frequentist network meta-analysis: all treatments of a connected network compared with one another."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.network_design import Design, StudyArms, checked_design, connected_parts
from hcckb.pooling.network_fit import NETWORK_TAU2, Fit, fit, freedom

__all__ = ["NETWORK_TAU2", "Network", "QTest", "Split", "connected_parts", "p_scores", "pool_network"]

MODELS = ("random", "common")
# A share of direct evidence this close to 1 leaves no indirect evidence but rounding.
ALL_DIRECT = 1e-9


@dataclass(frozen=True, slots=True)
class QTest:
    """A Q statistic with its degrees of freedom; `p_value` is None where there are none."""

    q: float
    df: int
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One comparison that some study makes, split into direct and indirect evidence (treatment 1 minus 2).

    `k` studies compare the two; `proportion` is the share of direct evidence. `indirect` and what follows
    from it are None where there is no indirect evidence. `difference` is direct minus indirect.
    """

    treatment1: int
    treatment2: int
    k: int
    proportion: float
    network: float
    network_se: float
    direct: float
    direct_se: float
    indirect: float | None
    indirect_se: float | None
    difference: float | None
    difference_se: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A fitted network of n treatments, on the analysis scale.

    Attributes
    ----------
    model, tau2_method : str, str or None
        "random" or "common"; the estimator, None under "common".
    level : float
        Level of all intervals.
    n, k, m : int
        Treatments, studies, and pairwise contrasts (all pairs of arms of each study).
    estimate, se, ci_lower, ci_upper, p_value : ndarray, shape (n, n)
        Row treatment minus column treatment, Wald's interval, two-sided P. On the diagonal 0, and P = 1.
    tau2 : float or None
        Between-study variance of a contrast, 0 under "common"; None where nothing tells (Q has no
        degrees of freedom), and then 0 was used.
    i2 : float or None
        max(0, 1 - df / Q) of the whole network, in [0, 1]; None without degrees of freedom.
    q_total, q_within, q_between : QTest
        Q of the network at tau2 = 0, within designs (heterogeneity) and between designs (inconsistency).
    p_scores : ndarray, shape (n,)
        Mean certainty that a treatment is better than another, in [0, 1], small estimates being good.
    splits : tuple of Split
        The comparisons that studies make, by treatment.
    completed : tuple
        Studies with several arms some of whose contrasts were derived.
    """

    model: str
    tau2_method: str | None
    level: float
    n: int
    k: int
    m: int
    estimate: FloatArray
    se: FloatArray
    ci_lower: FloatArray
    ci_upper: FloatArray
    p_value: FloatArray
    tau2: float | None
    i2: float | None
    q_total: QTest
    q_within: QTest
    q_between: QTest
    p_scores: FloatArray
    splits: tuple[Split, ...]
    completed: tuple[Hashable, ...]


def pool_network(  # noqa: PLR0913 - every option is a keyword
    treatment1: ArrayLike,
    treatment2: ArrayLike,
    estimate: ArrayLike,
    se: ArrayLike,
    study: Sequence[Hashable],
    *,
    n: int | None = None,
    labels: Sequence[str] | None = None,
    model: str = "random",
    tau2: str = "DL",
    small_is_good: bool = True,
    level: float = 0.95,
) -> Network:
    r"""Compare all treatments of a connected network.

    Parameters
    ----------
    treatment1, treatment2 : array_like of int, shape (m,)
        Indices of the compared treatments, 0 to n - 1.
    estimate, se : array_like, shape (m,)
        Treatment 1 minus treatment 2 on an additive scale (log HR, log OR, MD), and its standard error.
    study : sequence of hashable, shape (m,)
        The study of each contrast. A study with p > 2 arms gives all p (p - 1) / 2 contrasts, or those of
        each arm against one: the others are then derived, the contrasts being correlated by 0.5.
    n : int, optional
        Number of treatments; the largest index + 1 when absent.
    labels : sequence of str, shape (n,), optional
        Names of the treatments, for messages.
    model : {"random", "common"}
        Random-effects or common-effect model.
    tau2 : {"DL", "REML"}
        Estimator of the between-study variance, one for all comparisons.
    small_is_good : bool
        Whether a small estimate favours treatment 1 (hazard ratios of death); for the P-scores.
    level : float
        Level of the intervals, in (0, 1).

    Returns
    -------
    Network
        On the scale of `estimate`.

    Raises
    ------
    EmptySelectionError
        If there is no contrast.
    PoolingError
        If the columns do not fit, a number is not finite or a standard error not positive, the contrasts
        of a study are doubled, contradict each other or do not determine the rest, or the network is not
        connected (the text names its parts; see `connected_parts`).
    UnknownNameError
        If there is no such model or estimator.
    ConvergenceError
        If REML does not converge.

    Notes
    -----
    Weighted least squares on the graph of treatments, as netmeta: the variances of the contrasts of a study
    (plus tau2 each, so covariance tau2 / 2 for contrasts with a shared arm) give its Laplacian
    :math:`L_s = (-\frac12 C V_s C)^+`, C the centring matrix; two arms have the weight 1 / v.
    Variances of the effects are :math:`L^+_{ii} + L^+_{jj} - 2 L^+_{ij}`, :math:`L = \sum L_s`.

    Sources: Rücker 2012, Res Synth Methods 3:312-324, doi:10.1002/jrsm.1058; Rücker & Schwarzer 2014,
    Stat Med 33:4353-4369, doi:10.1002/sim.6236, for several arms; Krahn, Binder & König 2013, BMC Med Res
    Methodol 13:35, doi:10.1186/1471-2288-13-35, for Q within and between designs; König, Krahn & Binder
    2013, Stat Med 32:5414-5429, doi:10.1002/sim.6001, for the share of direct evidence.

    Examples
    --------
    >>> net = pool_network([0, 1, 0], [1, 2, 2], [-0.4, -0.1, -0.6], [0.1, 0.1, 0.1], ["a", "b", "c"])
    >>> net.estimate[0].round(4).tolist(), net.q_between.df
    ([0.0, -0.4333, -0.5667], 1)
    """
    if model not in MODELS:
        raise UnknownNameError(model, "model of a network", MODELS, ", ".join(MODELS))
    if tau2 not in NETWORK_TAU2:
        raise UnknownNameError(tau2, "estimator of a network's tau2", NETWORK_TAU2, ", ".join(NETWORK_TAU2))
    level = checked_level(level)
    design = checked_design(treatment1, treatment2, estimate, se, study, n, labels)
    df = freedom(design.studies, design.n)
    used = NETWORK_TAU2[tau2](design.studies, design.n) if model == "random" and df else 0.0
    at = fit(design.studies, design.n, used)
    total, within, between = _decomposition(design)
    theta, se_theta = _pairwise(at)
    half = float(ndtri((1.0 + level) / 2.0)) * se_theta
    return Network(
        model=model,
        tau2_method=tau2 if model == "random" else None,
        level=level,
        n=design.n,
        k=len(design.studies),
        m=len(design.estimate),
        estimate=theta,
        se=se_theta,
        ci_lower=theta - half,
        ci_upper=theta + half,
        p_value=2.0 * ndtr(-np.abs(_statistic(theta, se_theta))),
        tau2=used if df or model == "common" else None,
        i2=(max(0.0, 1.0 - df / total.q) if total.q > df else 0.0) if df else None,
        q_total=total,
        q_within=within,
        q_between=between,
        p_scores=p_scores(theta, se_theta, small_is_good=small_is_good),
        splits=_splits(design, theta, se_theta, used),
        completed=design.completed,
    )


def p_scores(estimate: FloatArray, se: FloatArray, *, small_is_good: bool = True) -> FloatArray:
    r"""Rank treatments by the mean one-sided certainty of being better than each other one.

    Parameters
    ----------
    estimate, se : ndarray, shape (n, n)
        Row minus column and its standard error, as in `Network`.
    small_is_good : bool
        Whether small estimates are good.

    Returns
    -------
    ndarray, shape (n,)
        In [0, 1], with mean 0.5. They rank; they say nothing of how much better, nor of the quality of trials.

    Notes
    -----
    :math:`P_i = \frac{1}{n - 1} \sum_{j \ne i} \Phi(\pm(\hat\theta_j - \hat\theta_i) / se_{ij})`, the analytic form
    of SUCRA. Source: Rücker & Schwarzer 2015, BMC Med Res Methodol 15:58, doi:10.1186/s12874-015-0060-8.
    """
    certainty = ndtr((-1.0 if small_is_good else 1.0) * _statistic(estimate, se))
    np.fill_diagonal(certainty, 0.0)
    scores: FloatArray = certainty.sum(axis=1) / (len(estimate) - 1)
    return scores


def _statistic(estimate: FloatArray, se: FloatArray) -> FloatArray:
    """Estimate over standard error, 0 on the diagonal."""
    return np.divide(estimate, se, out=np.zeros_like(estimate), where=se > 0)


def _pairwise(at: Fit) -> tuple[FloatArray, FloatArray]:
    """All differences of treatment effects, with their standard errors."""
    own = np.diag(at.covariance)
    variance = own[:, None] + own[None, :] - 2.0 * at.covariance
    np.fill_diagonal(variance, 0.0)
    apart = ~np.eye(len(own), dtype=bool)
    if not (np.isfinite(at.effect).all() and np.isfinite(variance).all() and (variance[apart] > 0).all()):
        raise PoolingError("the network's equations lose all digits. Look for a misprinted standard error.")
    return at.effect[:, None] - at.effect[None, :], np.sqrt(variance)


def _decomposition(design: Design) -> tuple[QTest, QTest, QTest]:
    """Q of the network, within designs, and between designs, at tau2 = 0."""
    designs: dict[tuple[int, ...], list[StudyArms]] = {}
    for s in design.studies:
        designs.setdefault(tuple(s.treatment.tolist()), []).append(s)
    q, df = 0.0, 0
    for treatments, studies in designs.items():
        p = len(treatments)
        df += freedom(studies, p)
        if len(studies) > 1:
            own = [StudyArms(np.arange(p), s.effect, s.basis, s.spread) for s in studies]
            q += fit(own, p).q
    df_total = freedom(design.studies, design.n)
    q_total = fit(design.studies, design.n).q if df_total else 0.0
    q_within = min(q, q_total) if df < df_total else q_total
    return (
        _q_test(q_total, df_total),
        _q_test(q_within, df),
        _q_test(max(0.0, q_total - q_within), df_total - df),
    )


def _q_test(q: float, df: int) -> QTest:
    return QTest(q, df, float(chdtrc(df, q))) if df else QTest(0.0, 0, None)


def _splits(design: Design, estimate: FloatArray, se: FloatArray, tau2: float) -> tuple[Split, ...]:
    """Split each compared pair by back-calculation from the network and the pool of its own contrasts."""
    low, high = np.minimum(design.first, design.second), np.maximum(design.first, design.second)
    sign = np.where(design.first < design.second, 1.0, -1.0)
    out = []
    for i, j in sorted(set(zip(low.tolist(), high.tolist(), strict=True))):
        mine = (low == i) & (high == j)
        weight = 1.0 / (design.variance[mine] + tau2)
        direct = float(weight @ (sign * design.estimate)[mine] / weight.sum())
        out.append(_split(i, j, int(mine.sum()), (direct, float(weight.sum())), (estimate[i, j], se[i, j])))
    return tuple(out)


def _split(i: int, j: int, k: int, direct: tuple[float, float], network: tuple[float, float]) -> Split:
    """Take the direct evidence (estimate, weight) out of the network's (estimate, standard error)."""
    (own, weight), (mixed, mixed_se) = direct, (float(network[0]), float(network[1]))
    share = mixed_se**2 * weight
    alone = share >= 1.0 - ALL_DIRECT
    indirect = None if alone else (mixed - share * own) / (1.0 - share)
    indirect_se = None if alone else mixed_se / (1.0 - share) ** 0.5
    difference = None if indirect is None else own - indirect
    spread = None if indirect_se is None else (1.0 / weight + indirect_se**2) ** 0.5
    return Split(
        treatment1=i,
        treatment2=j,
        k=k,
        proportion=min(share, 1.0),
        network=mixed,
        network_se=mixed_se,
        direct=own,
        direct_se=weight**-0.5,
        indirect=indirect,
        indirect_se=indirect_se,
        difference=difference,
        difference_se=spread,
        p_value=None if difference is None or spread is None else float(2.0 * ndtr(-abs(difference / spread))),
    )
