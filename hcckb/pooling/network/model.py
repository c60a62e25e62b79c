"""Frequentist network meta-analysis: all treatments of a connected network compared with one another."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.network.decomposition import QTest, q_tests
from hcckb.pooling.network.design import Derived, Design, checked_design
from hcckb.pooling.network.fit import NETWORK_TAU2, Fit, fit, freedom
from hcckb.pooling.network.ranks import p_scores, statistic
from hcckb.pooling.network.splits import Split, splits

MODELS = ("random", "common")


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
    prediction_lower, prediction_upper : ndarray, shape (n, n), or None
        Interval of the effect in a new study; None under "common" and without degrees of freedom.
    derived : tuple of Derived
        Contrasts of studies with several arms that were not given and were found from the others.
    design : Design
        The checked contrasts, for `decompose`, `contributions`, `net_heat` and `adjusted_funnel`.
    covariance : ndarray, shape (n, n)
        Covariance of the treatment effects that sum to 0 (L+).
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
    prediction_lower: FloatArray | None
    prediction_upper: FloatArray | None
    derived: tuple[Derived, ...]
    design: Design
    covariance: FloatArray

    @property
    def completed(self) -> tuple[Hashable, ...]:
        """The studies some of whose contrasts were derived."""
        return self.design.completed


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

    Prediction: :math:`\hat\theta \pm t_{df} \sqrt{se^2 + \tau^2}` with the degrees of freedom of Q, as netmeta.

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
    df = freedom(design.groups, design.n)
    used = NETWORK_TAU2[tau2](design.groups, design.n) if model == "random" and df else 0.0
    plain = fit(design.groups, design.n)
    at = fit(design.groups, design.n, used) if used else plain
    total, within, between = q_tests(design, plain)
    theta, se_theta = pairwise(at)
    half = float(ndtri((1.0 + level) / 2.0)) * se_theta
    wide = _prediction_half(se_theta, used, df, level) if model == "random" and df else None
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
        p_value=2.0 * ndtr(-np.abs(statistic(theta, se_theta))),
        tau2=used if df or model == "common" else None,
        i2=(max(0.0, 1.0 - df / total.q) if total.q > df else 0.0) if df else None,
        q_total=total,
        q_within=within,
        q_between=between,
        p_scores=p_scores(theta, se_theta, small_is_good=small_is_good),
        splits=splits(design, theta, se_theta, used),
        prediction_lower=None if wide is None else theta - wide,
        prediction_upper=None if wide is None else theta + wide,
        derived=design.derived,
        design=design,
        covariance=at.covariance,
    )


def pairwise(at: Fit) -> tuple[FloatArray, FloatArray]:
    """All differences of treatment effects, with their standard errors."""
    own = np.diag(at.covariance)
    variance = own[:, None] + own[None, :] - 2.0 * at.covariance
    np.fill_diagonal(variance, 0.0)
    apart = ~np.eye(len(own), dtype=bool)
    if not (np.isfinite(at.effect).all() and np.isfinite(variance).all() and (variance[apart] > 0).all()):
        raise PoolingError("the network's equations lose all digits. Look for a misprinted standard error.")
    return at.effect[:, None] - at.effect[None, :], np.sqrt(variance)


def _prediction_half(se: FloatArray, tau2: float, df: int, level: float) -> FloatArray:
    """Half the prediction interval: t with the degrees of freedom of Q, 0 on the diagonal."""
    half: FloatArray = float(stdtrit(df, (1.0 + level) / 2.0)) * np.sqrt(se**2 + tau2)
    np.fill_diagonal(half, 0.0)
    return half
