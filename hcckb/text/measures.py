"""Pooled medians and converted measures as text."""

from __future__ import annotations

from hcckb.analysis.convert import Conversion
from hcckb.analysis.medians import PooledMedian
from hcckb.text.tables import DISCLAIMER, grid


def medians_text(result: PooledMedian) -> str:
    """Write a pooled median under the medians it is of."""
    lines = [grid(((r.study, r.n, f"{r.median:g}") for r in result.rows), ("Study", "n", "Median")), ""]
    low, high = (("none" if x is None else f"{x:g}") for x in (result.ci_lower, result.ci_upper))
    interval = f"{100 * result.level:g} % CI {low} to {high}"
    lines.append(f"{result.method} = {result.estimate:g} ({interval}); k = {result.k}, n = {result.n}")
    lines += [f"Note: {w}" for w in result.warnings]
    return "\n".join([*lines, "", f"{result.title} · {DISCLAIMER}"])


def conversion_text(result: Conversion) -> str:
    """Write converted numbers beside those they come from."""
    rows = ((f"{r.value:g}", f"{r.converted:.4g}") for r in result.rows)
    text = grid(rows, (result.measure, result.to))
    return text if result.baseline_risk is None else f"{text}\n\nat a baseline risk of {result.baseline_risk:g}"
