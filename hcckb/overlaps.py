"""Patients are counted once: which of the selected estimates share patients, and which of two would be dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hcckb.candidates import Candidate
from hcckb.store import Store


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two estimates of one endpoint that share patients: the larger would be kept in a pool, the other dropped."""

    study: str
    kept_iri: str
    dropped_iri: str
    reason: str


def find_overlaps(store: Store, chosen: Sequence[Candidate]) -> tuple[Overlap, ...]:
    """Find the estimates that must not enter one pool together.

    Patients are shared where a document says so (`ev:overlapsWith` between estimates, studies or populations), or
    where two contrasts of one study use the same arm. The smaller of the two is the one to drop; where sizes are
    equal or not known, the one whose IRI sorts later.

    Parameters
    ----------
    store : Store
        The knowledge base.
    chosen : sequence of Candidate
        The estimates of an evidence table.

    Returns
    -------
    tuple of Overlap
        One per estimate to drop.
    """
    pairs = _declared(store)
    found: list[Overlap] = []
    kept: list[Candidate] = []
    for candidate in sorted(chosen, key=lambda c: (-_size(c), c.row.estimate_iri)):
        larger = next((other for other in kept if _overlap(candidate, other, pairs)), None)
        if larger is None:
            kept.append(candidate)
            continue
        row, rival = candidate.row, larger.row
        shared = "an arm" if set(candidate.contrast) & set(larger.contrast) else "patients"
        reason = (
            f"shares {shared} with {rival.study}, {rival.experimental} vs {rival.comparator}, the larger of the two"
        )
        found.append(Overlap(row.study, rival.estimate_iri, row.estimate_iri, reason))
    return tuple(found)


def _declared(store: Store) -> frozenset[frozenset[str]]:
    rows = store.select("SELECT ?one ?other WHERE { ?one ev:overlapsWith ?other }")
    return frozenset(frozenset(t.value for t in r.values() if t is not None) for r in rows)


def _overlap(one: Candidate, other: Candidate, pairs: frozenset[frozenset[str]]) -> bool:
    if (one.endpoint_iri, one.measure_iri) != (other.endpoint_iri, other.measure_iri):
        return False
    if set(one.contrast) & set(other.contrast):
        return True
    mine, theirs = ({c.row.estimate_iri, c.row.study_iri, c.population_iri} for c in (one, other))
    return any(frozenset((a, b)) in pairs for a in mine for b in theirs if a != b)


def _size(candidate: Candidate) -> int:
    row = candidate.row
    return (row.n_experimental or 0) + (row.n_comparator or 0)
