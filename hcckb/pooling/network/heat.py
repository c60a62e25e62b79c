"""Net heat: which design drives, and which design feels, the inconsistency of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcckb.pooling.batch import FloatArray
from hcckb.pooling.network.decomposition import Level, design_levels, detached_fits
from hcckb.pooling.network.design import Design
from hcckb.pooling.network.fit import fit


@dataclass(frozen=True, slots=True, kw_only=True)
class NetHeat:
    """Inconsistency between designs, shape (d, d) for d designs.

    Attributes
    ----------
    designs : tuple of tuple of int
        The treatments of each design; those whose detachment changes nothing are left out.
    share : ndarray, shape (d, d)
        Weight of the column's direct estimate in the network's estimate of the row, in absolute value.
    heat : ndarray, shape (d, d)
        Row's contribution to Q between designs minus what is left of it when the column is detached: positive
        where the column's design makes the row's evidence inconsistent, negative where it hides that.
    tau2 : float
        Between-study variance of a contrast.
    """

    designs: tuple[tuple[int, ...], ...]
    share: FloatArray
    heat: FloatArray
    tau2: float


def net_heat(design: Design, tau2: float = 0.0) -> NetHeat:
    r"""Find the hot spots of inconsistency in a network.

    Parameters
    ----------
    design : Design
        The checked network (`Network.design`).
    tau2 : float
        Between-study variance of a contrast; 0, the default, is the common-effect model. With `tau2_within` of
        `decompose` heterogeneity within designs is taken out.

    Returns
    -------
    NetHeat
        Empty (d = 0) where no closed loop of designs exists.

    Notes
    -----
    :math:`Q_{de} = Q_d - Q_{d(e)}` with :math:`Q_d = (\hat\theta_d - \hat\theta)' L_d (\hat\theta_d - \hat\theta)` and
    (e) for the network in which design e has effects of its own; the diagonal is Q_d. A design of several arms is one
    row, where the paper gives it a row for each contrast with its baseline; its share is the largest singular value
    of its block of the hat matrix, which for two arms is the weight itself.

    Source: Krahn, Binder & König 2013, BMC Med Res Methodol 13:35, doi:10.1186/1471-2288-13-35.
    """
    at = fit(design.groups, design.n, tau2)
    levels = design_levels(design, tau2)
    treatments = [tuple(own) for level in levels for own in level.treatment.tolist()]
    size = sum(len(t) - 1 for t in treatments)
    if size == design.n - 1:
        return NetHeat(designs=(), share=np.zeros((0, 0)), heat=np.zeros((0, 0)), tau2=tau2)
    effects, parts = detached_fits(design, at.laplacian, levels)
    left = np.concatenate([level.residual(effects) for level in levels], axis=1)
    np.fill_diagonal(left, 0.0)
    own = np.concatenate([level.residual(at.effect) for level in levels])
    taken = np.array([len(t) - 1 for t in treatments]) - (parts - 1)
    kept = np.flatnonzero(taken)
    heat = (own[None, :] - left).T
    return NetHeat(
        designs=tuple(treatments[i] for i in kept),
        share=_shares(at.covariance, levels)[np.ix_(kept, kept)],
        heat=heat[np.ix_(kept, kept)],
        tau2=tau2,
    )


def _shares(covariance: FloatArray, levels: tuple[Level, ...]) -> FloatArray:
    """Size of each block of the hat matrix that maps a design's estimates to the network's of another design."""
    return np.concatenate([np.concatenate([_blocks(covariance, a, b) for b in levels], axis=1) for a in levels])


def _blocks(covariance: FloatArray, rows: Level, columns: Level) -> FloatArray:
    own = covariance[rows.treatment[:, None, :, None], columns.treatment[None, :, None, :]]
    block = own @ columns.precision[None]
    block -= block.mean(axis=2, keepdims=True)
    if min(rows.treatment.shape[1], columns.treatment.shape[1]) == 2:
        one: FloatArray = np.sqrt(np.sum(block**2, axis=(2, 3)))  # one singular value, so that no SVD is needed
        return one
    largest: FloatArray = np.linalg.norm(block, 2, axis=(2, 3))
    return largest
