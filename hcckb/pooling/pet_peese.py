"""PET, PEESE and PET-PEESE: the estimate of a study without sampling error, by regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hcckb.pooling.bias import bias_note, checked_studies
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.weighted_line import fit_line

# Two-sided level of PET's test of an effect, i.e. 0.05 in the direction observed.
ALPHA = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class PetPeese:
    """One precision-effect regression, on the analysis scale.

    `method` is "PET" or "PEESE", `predictor` "standard error" or "variance". `estimate` is the intercept, with
    its interval and `p_value` of no effect; `slope` with `slope_p_value` measures the asymmetry; `df` = k - 2.
    """

    method: str
    predictor: str
    k: int
    df: float
    level: float
    estimate: float
    se: float
    ci_lower: float
    ci_upper: float
    statistic: float
    p_value: float
    slope: float
    slope_se: float
    slope_statistic: float
    slope_p_value: float
    note: str


def pet(estimate: ArrayLike, variance: ArrayLike, *, level: float = 0.95) -> PetPeese:
    r"""Precision-effect test: regression on the standard error.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    level : float
        Level of the interval.

    Raises
    ------
    EmptySelectionError
        If there is no estimate.
    PoolingError
        If k < 3, all standard errors are equal, all estimates lie on the line, or the input is not valid.

    Notes
    -----
    :math:`y_i = \beta_0 + \beta_1 \sqrt{v_i}` with weights :math:`1 / v_i`, a dispersion factor and t with k - 2
    degrees of freedom: Egger's regression, read for its intercept. The intercept is biased towards 0 where there
    is an effect.

    Source: Stanley & Doucouliagos 2014, Res Synth Methods 5:60-78, doi:10.1002/jrsm.1095.
    """
    return _regression("PET", estimate, variance, level)


def peese(estimate: ArrayLike, variance: ArrayLike, *, level: float = 0.95) -> PetPeese:
    r"""Precision-effect estimate with standard error: regression on the variance.

    Parameters, errors and source as for `pet`.

    Notes
    -----
    :math:`y_i = \beta_0 + \beta_1 v_i` with weights :math:`1 / v_i`.
    """
    return _regression("PEESE", estimate, variance, level)


def pet_peese(estimate: ArrayLike, variance: ArrayLike, *, level: float = 0.95, alpha: float = ALPHA) -> PetPeese:
    """Take PEESE where PET finds an effect, else PET.

    Parameters
    ----------
    estimate, variance, level
        As for `pet`.
    alpha : float
        Two-sided level of PET's test of no effect; 0.10 is 0.05 in the direction observed.

    Returns
    -------
    PetPeese
        The one that was taken; its `method` says which.

    Raises
    ------
    PoolingError
        As `pet`, or if alpha is not in (0, 1).

    Notes
    -----
    Unreliable with few studies, with studies of similar size, and where heterogeneity is large.

    Source: Stanley & Doucouliagos 2014, doi:10.1002/jrsm.1095; its limits: Stanley 2017, Soc Psychol Personal Sci
    8:581-591, doi:10.1177/1948550617693062.

    Examples
    --------
    >>> found = pet_peese([-0.2, -0.3, -0.5, -0.9, -1.4], [0.01, 0.02, 0.05, 0.1, 0.2])
    >>> found.method, round(found.estimate, 3), round(found.ci_upper, 3)
    ('PEESE', -0.147, -0.082)
    """
    alpha = checked_level(alpha)
    first = pet(estimate, variance, level=level)
    return peese(estimate, variance, level=level) if first.p_value < alpha else first


def _regression(method: str, estimate: ArrayLike, variance: ArrayLike, level: float) -> PetPeese:
    level = checked_level(level)
    y, v = checked_studies(estimate, variance)
    line = fit_line(y, np.sqrt(v) if method == "PET" else v, 1.0 / v)
    lower, upper = line.intercept_interval(level)
    return PetPeese(
        method=method,
        predictor="standard error" if method == "PET" else "variance",
        k=len(y),
        df=line.df,
        level=level,
        estimate=line.intercept,
        se=line.intercept_se,
        ci_lower=lower,
        ci_upper=upper,
        statistic=line.intercept / line.intercept_se,
        p_value=line.intercept_p(),
        slope=line.slope,
        slope_se=line.slope_se,
        slope_statistic=line.statistic,
        slope_p_value=line.p_value,
        note=bias_note(len(y)),
    )
