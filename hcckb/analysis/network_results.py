"""The values that a network meta-analysis returns: frozen, printable, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hcckb.results import Dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """Treatment 1 against treatment 2: on the scale of the measure; `analysis_estimate` and `se` on the log scale.

    The prediction interval is that of a new study; None under a common effect or without degrees of freedom.
    """

    treatment1: str
    treatment2: str
    estimate: float
    ci_lower: float
    ci_upper: float
    prediction_lower: float | None
    prediction_upper: float | None
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
class Node:
    """A treatment with its arms: participants (None where an arm's number is not known) and studies."""

    treatment: str
    n: int | None
    k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedContrast:
    """A contrast that a study with several arms did not give, found from two others by `rule`."""

    study: str
    treatment1: str
    treatment2: str
    estimate: float
    analysis_estimate: float
    se: float
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignResult:
    """A set of treatments that `k` studies compare: heterogeneity within, share of the inconsistency between designs.

    `detached_q` is the inconsistency left when the design has effects of its own, None where that takes nothing away.
    """

    treatments: tuple[str, ...]
    k: int
    q_within: float
    q_within_df: int
    q_within_p_value: float | None
    q_between: float
    detached_q: float | None
    detached_df: int | None
    detached_p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankResult:
    """Simulated ranks: `probability` of rank 1, 2, ... by treatment, from `samples` draws of the seed."""

    samples: int
    seed: int
    probability: Mapping[str, tuple[float, ...]]
    sucra: Mapping[str, float]
    mean_rank: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A direct comparison and its contribution to an estimate, in [0, 1]."""

    treatment1: str
    treatment2: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyShare:
    """A study and its contribution to an estimate, in [0, 1]."""

    study: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """Where the estimate of treatment 1 against 2 comes from, at the network's tau2; shares of 0 are left out."""

    treatment1: str
    treatment2: str
    mean_path: float
    parallelism: float
    comparisons: tuple[Share, ...]
    studies: tuple[StudyShare, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatResult:
    """Net heat at tau2 = 0: `share` is the column's in the row's estimate, `heat` the row's Q that it drives.

    Empty where no loop is closed.
    """

    designs: tuple[tuple[str, ...], ...]
    share: tuple[tuple[float, ...], ...]
    heat: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelPoint:
    """A contrast minus the direct estimate of its comparison (`adjusted`), on the analysis scale."""

    study: str
    treatment1: str
    treatment2: str
    analysis_estimate: float
    adjusted: float
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """A fitted network; field names are those of its JSON.

    `relative` holds every ordered pair of treatments; Q statistics are those at tau2 = 0, with degrees of
    freedom and P (None without degrees of freedom). `p_scores` lie in [0, 1].
    `q_interaction` is Q between designs at `tau2_within`, the variance between studies of one design. `ranks` is
    None where no draws were asked for; `contributions` is empty where evidence flows in a circle (a warning says so).
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
    nodes: tuple[Node, ...]
    derived: tuple[DerivedContrast, ...]
    designs: tuple[DesignResult, ...]
    tau2_within: float
    q_interaction: float
    q_interaction_df: int
    q_interaction_p_value: float | None
    ranks: RankResult | None
    contributions: tuple[Contribution, ...]
    heat: HeatResult
    funnel: tuple[FunnelPoint, ...]
    rows: tuple[NetworkRow, ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]
    title: str
    provenance: Mapping[str, str]

    def against(self, treatment: str) -> tuple[Relative, ...]:
        """Give every other treatment against this one, in the order of `treatments`."""
        return tuple(r for r in self.relative if r.treatment2 == treatment)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentEffect:
    """An effect on the scale of the measure; all numbers are None where the studies do not determine it."""

    name: str
    estimate: float | None
    ci_lower: float | None
    ci_upper: float | None
    analysis_estimate: float | None
    se: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentResult:
    """An additive network: what each component adds, and each treatment against none of them (or the inactive one).

    `q_difference` tests that effects add up, against the network without components, its `parts` side by side.
    """

    measure: str
    endpoint: str
    scale: str
    inactive: str | None
    model: str
    tau2_method: str | None
    level: float
    k: int
    parts: int
    tau2: float | None
    components: tuple[ComponentEffect, ...]
    treatments: tuple[ComponentEffect, ...]
    q_additive: float
    q_additive_df: int
    q_additive_p_value: float | None
    q_standard: float
    q_standard_df: int
    q_standard_p_value: float | None
    q_difference: float
    q_difference_df: int
    q_difference_p_value: float | None
    rows: tuple[NetworkRow, ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]
    title: str
    provenance: Mapping[str, str]
