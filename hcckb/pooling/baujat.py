"""Baujat's coordinates: what each study adds to heterogeneity, and what it does to the pooled estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hcckb.pooling.batch import FloatArray
from hcckb.pooling.influence import Influence, influence


@dataclass(frozen=True, slots=True, kw_only=True)
class Baujat:
    """Coordinates of each study, arrays of shape (k,): `contribution` to Q, `influence` on the estimate."""

    contribution: FloatArray
    influence: FloatArray


def baujat(estimate: ArrayLike, variance: ArrayLike, *, model: str = "random", tau2: str = "REML") -> Baujat:
    """Place each study by its contribution to heterogeneity and its influence on the pooled estimate.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    model, tau2
        As in `pool_many`.

    Returns
    -------
    Baujat
        See `coordinates`.

    Raises
    ------
    PoolingError
        If k < 3, or as `pool_many`.
    UnknownNameError, ConvergenceError
        As `pool_many`.

    Examples
    --------
    >>> found = baujat([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], model="common")
    >>> found.contribution.round(3).tolist(), found.influence.round(3).tolist()
    ([2.0, 0.0, 5.0], [1.875, 0.0, 1.2])
    """
    y = np.asarray(estimate, dtype=np.float64)
    return coordinates(y, variance, influence(y, variance, model=model, tau2=tau2, ci="wald"))


def coordinates(estimate: ArrayLike, variance: ArrayLike, found: Influence) -> Baujat:
    r"""Return Baujat's coordinates from the diagnostics of the same studies, which must use Wald's interval.

    Notes
    -----
    Contribution :math:`(y_i - \hat\mu)^2 / (v_i + \tau^2)`, under the common effect the part of Q that is the
    study's; influence :math:`(\hat\mu - \hat\mu_{(i)})^2 / se^2(\hat\mu_{(i)})`, :math:`(i)` without study i.

    Source: Baujat et al. 2002, Stat Med 21:2641-2652, doi:10.1002/sim.1221.
    """
    y, v = np.asarray(estimate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    pooled, out = found.pooled, found.left_out
    return Baujat(
        contribution=(y - pooled.estimate) ** 2 / (v + pooled.tau2),
        influence=((pooled.estimate - out.estimate) / out.se) ** 2,
    )
