"""Patients are counted once: declared overlaps between chosen estimates are dropped by rule, and said."""

from __future__ import annotations

from collections.abc import Sequence

from hcckb.candidates import Candidate
from hcckb.store import Store


def drop_overlaps(store: Store, kept: Sequence[Candidate]) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    """Drop the smaller of two estimates of one endpoint whose patients are declared to overlap.

    Returns
    -------
    (kept, dropped)
        `dropped` pairs each candidate with the reason. Equal or unknown sizes drop the later one.
    """
    pairs = _declared(store)
    dropped: list[tuple[Candidate, str]] = []
    remaining: list[Candidate] = []
    for candidate in sorted(kept, key=lambda c: (-_size(c), c.row.estimate_iri)):
        larger = next((other for other in remaining if _overlap(candidate, other, pairs)), None)
        if larger is None:
            remaining.append(candidate)
        else:
            reason = f"shares patients with {larger.row.study} ({larger.row.as_printed}), the larger of the two"
            dropped.append((candidate, reason))
    order = {id(c): i for i, c in enumerate(kept)}
    return sorted(remaining, key=lambda c: order[id(c)]), dropped


def _declared(store: Store) -> frozenset[frozenset[str]]:
    rows = store.select("SELECT ?one ?other WHERE { ?one ev:overlapsWith ?other }")
    return frozenset(frozenset(t.value for t in r.values() if t is not None) for r in rows)


def _overlap(one: Candidate, other: Candidate, pairs: frozenset[frozenset[str]]) -> bool:
    if one.endpoint_iri != other.endpoint_iri:
        return False
    mine, theirs = ({c.row.estimate_iri, c.row.study_iri, c.population_iri} for c in (one, other))
    return any(frozenset((a, b)) in pairs for a in mine for b in theirs if a != b)


def _size(candidate: Candidate) -> int:
    row = candidate.row
    return (row.n_experimental or 0) + (row.n_comparator or 0)
