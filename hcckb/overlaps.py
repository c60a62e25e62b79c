"""Patients are counted once: which of the selected estimates share patients, and which of two would be dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

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
    where two contrasts of one study use the same arm. The smaller of the two is the one to drop, a size that is
    not curated counting as 0; of equal ones, the one whose IRI sorts later.

    Parameters
    ----------
    store : Store
        The knowledge base.
    chosen : sequence of Candidate
        The estimates of an evidence table.

    Returns
    -------
    tuple of Overlap
        One per pair, the pairs of the largest estimate first; :func:`to_drop` says which estimates have to go.
    """
    pairs = _declared(store)
    by_size = sorted(chosen, key=lambda c: (-_size(c), c.row.estimate_iri))
    return tuple(
        _told(larger, smaller) for larger, smaller in combinations(by_size, 2) if _overlap(larger, smaller, pairs)
    )


def to_drop(overlaps: Iterable[Overlap], inside: Iterable[str]) -> dict[str, Overlap]:
    """Give the estimates to drop from a set of estimates, each with the pair that decided, by their IRIs.

    An estimate that is dropped itself drops no other one.
    """
    present = frozenset(inside)
    gone: dict[str, Overlap] = {}
    for pair in overlaps:
        if {pair.kept_iri, pair.dropped_iri} <= present and pair.kept_iri not in gone:
            gone.setdefault(pair.dropped_iri, pair)
    return gone


def _told(larger: Candidate, smaller: Candidate) -> Overlap:
    row, rival = smaller.row, larger.row
    shared = "an arm" if set(smaller.contrast) & set(larger.contrast) else "patients"
    reason = f"shares {shared} with {rival.study}, {rival.experimental} vs {rival.comparator}, the larger of the two"
    return Overlap(row.study, rival.estimate_iri, row.estimate_iri, reason)


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
