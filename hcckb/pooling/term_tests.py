"""What a meta-regression says of one moderator of several columns: its test and its collinearity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from hcckb.errors import PoolingError
from hcckb.pooling.regression import MetaRegression


@dataclass(frozen=True, slots=True)
class TermTest:
    """Joint test of some coefficients: chi-squared where `df2` is infinite, else F."""

    statistic: float
    df1: int
    df2: float
    p_value: float


def term_test(fit: MetaRegression, coefficients: Sequence[int]) -> TermTest:
    r"""Test that all of these coefficients are 0.

    Parameters
    ----------
    fit : MetaRegression
        As `meta_regression` returned it.
    coefficients : sequence of int
        Positions in `fit.beta`; for a category those of all its levels.

    Raises
    ------
    PoolingError
        If no coefficient is named, or there is no such one.

    Notes
    -----
    :math:`b' C^{-1} b` with C their covariance: chi-squared under Wald's tests; divided by their number, F on that
    and k - p under Knapp-Hartung.

    Source: Knapp & Hartung 2003, Stat Med 22:2693-2710, doi:10.1002/sim.1482.

    Examples
    --------
    >>> from hcckb.pooling.regression import meta_regression
    >>> fit = meta_regression([0.1, 0.3, 0.8, 0.5], [0.02, 0.03, 0.05, 0.06], [1, 2, 4, 3], ci="wald")
    >>> round(term_test(fit, [1]).statistic, 3)
    7.511
    """
    at = _checked(fit, coefficients)
    b, c = fit.beta[at], fit.covariance[np.ix_(at, at)]
    size = np.sqrt(np.diag(c))
    form = float((b / size) @ np.linalg.solve(c / np.outer(size, size), b / size))
    if np.isinf(fit.df_ci):
        return TermTest(form, len(at), np.inf, float(chdtrc(len(at), form)))
    return TermTest(form / len(at), len(at), fit.df_ci, float(fdtrc(len(at), fit.df_ci, form / len(at))))


def variance_inflation(fit: MetaRegression, coefficients: Sequence[int]) -> float:
    r"""Variance inflation of a moderator by the others: 1 where it has nothing in common with them.

    Parameters
    ----------
    fit : MetaRegression
        As `meta_regression` returned it.
    coefficients : sequence of int
        Positions in `fit.beta`, without the intercept.

    Raises
    ------
    PoolingError
        If no coefficient is named, or there is no such one, or the intercept is among them.

    Notes
    -----
    :math:`\det R_{11} \det R_{22} / \det R` with R the correlation of the coefficients but the intercept, 1 those
    named and 2 the others. For m columns its 2m-th root compares with the inflation of one standard error. With
    interactions it speaks of the coding too.

    Source: Fox & Monette 1992, J Am Stat Assoc 87:178-183, doi:10.1080/01621459.1992.10475190.

    Examples
    --------
    >>> from hcckb.pooling.regression import meta_regression
    >>> x = [[1, 0], [2, 1], [4, 0], [3, 1], [5, 1]]
    >>> fit = meta_regression([0.1, 0.3, 0.8, 0.5, 0.2], [0.02, 0.03, 0.05, 0.06, 0.01], x)
    >>> round(variance_inflation(fit, [1]), 3)
    1.167
    """
    at = _checked(fit, coefficients)
    first = int(fit.intercept)
    if min(at) < first:
        raise PoolingError("the intercept has no variance inflation. Name moderators.")
    size = np.sqrt(np.diag(fit.covariance))
    r = (fit.covariance / np.outer(size, size))[first:, first:]
    one = [i - first for i in at]
    two = [i for i in range(len(r)) if i not in one]
    told = [float(np.linalg.slogdet(r[np.ix_(part, part)])[1]) for part in (one, two)]
    return float(np.exp(sum(told) - float(np.linalg.slogdet(r)[1])))


def _checked(fit: MetaRegression, coefficients: Sequence[int]) -> list[int]:
    at = [int(i) for i in coefficients]
    if not at or not all(0 <= i < fit.p for i in at):
        raise PoolingError(f"the regression has coefficients 0 to {fit.p - 1}, asked for {at}.")
    return at
