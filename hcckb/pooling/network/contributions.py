"""How much each direct comparison, and each study, contributes to each network estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcckb.errors import PoolingError
from hcckb.pooling.batch import FloatArray, IntArray
from hcckb.pooling.network.design import Design
from hcckb.pooling.network.fit import fit

# Flow that may be lost to rounding before a path ends.
LOST = 1e-8
# Numbers of one block of flows, so that large networks fit into memory.
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """Evidence flow of a network of n treatments, c = n (n - 1) / 2 comparisons and e direct comparisons.

    Attributes
    ----------
    comparison : ndarray of int, shape (c, 2)
        The compared treatments of each row, first < second.
    edge : ndarray of int, shape (e, 2)
        The treatments of each column, first < second.
    hat : ndarray, shape (c, e)
        Network estimate of the row as a weighted sum of direct estimates: the weights, at `tau2`.
    share : ndarray, shape (c, e)
        Contribution of each direct comparison to each estimate; rows sum to 1.
    study : ndarray, shape (c, k)
        The same of each study: shares of its comparisons by its weight in them; rows sum to 1.
    mean_path : ndarray, shape (c,)
        Mean number of contrasts of studies on the way of the evidence, 1 for direct evidence alone.
    parallelism : ndarray, shape (c,)
        Minimal number of independent contrasts of studies side by side, at least 1.
    tau2 : float
        Between-study variance of a contrast.
    """

    comparison: IntArray
    edge: IntArray
    hat: FloatArray
    share: FloatArray
    study: FloatArray
    mean_path: FloatArray
    parallelism: FloatArray
    tau2: float


def contributions(design: Design, tau2: float = 0.0) -> Contributions:
    r"""Trace the evidence of each network estimate back to direct comparisons and studies.

    Parameters
    ----------
    design : Design
        The checked network (`Network.design`).
    tau2 : float
        Between-study variance of a contrast, 0 for the common-effect model.

    Returns
    -------
    Contributions

    Raises
    ------
    PoolingError
        If a study with several arms has so uneven standard errors that evidence flows in a circle.

    Notes
    -----
    A row of the hat matrix is a unit flow from the first treatment to the second along direct comparisons, with the
    weights :math:`w_{ij} = -L_{ij}`. A walker who follows the flow, leaving each treatment in proportion to the flow
    out of it, takes path p with probability :math:`\phi_p`, and the contribution of a comparison is
    :math:`\sum_{p \ni ij} \phi_p / |p|`, :math:`|p|` its length. No path is listed: probabilities to be at i after a
    steps and to arrive from j in b steps give :math:`\sum_{ab} f_{ia} P_{ij} g_{jb} / (a + b + 1)`.

    Sources: Davies, Papakonstantinou, Nikolakopoulou, Rücker & Galla 2022, Stat Med 41:2091-2114,
    doi:10.1002/sim.9346, for the random walk; Papakonstantinou et al. 2018, F1000Research 7:610,
    doi:10.12688/f1000research.14770.3, for contributions; König, Krahn & Binder 2013, Stat Med 32:5414-5429,
    doi:10.1002/sim.6001, for mean path length and parallelism.
    """
    n = design.n
    at = fit(design.groups, n, tau2)
    weights = _contrast_weights(design, tau2)
    pair, which = np.unique(design.first * n + design.second, return_inverse=True)
    edge = np.column_stack([pair // n, pair % n])
    comparison = np.column_stack(np.triu_indices(n, 1))
    potential = at.covariance[comparison[:, 0]] - at.covariance[comparison[:, 1]]
    total = np.bincount(which, weights)
    hat = total * (potential[:, edge[:, 0]] - potential[:, edge[:, 1]])
    single = np.abs(weights * (potential[:, design.first] - potential[:, design.second]))
    size = max(1, BLOCK // n**2)
    blocks = [slice(start, start + size) for start in range(0, len(comparison), size)]
    share = np.concatenate([walk(hat[block], comparison[block], edge, n) for block in blocks])
    study = np.zeros((len(comparison), len(design.studies)))
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(total[which] == 0, 0.0, weights / total[which])
    np.add.at(study.T, design.study, (share[:, which] * part).T)
    return Contributions(
        comparison=comparison,
        edge=edge,
        hat=hat,
        share=share,
        study=study,
        mean_path=single.sum(axis=1),
        parallelism=1.0 / single.max(axis=1),
        tau2=tau2,
    )


def _contrast_weights(design: Design, tau2: float) -> FloatArray:
    """Weight of each contrast, reduced in studies with several arms, in the order of the design's contrasts."""
    studies, firsts, seconds, values = [], [], [], []
    for g in design.groups:
        one, other = np.triu_indices(g.treatment.shape[1], 1)
        studies.append(np.repeat(g.study, len(one)))
        firsts.append(g.treatment[:, one].ravel())
        seconds.append(g.treatment[:, other].ravel())
        values.append(-g.precision(tau2)[:, one, other].ravel())
    columns = [np.concatenate(c) for c in (seconds, firsts, studies)]
    found = np.empty(len(design.study))
    found[np.lexsort((design.second, design.first, design.study))] = np.concatenate(values)[np.lexsort(columns)]
    return found


def walk(hat: FloatArray, comparison: IntArray, edge: IntArray, n: int) -> FloatArray:
    """Turn flows (c, e) into contributions (c, e)."""
    c = len(comparison)
    rows = np.arange(c)
    scale = np.where(np.abs(hat) > LOST * 1e-4, hat, 0.0)
    flow = np.zeros((c, n, n))
    flow[:, edge[:, 0], edge[:, 1]] = np.maximum(scale, 0.0)
    flow[:, edge[:, 1], edge[:, 0]] = np.maximum(-scale, 0.0)
    flow[rows, comparison[:, 1]] = 0.0
    out = flow.sum(axis=2, keepdims=True)
    step = np.divide(flow, out, out=np.zeros_like(flow), where=out > 0)
    reached, arrives = np.zeros((c, n, n)), np.zeros((c, n, n))
    reached[rows, 0, comparison[:, 0]] = 1.0
    arrives[rows, 0, comparison[:, 1]] = 1.0
    back = step.transpose(0, 2, 1)
    for a in range(1, n):
        reached[:, a] = (back @ reached[:, a - 1, :, None])[:, :, 0]
        arrives[:, a] = (step @ arrives[:, a - 1, :, None])[:, :, 0]
        if not (reached[:, a].any() or arrives[:, a].any()):
            break
    length = 1.0 / (np.arange(n)[:, None] + np.arange(n)[None, :] + 1.0)
    through = step * (reached.transpose(0, 2, 1) @ (length @ arrives))
    share: FloatArray = through[:, edge[:, 0], edge[:, 1]] + through[:, edge[:, 1], edge[:, 0]]
    if (np.abs(share.sum(axis=1) - 1.0) > LOST).any():
        raise PoolingError(
            "evidence flows in a circle: a study with several arms has so uneven standard errors that its weights turn "
            "negative. Look for a misprinted interval; contributions cannot be given."
        )
    return share
