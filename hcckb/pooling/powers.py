"""Sums of powers of the weights, from which scores and information follow; for floats and arrays alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hcckb.pooling.batch import Batch, FloatArray

# Either a float (one meta-analysis) or an array with one element for each of many.
Number = Any
# Cells of one block: few enough for its arrays to stay in the processor's cache.
BLOCK = 40_000


class Powers(NamedTuple):
    r"""Quadratic forms and traces of :math:`P = W - W11'W / \sum w` at one value of tau2.

    `total` is :math:`\sum w`, `squares` :math:`\sum w^2`, `mean` the weighted mean, `q` :math:`y'Py`, `ypp`
    :math:`y'PPy`, `yppp` :math:`y'PPPy`, `trace` :math:`\mathrm{tr} P`, `trace2` :math:`\mathrm{tr} PP`.
    """

    total: Number
    squares: Number
    mean: Number
    q: Number
    ypp: Number
    yppp: Number
    trace: Number
    trace2: Number


def powers(first: Number, sums: Any) -> Powers:
    r"""Combine the weight of the most precise study with sums over all others.

    `sums[p - 1][j]` is :math:`\sum w_i^p d_i^j` over all studies but the most precise, from which `d` is
    measured. That origin and the split keep every difference below free of cancellation beyond a factor k,
    also where one study holds nearly all weight.
    """
    (r1, y1, q1), (r2, y2, q2), (r3, y3, q3) = sums
    total = first + r1
    heavy = first * first
    squares = heavy + r2
    mean = y1 / total
    slack = y2 - mean * squares
    return Powers(
        total=total,
        squares=squares,
        mean=mean,
        q=q1 - y1 * mean,
        ypp=q2 - mean * (2.0 * y2 - mean * squares),
        yppp=q3 - mean * (2.0 * y3 - mean * (heavy * first + r3)) - slack * slack / total,
        trace=(r1 * (2.0 * first + r1) - r2) / total,
        trace2=(heavy * (r1 * r1 + 2.0 * r2) + total * (total * r2 - 2.0 * r3) + r2 * r2) / (total * total),
    )


def batch_powers(batch: Batch, tau2: FloatArray) -> Powers:
    """Return the sums of each row at `tau2` (shape (m,), in the batch's own units)."""
    # One piece of memory, as large as all that follows: the allocator keeps it from call to call, where it gives
    # back and fetches many smaller ones each time.
    w, wd, ww, wwd = np.empty((4, *batch.v.T.shape))
    np.divide(1.0, np.add(batch.v.T, tau2, out=w), out=w)
    first, w, d = w[0], w[1:], batch.d.T[1:]
    wd, ww = np.multiply(w, d, out=wd[1:]), np.multiply(w, w, out=ww[1:])
    wwd = np.multiply(ww, d, out=wwd[1:])

    def over(*factors: FloatArray) -> FloatArray:
        return np.asarray(np.einsum(",".join(["ij"] * len(factors)) + "->j", *factors))

    sums = (
        (w.sum(axis=0), wd.sum(axis=0), over(wd, d)),
        (ww.sum(axis=0), over(w, wd), over(wd, wd)),
        (over(ww, w), over(ww, wd), over(wwd, wd)),
    )
    return powers(first, sums)


class OneSet:
    """One meta-analysis in the units of a batch, evaluated without the machinery of many.

    `squares` is the sum of squares about the plain mean, `typical` the mean variance.
    """

    __slots__ = ("design", "rest", "smallest", "squares", "stack", "typical")

    def __init__(self, batch: Batch) -> None:
        d, v = batch.d[0], batch.v[0]
        if not np.isfinite(v[-1]):
            d, v = d[np.isfinite(v)], v[np.isfinite(v)]
        self.smallest = float(v[0])
        self.rest = v[1:]
        self.design = np.empty((len(d) - 1, 3))
        self.design[:, 0], self.design[:, 1], self.design[:, 2] = 1.0, d[1:], d[1:] ** 2
        self.stack = np.empty((3, len(d) - 1))
        residual = d - d.sum() / len(d)
        self.squares, self.typical = float(residual @ residual), float(v.sum()) / len(d)

    def powers(self, tau2: float) -> Powers:
        """Return the sums at `tau2`, as floats."""
        w, ww, www = self.stack
        np.divide(1.0, self.rest + tau2, out=w)
        np.multiply(w, w, out=ww)
        np.multiply(ww, w, out=www)
        return powers(1.0 / (self.smallest + tau2), (self.stack @ self.design).tolist())
