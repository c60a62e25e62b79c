"""Subgroup analysis: one pooled result for each group, and the test of their difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc

from hcckb.errors import PoolingError
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.intervals import quantile, two_sided
from hcckb.pooling.pairwise import pool
from hcckb.pooling.pooled import Pooled
from hcckb.pooling.regression import MetaRegression, meta_regression


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroups:
    """Pooled results of G groups and how they differ, on the analysis scale.

    Attributes
    ----------
    names : tuple of str
        Of the groups, in order of first appearance.
    groups : tuple of Pooled
        One result for each group; `weights` are shares within the group.
    members : tuple of tuple of int
        Positions of each group's estimates in the input.
    share : ndarray, shape (G,)
        Weight of each group in `overall`; they sum to 1.
    overall : Pooled
        All estimates pooled as if there were no groups.
    common_tau2 : bool
        Whether all groups share one tau2.
    q_between, q_between_df, q_between_p_value : float, int, float
        Chi-squared test that the group means are equal.
    f_between, f_df1, f_df2, f_p_value : float, int, float, float; or None
        The F test in its place under Knapp-Hartung: of the regression on the groups with `common_tau2`, Welch's
        otherwise. None under Wald's intervals.
    p_value : float
        Of the F test where there is one, else of the chi-squared test.
    q_within, q_within_df, q_within_p_value : float, int, float
        Sum of Cochran's Q of the groups: heterogeneity that the groups leave.
    q_total, q_total_df : float, int
        Cochran's Q of all estimates. Q-total less Q-within is Q-between of the common-effect model.
    """

    names: tuple[str, ...]
    groups: tuple[Pooled, ...]
    members: tuple[tuple[int, ...], ...]
    share: FloatArray
    overall: Pooled
    common_tau2: bool
    q_between: float
    q_between_df: int
    q_between_p_value: float
    f_between: float | None
    f_df1: int | None
    f_df2: float | None
    f_p_value: float | None
    p_value: float
    q_within: float
    q_within_df: int
    q_within_p_value: float
    q_total: float
    q_total_df: int


def subgroups(  # noqa: PLR0913 - every option is a keyword
    estimate: ArrayLike,
    variance: ArrayLike,
    groups: Sequence[str],
    *,
    common_tau2: bool = False,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
) -> Subgroups:
    r"""Pool each group of estimates and test whether the groups differ.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    groups : sequence of str, length k
        Name of the group of each estimate.
    common_tau2 : bool
        Whether one tau2 is estimated for all groups (from what each leaves around its own mean) or one for each.
    model, tau2, ci, level
        As in `hcckb.pooling.pairwise.pool`.

    Raises
    ------
    PoolingError
        If there are fewer than two groups, a name is missing, or with `common_tau2` no group has two estimates.
    EmptySelectionError, UnknownNameError, ConvergenceError
        As `pool`.

    Notes
    -----
    With group means :math:`\hat\mu_g`, their squared standard errors :math:`s_g^2`, :math:`u_g = 1 / s_g^2` and
    :math:`\bar\mu = \sum u_g \hat\mu_g / \sum u_g`,

    .. math:: Q_B = \sum u_g (\hat\mu_g - \bar\mu)^2 \sim \chi^2_{G-1}.

    Under Knapp-Hartung :math:`s_g` itself is estimated, with :math:`k_g - 1` degrees of freedom, which the
    chi-squared test ignores; Welch's test allows for it: with :math:`h_g = (1 - u_g / \sum u)^2 / (k_g - 1)`
    and :math:`H = \sum h_g`, :math:`F = Q_B / (G - 1) / (1 + 2 (G - 2) H / (G^2 - 1))` on :math:`G - 1` and
    :math:`(G^2 - 1) / (3 H)` degrees of freedom; for two groups that is Welch's t test. A group of one estimate
    counts as known (:math:`h_g = 0`): it stands as its study's own result, without between-study variance.

    With `common_tau2` the groups are the coefficients of a meta-regression without intercept, so that all
    of them share tau2, Knapp-Hartung's factor and k - G degrees of freedom, and F is that regression's.
    Groups of few studies estimate their own tau2 badly; below about five, a common one is the better choice.

    Source: Borenstein & Higgins 2013, Prev Sci 14:134-143, doi:10.1007/s11121-013-0377-7; Welch 1951,
    Biometrika 38:330-336, doi:10.1093/biomet/38.3-4.330; Knapp & Hartung 2003, Stat Med 22:2693-2710,
    doi:10.1002/sim.1482.

    Examples
    --------
    >>> s = subgroups([0.1, 0.3, 0.8, 0.6], [0.02, 0.03, 0.05, 0.04], ["a", "a", "b", "b"], model="common")
    >>> [round(g.estimate, 4) for g in s.groups], round(s.q_between, 3), round(s.q_within, 3)
    ([0.18, 0.6889], 7.567, 1.244)
    """
    level = checked_level(level)
    y, v = np.asarray(estimate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    overall = pool(y, v, model=model, tau2=tau2, ci=ci, level=level)
    names, members = _members(groups, len(y))
    each = tuple(pool(y[list(m)], v[list(m)], model=model, tau2=tau2, ci=ci, level=level) for m in members)
    regression = None
    if common_tau2 and model == "random":
        if ci == "kenward-roger":
            raise PoolingError("Kenward and Roger's interval is not had with a common tau2. Take hksj or wald.")
        regression = _cell_means(y, v, members, {"tau2": tau2, "ci": ci, "level": level})
        each = tuple(_with(regression, g, each[g], v[list(m)]) for g, m in enumerate(members))
    q_between, df, f_test = _between(each, regression, ci if model == "random" else "wald")
    chi2_p = float(chdtrc(df, q_between))
    q_within = sum(g.q for g in each)
    within_df = len(y) - len(each)
    return Subgroups(
        names=names,
        groups=each,
        members=members,
        share=np.array([overall.weights[list(m)].sum() for m in members]),
        overall=overall,
        common_tau2=common_tau2,
        q_between=q_between,
        q_between_df=df,
        q_between_p_value=chi2_p,
        f_between=f_test[0] if f_test else None,
        f_df1=df if f_test else None,
        f_df2=f_test[1] if f_test else None,
        f_p_value=f_test[2] if f_test else None,
        p_value=f_test[2] if f_test else chi2_p,
        q_within=q_within,
        q_within_df=within_df,
        q_within_p_value=float(chdtrc(within_df, q_within)) if within_df else 1.0,
        q_total=overall.q,
        q_total_df=overall.df,
    )


def _members(groups: Sequence[str], k: int) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Return the names of the groups in order of appearance and the positions of each."""
    if len(groups) != k:
        raise PoolingError(f"{k} estimates have {len(groups)} group names. Give each estimate one.")
    found: dict[str, list[int]] = {}
    for i, name in enumerate(groups):
        if not str(name).strip():
            raise PoolingError(f"estimate {i} has no group. Name one, or leave the estimate out.")
        found.setdefault(str(name), []).append(i)
    if len(found) < 2:
        raise PoolingError(f"all estimates are of one group ({next(iter(found))}): there is nothing to compare.")
    return tuple(found), tuple(tuple(m) for m in found.values())


def _cell_means(
    y: FloatArray, v: FloatArray, members: Sequence[Sequence[int]], how: dict[str, str | float]
) -> MetaRegression:
    """Regress on the groups: one coefficient each, one tau2."""
    if len(y) <= len(members):
        raise PoolingError("every group holds one estimate: there is no common tau2 to be had. Use coarser groups.")
    cells = np.zeros((len(y), len(members)))
    for g, m in enumerate(members):
        cells[list(m), g] = 1.0
    return meta_regression(y, v, cells, intercept=False, model="random", **how)  # type: ignore[arg-type]


def _with(fit: MetaRegression, g: int, own: Pooled, v: FloatArray) -> Pooled:
    """Give a group's result at the common tau2; Q stays the group's own."""
    w = 1.0 / (v + fit.tau2)
    k, total = len(v), float(np.sum(1.0 / v))
    typical = (k - 1) * total / (total**2 - float(np.sum(1.0 / v**2))) if k > 1 else float(v[0])
    half = quantile(np.array([fit.df_ci]), fit.level)[0]
    wide = half * float(np.sqrt(fit.tau2 + fit.se[g] ** 2))
    mean = float(fit.beta[g])
    return replace(
        own,
        ci_method=fit.ci_method,
        estimate=mean,
        se=float(fit.se[g]),
        ci_lower=float(fit.ci_lower[g]),
        ci_upper=float(fit.ci_upper[g]),
        statistic=float(fit.statistic[g]),
        p_value=float(two_sided(fit.statistic[g : g + 1], np.array([fit.df_ci]))[0]),
        df_ci=fit.df_ci,
        prediction_lower=mean - wide,
        prediction_upper=mean + wide,
        tau2=fit.tau2,
        tau2_lower=fit.tau2_lower,
        tau2_upper=fit.tau2_upper,
        i2=fit.tau2 / (fit.tau2 + typical),
        h2=fit.tau2 / typical + 1.0,
        weights=w / w.sum(),
    )


def _between(
    groups: Sequence[Pooled], regression: MetaRegression | None, ci: str
) -> tuple[float, int, tuple[float, float, float] | None]:
    """Test the equality of the group means: Q-between, its degrees of freedom, and F with its second df and P."""
    mean, se = np.array([g.estimate for g in groups]), np.array([g.se for g in groups])
    u = (se.min() / se) ** 2
    centre = u @ mean / u.sum()
    q, df, count = float(np.sum(((mean - centre) / se) ** 2)), len(groups) - 1, len(groups)
    if ci == "wald":
        return q, df, None
    if regression is not None:
        f, df2 = q / df, regression.df_ci
    else:
        spread = np.array([g.df_ci for g in groups])
        h = float(np.sum((1.0 - u / u.sum()) ** 2 / spread))
        f, df2 = q / df / (1.0 + 2.0 * (count - 2) * h / (count**2 - 1)), (count**2 - 1) / (3.0 * h) if h else np.inf
    p_value = float(chdtrc(df, q)) if np.isinf(df2) else float(fdtrc(df, df2, f))
    return q, df, (f, float(df2), p_value)
