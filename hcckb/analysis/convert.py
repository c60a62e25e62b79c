"""Numbers of one measure into another, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from hcckb.errors import UsageError
from hcckb.measures import measure_named
from hcckb.pooling import conversions as to
from hcckb.pooling.columns import FloatArray

_Convert = Callable[[ArrayLike, ArrayLike], FloatArray]


@dataclass(frozen=True, slots=True)
class Converted:
    """One number and what it is as another measure."""

    value: float
    converted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Numbers of `measure` as numbers of `to`, at `baseline_risk` where one is needed."""

    measure: str
    to: str
    baseline_risk: float | None
    rows: tuple[Converted, ...]


def _chain(first: _Convert, second: _Convert) -> _Convert:
    return lambda values, risk: second(first(values, risk), risk)


def _difference_of(measure: str) -> _Convert:
    return lambda values, risk: to.risk_difference_at(values, risk, measure)


AT_RISK: Mapping[tuple[str, str], _Convert] = MappingProxyType(
    {
        ("odds-ratio", "risk-ratio"): to.odds_ratio_to_risk_ratio,
        ("risk-ratio", "odds-ratio"): to.risk_ratio_to_odds_ratio,
        ("hazard-ratio", "risk-ratio"): to.hazard_ratio_to_risk_ratio,
        ("risk-ratio", "hazard-ratio"): to.risk_ratio_to_hazard_ratio,
        ("hazard-ratio", "odds-ratio"): _chain(to.hazard_ratio_to_risk_ratio, to.risk_ratio_to_odds_ratio),
        ("odds-ratio", "hazard-ratio"): _chain(to.odds_ratio_to_risk_ratio, to.risk_ratio_to_hazard_ratio),
        ("odds-ratio", "risk-difference"): _difference_of("odds-ratio"),
        ("risk-ratio", "risk-difference"): _difference_of("risk-ratio"),
        ("hazard-ratio", "risk-difference"): _difference_of("hazard-ratio"),
    }
)
WITHOUT_RISK: Mapping[tuple[str, str], Callable[[FloatArray], FloatArray]] = MappingProxyType(
    {
        ("odds-ratio", "standardised-mean-difference"): lambda x: to.log_odds_to_smd(np.log(x), 1.0).estimate,
        ("standardised-mean-difference", "odds-ratio"): lambda x: np.exp(to.smd_to_log_odds(x, 1.0).estimate),
    }
)


def convert(values: Sequence[float], measure: str, other: str, baseline_risk: float | None = None) -> Conversion:
    """Turn numbers of one measure, such as an estimate and its limits, into another.

    Parameters
    ----------
    values : sequence of float
        Estimates or limits.
    measure, other : str
        From and to: a pair of :data:`AT_RISK` or :data:`WITHOUT_RISK`, or short names of them.
    baseline_risk : float, optional
        Risk in the comparator arm, in (0, 1), for the pairs of :data:`AT_RISK`.

    Raises
    ------
    UsageError
        If there is no such conversion, or the baseline risk is missing or means nothing.
    PoolingError
        If a number cannot be of its measure, or makes no risk.

    Notes
    -----
    Formulas and sources: `hcckb.pooling.conversions`.
    """
    measure, other = measure_named(measure), measure_named(other)
    pair = (measure, other)
    if pair not in AT_RISK and pair not in WITHOUT_RISK:
        known = "; ".join(f"{a} to {b}" for a, b in (*AT_RISK, *WITHOUT_RISK))
        raise UsageError(f"there is no conversion of {measure} to {other}. There are: {known}.")
    if pair in AT_RISK:
        if baseline_risk is None:
            raise UsageError(f"{measure} to {other} needs --baseline-risk, the risk without the treatment, e.g. 0.3.")
        found = AT_RISK[pair](list(values), baseline_risk)
    else:
        if baseline_risk is not None:
            raise UsageError(f"{measure} to {other} takes no --baseline-risk. Leave it out.")
        if measure == "odds-ratio" and min(values) <= 0:
            raise UsageError(f"odds-ratio {min(values):g} is not positive: is it a log?")
        found = WITHOUT_RISK[pair](np.asarray(values, dtype=np.float64))
    rows = tuple(Converted(float(a), float(b)) for a, b in zip(values, found, strict=True))
    return Conversion(measure=measure, to=other, baseline_risk=baseline_risk, rows=rows)
