"""Contrasts of a network of treatments, checked at the door and brought to one shape: a study's arms."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hcckb.errors import EmptySelectionError, PoolingError
from hcckb.pooling.batch import BoolArray, FloatArray, IntArray

# Largest ratio of two variances of one network: beyond it the equations lose all digits.
FAR = 1e12
# Printed contrasts of one study may miss each other by this many standard errors (rounding, strata).
SLACK = 0.25
# Correlation of two contrasts with a shared arm: exact where all arms carry the same information.
CORRELATION = 0.5
RULE = (
    "Contrasts of each arm with a common one are given: A to B is (A to C) - (B to C), and two contrasts with C are "
    "correlated by 0.5, so var(AB) = var(AC) + var(BC) - sqrt(var(AC) var(BC)); exact for arms of equal information."
)


@dataclass(frozen=True, slots=True)
class Arms:
    """Studies with p arms each, free of the choice of a baseline arm.

    Attributes
    ----------
    study : ndarray of int, shape (s,)
        Index of each study.
    treatment : ndarray of int, shape (s, p)
        Treatment of each arm, ascending.
    effect : ndarray, shape (s, p)
        Arm effects; those of a study sum to 0, their differences are its contrasts.
    basis : ndarray, shape (s, p, p - 1)
        Orthonormal directions in which the arms of a study vary independently.
    spread : ndarray, shape (s, p - 1)
        Sampling variance in each direction; for two arms half the variance of their contrast.
    """

    study: IntArray
    treatment: IntArray
    effect: FloatArray
    basis: FloatArray
    spread: FloatArray

    def precision(self, tau2: float) -> FloatArray:
        """Return weight matrices (graph Laplacians, shape (s, p, p)) when each contrast has tau2 added."""
        scaled = self.basis / (self.spread + tau2 / 2.0)[:, None, :]
        return scaled @ self.basis.transpose(0, 2, 1)


@dataclass(frozen=True, slots=True)
class Derived:
    """A contrast that a study did not give, treatment 1 minus treatment 2, found from two others by `RULE`."""

    study: Hashable
    treatment1: int
    treatment2: int
    estimate: float
    se: float


@dataclass(frozen=True, slots=True)
class Design:
    """A checked network: n treatments, its studies by number of arms, and the contrasts as given or completed.

    `first` < `second`, `estimate`, `variance` and `study` (the index into `studies`) have shape (m,), one entry
    per pair of arms of each study; `derived` holds those found from others.
    """

    n: int
    studies: tuple[Hashable, ...]
    groups: tuple[Arms, ...]
    first: IntArray
    second: IntArray
    estimate: FloatArray
    variance: FloatArray
    study: IntArray
    derived: tuple[Derived, ...]

    @property
    def completed(self) -> tuple[Hashable, ...]:
        """The studies some of whose contrasts were derived from the others."""
        return tuple(dict.fromkeys(d.study for d in self.derived))


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
        if one != other:
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
    *,
    connected: bool = True,
) -> Design:
    """Check the contrasts of a network and group them by study; arguments and errors as `pool_network`.

    With `connected` false a network may fall into parts.
    """
    first, second, y, v = _columns(treatment1, treatment2, estimate, se, study)
    n = (max(int(first.max()), int(second.max())) + 1) if n is None else n
    if labels is not None and len(labels) != n:
        raise PoolingError(f"{len(labels)} labels were given for {n} treatments. Name each treatment once.")
    names = [str(i) for i in range(n)] if labels is None else list(labels)
    _refuse_contrasts(first, second, y, v, n, study)
    if connected:
        _refuse_parts(first, second, n, names)
    number: dict[Hashable, int] = {}
    index = np.array([number.setdefault(s, len(number)) for s in study], dtype=np.int64)
    alone = np.bincount(index)[index] == 1
    given = _Pairs(index, first, second, y, v)
    pairs = given.at(np.flatnonzero(alone)).ascending()
    several: dict[int, list[int]] = {}
    for i in np.flatnonzero(~alone).tolist():
        several.setdefault(int(index[i]), []).append(i)
    labelled = list(number)
    found = [_squares(labelled[s], s, given.at(np.array(rows, dtype=np.int64)), names) for s, rows in several.items()]
    contrasts = [pairs, *(f.pairs for f in found)]
    columns = [np.concatenate([getattr(c, name) for c in contrasts]) for name in _Pairs.__slots__]
    order = np.argsort(columns[0], kind="stable")
    at, one, other, te, variance = (c[order] for c in columns)
    derived = tuple(d for f in found for d in f.derived)
    return Design(n, tuple(labelled), _groups(pairs, found), one, other, te, variance, at, derived)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Contrasts as columns of one length."""

    study: IntArray
    first: IntArray
    second: IntArray
    estimate: FloatArray
    variance: FloatArray

    def at(self, rows: IntArray) -> _Pairs:
        """Take some rows."""
        first, second = self.first[rows], self.second[rows]
        return _Pairs(self.study[rows], first, second, self.estimate[rows], self.variance[rows])

    def ascending(self) -> _Pairs:
        """Turn each contrast so that its first treatment has the smaller index."""
        turned = self.first > self.second
        first, second = np.where(turned, self.second, self.first), np.where(turned, self.first, self.second)
        return _Pairs(self.study, first, second, np.where(turned, -self.estimate, self.estimate), self.variance)


@dataclass(frozen=True, slots=True)
class _Several:
    """One study with more than two arms, all its contrasts and its arms in independent directions."""

    pairs: _Pairs
    arms: Arms
    derived: tuple[Derived, ...]


def _groups(pairs: _Pairs, several: Sequence[_Several]) -> tuple[Arms, ...]:
    """Gather studies with the same number of arms."""
    groups = []
    if len(pairs.study):
        half = pairs.estimate / 2.0
        basis = np.broadcast_to(np.array([[1.0], [-1.0]]) * 0.5**0.5, (len(half), 2, 1))
        groups.append(
            Arms(
                pairs.study,
                np.column_stack([pairs.first, pairs.second]),
                np.column_stack([half, -half]),
                basis,
                pairs.variance[:, None] / 2.0,
            )
        )
    by_size: dict[int, list[Arms]] = {}
    for s in several:
        by_size.setdefault(s.arms.treatment.shape[1], []).append(s.arms)
    fields = ("study", "treatment", "effect", "basis", "spread")
    for _, group in sorted(by_size.items()):
        groups.append(Arms(*(np.concatenate([getattr(a, f) for a in group]) for f in fields)))
    return tuple(groups)


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


def _refuse_contrasts(
    first: IntArray, second: IntArray, y: FloatArray, v: FloatArray, n: int, study: Sequence[Hashable]
) -> None:
    outside = (first >= n) | (second >= n)
    tests = (
        (outside, "names a treatment beyond the last", f"There are {n}, counted from 0."),
        (first == second, "compares a treatment with itself", "Leave it out."),
        (~np.isfinite(y), "has an estimate that is not a finite number", "Correct it, or leave it out."),
        (~(np.isfinite(v) & (v > 0)), "has a standard error that is not positive and finite", "Correct it."),
    )
    for bad, problem, mend in tests:
        if bad.any():
            i = int(np.argmax(bad))
            raise PoolingError(f"contrast {i} (study {study[i]}) {problem}. {mend}")
    if v.max() / v.min() > FAR:
        raise PoolingError(
            f"the standard errors lie too far apart to pool: {np.sqrt(v.min()):g} (study {study[int(np.argmin(v))]}) "
            f"to {np.sqrt(v.max()):g} (study {study[int(np.argmax(v))]}). "
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


def _squares(label: Hashable, study: int, given: _Pairs, names: Sequence[str]) -> _Several:
    """Bring the contrasts of one study to all pairs of its arms, deriving those that are missing."""
    treatments = np.unique(np.concatenate([given.first, given.second]))
    p = len(treatments)
    i, j = np.searchsorted(treatments, given.first), np.searchsorted(treatments, given.second)
    count = np.zeros((p, p), dtype=np.int64)
    np.add.at(count, (np.concatenate([i, j]), np.concatenate([j, i])), 1)
    if count.max() > 1:
        a, b = (names[int(treatments[x])] for x in np.argwhere(count > 1)[0])
        raise PoolingError(
            f"study {label} compares {a} with {b} more than once: its patients would be counted twice. "
            "Keep one contrast per pair of arms, or name separate studies."
        )
    effects, variances = np.zeros((p, p)), np.zeros((p, p))
    effects[i, j], effects[j, i] = given.estimate, -given.estimate
    variances[i, j] = variances[j, i] = given.variance
    missing = len(i) < p * (p - 1) // 2
    if missing:
        effects, variances = _completed(label, effects, variances, count.astype(bool))
    arms = _arms(label, study, treatments, effects, variances)
    one, other = np.triu_indices(p, 1)
    pairs = _Pairs(
        np.full(len(one), study, dtype=np.int64),
        treatments[one],
        treatments[other],
        effects[one, other],
        variances[one, other],
    )
    new = np.flatnonzero(count[one, other] == 0)
    derived = tuple(
        Derived(
            label,
            int(pairs.first[x]),
            int(pairs.second[x]),
            float(pairs.estimate[x]),
            float(pairs.variance[x]) ** 0.5,
        )
        for x in new.tolist()
    )
    return _Several(pairs, arms, derived)


def _completed(
    label: Hashable, effects: FloatArray, variances: FloatArray, given: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Derive the contrasts that a study leaves out from those of each arm against one and the same (`RULE`)."""
    p = len(effects)
    hubs = np.flatnonzero(given.sum(axis=1) == p - 1)
    if given.sum() != 2 * (p - 1) or not len(hubs):
        raise PoolingError(
            f"study {label} has {p} arms and {int(given.sum()) // 2} contrasts that do not determine the rest. "
            "Give all its pairwise contrasts, or those of each arm against one and the same."
        )
    own, square = effects[:, hubs[0]], variances[:, hubs[0]]
    covariance = CORRELATION * np.sqrt(np.outer(square, square))
    derived = square[:, None] + square[None, :] - 2.0 * covariance
    np.fill_diagonal(derived, 0.0)
    return own[:, None] - own[None, :], derived


def _arms(label: Hashable, study: int, treatments: IntArray, effects: FloatArray, variances: FloatArray) -> Arms:
    """Turn the contrasts of one study into arm effects and their independent directions."""
    p = len(treatments)
    effect = effects.mean(axis=1)
    off = np.abs(effects - (effect[:, None] - effect[None, :]))
    if (off > SLACK * np.sqrt(variances) + 1e-12 * np.abs(effects).max()).any():
        raise PoolingError(
            f"the contrasts of study {label} contradict each other: A to B plus B to C must be A to C. "
            "Look for a misprinted estimate or an exchanged sign."
        )
    helmert = np.linalg.qr(np.column_stack([np.ones(p), np.eye(p)[:, : p - 1]]))[0][:, 1:]
    spread, turn = np.linalg.eigh(-0.5 * helmert.T @ variances @ helmert)
    if spread[0] <= 1e-12 * spread[-1]:
        raise PoolingError(
            f"the standard errors of study {label} contradict each other: no arms have such contrasts. "
            "Look for a misprinted interval."
        )
    return Arms(np.array([study]), treatments[None], effect[None], (helmert @ turn)[None], spread[None])
