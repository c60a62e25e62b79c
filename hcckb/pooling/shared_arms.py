"""Sampling covariance of estimates that share an arm, or that are correlated for another reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray

COUNT_MEASURES = ("odds-ratio", "risk-ratio", "risk-difference")


def arm_variance(events: ArrayLike, n: ArrayLike, measure: str) -> FloatArray:
    r"""Give the sampling variance that one arm contributes to its contrasts.

    Parameters
    ----------
    events, n : array_like, shape (a,)
        Events and participants of each arm.
    measure : {"odds-ratio", "risk-ratio", "risk-difference"}
        Measure of the contrasts; ratios are on the log scale.

    Returns
    -------
    ndarray, shape (a,)

    Raises
    ------
    UnknownNameError
        If the measure has no such formula.
    PoolingError
        If a count is not possible, or a ratio's arm has no event (for odds: or nothing else).

    Notes
    -----
    :math:`1/a + 1/(n - a)` for the log odds, :math:`1/a - 1/n` for the log risk, :math:`p(1 - p)/n` for the risk.
    It is also the covariance of two contrasts that share the arm as their comparator, since the two other arms are
    independent.

    Source: Gleser & Olkin 2009, in Cooper et al., Handbook of Research Synthesis, ch. 19.

    Examples
    --------
    >>> arm_variance([10], [100], "odds-ratio").round(4).tolist()
    [0.1111]
    """
    if measure not in COUNT_MEASURES:
        raise UnknownNameError(measure, "measure of counts", COUNT_MEASURES, ", ".join(COUNT_MEASURES))
    a, size = np.asarray(events, dtype=np.float64), np.asarray(n, dtype=np.float64)
    bad = ~((a >= 0) & (a <= size) & (size > 0))
    if measure != "risk-difference":
        bad |= a == 0
    if measure == "odds-ratio":
        bad |= a == size
    if bad.any():
        i = int(np.argmax(bad))
        raise PoolingError(
            f"arm {i} has {a[i]:g} events of {size[i]:g}: its variance is not defined for the {measure}. "
            "Add a continuity correction to the whole table first."
        )
    if measure == "odds-ratio":
        return np.asarray(1.0 / a + 1.0 / (size - a))
    return np.asarray(1.0 / a - 1.0 / size if measure == "risk-ratio" else a / size * (1.0 - a / size) / size)


def shared_arm_covariance(
    variance: ArrayLike,
    experimental: Sequence[str],
    comparator: Sequence[str],
    *,
    arm_variances: Mapping[str, float] | None = None,
    rho: float = 0.5,
) -> FloatArray:
    r"""Give the sampling covariance of contrasts, some of which share an arm.

    Parameters
    ----------
    variance : array_like, shape (n,)
        Sampling variances of the contrasts on the analysis scale.
    experimental, comparator : sequence of str, length n
        Names of the two arms of each contrast, unique over all studies ("" for an arm that nothing else shares).
    arm_variances : mapping of str to float, optional
        Variance that an arm contributes (`arm_variance`; for hazard ratios about 1 / events of the arm). Where
        the shared arm is not in it, `rho` is used.
    rho : float
        Correlation of two contrasts that share an arm of unknown variance, in [0, 1).

    Returns
    -------
    ndarray, shape (n, n)

    Raises
    ------
    PoolingError
        If `rho` is not in [0, 1), lengths differ, or an arm's variance exceeds that of a contrast with it.

    Notes
    -----
    Two contrasts that share an arm have its variance as covariance: positive where the arm stands on the same side of
    both, negative where it is the experimental arm of one and the comparator of the other. Arms of equal
    variance make a correlation of 0.5, hence the default of `rho`. The log hazard ratio's variance is about
    :math:`1/d_1 + 1/d_2` with :math:`d` the events of each arm, hence :math:`1/d` of the shared arm.

    Source: Gleser & Olkin 2009, in Cooper et al., Handbook of Research Synthesis, ch. 19; Franchini et al. 2012,
    Res Synth Methods 3:142-160, doi:10.1002/jrsm.1049.

    Examples
    --------
    >>> shared_arm_covariance([0.04, 0.05], ["a", "b"], ["c", "c"], arm_variances={"c": 0.02}).tolist()
    [[0.04, 0.02], [0.02, 0.05]]
    """
    v = np.asarray(variance, dtype=np.float64)
    n, known = len(v), dict(arm_variances or {})
    _check_rho(rho)
    if not len(experimental) == len(comparator) == n:
        raise PoolingError(f"{n} variances need {n} experimental and {n} comparator arms.")
    out = np.diag(v)
    for i in range(n):
        for j in range(i):
            total = 0.0
            for one, sign_one in ((experimental[i], 1.0), (comparator[i], -1.0)):
                for other, sign_other in ((experimental[j], 1.0), (comparator[j], -1.0)):
                    if one and one == other:
                        share = known.get(one, rho * float(np.sqrt(v[i] * v[j])))
                        _check_share(one, share, float(min(v[i], v[j])))
                        total += sign_one * sign_other * share
            out[i, j] = out[j, i] = total
    return out


def constant_correlation(variance: ArrayLike, cluster: Sequence[str], rho: float = 0.5) -> FloatArray:
    r"""Give the sampling covariance with one correlation between all estimates of a cluster.

    Parameters
    ----------
    variance : array_like, shape (n,)
        Sampling variances.
    cluster : sequence of str, length n
        Study of each estimate.
    rho : float
        Correlation of the sampling errors within a study, in [0, 1).

    Returns
    -------
    ndarray, shape (n, n)
        :math:`\rho \sqrt{v_i v_j}` within a cluster, 0 between clusters.

    Raises
    ------
    PoolingError
        If `rho` is not in [0, 1).

    Notes
    -----
    A working assumption: check other values, and use cluster-robust standard errors, which stay valid when it is wrong.

    Source: Hedges, Tipton & Johnson 2010, Res Synth Methods 1:39-65, doi:10.1002/jrsm.5; Pustejovsky & Tipton
    2022, Prev Sci 23:425-438, doi:10.1007/s11121-021-01246-3.

    Examples
    --------
    >>> constant_correlation([0.04, 0.01, 0.09], ["a", "a", "b"]).round(3).tolist()
    [[0.04, 0.01, 0.0], [0.01, 0.01, 0.0], [0.0, 0.0, 0.09]]
    """
    _check_rho(rho)
    v, names = np.asarray(variance, dtype=np.float64), np.array(cluster)
    root = np.sqrt(v)
    out = np.where(names[:, None] == names[None, :], rho * np.outer(root, root), 0.0)
    np.fill_diagonal(out, v)
    return out


def _check_rho(rho: float) -> None:
    if not 0.0 <= rho < 1.0:
        raise PoolingError(f"rho must lie in [0, 1), got {rho}. 0.5 is the correlation of contrasts with equal arms.")


def _check_share(arm: str, share: float, smallest: float) -> None:
    if share < 0 or share > smallest:
        raise PoolingError(
            f"arm {arm} has variance {share:g}, more than a contrast with it ({smallest:g}). Correct one of them."
        )
