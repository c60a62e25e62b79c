"""How far a pooled result can move within the rounding of the numbers it was pooled from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from hcckb.errors import PoolingError
from hcckb.pooling.batch import FloatArray, IntArray, checked_batch
from hcckb.pooling.pairwise import PooledMany, pool_many

_Box = tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
FIELDS = ("estimate", "ci_lower", "ci_upper", "tau2", "i2")
MAX_ROUNDS = 50
STARTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundingRange:
    """Smallest and largest value of each pooled number over a box of inputs, on the analysis scale.

    `exact` tells which are proven: the estimate and its limits under the common effect. The others were
    reached by a search: the true range is at least as wide.
    """

    estimate: tuple[float, float]
    ci_lower: tuple[float, float]
    ci_upper: tuple[float, float]
    tau2: tuple[float, float]
    i2: tuple[float, float]
    exact: bool


def rounding_range(  # noqa: PLR0913 - every option is a keyword
    estimate: tuple[ArrayLike, ArrayLike],
    se: tuple[ArrayLike, ArrayLike],
    *,
    model: str = "random",
    tau2: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> RoundingRange:
    r"""Find how far the pooled numbers can move while each input stays inside its interval.

    Parameters
    ----------
    estimate, se : pair of array_like, shape (k,)
        Lower and upper ends of each estimate, on an additive scale, and of each standard error.
    model, tau2, ci, level
        As in `pool_many`.
    rng : numpy.random.Generator, optional
        Source of the random corners from which the search starts besides the middle; seed 1 when absent.

    Raises
    ------
    PoolingError
        If shapes differ, a lower end lies above its upper end, or as `pool_many`.
    UnknownNameError, ConvergenceError
        As `pool_many`.

    Notes
    -----
    Common effect, exact: for given weights the estimate and its limits rise with each :math:`y_i`, so all lie at
    an end. In one weight :math:`w_i = 1 / se_i^2` the derivative of :math:`\hat\mu` has the sign of :math:`y_i -
    \hat\mu`, that of :math:`\hat\mu \mp z / \sqrt{\sum w}` the sign of :math:`y_i - \hat\mu \pm z / (2 \sqrt{\sum
    w})`: an extreme has the weights of all estimates on one side of a threshold at one end and those of the other
    side at the other, and at most the one at the threshold between. All k thresholds are tried.

    Otherwise a search over the corners of the box: from the middle and from random corners each input goes to
    the end that helps, all at once where that helps and else the best one alone, until nothing does.

    Examples
    --------
    >>> low, high = np.array([-0.5, -0.3]), np.array([-0.48, -0.26])
    >>> found = rounding_range((low, high), ([0.1, 0.1], [0.1, 0.1]), model="common")
    >>> [round(x, 3) for x in found.estimate], found.exact
    ([-0.4, -0.37], True)
    """
    box = _box(estimate, se)
    options = {"model": model, "tau2": tau2, "ci": ci, "level": level}
    reached = _search(box, options, rng or np.random.default_rng(1), FIELDS)
    if model == "common":
        z = float(ndtri((1 + level) / 2))
        for name, shift in (("estimate", 0.0), ("ci_lower", -z), ("ci_upper", z)):
            reached[name] = _exact(box, shift)
    return RoundingRange(**reached, exact=model == "common")


def estimate_range(
    estimate: tuple[ArrayLike, ArrayLike], se: tuple[ArrayLike, ArrayLike], **options: Any
) -> tuple[tuple[float, float], bool]:
    """Find how far the pooled estimate alone can move, and whether that is proven.

    Arguments, errors and formulas are those of `rounding_range`, of which this is a part and a fifth of the work.

    Examples
    --------
    >>> low, high = np.array([-0.5, -0.3]), np.array([-0.48, -0.26])
    >>> ends, exact = estimate_range((low, high), ([0.1, 0.1], [0.1, 0.1]), model="random")
    >>> [round(x, 3) for x in ends], exact
    ([-0.4, -0.37], False)
    """
    box = _box(estimate, se)
    if options.get("model") == "common":
        return _exact(box, 0.0), True
    rng = options.pop("rng", None) or np.random.default_rng(1)
    return _search(box, options, rng, FIELDS[:1])["estimate"], False


def _exact(box: _Box, shift: float) -> tuple[float, float]:
    """Smallest and largest sum(w y) / sum(w) + shift / sqrt(sum(w)) over the box."""
    (y0, y1), (s0, s1) = box
    weights = (1.0 / s1**2, 1.0 / s0**2)
    return _lowest(y0, *weights, shift), -_lowest(-y1, *weights, -shift)


def _box(estimate: tuple[ArrayLike, ArrayLike], se: tuple[ArrayLike, ArrayLike]) -> _Box:
    y0, y1, s0, s1 = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (*estimate, *se))
    if not y0.shape == y1.shape == s0.shape == s1.shape or y0.ndim != 1:
        raise PoolingError(f"the four ends must be vectors of one length, got {[len(x) for x in (y0, y1, s0, s1)]}.")
    wrong = np.flatnonzero((y0 > y1) | (s0 > s1) | (s0 <= 0))
    if wrong.size:
        i = int(wrong[0])
        raise PoolingError(
            f"input {i} has no interval: estimate {y0[i]:g} to {y1[i]:g}, standard error {s0[i]:g} to {s1[i]:g}. "
            "Give the lower end first, and standard errors above 0."
        )
    checked_batch(np.vstack([y0, y1]), np.vstack([s0, s1]) ** 2)
    return (y0, y1), (s0, s1)


def _lowest(y: FloatArray, small: FloatArray, large: FloatArray, shift: float) -> float:
    """Minimise sum(w y) / sum(w) + shift / sqrt(sum(w)) over small <= w <= large, exactly.

    A minimum has large weights below a threshold and small ones above (the other way round if the spread
    term wins; both orders are tried), and the study at the threshold may lie between: with s = 1 / sqrt(W)
    the goal is y_j + (A - B y_j) s^2 + shift s there.
    """
    order = np.argsort(y, kind="stable")
    y, small, large = y[order], small[order], large[order]
    best = np.inf
    for below, above in ((large, small), (small, large)):
        for j in range(len(y)):
            others = np.concatenate([below[:j], above[j + 1 :]])
            total = float(others.sum())
            drift = float(others @ (np.delete(y, j) - y[j]))
            ends = [1.0 / np.sqrt(total + w) for w in (small[j], large[j])]
            if drift > 0:
                ends.append(float(np.clip(-shift / (2.0 * drift), ends[1], ends[0])))
            best = min(best, *(float(y[j]) + drift * s * s + shift * s for s in ends))
    return float(best)


def _search(
    box: _Box, options: dict[str, Any], rng: np.random.Generator, fields: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Climb from corner to corner for the smallest and largest value of each field at once."""
    low, high = (np.concatenate(ends) for ends in zip(*box, strict=True))
    width = len(low)
    goals = [(name, sign) for name in fields for sign in (-1.0, 1.0)]
    corners = rng.integers(0, 2, (STARTS, width))
    starts = np.vstack([0.5 * (low + high), np.where(corners, high, low)])
    points = np.repeat(starts[None], len(goals), axis=0).reshape(-1, width)
    goal: IntArray = np.repeat(np.arange(len(goals), dtype=np.int64), len(starts))
    value = _goal_values(_pooled(points, options), goals, goal)
    active = np.arange(len(points))
    for _ in range(MAX_ROUNDS):
        points[active], gained = _climbed(points[active], value[active], (low, high), (goals, goal[active], options))
        better = gained > value[active]
        value[active] = gained
        active = active[better]
        if not active.size:
            break
    best = [value[goal == i].max() * sign for i, (_, sign) in enumerate(goals)]
    return {name: (float(best[2 * i]), float(best[2 * i + 1])) for i, name in enumerate(fields)}


def _climbed(
    points: FloatArray,
    value: FloatArray,
    ends: tuple[FloatArray, FloatArray],
    task: tuple[list[tuple[str, float]], IntArray, dict[str, Any]],
) -> tuple[FloatArray, FloatArray]:
    """Move each point once: to the best end of every input together, or of the best input alone."""
    goals, goal, options = task
    n, width = points.shape
    moved = np.repeat(points[:, None, None, :], 2, axis=1).repeat(width, axis=2)
    for side, end in enumerate(ends):
        moved[:, side, np.arange(width), np.arange(width)] = end
    each = _goal_values(_pooled(moved.reshape(-1, width), options), goals, np.repeat(goal, 2 * width))
    each = each.reshape(n, 2, width)
    side = each.argmax(axis=1)
    improves = each.max(axis=1) > value[:, None]
    together = np.where(improves, np.where(side == 1, ends[1], ends[0]), points)
    whole = _goal_values(_pooled(together, options), goals, goal)
    flat = each.reshape(n, -1)
    alone, alone_value = flat.argmax(axis=1), flat.max(axis=1)
    single = moved.reshape(n, -1, width)[np.arange(n), alone]
    take = whole >= alone_value
    reached = np.where(take, whole, alone_value)
    stay = reached <= value
    target = np.where(take[:, None], together, single)
    return np.where(stay[:, None], points, target), np.where(stay, value, reached)


def _pooled(points: FloatArray, options: dict[str, Any]) -> PooledMany:
    half = points.shape[1] // 2
    return pool_many(points[:, :half], points[:, half:] ** 2, **options)


def _goal_values(many: PooledMany, goals: list[tuple[str, float]], goal: IntArray) -> FloatArray:
    """Return the value of each row's own goal, signed so that larger is better."""
    table = np.array([sign * getattr(many, name) for name, sign in goals])
    return np.asarray(table[goal, np.arange(len(goal))])
