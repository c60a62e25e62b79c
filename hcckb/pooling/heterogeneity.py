"""Between-study variance by nine estimators, Cochran's Q, I2, H2 and the Q-profile interval of tau2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import Batch, FloatArray, IntArray, as_rows, checked_batch, moments
from hcckb.pooling.likelihood import tau2_likelihood
from hcckb.pooling.q_roots import q_profile, solve_q, squares_about_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """How much the studies of one meta-analysis differ.

    `tau2` and its interval are on the scale of the variances; the interval is None below two studies.
    `i2` (in [0, 1]) and `h2` follow from this tau2 and the typical sampling variance, as in metafor;
    `i2_q` and `h2_q` are Higgins and Thompson's from Q. With tau2 by DL the two pairs agree while Q > df.
    """

    method: str
    k: int
    tau2: float
    tau2_lower: float | None
    tau2_upper: float | None
    q: float
    df: int
    q_p_value: float
    i2: float
    h2: float
    i2_q: float
    h2_q: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeterogeneityMany:
    """`Heterogeneity` of m meta-analyses: arrays of shape (m,), NaN where a bound is not defined (k < 2)."""

    method: str
    k: IntArray
    tau2: FloatArray
    tau2_lower: FloatArray
    tau2_upper: FloatArray
    q: FloatArray
    df: IntArray
    q_p_value: FloatArray
    i2: FloatArray
    h2: FloatArray
    i2_q: FloatArray
    h2_q: FloatArray


def heterogeneity(
    estimate: ArrayLike, variance: ArrayLike, *, method: str = "REML", level: float = 0.95
) -> Heterogeneity:
    """Describe the heterogeneity of one meta-analysis.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    method : {"REML", "DL", "DL2", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator of tau2; see `tau2_many`.
    level : float
        Level of the Q-profile interval of tau2.

    Returns
    -------
    Heterogeneity
        For a single study tau2, Q and I2 are 0, H2 is 1 and the interval is None.

    Raises
    ------
    EmptySelectionError, PoolingError, UnknownNameError, ConvergenceError
        As `heterogeneity_many`.

    Examples
    --------
    >>> h = heterogeneity([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], method="DL")
    >>> round(h.tau2, 4), round(h.q, 3), round(h.i2, 3)
    (0.0775, 7.0, 0.714)
    """
    many = heterogeneity_many(*as_rows(estimate, variance), method=method, level=level)
    single = int(many.k[0]) < 2
    return Heterogeneity(
        method=many.method,
        k=int(many.k[0]),
        tau2=float(many.tau2[0]),
        tau2_lower=None if single else float(many.tau2_lower[0]),
        tau2_upper=None if single else float(many.tau2_upper[0]),
        q=float(many.q[0]),
        df=int(many.df[0]),
        q_p_value=float(many.q_p_value[0]),
        i2=float(many.i2[0]),
        h2=float(many.h2[0]),
        i2_q=float(many.i2_q[0]),
        h2_q=float(many.h2_q[0]),
    )


def heterogeneity_many(
    estimate: ArrayLike,
    variance: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    method: str = "REML",
    level: float = 0.95,
) -> HeterogeneityMany:
    r"""Describe the heterogeneity of m meta-analyses at once.

    Parameters
    ----------
    estimate, variance : array_like, shape (m, k)
        Estimates on an additive scale and their sampling variances.
    mask : array_like of bool, shape (m, k), optional
        True where a study is present.
    method : {"REML", "DL", "DL2", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator of tau2.
    level : float
        Level of the Q-profile interval of tau2.

    Raises
    ------
    EmptySelectionError
        If a meta-analysis has no study.
    PoolingError
        If shapes differ, a value is not finite, a variance not positive, or `level` not in (0, 1).
    UnknownNameError
        If there is no such estimator.
    ConvergenceError
        If an iterated estimator does not converge.

    Notes
    -----
    :math:`I^2 = \tau^2 / (s^2 + \tau^2)` and :math:`H^2 = 1 + \tau^2 / s^2` with the typical variance
    :math:`s^2 = (k - 1) / (\sum w_i - \sum w_i^2 / \sum w_i)`, :math:`w_i = 1 / v_i`; from Q they are
    :math:`\max(0, 1 - (k - 1) / Q)` and :math:`Q / (k - 1)`, the latter not floored at 1.

    Source: Higgins & Thompson 2002, Stat Med 21:1539-1558, doi:10.1002/sim.1186, equation 9 for :math:`s^2`.
    """
    batch = checked_batch(estimate, variance, mask)
    return batch_heterogeneity(batch, batch_tau2(batch, method), method=method, level=level)


def batch_heterogeneity(batch: Batch, tau2: FloatArray, *, method: str, level: float = 0.95) -> HeterogeneityMany:
    """Describe the heterogeneity of a checked batch, given `tau2` in the batch's own units."""
    level = checked_level(level)
    m = moments(batch, np.zeros(len(batch.k)))
    df = batch.k - 1
    single = df == 0
    dof = np.maximum(df, 1)
    trace = np.where(single, 1.0, m.trace)
    typical = dof / trace
    with np.errstate(divide="ignore"):
        i2_q = np.maximum(0.0, 1.0 - df / np.where(m.q > df, m.q, np.inf))
    lower, upper = q_profile(batch, level)
    return HeterogeneityMany(
        method=method,
        k=batch.k,
        tau2=batch.square(tau2),
        tau2_lower=np.where(single, np.nan, batch.square(lower)),
        tau2_upper=np.where(single, np.nan, batch.square(upper)),
        q=m.q,
        df=df,
        q_p_value=np.where(single, 1.0, chdtrc(dof, m.q)),
        i2=tau2 / (typical + tau2),
        h2=1.0 + tau2 / typical,
        i2_q=np.where(m.q > df, i2_q, 0.0),
        h2_q=np.where(single, 1.0, m.q / dof),
    )


def tau2_many(
    estimate: ArrayLike, variance: ArrayLike, mask: ArrayLike | None = None, *, method: str = "REML"
) -> FloatArray:
    r"""Estimate the between-study variance of m meta-analyses at once.

    Parameters
    ----------
    estimate, variance : array_like, shape (m, k)
        Estimates on an additive scale and their sampling variances.
    mask : array_like of bool, shape (m, k), optional
        True where a study is present.
    method : {"REML", "DL", "DL2", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator, as metafor names and defines them.

    Returns
    -------
    ndarray, shape (m,)
        tau2 >= 0 on the scale of `variance`; exactly 0 at the boundary and for a single study.

    Raises
    ------
    EmptySelectionError, PoolingError, UnknownNameError, ConvergenceError
        As `heterogeneity_many`.

    Notes
    -----
    With :math:`w_i = 1 / v_i`, :math:`\hat\mu` the weighted and :math:`\bar y` the plain mean, each
    truncated at 0:

    - DL, DerSimonian & Laird 1986: :math:`(Q - (k - 1)) / (\sum w_i - \sum w_i^2 / \sum w_i)`.
    - DL2, DerSimonian & Kacker 2007 in two steps: with :math:`w_i = 1 / (v_i + \hat\tau^2_{DL})`,
      :math:`(Q_w - \sum w_i v_i + \sum w_i^2 v_i / \sum w_i) / (\sum w_i - \sum w_i^2 / \sum w_i)`
      (Contemp Clin Trials 28:105-114, doi:10.1016/j.cct.2006.04.004, equation 8).
    - HE, Hedges 1983: :math:`\sum (y_i - \bar y)^2 / (k - 1) - \sum v_i / k`.
    - HS, Hunter & Schmidt (Viechtbauer 2005): :math:`(Q - k) / \sum w_i`.
    - SJ, Sidik & Jonkman 2005: :math:`\tau_0^2 \sum u_i (y_i - \hat\mu_u)^2 / (k - 1)` with
      :math:`u_i = 1 / (v_i + \tau_0^2)`, :math:`\tau_0^2 = \sum (y_i - \bar y)^2 / k`. Never 0 unless
      all estimates are equal.
    - PM, Paule & Mandel 1982: the root of :math:`Q(\tau^2) = k - 1`; EB (Morris 1983) solves the same
      equation.
    - ML, REML: `hcckb.pooling.likelihood.tau2_likelihood`.

    Examples
    --------
    >>> tau2_many([[0.1, 0.3, 0.8], [0.1, 0.1, 0.1]], [[0.02, 0.03, 0.05]] * 2, method="PM").round(4).tolist()
    [0.0916, 0.0]
    """
    batch = checked_batch(estimate, variance, mask)
    return batch.square(batch_tau2(batch, method))


def tau2(estimate: ArrayLike, variance: ArrayLike, *, method: str = "REML") -> float:
    """Estimate the between-study variance of one meta-analysis; see `tau2_many`.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    method : {"REML", "DL", "DL2", "PM", "ML", "SJ", "HE", "HS", "EB"}
        Estimator.

    Raises
    ------
    EmptySelectionError, PoolingError, UnknownNameError, ConvergenceError
        As `heterogeneity_many`.

    Examples
    --------
    >>> round(tau2([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], method="DL"), 4)
    0.0775
    """
    return float(tau2_many(*as_rows(estimate, variance), method=method)[0])


def batch_tau2(batch: Batch, method: str) -> FloatArray:
    """Estimate tau2 of a checked batch, in the batch's own units."""
    if method not in TAU2_METHODS:
        raise unknown_estimator(method)
    result = np.zeros(len(batch.k))
    several = batch.k > 1
    if several.all():
        return TAU2_METHODS[method](batch)
    if several.any():
        result[several] = TAU2_METHODS[method](batch.take(several))
    return result


def unknown_estimator(method: str) -> UnknownNameError:
    """Say that there is no such estimator."""
    return UnknownNameError(method, "estimator of tau2", TAU2_METHODS, ", ".join(TAU2_METHODS))


def checked_level(level: float) -> float:
    """Return a confidence level that lies strictly between 0 and 1, or raise `PoolingError`."""
    if not 0.0 < level < 1.0:
        raise PoolingError(f"level must lie between 0 and 1, got {level}. Write 0.95 for 95 %.")
    return float(level)


def _dersimonian_laird(batch: Batch) -> FloatArray:
    m = moments(batch, np.zeros(len(batch.k)))
    return np.maximum(0.0, (m.q - (batch.k - 1)) / m.trace)


def _two_step(batch: Batch) -> FloatArray:
    first = _dersimonian_laird(batch)
    m = moments(batch, first)
    # Sums of w v are k - tau2 sum(w), so that the general formula is a correction of the first step.
    return np.maximum(0.0, first + (m.q - (batch.k - 1)) / m.trace)


def _hunter_schmidt(batch: Batch) -> FloatArray:
    m = moments(batch, np.zeros(len(batch.k)))
    return np.maximum(0.0, (m.q - batch.k) / m.total)


def _hedges(batch: Batch) -> FloatArray:
    typical = np.where(batch.present, batch.v, 0.0).sum(axis=1) / batch.k
    return np.asarray(np.maximum(0.0, squares_about_mean(batch) / (batch.k - 1) - typical))


def _sidik_jonkman(batch: Batch) -> FloatArray:
    rough = squares_about_mean(batch) / batch.k
    return rough * moments(batch, rough).q / (batch.k - 1)


def _paule_mandel(batch: Batch) -> FloatArray:
    return solve_q(batch, (batch.k - 1).astype(np.float64))


def _reml(batch: Batch) -> FloatArray:
    return tau2_likelihood(batch, restricted=True)


def _ml(batch: Batch) -> FloatArray:
    return tau2_likelihood(batch, restricted=False)


TAU2_METHODS: Mapping[str, Callable[[Batch], FloatArray]] = MappingProxyType(
    {
        "REML": _reml,
        "DL": _dersimonian_laird,
        "DL2": _two_step,
        "PM": _paule_mandel,
        "ML": _ml,
        "SJ": _sidik_jonkman,
        "HE": _hedges,
        "HS": _hunter_schmidt,
        "EB": _paule_mandel,
    }
)
