"""Contrasts of a network of treatments, checked at the door and brought to one shape: a study's arms."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hcckb.errors import EmptySelectionError, PoolingError
from hcckb.pooling.batch import FloatArray, IntArray

# Largest ratio of two variances of one network: beyond it the equations lose all digits.
FAR = 1e12
# Printed contrasts of one study may miss each other by this many standard errors (rounding, strata).
SLACK = 0.25
# Correlation of two contrasts with a shared arm: exact where all arms carry the same information.
CORRELATION = 0.5


@dataclass(frozen=True, slots=True)
class StudyArms:
    """One study with p arms, free of the choice of a baseline arm.

    Attributes
    ----------
    treatment : ndarray of int, shape (p,)
        Treatment of each arm.
    effect : ndarray, shape (p,)
        Arm effects; they sum to 0, their differences are the study's contrasts.
    basis : ndarray, shape (p, p - 1)
        Orthonormal directions in which the arms vary independently.
    spread : ndarray, shape (p - 1,)
        Sampling variance in each direction; for two arms half the variance of their contrast.
    """

    treatment: IntArray
    effect: FloatArray
    basis: FloatArray
    spread: FloatArray

    def precision(self, tau2: float) -> FloatArray:
        """Return the weight matrix (a graph Laplacian, shape (p, p)) when each contrast has tau2 added."""
        return (self.basis / (self.spread + tau2 / 2.0)) @ self.basis.T


@dataclass(frozen=True, slots=True)
class Design:
    """A checked network: n treatments, its studies, and the contrasts as given or completed.

    `first`, `second`, `estimate`, `variance` have shape (m,), one entry per pair of arms of each study;
    `completed` names the studies some of whose contrasts were derived from the others.
    """

    n: int
    studies: tuple[StudyArms, ...]
    first: IntArray
    second: IntArray
    estimate: FloatArray
    variance: FloatArray
    completed: tuple[Hashable, ...]


def connected_parts(treatment1: Iterable[int], treatment2: Iterable[int], n: int) -> tuple[tuple[int, ...], ...]:
    """Give the parts of a network within which treatments can be compared.

    Parameters
    ----------
    treatment1, treatment2 : iterable of int, k of them each
        The compared treatments, 0 to n - 1.
    n : int
        Number of treatments.

    Returns
    -------
    tuple of tuple of int
        The treatments of each part in ascending order; the part with most treatments first, then by first treatment.

    Examples
    --------
    >>> connected_parts([0, 3, 2], [1, 2, 4], 5)
    ((2, 3, 4), (0, 1))
    """
    part = list(range(n))
    for a, b in zip(treatment1, treatment2, strict=True):
        one, other = part[int(a)], part[int(b)]
        part = [one if p == other else p for p in part]
    groups: dict[int, list[int]] = {}
    for treatment, p in enumerate(part):
        groups.setdefault(p, []).append(treatment)
    return tuple(sorted((tuple(g) for g in groups.values()), key=lambda g: (-len(g), g)))


def checked_design(  # noqa: PLR0913, PLR0917 - the columns of a table of contrasts
    treatment1: ArrayLike,
    treatment2: ArrayLike,
    estimate: ArrayLike,
    se: ArrayLike,
    study: Sequence[Hashable],
    n: int | None = None,
    labels: Sequence[str] | None = None,
) -> Design:
    """Check the contrasts of a network and group them by study; arguments and errors as `pool_network`."""
    first, second, y, v = _columns(treatment1, treatment2, estimate, se, study)
    n = (max(int(first.max()), int(second.max())) + 1) if n is None else n
    if labels is not None and len(labels) != n:
        raise PoolingError(f"{len(labels)} labels were given for {n} treatments. Name each treatment once.")
    _refuse_contrasts(first, second, y, v, n)
    names = [str(i) for i in range(n)] if labels is None else list(labels)
    _refuse_parts(first, second, n, names)
    rows: dict[Hashable, list[int]] = {}
    for i, s in enumerate(study):
        rows.setdefault(s, []).append(i)
    arms: list[StudyArms] = []
    pairs: list[tuple[int, int, float, float]] = []
    completed: list[Hashable] = []
    for s, index in rows.items():
        treatments, effects, variances, derived = _squares(s, first[index], second[index], y[index], v[index], names)
        arms.append(_arms(s, treatments, effects, variances))
        pairs += [
            (int(treatments[i]), int(treatments[j]), float(effects[i, j]), float(variances[i, j]))
            for i in range(len(treatments))
            for j in range(i + 1, len(treatments))
        ]
        completed += [s] if derived else []
    one, other, te, variance = (np.array(column) for column in zip(*pairs, strict=True))
    return Design(n, tuple(arms), one.astype(np.int64), other.astype(np.int64), te, variance, tuple(completed))


def _columns(
    treatment1: ArrayLike, treatment2: ArrayLike, estimate: ArrayLike, se: ArrayLike, study: Sequence[Hashable]
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Return treatments, estimates and variances as vectors of one length."""
    try:
        given = [np.asarray(a, dtype=np.float64) for a in (treatment1, treatment2, estimate, se)]
    except (TypeError, ValueError) as error:
        raise PoolingError(f"treatments, estimates and standard errors must be numbers ({error}).") from error
    shapes = {a.shape for a in given} | {(len(study),)}
    if len(shapes) > 1 or given[0].ndim != 1:
        raise PoolingError(
            "treatment1, treatment2, estimate, se and study must be vectors of one length, "
            f"got shapes {', '.join(str(a.shape) for a in given)} and {len(study)} studies."
        )
    if not len(study):
        raise EmptySelectionError("there is no contrast to build a network from. Widen the selection.")
    for column, name in zip(given[:2], ("treatment1", "treatment2"), strict=True):
        if not (np.isfinite(column) & (column >= 0) & (column == np.floor(column))).all():
            raise PoolingError(f"{name} must hold the indices of treatments, 0, 1, 2 ...; got {column.tolist()}.")
    first, second = (column.astype(np.int64) for column in given[:2])
    spread = given[3]
    with np.errstate(over="ignore", under="ignore"):
        variance = np.where(spread > 0, spread**2, np.nan)
    return first, second, given[2], variance


def _refuse_contrasts(first: IntArray, second: IntArray, y: FloatArray, v: FloatArray, n: int) -> None:
    outside = (first >= n) | (second >= n)
    tests = (
        (outside, "names a treatment beyond the last", f"There are {n}, counted from 0."),
        (first == second, "compares a treatment with itself", "Leave it out."),
        (~np.isfinite(y), "has an estimate that is not a finite number", "Correct it, or leave it out."),
        (~(np.isfinite(v) & (v > 0)), "has a standard error that is not positive and finite", "Correct it."),
    )
    for bad, problem, mend in tests:
        if bad.any():
            raise PoolingError(f"contrast {int(np.argmax(bad))} {problem}. {mend}")
    if v.max() / v.min() > FAR:
        raise PoolingError(
            f"the standard errors lie too far apart to pool: {np.sqrt(v.min()):g} to {np.sqrt(v.max()):g}. "
            "Look for a misprinted interval."
        )


def _refuse_parts(first: IntArray, second: IntArray, n: int, names: Sequence[str]) -> None:
    parts = connected_parts(first, second, n)
    if len(parts) > 1:
        told = "; ".join(f"({i}) {', '.join(names[t] for t in part)}" for i, part in enumerate(parts, start=1))
        raise PoolingError(
            f"the network falls into {len(parts)} parts that no trial connects: {told}. "
            "Treatments of different parts cannot be compared; fit one part, or each part by itself."
        )


def _squares(
    study: Hashable, first: IntArray, second: IntArray, y: FloatArray, v: FloatArray, names: Sequence[str]
) -> tuple[IntArray, FloatArray, FloatArray, bool]:
    """Return the treatments of a study and its contrasts as matrices, and whether some had to be derived."""
    treatments = np.unique(np.concatenate([first, second]))
    p = len(treatments)
    i, j = np.searchsorted(treatments, first), np.searchsorted(treatments, second)
    count = np.zeros((p, p), dtype=np.int64)
    np.add.at(count, (np.concatenate([i, j]), np.concatenate([j, i])), 1)
    if count.max() > 1:
        a, b = (names[int(treatments[x])] for x in np.argwhere(count > 1)[0])
        raise PoolingError(
            f"study {study} compares {a} with {b} more than once: its patients would be counted twice. "
            "Keep one contrast per pair of arms, or name separate studies."
        )
    effects, variances = np.zeros((p, p)), np.zeros((p, p))
    effects[i, j], effects[j, i] = y, -y
    variances[i, j] = variances[j, i] = v
    given = count.astype(bool)
    if len(first) == p * (p - 1) // 2:
        return treatments, effects, variances, False
    hubs = np.flatnonzero(given.sum(axis=1) == p - 1)
    if len(first) != p - 1 or not len(hubs):
        raise PoolingError(
            f"study {study} has {p} arms and {len(first)} contrasts that do not determine the rest. "
            "Give all its pairwise contrasts, or those of each arm against one and the same."
        )
    own, square = effects[:, hubs[0]], variances[:, hubs[0]]
    covariance = CORRELATION * np.sqrt(np.outer(square, square))
    derived = square[:, None] + square[None, :] - 2.0 * covariance
    np.fill_diagonal(derived, 0.0)
    return treatments, own[:, None] - own[None, :], derived, True


def _arms(study: Hashable, treatments: IntArray, effects: FloatArray, variances: FloatArray) -> StudyArms:
    """Turn the contrasts of one study into arm effects and their independent directions."""
    p = len(treatments)
    effect = effects.mean(axis=1)
    off = np.abs(effects - (effect[:, None] - effect[None, :]))
    if (off > SLACK * np.sqrt(variances) + 1e-12 * np.abs(effects).max()).any():
        raise PoolingError(
            f"the contrasts of study {study} contradict each other: A to B plus B to C must be A to C. "
            "Look for a misprinted estimate or an exchanged sign."
        )
    helmert = np.linalg.qr(np.column_stack([np.ones(p), np.eye(p)[:, : p - 1]]))[0][:, 1:]
    spread, turn = np.linalg.eigh(-0.5 * helmert.T @ variances @ helmert)
    if spread[0] <= 1e-12 * spread[-1]:
        raise PoolingError(
            f"the standard errors of study {study} contradict each other: no arms have such contrasts. "
            "Look for a misprinted interval."
        )
    return StudyArms(treatments, effect, helmert @ turn, spread)
