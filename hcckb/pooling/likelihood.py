"""Between-study variance by (restricted) maximum likelihood, its global maximum for certain."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np

from hcckb.errors import ConvergenceError
from hcckb.pooling.batch import Batch, BoolArray, FloatArray, IntArray
from hcckb.pooling.powers import BLOCK, Number, OneSet, Powers, batch_powers

TOLERANCE = 1e-13
MAX_STEPS = 200
# An interval narrower than this ratio of tau2 + min(v) is not split further.
NARROW = 1.0 + 2.0**-10


class Node(NamedTuple):
    """The score at one tau2: x is tau2 + min(v), `far` tau2 + max(v), `gain` y'PPy, `loss` tr P (ML: sum of w).

    Twice the score is `gain - loss`; `gain_slope` and `loss_slope` are the derivatives' sizes: both fall.
    """

    tau2: Number
    x: Number
    far: Number
    gain: Number
    loss: Number
    gain_slope: Number
    loss_slope: Number

    def take(self, rows: IntArray | BoolArray) -> Node:
        """Return these elements of each array."""
        return Node(*(column[rows] for column in self))


def tau2_likelihood(batch: Batch, *, restricted: bool) -> FloatArray:
    r"""Maximise the (restricted) likelihood of tau2 for each row.

    Parameters
    ----------
    batch : Batch
        Checked estimates of m meta-analyses, each of at least two studies.
    restricted : bool
        True for REML, False for ML.

    Returns
    -------
    ndarray, shape (m,)
        tau2 in the batch's own units; exactly 0 where the maximum lies on the boundary.

    Raises
    ------
    ConvergenceError
        If a maximum is not reached to a relative change of 1e-13.

    Notes
    -----
    With :math:`w_i = 1 / (v_i + \tau^2)` and :math:`P = W - W11'W / \sum w_i` twice the score is
    :math:`g - l`, :math:`g = y'PPy` and :math:`l = \mathrm{tr} P` for REML, :math:`\sum w_i` for ML. The
    likelihood may have several maxima, so :math:`[0, \infty)` is divided until each part is settled by a
    proof. :math:`x^2 g, x l, -x^3 g', -x^2 l'` rise for :math:`x = \tau^2 + \min v` and fall for
    :math:`x = \tau^2 + \max v`, so values at the ends of a part bound the score inside: it keeps its sign, or
    :math:`l / g` rises throughout and crosses 1 at most once. Beyond the larger root of
    :math:`x^2 n = Z (\tau^2 + \bar v)`, Z the sum of squares about the plain mean and n = k - 1 (ML: k), the
    score is negative. Each change from plus to minus is solved by Newton steps on :math:`l / g` (linear in
    tau2 for equal variances) kept inside their bracket, and the highest maximum (0 included) wins.

    Source: Viechtbauer 2005, J Educ Behav Stat 30:261-293, doi:10.3102/10769986030003261, for the score.
    """
    rows = len(batch.k)
    if rows == 1:
        data = OneSet(batch)
        return np.array([tau2_likelihood_of_one(batch, data, data.powers(0.0), restricted=restricted)])
    size = max(1, BLOCK // batch.v.shape[1])
    parts = [np.arange(start, min(start + size, rows)) for start in range(0, rows, size)]
    return np.concatenate([_block(batch.take(part), int(part[0]), restricted=restricted) for part in parts])


def _node(p: Powers, tau2: Number, ends: tuple[Number, Number], *, restricted: bool) -> Node:
    """Return the node; `ends` are the smallest and the largest variance."""
    loss, slope = (p.trace, p.trace2) if restricted else (p.total, p.squares)
    return Node(tau2, tau2 + ends[0], tau2 + ends[1], p.ypp, loss, 2.0 * p.yppp, slope)


def _settled(a: Node, b: Node) -> Number:
    """Whether what is known at both ends proves the score to change from plus to minus at most once between."""
    a2, b2, ratio = a.x * a.x, b.x * b.x, b.far / a.far
    negative = (a.gain < ratio * b.loss) | (b2 * b.gain < a2 * a.loss)
    positive = (ratio * b.gain > a.loss) | (a2 * a.gain > b2 * b.loss)
    rising = (ratio**4 * b.loss * b.gain_slope >= a.loss_slope * a.gain) | (
        a2 * a2 * a.loss * a.gain_slope >= b2 * b2 * b.loss_slope * b.gain
    )
    return negative | positive | rising | (b.x <= NARROW * a.x)


def _newton(at: Node) -> Number:
    """Newton step of tau2 on loss / gain = 1."""
    return at.gain * (at.gain - at.loss) / (at.loss * at.gain_slope - at.loss_slope * at.gain)


def _secant(a: Node, b: Node) -> Number:
    """Where the straight line of loss / gain through both ends is 1."""
    low, high = a.loss / a.gain - 1.0, b.loss / b.gain - 1.0
    return a.tau2 - (b.tau2 - a.tau2) * (low / (high - low))


def tau2_likelihood_of_one(batch: Batch, data: OneSet, zero: Powers, *, restricted: bool) -> float:
    """Maximise the likelihood of a batch of one, in plain floats, given the sums at tau2 = 0."""
    ends = (data.smallest, float(batch.v[0, int(batch.k[0]) - 1]))

    def node(tau2: float) -> Node:
        return _node(data.powers(tau2), tau2, ends, restricted=restricted)

    start = _node(zero, 0.0, ends, restricted=restricted)
    found = [0.0] if start.gain <= start.loss else []
    bound = float(_bound(batch, restricted=restricted)[0])
    todo = [(start, node(bound))] if bound > 0.0 else []
    while todo:
        a, b = todo.pop()
        if not _settled(a, b):
            middle = node(sqrt(a.x * b.x) - ends[0])
            todo += [(a, middle), (middle, b)]
        elif a.gain > a.loss and b.gain <= b.loss:
            found.append(_root_of_one(node, a, b))
    if not found:
        raise _lost(0)
    if len(found) == 1:
        return found[0]
    heights = log_likelihood(batch.take(np.zeros(len(found), dtype=np.int64)), np.array(found), restricted=restricted)
    return min(zip(-heights, found, strict=True))[1]


def _root_of_one(node: Callable[[float], Node], a: Node, b: Node) -> float:
    """Solve score = 0 between two nodes: Newton steps, halving the bracket where one would leave or stall."""
    lower, upper, last = a.tau2, b.tau2, b.tau2 - a.tau2
    tau2 = min(max(_secant(a, b), lower), upper)
    for _ in range(MAX_STEPS):
        at = node(tau2)
        if at.gain > at.loss:
            lower = tau2
        else:
            upper = tau2
        turn = at.loss * at.gain_slope - at.loss_slope * at.gain
        step = at.gain * (at.gain - at.loss) / turn if turn else upper - lower
        good = lower <= tau2 + step <= upper and abs(step) <= 0.5 * last
        following = tau2 + step if good else 0.5 * (lower + upper)
        step = abs(following - tau2)
        if step <= TOLERANCE * at.x or (good and step * (step / last) ** 2 <= 0.01 * TOLERANCE * at.x):
            return float(following)
        tau2, last = following, step
    raise _stuck(0)


def _block(batch: Batch, offset: int, *, restricted: bool) -> FloatArray:
    """Maximise the likelihoods of rows few enough for the cache; `offset` is the first one's number."""
    rows = np.arange(len(batch.k))
    start = _nodes(batch, np.zeros(len(rows)), restricted=restricted)
    flat = rows[start.gain <= start.loss]
    row, a, b = _brackets(batch, start, restricted=restricted)
    root = _roots(batch, row, a, b, offset, restricted=restricted)
    owner = np.concatenate([flat, row])
    tau2 = np.concatenate([np.zeros(len(flat)), root])
    count = np.bincount(owner, minlength=len(rows))
    if not count.all():
        raise _lost(offset + int(np.argmin(count)))
    result = np.empty(len(rows))
    result[owner] = tau2
    rivals = np.flatnonzero(count[owner] > 1)
    if rivals.size:
        height = log_likelihood(batch.take(owner[rivals]), tau2[rivals], restricted=restricted)
        best = rivals[np.lexsort((tau2[rivals], -height, owner[rivals]))]
        _, first = np.unique(owner[best], return_index=True)
        result[owner[best[first]]] = tau2[best[first]]
    return result


def _bound(batch: Batch, *, restricted: bool) -> FloatArray:
    """Return a tau2 beyond which the score is negative, by Jensen's inequality; 0 where it always is."""
    n = batch.k - 1 if restricted else batch.k
    mean = batch.d.sum(axis=1) / batch.k
    squares = np.where(batch.present, (batch.d - mean[:, None]) ** 2, 0.0).sum(axis=1) / n
    typical = np.where(batch.present, batch.v, 0.0).sum(axis=1) / batch.k
    low = batch.v[:, 0]
    middle = 0.5 * squares - low
    root = middle + np.sqrt(np.maximum(0.0, middle**2 + squares * typical - low**2))
    # A little more than the root, for its own rounding.
    return np.where(root > -1e-6 * low, np.maximum(root, 0.0) * (1.0 + 1e-6) + 1e-6 * low, 0.0)


def _brackets(batch: Batch, start: Node, *, restricted: bool) -> tuple[IntArray, Node, Node]:
    """Divide [0, bound] of each row until every part is settled; return the parts in which the score turns."""
    bound = _bound(batch, restricted=restricted)
    row = np.flatnonzero(bound > 0)
    a, b = start.take(row), _nodes(batch.only(row), bound[row], restricted=restricted)
    found: list[tuple[IntArray, Node, Node]] = []
    while True:
        done = _settled(a, b)
        turn = done & (a.gain > a.loss) & (b.gain <= b.loss)
        found.append((row[turn], a.take(turn), b.take(turn)))
        if done.all():
            break
        row, a, b = row[~done], a.take(~done), b.take(~done)
        middle = _nodes(batch.take(row), np.sqrt(a.x * b.x) - batch.v[row, 0], restricted=restricted)
        row = np.concatenate([row, row])
        a, b = _joined([a, middle]), _joined([middle, b])
    return np.concatenate([f[0] for f in found]), _joined([f[1] for f in found]), _joined([f[2] for f in found])


def _joined(nodes: list[Node]) -> Node:
    return Node(*(np.concatenate(columns) for columns in zip(*nodes, strict=True)))


def _nodes(batch: Batch, tau2: FloatArray, *, restricted: bool) -> Node:
    ends = batch.v[:, 0], batch.v[np.arange(len(batch.k)), batch.k - 1]
    return _node(batch_powers(batch, tau2), tau2, ends, restricted=restricted)


def _roots(batch: Batch, row: IntArray, a: Node, b: Node, offset: int, *, restricted: bool) -> FloatArray:
    """Solve score = 0 between the nodes of each row, as `_root_of_one` does."""
    result = np.empty(len(row))
    place, part = np.arange(len(row)), batch.only(row)
    lower, upper, last = a.tau2, b.tau2, b.tau2 - a.tau2
    tau2 = np.clip(_secant(a, b), lower, upper)
    for _ in range(MAX_STEPS):
        at = _nodes(part, tau2, restricted=restricted)
        up = at.gain > at.loss
        lower, upper = np.where(up, tau2, lower), np.where(up, upper, tau2)
        with np.errstate(divide="ignore", invalid="ignore"):
            following = tau2 + _newton(at)
        good = (following >= lower) & (following <= upper) & (np.abs(following - tau2) <= 0.5 * last)
        following = np.where(good, following, 0.5 * (lower + upper))
        step = np.abs(following - tau2)
        with np.errstate(divide="ignore", invalid="ignore"):
            quadratic = good & (step * (step / last) ** 2 <= 0.01 * TOLERANCE * at.x)
        open_ = ~(quadratic | (step <= TOLERANCE * at.x))
        result[place] = following
        if not open_.any():
            return result
        tau2, last = following, step
        if 2 * np.count_nonzero(open_) < len(place):
            place, part = place[open_], part.take(open_)
            tau2, last, lower, upper = tau2[open_], last[open_], lower[open_], upper[open_]
    raise _stuck(offset + int(row[place[int(np.argmax(open_))]]) if len(open_) == len(place) else offset)


def log_likelihood(batch: Batch, tau2: FloatArray, *, restricted: bool) -> FloatArray:
    """Log likelihood of tau2 with the mean profiled out, up to a constant of the row."""
    p = batch_powers(batch, tau2)
    w = 1.0 / (batch.v + tau2[:, None])
    log_w = np.log(w, out=np.zeros_like(w), where=batch.present).sum(axis=1)
    return np.asarray(0.5 * (log_w - p.q - (np.log(p.total) if restricted else 0.0)))


def _lost(row: int) -> ConvergenceError:
    return ConvergenceError(
        f"the likelihood of tau2 has no maximum that could be found (meta-analysis {row}). "
        "Look for a misprinted estimate or variance, or take another estimator such as DL."
    )


def _stuck(row: int) -> ConvergenceError:
    return ConvergenceError(
        f"tau2 did not converge in {MAX_STEPS} steps (meta-analysis {row}). "
        "Look for a misprinted estimate or variance, or take another estimator such as DL."
    )
