"""Comparison-adjusted funnel: each contrast against the mean of its comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hcckb.errors import PoolingError
from hcckb.pooling.batch import FloatArray, IntArray
from hcckb.pooling.network.design import Design


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedFunnel:
    """Contrasts minus the direct estimate of their comparison; all columns have shape (m,).

    `study` indexes `Design.studies`; `treatment1` minus `treatment2`, the first standing earlier in the given order.
    """

    study: IntArray
    treatment1: IntArray
    treatment2: IntArray
    estimate: FloatArray
    adjusted: FloatArray
    se: FloatArray


def adjusted_funnel(design: Design, order: Sequence[int] | None = None, tau2: float = 0.0) -> AdjustedFunnel:
    r"""Centre each contrast on the direct estimate of its comparison.

    Parameters
    ----------
    design : Design
        The checked network (`Network.design`).
    order : sequence of int, optional
        All treatments, those expected to gain by small-study effects first (newest first, say); by index when absent.
    tau2 : float
        Between-study variance of a contrast, for the direct estimates.

    Returns
    -------
    AdjustedFunnel

    Raises
    ------
    PoolingError
        If the order does not name each treatment once.

    Notes
    -----
    :math:`y_{s,ij} - \hat\theta^{direct}_{ij}` against the standard error of the contrast. A comparison that one study
    makes lies at 0. The picture has a meaning only if the order has one: the direction in which small studies would
    err. Source: Chaimani & Salanti 2012, Res Synth Methods 3:161-176, doi:10.1002/jrsm.57.
    """
    given = list(range(design.n)) if order is None else [int(i) for i in order]
    if sorted(given) != list(range(design.n)):
        raise PoolingError(f"the order must name each of the {design.n} treatments once, got {given}.")
    place = np.empty(design.n, dtype=np.int64)
    place[given] = np.arange(design.n)
    turned = place[design.first] > place[design.second]
    sign = np.where(turned, -1.0, 1.0)
    _, which = np.unique(design.first * design.n + design.second, return_inverse=True)
    weight = 1.0 / (design.variance + tau2)
    direct = np.bincount(which, weight * design.estimate) / np.bincount(which, weight)
    alone = np.bincount(which)[which] == 1
    centred = np.where(alone, 0.0, design.estimate - direct[which])
    return AdjustedFunnel(
        study=design.study,
        treatment1=np.where(turned, design.second, design.first),
        treatment2=np.where(turned, design.first, design.second),
        estimate=sign * design.estimate,
        adjusted=sign * centred,
        se=np.sqrt(design.variance),
    )
