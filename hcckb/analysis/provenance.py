"""Where a table comes from, as every result says it."""

from __future__ import annotations

from collections.abc import Sequence

from hcckb.evidence import EvidenceTable
from hcckb.version import VERSION


def provenance_of(table: EvidenceTable) -> dict[str, str]:
    """Give version, query, software and cut-off dates of a table; no dates for a table that is not the graph's."""
    asked = " ".join(f"{k}={v}" for k, v in table.asked.items())
    cutoffs = [r.data_cutoff for r in table.rows if r.data_cutoff]
    told = {
        "kb_version": table.kb_version,
        "query": f"{table.query} {asked}".strip(),
        "software": "hcckb",
        "software_version": VERSION,
    }
    if table.kb_version:
        told["data_cutoff"] = _cutoffs(cutoffs, len(table.rows))
    return told


def _cutoffs(cutoffs: Sequence[str], k: int) -> str:
    """Say from when to when the data were cut off, and for how many of the estimates that is curated."""
    if not cutoffs:
        return "not curated"
    span = min(cutoffs) if min(cutoffs) == max(cutoffs) else f"{min(cutoffs)} to {max(cutoffs)}"
    return span if len(cutoffs) == k else f"{span} ({len(cutoffs)} of {k} estimates; others not curated)"
