"""GOSH: the pooled estimate and I2 of all subsets of the studies, or of a random sample of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import BoolArray, FloatArray, as_rows, checked_batch, moments, ordered_batch
from hcckb.pooling.heterogeneity import TAU2_METHODS, batch_tau2, unknown_estimator

# All subsets of more studies than this are too many to keep.
MOST_STUDIES = 25
# Subsets of one block, and above which number results are kept in single precision.
BLOCK = 1 << 14
DOUBLE = 1 << 20
MODELS = ("random", "common")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gosh:
    """Pooled results of n subsets of k studies; arrays of shape (n,), single precision above a million subsets.

    Attributes
    ----------
    model : str
        "random" or "common".
    tau2_method : str or None
        Estimator of tau2; None under the common-effect model.
    k : int
        Number of studies.
    every : bool
        Whether these are all 2^k - 1 subsets, or a random sample of them.
    estimate, i2, tau2 : ndarray
        Pooled estimate on the scale of the input, I2 in [0, 1] and between-study variance.
    size : ndarray of uint16
        Number of studies of the subset.
    members : ndarray of uint8, shape (n, ceil(k / 8)), or None
        Which studies a sampled subset holds, packed (`numpy.packbits`); None where every subset is there:
        number n then holds study i where bit i of n + 1 is set.
    """

    model: str
    tau2_method: str | None
    k: int
    every: bool
    estimate: NDArray[np.floating]
    i2: NDArray[np.floating]
    tau2: NDArray[np.floating]
    size: NDArray[np.uint16]
    members: NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.estimate)

    def holds(self, study: int) -> BoolArray:
        """Which subsets hold the study of this index."""
        if not 0 <= study < self.k:
            raise PoolingError(f"there is no study {study}: they are numbered 0 to {self.k - 1}.")
        if self.members is None:
            codes = np.arange(1, len(self) + 1, dtype=np.uint32)
            return np.asarray((codes >> np.uint32(study)) & np.uint32(1), dtype=np.bool_)
        return np.asarray(self.members[:, study // 8] & (128 >> study % 8), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoshSplit:
    """Medians over the subsets with and without each study; arrays of shape (k,)."""

    estimate_with: FloatArray
    estimate_without: FloatArray
    i2_with: FloatArray
    i2_without: FloatArray


def gosh(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    model: str = "random",
    tau2: str = "REML",
    subsets: int | None = None,
    rng: np.random.Generator | None = None,
) -> Gosh:
    r"""Pool every subset of the studies, or a random sample of the subsets.

    Parameters
    ----------
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.
    model : {"random", "common"}
        Random-effects or common-effect (inverse variance) model.
    tau2 : str
        Estimator of the between-study variance, as in `pool_many`.
    subsets : int, optional
        Left out, or not below 2^k - 1: all subsets, single studies included. Otherwise so many are drawn,
        each non-empty subset as likely as any other and any more than once.
    rng : numpy.random.Generator, optional
        Needed to draw.

    Returns
    -------
    Gosh
        A cluster of subsets apart from the others, split by whether one study is in, names an outlier.

    Raises
    ------
    PoolingError
        If k < 2, if all subsets of more than 25 studies are asked for, if `subsets` is below 1, if there is
        no `rng` to draw with, or as `pool_many`.
    UnknownNameError, ConvergenceError
        As `pool_many`.

    Notes
    -----
    Common effect: with the matrix of subsets M (0 or 1), :math:`\hat\mu = Mwy / Mw` and :math:`Q = \sum_i M_i
    w_i (y_i - \hat\mu)^2`; :math:`I^2 = \max(0, 1 - (k - 1) / Q)`. Random effects: subsets of one size are one
    batch. Blocks bound the memory: all subsets of 25 studies take less than 1 GiB.

    Source: Olkin, Dahabreh & Trikalinos 2012, Res Synth Methods 3:214-223, doi:10.1002/jrsm.1053.

    Examples
    --------
    >>> found = gosh([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], model="common")
    >>> found.estimate.round(4).tolist()
    [0.1, 0.3, 0.18, 0.8, 0.3, 0.4875, 0.3]
    """
    y, v, order = _ordered(estimate, variance)
    _check(model, tau2)
    k = len(y)
    drawn = None if subsets is None or (k <= MOST_STUDIES and subsets >= 2**k - 1) else _drawn(k, subsets, rng)
    if drawn is None and k > MOST_STUDIES:
        raise PoolingError(
            f"{k} studies have 2^{k} - 1 subsets, too many to pool. Draw some of them: subsets=100000 and a seed."
        )
    n = 2**k - 1 if drawn is None else len(drawn)
    kind = np.float64 if n <= DOUBLE else np.float32
    results = tuple(np.empty(n, dtype=kind) for _ in range(3))
    size = np.empty(n, dtype=np.uint16)
    for place, held in _blocks(k, drawn):
        size[place] = held.sum(axis=1)
        parts = _common(y, v, held[:, order]) if model == "common" else _random(y, v, held[:, order], tau2)
        for column, part in zip(results, parts, strict=True):
            column[place] = part
    return Gosh(
        model=model,
        tau2_method=tau2 if model == "random" else None,
        k=k,
        every=drawn is None,
        estimate=results[0],
        i2=results[1],
        tau2=results[2],
        size=size,
        members=None if drawn is None else np.packbits(drawn, axis=1),
    )


def gosh_split(found: Gosh) -> GoshSplit:
    """Compare the subsets that hold a study with those that do not, for each study.

    Examples
    --------
    >>> split = gosh_split(gosh([0.1, 0.3, 0.8], [0.02, 0.03, 0.05], model="common"))
    >>> split.estimate_with.round(3).tolist(), split.estimate_without.round(3).tolist()
    ([0.24, 0.3, 0.394], [0.488, 0.3, 0.18])
    """
    rows = []
    for study in range(found.k):
        held = found.holds(study)
        # A small sample may hold no subset on one side: nothing to compare there.
        sides = [side if side.any() else np.ones_like(side) for side in (held, ~held)]
        rows.append([float(np.median(x[side])) for x in (found.estimate, found.i2) for side in sides])
    columns = np.array(rows).T
    return GoshSplit(estimate_with=columns[0], estimate_without=columns[1], i2_with=columns[2], i2_without=columns[3])


def _ordered(estimate: ArrayLike, variance: ArrayLike) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
    """Return checked studies by variance, and their places in the input."""
    y, v = as_rows(estimate, variance)
    if int(checked_batch(y, v).k[0]) < 2:
        raise PoolingError("at least 2 estimates are needed to pool subsets of them, got 1.")
    order = np.lexsort((y[0], v[0]))
    return y[0][order], v[0][order], order


def _check(model: str, tau2: str) -> None:
    if model not in MODELS:
        raise UnknownNameError(model, "model", MODELS, ", ".join(MODELS))
    if tau2 not in TAU2_METHODS:
        raise unknown_estimator(tau2)


def _drawn(k: int, subsets: int, rng: np.random.Generator | None) -> BoolArray:
    """Draw non-empty subsets, all equally likely."""
    if subsets < 1 or rng is None:
        raise PoolingError(
            f"to draw subsets, say how many (at least 1, got {subsets}) and give the random numbers: "
            "rng=numpy.random.default_rng(1)."
        )
    held = rng.random((subsets, k)) < 0.5
    while (empty := ~held.any(axis=1)).any():
        held[empty] = rng.random((int(empty.sum()), k)) < 0.5
    return held


def _blocks(k: int, drawn: BoolArray | None) -> Iterator[tuple[slice, BoolArray]]:
    """Hand out the subsets in blocks, as rows of who is in."""
    n = 2**k - 1 if drawn is None else len(drawn)
    for start in range(0, n, BLOCK):
        place = slice(start, min(start + BLOCK, n))
        if drawn is not None:
            yield place, drawn[place]
            continue
        codes = np.arange(place.start + 1, place.stop + 1, dtype="<u4").view(np.uint8).reshape(-1, 4)
        yield place, np.unpackbits(codes, axis=1, count=k, bitorder="little").view(np.bool_)


def _common(y: FloatArray, v: FloatArray, held: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimate, I2 and tau2 (0) of each subset: masks times sums."""
    w, d = v[0] / v, y - y[0]
    member = held.astype(np.float64)
    mean = (member @ (w * d)) / (member @ w)
    r = d - mean[:, None]
    r *= r
    r *= member
    q = (r @ w) / v[0]
    df = member.sum(axis=1) - 1.0
    i2 = np.where(q > df, 1.0 - df / np.where(q > df, q, 1.0), 0.0)
    return y[0] + mean, np.where(df > 0, i2, 0.0), np.zeros(len(q))


def _random(y: FloatArray, v: FloatArray, held: BoolArray, tau2: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimate, I2 and tau2 of each subset; subsets of one size make one batch without padding."""
    estimate, i2, between = (np.zeros(len(held)) for _ in range(3))
    size = held.sum(axis=1)
    for count in np.unique(size):
        rows = np.flatnonzero(size == count)
        studies = np.nonzero(held[rows])[1].reshape(len(rows), count).T
        batch = ordered_batch(y[studies].T, v[studies].T, np.full(len(rows), count))
        own = batch_tau2(batch, tau2)
        estimate[rows] = batch.location(moments(batch, own).mean)
        between[rows] = batch.square(own)
        if count > 1:
            i2[rows] = own / ((count - 1) / moments(batch, np.zeros(len(rows))).trace + own)
    return estimate, i2, between
