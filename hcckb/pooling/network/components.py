"""Component network meta-analysis: combinations of treatments whose effects add up."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import BoolArray, FloatArray
from hcckb.pooling.heterogeneity import checked_level
from hcckb.pooling.network.decomposition import QTest, q_test
from hcckb.pooling.network.design import Design, checked_design, connected_parts
from hcckb.pooling.network.fit import curvature, freedom, spread_out

# A contrast is determined when the equations give it back up to this share of its size.
TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An effect on the analysis scale; all numbers are None where the studies do not determine it."""

    name: str
    estimate: float | None
    se: float | None
    ci_lower: float | None
    ci_upper: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """An additive network: n treatments made of c components.

    Attributes
    ----------
    model, tau2_method, tau2, level
        As in `Network`; `tau2` None where nothing tells, and then 0 was used.
    k, parts : int
        Studies; connected parts of the network without the components.
    components : tuple of Effect
        What each component adds to a treatment.
    treatments : tuple of Effect
        Each treatment against none of the components (the inactive one).
    effect, covariance : ndarray, shape (n,) and (n, n)
        Treatment effects and covariance; a difference has a meaning only where `comparable`.
    comparable : ndarray of bool, shape (n, n)
        Whether the model determines the difference of two treatments.
    q_additive, q_standard, q_difference : QTest
        Q at tau2 = 0 of this model, of the network without components (its parts together), and the difference,
        which tests that effects add up.
    matrix : ndarray, shape (n, c)
        1 where the treatment holds the component.
    """

    model: str
    tau2_method: str | None
    level: float
    k: int
    parts: int
    tau2: float | None
    components: tuple[Effect, ...]
    treatments: tuple[Effect, ...]
    effect: FloatArray
    covariance: FloatArray
    comparable: BoolArray
    q_additive: QTest
    q_standard: QTest
    q_difference: QTest
    matrix: FloatArray


def component_matrix(
    labels: Sequence[str], *, separator: str = " + ", inactive: str | None = None
) -> tuple[tuple[str, ...], FloatArray]:
    """Split treatments into components.

    Parameters
    ----------
    labels : sequence of str, shape (n,)
        Treatments; "A + B" holds A and B.
    separator : str
        What stands between components.
    inactive : str, optional
        A component without effect (placebo): it gets no column.

    Returns
    -------
    names : tuple of str
        The components, in alphabetical order.
    matrix : ndarray, shape (n, c)
        1 where the treatment holds the component, else 0.

    Raises
    ------
    UnknownNameError
        If no treatment holds the inactive component.

    Examples
    --------
    >>> component_matrix(["placebo", "A", "A + B"], inactive="placebo")[1].tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
    """
    held = [{part.strip() for part in label.split(separator)} for label in labels]
    names = sorted(set().union(*held), key=lambda name: (name.casefold(), name))
    if inactive is not None and inactive not in names:
        raise UnknownNameError(inactive, "component of this network", names)
    active = tuple(name for name in names if name != inactive)
    return active, np.array([[float(name in parts) for name in active] for parts in held]).reshape(len(held), -1)


def pool_components(  # noqa: PLR0913 - every option is a keyword
    treatment1: ArrayLike,
    treatment2: ArrayLike,
    estimate: ArrayLike,
    se: ArrayLike,
    study: Sequence[Hashable],
    *,
    labels: Sequence[str],
    inactive: str | None = None,
    separator: str = " + ",
    model: str = "random",
    level: float = 0.95,
) -> Components:
    r"""Fit a network whose treatments are sums of components; it need not be connected.

    Parameters
    ----------
    treatment1, treatment2, estimate, se, study, level
        As `pool_network`.
    labels : sequence of str, shape (n,)
        Names of the treatments, split at `separator` into components.
    inactive : str, optional
        The component without effect, say "placebo".
    separator : str
        What stands between components.
    model : {"random", "common"}
        Random effects with tau2 by the method of moments, or a common effect.

    Returns
    -------
    Components

    Raises
    ------
    EmptySelectionError, PoolingError
        As `pool_network`, save that the network may fall into parts.
    UnknownNameError
        If there is no such model or component.

    Notes
    -----
    :math:`\theta = C \beta`, :math:`\hat\beta = (C' L C)^+ C' \sum_s L_s y_s` with covariance :math:`(C' L C)^+`, L and
    y_s as in `pool_network`; no interaction of components. Degrees of freedom are the independent contrasts minus the
    rank of C'LC; :math:`\tau^2 = \max(0, (Q - df) / \frac12 (\sum_s tr L_s - tr(C (C'LC)^+ C' \sum_s L_s^2)))`.
    :math:`Q_{additive} - Q_{standard}` is chi-squared with the difference of their degrees of freedom when effects add
    up. In a disconnected network the standard model is that of its parts side by side.

    Source: Rücker, Petropoulou & Schwarzer 2020, Biom J 62:808-821, doi:10.1002/bimj.201800167.
    """
    if model not in {"random", "common"}:
        raise UnknownNameError(model, "model of a network", ("random", "common"), "random, common")
    level = checked_level(level)
    design = checked_design(treatment1, treatment2, estimate, se, study, len(labels), labels, connected=False)
    names, matrix = component_matrix(labels, separator=separator, inactive=inactive)
    if not (matrix[design.first] != matrix[design.second]).any():
        raise PoolingError("no study compares different components. Name another inactive one, or fit the network.")
    parts = len(connected_parts(design.first.tolist(), design.second.tolist(), design.n))
    plain = _fit(design, matrix, 0.0)
    standard = _fit(design, np.eye(design.n), 0.0)
    df = freedom(design.groups, plain.rank + 1)
    df_standard = freedom(design.groups, design.n, parts)
    used = 0.0
    if model == "random" and plain.q > df > 0:
        used = 2.0 * (plain.q - df) / curvature(design.groups, matrix @ plain.covariance @ matrix.T)
    at = _fit(design, matrix, used) if used else plain
    rows = np.eye(len(names))
    apart = (matrix[:, None, :] - matrix[None, :, :]).reshape(-1, len(names))
    return Components(
        model=model,
        tau2_method="DL" if model == "random" else None,
        level=level,
        k=len(design.studies),
        parts=parts,
        tau2=used if df or model == "common" else None,
        components=tuple(_effect(name, x, at, level) for name, x in zip(names, rows, strict=True)),
        treatments=tuple(_effect(label, x, at, level) for label, x in zip(labels, matrix, strict=True)),
        effect=matrix @ at.beta,
        covariance=matrix @ at.covariance @ matrix.T,
        comparable=at.determines(apart).reshape(design.n, design.n),
        q_additive=q_test(plain.q if df else 0.0, df),
        q_standard=q_test(standard.q if df_standard else 0.0, df_standard),
        q_difference=q_test(max(0.0, plain.q - (standard.q if df_standard else 0.0)), df - df_standard),
        matrix=matrix,
    )


@dataclass(frozen=True, slots=True)
class _Additive:
    """Component effects, their covariance, the projection on what is determined, Q and the rank of the equations."""

    beta: FloatArray
    covariance: FloatArray
    projection: FloatArray
    q: float
    rank: int

    def determines(self, rows: FloatArray) -> BoolArray:
        """Tell which linear combinations (m, c) of the components the equations determine."""
        off = np.abs(rows - rows @ self.projection).max(axis=1)
        found: BoolArray = off <= TOLERANCE * np.maximum(np.abs(rows).max(axis=1), 1.0)
        return found


def _fit(design: Design, matrix: FloatArray, tau2: float) -> _Additive:
    """Fit by weighted least squares with the pseudo-inverse of C'LC, in the space of what is compared."""
    n = design.n
    laplacian, right = np.zeros((n, n)), np.zeros(n)
    weights = [g.precision(tau2) for g in design.groups]
    for g, w in zip(design.groups, weights, strict=True):
        laplacian += spread_out(g.treatment, w, n)
        right += np.bincount(g.treatment.ravel(), (w @ g.effect[:, :, None]).ravel(), n)
    kept = _basis(design, matrix)
    inverse = np.linalg.inv(kept.T @ matrix.T @ laplacian @ matrix @ kept)
    covariance = kept @ ((inverse + inverse.T) / 2.0) @ kept.T
    beta = covariance @ (matrix.T @ right)
    effect = matrix @ beta
    q = 0.0
    for g, w in zip(design.groups, weights, strict=True):
        r = g.effect - effect[g.treatment]
        r -= r.mean(axis=1, keepdims=True)
        q += float(np.sum(r * (w @ r[:, :, None])[:, :, 0]))
    return _Additive(beta, covariance, kept @ kept.T, q, kept.shape[1])


def _basis(design: Design, matrix: FloatArray) -> FloatArray:
    """Orthonormal combinations (c, r) of components that are compared; standard errors have no part in it."""
    compared = np.unique(matrix[design.first] - matrix[design.second], axis=0)
    size, turn = np.linalg.svd(compared)[1:]
    kept: FloatArray = turn[: int(np.sum(size > TOLERANCE * max(1.0, float(size[0]))))].T
    return kept


def _effect(name: str, row: FloatArray, at: _Additive, level: float) -> Effect:
    if not at.determines(row[None])[0]:
        return Effect(name=name, estimate=None, se=None, ci_lower=None, ci_upper=None, p_value=None)
    estimate, variance = float(row @ at.beta), float(row @ at.covariance @ row)
    if not row.any():
        return Effect(name=name, estimate=0.0, se=0.0, ci_lower=0.0, ci_upper=0.0, p_value=1.0)
    se = variance**0.5
    half = float(ndtri((1.0 + level) / 2.0)) * se
    p = float(2.0 * ndtr(-abs(estimate) / se))
    return Effect(name=name, estimate=estimate, se=se, ci_lower=estimate - half, ci_upper=estimate + half, p_value=p)
