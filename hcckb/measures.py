"""Names of measures: what people write for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SHORT: Mapping[str, str] = MappingProxyType(
    {
        "HR": "hazard-ratio",
        "OR": "odds-ratio",
        "RR": "risk-ratio",
        "RD": "risk-difference",
        "ASD": "arcsine-difference",
        "MD": "mean-difference",
        "SMD": "standardised-mean-difference",
        "ROM": "ratio-of-means",
        "IRR": "incidence-rate-ratio",
        "IRD": "incidence-rate-difference",
        "IR": "incidence-rate",
    }
)


def measure_named(name: str) -> str:
    """Write out the short name of a measure.

    >>> measure_named("HR")
    'hazard-ratio'
    """
    return SHORT.get(name, name)
