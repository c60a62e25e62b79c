"""Many meta-analyses as one padded array, checked once at the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import EmptySelectionError, PoolingError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
# Largest distance or variance in units of the most precise study: beyond it sums of squares lose meaning.
FAR = 1e50


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked estimates of m meta-analyses with up to k studies each, in units of their own.

    Each row is sorted by variance and measured from its most precise study, in units of a power of four
    near that study's variance. So order, shift and scale of the input cannot change a result beyond the
    last bit, and sums of weights do not cancel. Padding has `d` = 0 and `v` = inf, hence weight 0.

    Attributes
    ----------
    d : ndarray, shape (m, k)
        Estimates minus `origin`, divided by ``2 ** half``.
    v : ndarray, shape (m, k)
        Variances divided by ``4 ** half``, ascending; the first lies in [0.5, 2).
    k : ndarray, shape (m,)
        Number of studies of each row, at least 1.
    origin : ndarray, shape (m,)
        Estimate of the most precise study.
    half : ndarray, shape (m,)
        Exponent of the unit of length.

    Notes
    -----
    `d` and `v` lie in memory study by study (Fortran order): k is small and m large, so sums over the
    studies of a row run along contiguous memory.
    """

    d: FloatArray
    v: FloatArray
    k: IntArray
    origin: FloatArray
    half: IntArray

    @property
    def present(self) -> BoolArray:
        """Which cells hold a study, shape (m, k)."""
        return np.isfinite(self.v)

    def take(self, rows: IntArray | BoolArray) -> Batch:
        """Return the batch of these rows only."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        d, v = self.d.T.take(rows, axis=1).T, self.v.T.take(rows, axis=1).T
        return Batch(d, v, self.k[rows], self.origin[rows], self.half[rows])

    def only(self, rows: IntArray) -> Batch:
        """Return the batch of these rows; itself where they are all, in order."""
        whole = len(rows) == len(self.k) and np.array_equal(rows, np.arange(len(rows)))
        return self if whole else self.take(rows)

    def location(self, value: FloatArray) -> FloatArray:
        """Turn a location in own units into the units of the input."""
        return self.origin + np.ldexp(value, self.half)

    def length(self, value: FloatArray) -> FloatArray:
        """Turn a length (a standard error) in own units into the units of the input."""
        return np.ldexp(value, self.half)

    def square(self, value: FloatArray) -> FloatArray:
        """Turn a squared length (a variance, tau2) in own units into the units of the input."""
        return np.ldexp(value, 2 * self.half)


@dataclass(frozen=True, slots=True)
class Moments:
    """Weighted sums of each row at one value of tau2, of shape (m,), and the weights `w`, shape (m, k).

    With w = 1 / (v + tau2) and P = W - W11'W / sum(w): `total` is sum(w), `mean` the weighted mean,
    `q` = y'Py, `ypp` = y'PPy, `trace` = tr(P).
    """

    w: FloatArray
    total: FloatArray
    mean: FloatArray
    q: FloatArray
    ypp: FloatArray
    trace: FloatArray


def moments(batch: Batch, tau2: FloatArray) -> Moments:
    """Return the weighted sums at `tau2` (shape (m,), in the batch's own units).

    Estimates are measured from the first, the most precise study, and its weight is kept apart, so that
    no difference cancels, also where it holds nearly all weight.
    """
    w = 1.0 / (batch.v.T + tau2)
    first, others, d = w[0], w[1:], batch.d.T[1:]
    wd = others * d
    rest, rest_y, rest_square = others.sum(axis=0), wd.sum(axis=0), np.einsum("ij,ij->j", others, others)
    total = first + rest
    mean = rest_y / total
    q = np.einsum("ij,ij->j", wd, d) - rest_y * mean
    ypp = np.einsum("ij,ij->j", wd, wd) - mean * (
        2.0 * np.einsum("ij,ij->j", others, wd) - mean * (first * first + rest_square)
    )
    trace = (rest * (2.0 * first + rest) - rest_square) / total
    return Moments(w.T, total, mean, np.maximum(q, 0.0), np.maximum(ypp, 0.0), trace)


def checked_batch(estimate: ArrayLike, variance: ArrayLike, mask: ArrayLike | None = None) -> Batch:
    """Check the input of pooling and bring it into canonical form.

    Parameters
    ----------
    estimate, variance : array_like, shape (m, k)
        Estimates on an additive scale and their sampling variances.
    mask : array_like of bool, shape (m, k), optional
        True where a study is present; all are when it is left out. Other cells may hold anything.

    Raises
    ------
    EmptySelectionError
        If there is no meta-analysis, or one without a study.
    PoolingError
        If shapes differ, an estimate is not finite, or a variance not positive and finite.
    """
    y, v, present = _arrays(estimate, variance, mask)
    k = present.sum(axis=1)
    if y.shape[0] == 0 or (k == 0).any():
        where = "" if y.shape[0] <= 1 else f" (meta-analysis {int(np.argmin(k))})"
        raise EmptySelectionError(
            f"there is no estimate to pool{where}. Widen the selection, or leave this analysis out."
        )
    _refuse(present & ~np.isfinite(y), y, "estimate", "is not a finite number")
    _refuse(present & ~(np.isfinite(v) & (v > 0)), v, "variance", "is not positive and finite")
    y, v = np.where(present, y, 0.0), np.where(present, v, np.inf)
    order = np.argsort(v, axis=1)
    ordered = np.take_along_axis(v, order, axis=1)
    if (np.isfinite(ordered[:, 1:]) & (ordered[:, 1:] == ordered[:, :-1])).any():
        # Equal variances: the estimates decide, so that the order of the input does not.
        order = np.lexsort((y, v), axis=-1)
    return ordered_batch(np.take_along_axis(y, order, axis=1), np.take_along_axis(v, order, axis=1), k)


def ordered_batch(y: FloatArray, v: FloatArray, k: IntArray) -> Batch:
    """Bring checked rows whose studies are ordered by variance, then estimate, into canonical form.

    Shapes are (m, k), (m, k) and (m,); padding comes last and has ``v = inf``.
    """
    half = np.frexp(v[:, 0])[1].astype(np.int64) // 2
    with np.errstate(over="ignore"):
        d = np.where(np.isfinite(v), np.ldexp(y - y[:, :1], -half[:, None]), 0.0)
        scaled = np.ldexp(v, -2 * half[:, None])
    far = (np.abs(d) > FAR) | (np.isfinite(v) & (scaled > FAR))
    if far.any():
        row = int(np.argmax(far.any(axis=1)))
        which = f" of meta-analysis {row}" if len(v) > 1 else ""
        raise PoolingError(
            f"the numbers{which} are too far apart to pool: variances from {v[row, 0]} on. "
            "Look for a misprinted estimate or variance."
        )
    return Batch(np.asfortranarray(d), np.asfortranarray(scaled), k, y[:, 0], half)


def as_rows(estimate: ArrayLike, variance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Turn the vectors of one meta-analysis, shape (k,), into a batch of one, shape (1, k)."""
    y, v = _floats(estimate, "estimate"), _floats(variance, "variance")
    if y.ndim != 1 or v.ndim != 1:
        raise PoolingError(
            f"estimate and variance must be vectors, got shapes {y.shape} and {v.shape}. "
            "Pool many meta-analyses at once with the function that ends in _many."
        )
    return y[None, :], v[None, :]


def _arrays(
    estimate: ArrayLike, variance: ArrayLike, mask: ArrayLike | None
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the three arrays, of one shape (m, k)."""
    y, v = _floats(estimate, "estimate"), _floats(variance, "variance")
    present = np.ones(y.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if y.ndim != 2 or not y.shape == v.shape == present.shape:
        raise PoolingError(
            "estimate, variance and mask must have one shape (m, k), "
            f"got {y.shape}, {v.shape} and {present.shape}. Give each estimate its variance."
        )
    return y, v, present


def _floats(values: ArrayLike, name: str) -> FloatArray:
    """Return the values as floats, or say that they are no numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PoolingError(f"{name} must hold numbers in equal rows ({error}). Check the input.") from error


def _refuse(bad: BoolArray, values: FloatArray, name: str, problem: str) -> None:
    """Raise for the first bad cell, with its place and value."""
    if not bad.any():
        return
    row, column = (int(i) for i in np.argwhere(bad)[0])
    where = f"{column}" if values.shape[0] == 1 else f"{column} of meta-analysis {row}"
    raise PoolingError(
        f"{name} {where} {problem}: {values[row, column]}. Correct it, or leave the study out of the pool."
    )
