"""The values that a pooled analysis returns: frozen, printable, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledRow:
    """One estimate that entered a pool, as printed and on the analysis scale.

    `value`, `ci_lower` and `ci_upper` are on the scale of the measure (a hazard ratio stays a ratio);
    `analysis_value` and `se` are on the analysis scale (natural log for ratios); `weight` lies in [0, 1]
    and sums to 1 over the rows of a result. `ci_level` is the level of the printed interval.
    """

    study: str
    value: float
    ci_lower: float
    ci_upper: float
    ci_level: float
    analysis_value: float
    se: float
    weight: float
    year: int | None = None
    experimental: str = ""
    comparator: str = ""
    n_experimental: int | None = None
    n_comparator: int | None = None
    source: str = ""
    locator: str = ""
    as_printed: str = ""
    estimate_iri: str = ""
    resolution: str | None = None
    resolution_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A study, or one of its estimates, that was not pooled, and why."""

    study: str
    reason: str
    estimate_iri: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """The same estimates under another model, shown beside the main result."""

    label: str
    model: str
    tau2_method: str | None
    ci_method: str
    estimate: float
    ci_lower: float
    ci_upper: float
    p_value: float
    tau2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledResult:
    """What pooling a set of estimates gives.

    `estimate`, `ci_*` and `prediction_*` are on the scale of the measure; `analysis_estimate`, `se`, `tau2`
    and `tau2_*` on the analysis scale. `scale` names it: "log", "identity", or a transformation, whose way back
    may need `harmonic_size`, the harmonic mean of the arms' sizes or times. `i2` lies in [0, 1]. The prediction
    interval is None below three estimates and under the common-effect model; `tau2_lower` and `tau2_upper`, by the
    method `tau2_interval`, are None for a single estimate. Field names are those of DESIGN's JSON contract.
    """

    measure: str
    endpoint: str
    scale: str
    model: str
    tau2_method: str | None
    ci_method: str
    level: float
    k: int
    n: int | None
    estimate: float
    ci_lower: float
    ci_upper: float
    prediction_lower: float | None
    prediction_upper: float | None
    analysis_estimate: float
    se: float
    statistic: float
    p_value: float
    tau2: float
    tau2_lower: float | None
    tau2_upper: float | None
    i2: float
    h2: float
    q: float
    df: int
    q_p_value: float
    rows: tuple[PooledRow, ...]
    beside: tuple[ModelSummary, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    warnings: tuple[str, ...] = ()
    title: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    tau2_interval: str | None = None
    harmonic_size: float | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give the pooled rows as a pandas DataFrame, one column per field."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    def _repr_html_(self) -> str:
        """Show the pooled line and its rows in a notebook."""
        cells = "".join(
            f"<tr><td>{escape(r.study)}</td><td>{r.value:.2f} ({r.ci_lower:.2f} to {r.ci_upper:.2f})</td>"
            f"<td>{100 * r.weight:.1f} %</td><td>{escape(r.source)}</td></tr>"
            for r in self.rows
        )
        pooled = (
            f"<tr><th>Pooled ({escape(self.model)}, k = {self.k})</th>"
            f"<th>{self.estimate:.2f} ({self.ci_lower:.2f} to {self.ci_upper:.2f})</th>"
            f"<th>p = {self.p_value:.3g}</th><th>I² = {100 * self.i2:.0f} %</th></tr>"
        )
        return f"<table><caption>{escape(self.endpoint)}, {escape(self.measure)}</caption>{cells}{pooled}</table>"
