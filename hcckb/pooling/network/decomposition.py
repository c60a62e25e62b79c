"""Cochran's Q of a network, split by design: heterogeneity within designs, inconsistency between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from hcckb.pooling.batch import FloatArray, IntArray
from hcckb.pooling.network.design import Design
from hcckb.pooling.network.fit import Fit, fit


@dataclass(frozen=True, slots=True)
class QTest:
    """A Q statistic with its degrees of freedom; `p_value` is None where there are none."""

    q: float
    df: int
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignQ:
    """One design: the treatments that `k` studies compare.

    `within` is the heterogeneity of its studies; `between` is its share of the inconsistency of the network;
    `detached` is the inconsistency that is left when the design has effects of its own, None where leaving it
    takes no degree of freedom (nothing else compares its treatments).
    """

    treatments: tuple[int, ...]
    k: int
    within: QTest
    between: float
    detached: QTest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """Q of a network and its parts, at tau2 = 0; `interaction` is that between designs at `tau2_within`.

    `tau2_within` is the between-study variance under the full design-by-treatment interaction model (method of
    moments from Q within designs), 0 where no design has two studies.
    """

    total: QTest
    within: QTest
    between: QTest
    designs: tuple[DesignQ, ...]
    tau2_within: float
    interaction: QTest


@dataclass(frozen=True, slots=True)
class Level:
    """Designs with p arms each, their studies pooled: treatments (d, p), weights (d, p, p), effects (d, p).

    `k` counts studies, `q` is Cochran's within each design, `growth` its mean growth with tau2; shapes (d,).
    """

    treatment: IntArray
    precision: FloatArray
    effect: FloatArray
    k: IntArray
    q: FloatArray
    growth: FloatArray

    def residual(self, effect: FloatArray) -> FloatArray:
        """Return each design's contribution to Q between designs for network effects (..., n): shape (..., d)."""
        r = self.effect - effect[..., self.treatment]
        out: FloatArray = np.sum(r * (self.precision @ r[..., None])[..., 0], axis=-1)
        return out


def decompose(design: Design) -> Decomposition:
    r"""Decompose Cochran's Q of a network.

    Parameters
    ----------
    design : Design
        The checked network (`Network.design`).

    Returns
    -------
    Decomposition

    Notes
    -----
    With effects :math:`\hat\theta_d` and weights :math:`L_d = \sum_{s \in d} L_s` of each design,
    :math:`Q = \sum_d \sum_{s \in d} (y_s - \hat\theta_d)' L_s (y_s - \hat\theta_d) + \sum_d (\hat\theta_d -
    \hat\theta)' L_d (\hat\theta_d - \hat\theta)`: within plus between designs. Detaching a design gives its p arms
    p - 1 parameters of their own, or fewer where it alone holds the network together. The interaction test takes
    tau2 from Q within designs and tests Q between designs at that tau2.

    Sources: Krahn, Binder & König 2013, BMC Med Res Methodol 13:35, doi:10.1186/1471-2288-13-35; Higgins et al.
    2012, Res Synth Methods 3:98-110, doi:10.1002/jrsm.1044, for the design-by-treatment interaction; Jackson, White
    & Riley 2012, Stat Med 31:3805-3820, doi:10.1002/sim.5453, for the moments.
    """
    at = fit(design.groups, design.n)
    levels = design_levels(design)
    total, within, between = _tests(design, at, levels)
    tau2 = 0.0
    growth = sum(float(level.growth.sum()) for level in levels)
    if within.q > within.df > 0:
        tau2 = 2.0 * (within.q - within.df) / growth
    shifted = design_levels(design, tau2) if tau2 else levels
    effect = fit(design.groups, design.n, tau2).effect if tau2 else at.effect
    q = sum(float(level.residual(effect).sum()) for level in shifted) if between.df else 0.0
    return Decomposition(
        total=total,
        within=within,
        between=between,
        designs=tuple(_designs(design, at, levels)) if between.df else tuple(_unconnected(levels)),
        tau2_within=tau2,
        interaction=q_test(q, between.df),
    )


def q_tests(design: Design, at: Fit) -> tuple[QTest, QTest, QTest]:
    """Q of the network, within designs, and between designs, at the tau2 = 0 of the fit."""
    return _tests(design, at, design_levels(design))


def q_test(q: float, df: int) -> QTest:
    """Test Q by chi squared; without degrees of freedom Q is 0."""
    return QTest(q, df, float(chdtrc(df, q))) if df else QTest(0.0, 0, None)


def design_levels(design: Design, tau2: float = 0.0) -> tuple[Level, ...]:
    """Pool the studies of each design, by number of arms."""
    out = []
    for g in design.groups:
        size = g.treatment.shape[1]
        _, place, which = np.unique(g.treatment, axis=0, return_index=True, return_inverse=True)
        which = which.ravel()
        d = len(place)
        weight = g.precision(tau2)
        pulled = (weight @ g.effect[:, :, None])[:, :, 0]
        precision, right, k = np.zeros((d, size, size)), np.zeros((d, size)), np.bincount(which)
        np.add.at(precision, which, weight)
        np.add.at(right, which, pulled)
        unit = np.trace(precision, axis1=1, axis2=2)[:, None, None] / size
        inverse = np.linalg.inv(precision + unit / size) - 1.0 / (unit * size)
        effect = (inverse @ right[:, :, None])[:, :, 0]
        r = g.effect - effect[which]
        q = np.bincount(which, np.sum(r * (weight @ r[:, :, None])[:, :, 0], axis=1))
        square = weight @ weight
        traces = np.trace(weight, axis1=1, axis2=2) - np.sum(inverse[which] * square, axis=(1, 2))
        alone = k == 1
        effect[alone] = g.effect[place[alone]]
        growth = np.where(alone, 0.0, np.bincount(which, traces))
        out.append(Level(g.treatment[place], precision, effect, k, np.where(alone, 0.0, q), growth))
    return tuple(out)


def detached_fits(design: Design, laplacian: FloatArray, levels: tuple[Level, ...]) -> tuple[FloatArray, IntArray]:
    """Fit the network without each design in turn: effects (d, n), and parts that are left (d,)."""
    n = design.n
    weight = np.concatenate([_placed(level.treatment, level.precision, n) for level in levels])
    pulls = [(level.precision @ level.effect[:, :, None])[:, :, 0] for level in levels]
    pull = np.concatenate([_placed(level.treatment, p, n) for level, p in zip(levels, pulls, strict=True)])
    ones = np.concatenate([_placed(level.treatment, np.ones_like(level.precision), n) for level in levels])
    together = (ones.sum(axis=0) - ones > 0) | np.eye(n, dtype=bool)
    steps = 1
    while steps < n:
        together = together.astype(np.float64) @ together > 0
        steps *= 2
    parts = np.rint((1.0 / together.sum(axis=2)).sum(axis=1)).astype(np.int64)
    # Within each part a multiple of 11' fills the null space, on the scale of the weights.
    filled = laplacian - weight + together * (np.trace(laplacian) / n)
    effect = np.linalg.solve(filled, (pull.sum(axis=0) - pull)[:, :, None])[:, :, 0]
    return effect, parts


def _placed(treatment: IntArray, values: FloatArray, n: int) -> FloatArray:
    """Lay vectors (d, p) or matrices (d, p, p) of arms out over all treatments: (d, n) or (d, n, n)."""
    d = np.arange(len(treatment))
    if values.ndim == 2:
        vectors = np.zeros((len(treatment), n))
        vectors[d[:, None], treatment] = values
        return vectors
    matrices = np.zeros((len(treatment), n, n))
    matrices[d[:, None, None], treatment[:, :, None], treatment[:, None, :]] = values
    return matrices


def _tests(design: Design, at: Fit, levels: tuple[Level, ...]) -> tuple[QTest, QTest, QTest]:
    within = sum(float(level.q.sum()) for level in levels)
    df_within = sum(int((level.k - 1).sum()) * (level.treatment.shape[1] - 1) for level in levels)
    df_between = sum(level.treatment.shape[0] * (level.treatment.shape[1] - 1) for level in levels) - (design.n - 1)
    between = sum(float(level.residual(at.effect).sum()) for level in levels) if df_between else 0.0
    return (
        q_test(within + between, df_within + df_between),
        q_test(within, df_within),
        q_test(between, df_between),
    )


def _designs(design: Design, at: Fit, levels: tuple[Level, ...]) -> Iterator[DesignQ]:
    effects, parts = detached_fits(design, at.laplacian, levels)
    left = np.concatenate([level.residual(effects) for level in levels], axis=1)
    np.fill_diagonal(left, 0.0)
    between = np.concatenate([level.residual(at.effect) for level in levels])
    free = sum(level.treatment.shape[0] * (level.treatment.shape[1] - 1) for level in levels) - (design.n - 1)
    which = 0
    for level in levels:
        size = level.treatment.shape[1]
        for own, k, q in zip(level.treatment.tolist(), level.k.tolist(), level.q.tolist(), strict=True):
            taken = size - 1 - (int(parts[which]) - 1)
            df = free - taken
            yield DesignQ(
                treatments=tuple(own),
                k=k,
                within=q_test(q, (k - 1) * (size - 1)),
                between=float(between[which]),
                detached=q_test(float(left[which].sum()), df) if taken else None,
            )
            which += 1


def _unconnected(levels: tuple[Level, ...]) -> Iterator[DesignQ]:
    """Give the designs of a network without inconsistency to speak of: nothing is compared twice by two ways."""
    for level in levels:
        size = level.treatment.shape[1]
        for own, k, q in zip(level.treatment.tolist(), level.k.tolist(), level.q.tolist(), strict=True):
            yield DesignQ(
                treatments=tuple(own), k=k, within=q_test(q, (k - 1) * (size - 1)), between=0.0, detached=None
            )
