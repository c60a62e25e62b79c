"""The values that a network meta-analysis returns: frozen, printable, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hcckb.results import Dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """Treatment 1 against treatment 2: on the scale of the measure; `analysis_estimate` and `se` on the log scale."""

    treatment1: str
    treatment2: str
    estimate: float
    ci_lower: float
    ci_upper: float
    analysis_estimate: float
    se: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectIndirect:
    """One comparison that trials make: their own estimate, and the rest of the network's, on the measure's scale.

    `p_value` tests that the two agree. What is None has no indirect evidence.
    """

    treatment1: str
    treatment2: str
    k: int
    studies: tuple[str, ...]
    proportion: float
    direct: float
    direct_lower: float
    direct_upper: float
    indirect: float | None
    indirect_lower: float | None
    indirect_upper: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRow:
    """One estimate that entered the network, as printed."""

    study: str
    treatment1: str
    treatment2: str
    value: float
    ci_lower: float
    ci_upper: float
    ci_level: float
    analysis_value: float
    se: float
    source: str = ""
    locator: str = ""
    estimate_iri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """A fitted network; field names are those of its JSON.

    `relative` holds every ordered pair of treatments; Q statistics are those at tau2 = 0, with degrees of
    freedom and P (None without degrees of freedom). `p_scores` lie in [0, 1].
    """

    measure: str
    endpoint: str
    scale: str
    treatments: tuple[str, ...]
    reference: str
    model: str
    tau2_method: str | None
    level: float
    k: int
    tau2: float | None
    i2: float | None
    q_total: float
    q_total_df: int
    q_total_p_value: float | None
    q_within: float
    q_within_df: int
    q_within_p_value: float | None
    q_between: float
    q_between_df: int
    q_between_p_value: float | None
    relative: tuple[Relative, ...]
    p_scores: Mapping[str, float]
    small_is_good: bool
    comparisons: tuple[DirectIndirect, ...]
    rows: tuple[NetworkRow, ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]
    title: str
    provenance: Mapping[str, str]

    def against(self, treatment: str) -> tuple[Relative, ...]:
        """Give every other treatment against this one, in the order of `treatments`."""
        return tuple(r for r in self.relative if r.treatment2 == treatment)
