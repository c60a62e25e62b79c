"""Evidence rows that keep what they were made of, so that pooling can go back to it."""

from __future__ import annotations

from dataclasses import dataclass

from hcckb.candidates import EvidenceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionRow(EvidenceRow):
    """A proportion of one arm: `events` of its `n_experimental` participants.

    `value` is the proportion as counted, its interval Clopper and Pearson's; `transform` names the scale on
    which it is pooled, `correction` and `add` what arms without event get (None for the scale's own).
    """

    events: int
    transform: str
    correction: str | None = None
    add: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow(EvidenceRow):
    """An incidence rate of one arm: `events` in `time`, the person-time in the user's unit.

    `value` is the rate as counted, its interval Garwood's; the rest as in :class:`ProportionRow`.
    """

    events: int
    time: float
    transform: str
    correction: str | None = None
    add: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianRow(EvidenceRow):
    """A median of one arm; `transform` is "log" where its interval is printed, "none" where quartiles are."""

    transform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsRow(EvidenceRow):
    """An effect of two arms with the counts it comes from, of `n_experimental` and `n_comparator` participants."""

    events_experimental: int
    events_comparator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow(EvidenceRow):
    """An effect that was given or computed on the analysis scale: pooling takes it, not the interval made of it."""

    analysis_value: float
    se: float
