"""How far a pooled result can move within the rounding of the printed numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from hcckb.pooling.batch import FloatArray
from hcckb.pooling.rounding import estimate_range, rounding_range
from hcckb.results import PooledResult, PooledRow

# A number with more decimals than this was computed, not printed.
MOST_DECIMALS = 6
_NUMBER = re.compile(r"\d*[.,·]?\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """Smallest and largest pooled estimate that the rounding of the inputs allows, on the scale of the measure.

    `exact` where they are proven (common effect), else they were reached by a search and the true range is at
    least as wide. `rows` counts the estimates whose printed digits are known.
    """

    estimate_lower: float
    estimate_upper: float
    exact: bool
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundingDetail:
    """As `Rounding`, for every pooled number: pairs of smallest and largest; limits on the scale of the measure."""

    estimate: tuple[float, float]
    ci_lower: tuple[float, float]
    ci_upper: tuple[float, float]
    tau2: tuple[float, float]
    i2: tuple[float, float]
    exact: bool
    rows: int


def rounding(result: PooledResult) -> Rounding | None:
    """Tell how far rounding moves the pooled estimate.

    Parameters
    ----------
    result : PooledResult
        Of ratios with printed intervals. A value printed 0.64 may be anything in [0.635, 0.645], and so each
        limit; the decimals are those of `as_printed`, else those of the number itself.

    Returns
    -------
    Rounding or None
        None where no row holds rounded numbers (counts, proportions, given variances), the scale is not that of
        ratios, or an interval reaches 0 within its rounding.

    Notes
    -----
    Formulas: `hcckb.pooling.rounding.rounding_range`.
    """
    box = _box(result)
    if box is None:
        return None
    (low, high), exact = estimate_range(*box[0], **_options(result))
    return Rounding(estimate_lower=float(np.exp(low)), estimate_upper=float(np.exp(high)), exact=exact, rows=box[1])


def rounding_detail(result: PooledResult) -> RoundingDetail | None:
    """Tell how far rounding moves every pooled number; None as for `rounding`."""
    box = _box(result)
    if box is None:
        return None
    found = rounding_range(*box[0], **_options(result))

    def back(pair: tuple[float, float]) -> tuple[float, float]:
        return float(np.exp(pair[0])), float(np.exp(pair[1]))

    ends = {name: back(getattr(found, name)) for name in ("estimate", "ci_lower", "ci_upper")}
    return RoundingDetail(**ends, tau2=found.tau2, i2=found.i2, exact=found.exact, rows=box[1])


def decimals(row: PooledRow) -> tuple[int, int, int] | None:
    """Decimals of the value and of the two limits; None where they were computed and not printed.

    Examples
    --------
    >>> row = PooledRow(study="A", value=0.8, ci_lower=0.66, ci_upper=1.0, ci_level=0.95, analysis_value=-0.22,
    ...                 se=0.1, weight=1.0, as_printed="0.80 (0.66-1.0)")
    >>> decimals(row)
    (2, 2, 1)
    """
    tokens = [t.replace(",", ".").replace("·", ".") for t in _NUMBER.findall(row.as_printed)]
    printed = {float(t): len(t.partition(".")[2]) for t in reversed(tokens)}
    numbers = (row.value, row.ci_lower, row.ci_upper)
    own = [len(repr(x).partition(".")[2]) if "e" not in repr(x) else MOST_DECIMALS + 1 for x in numbers]
    if max(own) > MOST_DECIMALS:
        return None
    # A number that lost its trailing zeros has at least the decimals of its neighbours.
    one, two, three = (printed.get(x, max(own)) for x in numbers)
    return one, two, three


_Pair = tuple[FloatArray, FloatArray]


def _box(result: PooledResult) -> tuple[tuple[_Pair, _Pair], int] | None:
    """Return the ends of each log ratio and of its standard error, and how many rows are rounded."""
    from scipy.special import ndtri

    if result.scale != "log":
        return None
    found = [decimals(row) for row in result.rows]
    if not any(found):
        return None
    half = np.array([[0.5 * 10.0**-d for d in each] if each else [0.0] * 3 for each in found]).T
    numbers = np.array([[r.value, r.ci_lower, r.ci_upper] for r in result.rows]).T
    low, high = numbers - half, numbers + half
    if (low[:2] <= 0).any() or (low[2] <= high[1]).any():
        return None
    width = 2.0 * ndtri((1.0 + np.array([r.ci_level for r in result.rows])) / 2.0)
    se = (np.log(low[2]) - np.log(high[1])) / width, (np.log(high[2]) - np.log(low[1])) / width
    return ((np.log(low[0]), np.log(high[0])), se), sum(each is not None for each in found)


def _options(result: PooledResult) -> dict[str, Any]:
    how = {"model": result.model, "tau2": result.tau2_method or "REML", "ci": result.ci_method}
    return {**how, "level": result.level}
