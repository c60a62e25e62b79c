"""Distributions that have no closed form: mixtures of normals, and a density known on a grid of tau."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hcckb.errors import ConvergenceError

FloatArray = NDArray[np.float64]
TOLERANCE = 1e-13
ROUNDING = 4 * float(np.finfo(np.float64).eps)
MAX_STEPS = 200
SCAN = 33
_ROOT_2PI = math.sqrt(2 * math.pi)


class Distribution(Protocol):
    """What an interval needs: a density and quantiles."""

    def density(self, x: FloatArray) -> FloatArray:
        """Density at each x."""

    def quantile(self, p: float) -> float:
        """Give the x below which lies the probability p."""


@dataclass(frozen=True, slots=True)
class NormalMixture:
    """Normal distributions with weights that sum to 1; arrays of shape (n,)."""

    weight: FloatArray
    mean: FloatArray
    sd: FloatArray

    def density(self, x: FloatArray) -> FloatArray:
        """Density at each x, an array of any shape."""
        z = (np.asarray(x, dtype=np.float64)[..., None] - self.mean) / self.sd
        return np.asarray(np.exp(-0.5 * z**2) @ (self.weight / (self.sd * _ROOT_2PI)))

    def slope(self, x: float) -> float:
        """Give the derivative of the density at x."""
        z = (x - self.mean) / self.sd
        return float(-(z * np.exp(-0.5 * z**2)) @ (self.weight / (self.sd**2 * _ROOT_2PI)))

    def below(self, x: float) -> float:
        """Probability of values below x."""
        return float(ndtr((x - self.mean) / self.sd) @ self.weight)

    def above(self, x: float) -> float:
        """Probability of values above x, without loss of digits where it is small."""
        return float(ndtr((self.mean - x) / self.sd) @ self.weight)

    def quantile(self, p: float) -> float:
        """Give the x below which lies the probability p in (0, 1)."""
        middle = float(self.weight @ self.mean)
        width = float(np.exp(self.weight @ np.log(self.sd)))
        if p <= 0.5:
            return _solve(lambda x: self.below(x) - p, self._one_density, middle, width)
        return _solve(lambda x: 1.0 - p - self.above(x), self._one_density, middle, width)

    def mode(self) -> float:
        """Where the density is highest."""
        x = np.linspace(self.quantile(0.001), self.quantile(0.999), 401)
        top = int(np.argmax(self.density(x)))
        lower, upper = float(x[max(top - 1, 0)]), float(x[min(top + 1, len(x) - 1)])
        return falling_root(self.slope, lower, upper)

    def _one_density(self, x: float) -> float:
        return float(self.density(np.asarray(x)))


def falling_root(function: Callable[[float], float], lower: float, upper: float) -> float:
    """Return where a function turns from positive to negative; an end if it does not."""
    if function(lower) <= 0:
        return lower
    if function(upper) >= 0:
        return upper
    from scipy.optimize import brentq

    scale = max(abs(lower), abs(upper))
    return float(brentq(function, lower, upper, xtol=max(1e-15 * scale, 1e-300), rtol=1e-15, maxiter=500))


def shortest_interval(distribution: Distribution, level: float) -> tuple[float, float]:
    """Return the shortest interval that holds the probability `level` of a distribution.

    Parameters
    ----------
    distribution : Distribution
        With one mode; with several the shortest of all single intervals is sought.
    level : float
        In (0, 1).

    Notes
    -----
    At the shortest interval between the p and p + level quantiles the density is equal at both ends, unless
    it ends at the border of the support. The width is scanned over p, then that equation is solved.
    """
    rest = 1.0 - level
    p = rest * np.linspace(0, 1, SCAN)
    p[[0, -1]] = rest * 1e-9, rest * (1 - 1e-9)
    ends = [(distribution.quantile(float(x)), distribution.quantile(float(x + level))) for x in p]
    best = int(np.argmin([upper - lower for lower, upper in ends]))

    def excess(x: float) -> float:
        at = np.array([distribution.quantile(x), distribution.quantile(x + level)])
        lower, upper = distribution.density(at)
        return float(upper - lower)

    left, right = float(p[max(best - 1, 0)]), float(p[min(best + 1, SCAN - 1)])
    x = falling_root(excess, left, right)
    if x in (float(p[0]), float(p[-1])):
        x = 0.0 if x < 0.5 * rest else rest
    return distribution.quantile(x), distribution.quantile(x + level)


def mixture_interval(mixture: NormalMixture, level: float) -> tuple[float, float]:
    """Return the shortest interval of a mixture, by Newton steps from the equal-tailed one where these succeed."""
    lower, upper = mixture.quantile((1 - level) / 2), mixture.quantile((1 + level) / 2)
    x = np.linspace(lower - 0.5 * (upper - lower), upper + 0.5 * (upper - lower), 201)
    peaks = np.diff(np.sign(np.diff(mixture.density(x))))
    if np.count_nonzero(peaks < 0) == 1:
        for _ in range(30):
            heights = mixture.density(np.array([lower, upper]))
            missing = np.array([level - (mixture.below(upper) - mixture.below(lower)), heights[1] - heights[0]])
            matrix = np.array([[-heights[0], heights[1]], [mixture.slope(lower), -mixture.slope(upper)]])
            step = np.linalg.solve(matrix, missing) if abs(np.linalg.det(matrix)) > 0 else np.full(2, np.inf)
            if not np.all(np.abs(step) < 0.5 * (upper - lower)):
                break
            lower, upper = lower + float(step[0]), upper + float(step[1])
            if np.all(np.abs(step) <= 1e-12 * (upper - lower)):
                return lower, upper
    return shortest_interval(mixture, level)


def _solve(rising: Callable[[float], float], slope: Callable[[float], float], middle: float, width: float) -> float:
    """Root of a rising function by Newton steps inside a bracket that is widened first."""
    lower, upper = middle - width, middle + width
    for _ in range(2000):
        if rising(lower) <= 0:
            break
        lower, upper = lower - 2 * (upper - lower), lower
    for _ in range(2000):
        if rising(upper) >= 0:
            break
        lower, upper = upper, upper + 2 * (upper - lower)
    x = 0.5 * (lower + upper)
    for _ in range(MAX_STEPS):
        value, rate = rising(x), slope(x)
        lower, upper = (lower, x) if value > 0 else (x, upper)
        following = x - value / rate if rate > 0 else lower - 1.0
        if not lower <= following <= upper:
            following = 0.5 * (lower + upper)
        if abs(following - x) <= TOLERANCE * (abs(x - middle) + width) + ROUNDING * abs(x):
            return following
        x = following
    raise ConvergenceError(
        f"a quantile did not converge in {MAX_STEPS} steps. Look for a misprinted estimate or variance."
    )
