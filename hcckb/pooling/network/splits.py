"""Direct and indirect evidence of each comparison that a study makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from hcckb.pooling.batch import FloatArray
from hcckb.pooling.network.design import Design

# A share of direct evidence this close to 1 leaves no indirect evidence but rounding.
ALL_DIRECT = 1e-9


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


def splits(design: Design, estimate: FloatArray, se: FloatArray, tau2: float) -> tuple[Split, ...]:
    r"""Split each compared pair by back-calculation from the network and the pool of its own contrasts.

    Parameters
    ----------
    design : Design
        The checked network.
    estimate, se : ndarray, shape (n, n)
        Its effects, row minus column, and their standard errors, at `tau2`.
    tau2 : float
        Between-study variance of a contrast.

    Returns
    -------
    tuple of Split
        One for each compared pair, by treatment.

    Notes
    -----
    The share of direct evidence is :math:`p = se^2 / se_{direct}^2`; indirect is
    :math:`(\hat\theta - p \hat\theta_{direct}) / (1 - p)` with variance :math:`se^2 / (1 - p)`. Source: König, Krahn &
    Binder 2013, Stat Med 32:5414-5429, doi:10.1002/sim.6001; Dias et al. 2010, Stat Med 29:932-944,
    doi:10.1002/sim.3767, for back-calculation.
    """
    pair, which = np.unique(design.first * design.n + design.second, return_inverse=True)
    weights = 1.0 / (design.variance + tau2)
    weight = np.bincount(which, weights)
    direct = np.bincount(which, weights * design.estimate) / weight
    k = np.bincount(which)
    one, other = pair // design.n, pair % design.n
    columns = (one, other, k, direct, weight, estimate[one, other], se[one, other])
    return tuple(
        _split(i, j, count, (own, w), (mixed, spread))
        for i, j, count, own, w, mixed, spread in zip(*(c.tolist() for c in columns), strict=True)
    )


def _split(i: int, j: int, k: int, direct: tuple[float, float], network: tuple[float, float]) -> Split:
    """Take the direct evidence (estimate, weight) out of the network's (estimate, standard error)."""
    (own, weight), (mixed, mixed_se) = direct, network
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
