"""Measures: what people write for them, and which way they are good."""

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
ABBREVIATIONS: Mapping[str, str] = MappingProxyType(
    {**{long: short for short, long in SHORT.items()}, "peto-odds-ratio": "Peto OR", "incidence-rate": "rate"}
)
"""How a measure is headed in a table."""
OF_ONE_ARM = ("proportion", "incidence-rate", "median")
_GOOD_EVENTS = ("response", "control-rate", "disease-control")


def measure_named(name: str) -> str:
    """Write out the short name of a measure.

    >>> measure_named("HR")
    'hazard-ratio'
    """
    return SHORT.get(name, name)


def event_is_good(measure: str, endpoint: str) -> bool:
    """Whether more of what a measure counts is better: responses and disease control, but no hazard ratio.

    >>> event_is_good("odds-ratio", "objective-response"), event_is_good("hazard-ratio", "overall-survival")
    (True, False)
    """
    return measure != "hazard-ratio" and any(word in endpoint for word in _GOOD_EVENTS)
