"""The scale on which the rows of a table are pooled, and the way back from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from hcckb.candidates import EvidenceRow
from hcckb.errors import PoolingError
from hcckb.measures import OF_ONE_ARM
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.effects import Effects, generic, log_ratio
from hcckb.pooling.proportions import back_transform_proportion, proportion_effects
from hcckb.pooling.rates import back_transform_rate, rate_effects
from hcckb.results import PooledResult
from hcckb.usertable import EffectRow, MedianRow, ProportionRow, RateRow
from hcckb.usertable.effects import LOG_MEASURES

RATIOS = tuple(sorted(LOG_MEASURES))
# Scales of rates whose names those of proportions do not take.
_RATE_SCALES = {"square-root": "square-root", "rate-freeman-tukey": "freeman-tukey"}


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of the analysis; Freeman-Tukey's way back needs the harmonic mean of the sizes or times."""

    name: str
    harmonic_size: float | None = None

    def back(self, value: float) -> float:
        """Turn a number on the analysis scale into one on the scale of the measure.

        Raises
        ------
        PoolingError
            If that is no finite number.
        """
        with np.errstate(over="ignore"):
            found = float(self.back_all(np.asarray(value)))
        if not np.isfinite(found):
            raise PoolingError(
                f"the pooled result or a limit of it is not finite: {value:g} on the scale of the analysis "
                f"({self.name}). Check the widest rows."
            )
        return found

    def back_all(self, values: FloatArray) -> FloatArray:
        """Turn numbers of any shape on the analysis scale into ones on the scale of the measure."""
        if self.name in ("log", "identity"):
            return np.asarray(np.exp(values) if self.name == "log" else values)
        if self.name in _RATE_SCALES:
            return back_transform_rate(values, _RATE_SCALES[self.name], self.harmonic_size)
        return back_transform_proportion(values, self.name, self.harmonic_size)


def scale_of(result: PooledResult) -> Scale:
    """Return the scale on which a result was pooled."""
    return Scale(result.scale, result.harmonic_size)


def null_of(result: PooledResult) -> float | None:
    """Return what no effect is on the scale of the measure; None for single arms, which have no such value."""
    if result.measure in OF_ONE_ARM:
        return None
    return {"log": 1.0, "identity": 0.0}.get(result.scale)


def effects_of(rows: Sequence[EvidenceRow]) -> tuple[Effects, Scale]:
    """Bring the rows of one measure to the scale of the analysis, and say which that is.

    Raises
    ------
    PoolingError
        If a row has no interval, or one that cannot be.
    """
    labels = [row_label(r) for r in rows]
    shares = [r for r in rows if isinstance(r, ProportionRow)]
    if shares:
        how = shares[0]
        sizes = [r.n_experimental or 0 for r in shares]
        events = [r.events for r in shares]
        found = proportion_effects(events, sizes, how.transform, correction=how.correction, add=how.add, labels=labels)
        return found.effects, Scale(_plain(found.transform), found.harmonic_n)
    rates = [r for r in rows if isinstance(r, RateRow)]
    if rates:
        return _of_rates(rates, labels)
    exact = [r for r in rows if isinstance(r, EffectRow)]
    if len(exact) == len(rows):
        given = generic([r.analysis_value for r in exact], sei=[r.se for r in exact], labels=labels)
        return given, Scale("log" if rows[0].measure in LOG_MEASURES else "identity")
    columns = (
        np.array([getattr(r, c) for r in rows], dtype=float) for c in ("value", "ci_lower", "ci_upper", "ci_level")
    )
    value, lower, upper, level = columns
    medians = [r for r in rows if isinstance(r, MedianRow)]
    if rows[0].measure in LOG_MEASURES or (medians and medians[0].transform == "log"):
        return log_ratio(value, lower, upper, level, labels=labels), Scale("log")
    return generic(value, sei=(upper - lower) / (2 * ndtri((1 + level) / 2)), labels=labels), Scale("identity")


def row_label(row: EvidenceRow) -> str:
    """Name a row for a message."""
    return f"{row.study} ({row.source}, {row.locator})" if row.source else row.study


def _of_rates(rates: Sequence[RateRow], labels: Sequence[str]) -> tuple[Effects, Scale]:
    how = rates[0]
    events, times = [r.events for r in rates], [r.time for r in rates]
    found = rate_effects(events, times, how.transform, correction=how.correction, add=how.add, labels=labels)
    name = "rate-freeman-tukey" if how.transform == "freeman-tukey" else _plain(how.transform)
    return found.effects, Scale(name, found.harmonic_time)


def _plain(transform: str) -> str:
    return "identity" if transform == "none" else transform
