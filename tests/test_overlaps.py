"""Patients are counted once: which estimates share patients, which is dropped from a pool, and what is said."""

from __future__ import annotations

import pytest

from hcckb.analysis.pool import pool, pool_by
from hcckb.candidates import candidates
from hcckb.evidence import select
from hcckb.overlaps import Overlap, find_overlaps, to_drop
from hcckb.store import load

PREFIXES = "@prefix ev: <https://w3id.org/hcckb/ns#> .\n@prefix kb: <https://w3id.org/hcckb/kb/> .\n"


def local(iri):
    return iri.rpartition("/")[2]


def picked(store, *names):
    found = {local(c.row.estimate_iri): c for c in candidates(store)}
    return [found[n] for n in names]


def pairs(store, *names):
    return [(local(o.kept_iri), local(o.dropped_iri)) for o in find_overlaps(store, picked(store, *names))]


@pytest.fixture
def joined(small, write):
    """The artificial knowledge base where Study A also overlaps with Study C."""
    own = [f for f in small.files if "kb-small" in str(f)]
    return load([*own, write("more.ttl", PREFIXES + "kb:study-a ev:overlapsWith kb:study-c .\n")], shipped=False)


def test_a_declared_overlap_holds_in_both_orders_and_keeps_the_larger(small):
    for names in (("d-os-one", "e-os"), ("e-os", "d-os-one")):
        assert pairs(small, *names) == [("d-os-one", "e-os")]
    (overlap,) = find_overlaps(small, picked(small, "d-os-one", "e-os"))
    assert overlap.study == "Study E"
    assert overlap.reason == "shares patients with Study D, Agent one vs Control agent, the larger of the two"


def test_two_contrasts_of_one_study_share_their_control_arm(small):
    (overlap,) = find_overlaps(small, picked(small, "d-os-one", "d-os-two"))
    assert local(overlap.dropped_iri) == "d-os-two"
    assert overlap.reason == "shares an arm with Study D, Agent one vs Control agent, the larger of the two"


def test_every_pair_is_found(small):
    assert pairs(small, "e-os", "d-os-two", "d-os-one") == [
        ("d-os-one", "d-os-two"),
        ("d-os-one", "e-os"),
        ("d-os-two", "e-os"),
    ]


def test_studies_without_a_declaration_do_not_overlap(small):
    assert pairs(small, "a-os-final", "b-os", "c-os", "d-os-one") == []


def test_another_endpoint_or_measure_does_not_overlap(joined):
    assert pairs(joined, "a-os-final", "c-os") == [("a-os-final", "c-os")]
    assert pairs(joined, "a-os-final", "c-ttp") == []
    assert pairs(joined, "a-orr", "c-os") == []


def test_what_is_dropped_itself_drops_nothing():
    overlaps = (Overlap("B", "a", "b", ""), Overlap("C", "b", "c", ""))
    assert list(to_drop(overlaps, ["a", "b", "c"])) == ["b"]
    assert list(to_drop(overlaps, ["b", "c"])) == ["c"]
    assert list(to_drop(overlaps, ["a", "c"])) == []


def test_the_evidence_table_shows_all_and_says_what_a_pool_drops(small):
    table = select(small, line="1L", endpoint="OS")
    assert [r.study for r in table] == ["Study D", "Study D", "Study E"]
    told = [w for w in table.warnings if "a pool drops it" in w]
    assert len(told) == 2
    assert told[0].startswith("Study D: one contrast shares an arm with Study D")
    assert told[1].startswith("Study E: one contrast shares patients with Study D")


def test_a_pool_counts_patients_once_and_says_what_it_dropped(small):
    result = pool(select(small, line="1L", endpoint="OS"))
    assert [local(r.estimate_iri) for r in result.rows] == ["d-os-one"]
    assert result.n == 200
    gone = {local(d.estimate_iri): d.reason for d in result.dropped}
    assert gone["e-os"].startswith("shares patients with Study D")
    assert gone["d-os-two"].startswith("shares an arm with Study D")


def test_groups_count_patients_once_each_by_itself(small):
    groups = dict(pool_by(select(small, line="1L", endpoint="OS"), "experimental"))
    assert {name: [r.study for r in g.rows] for name, g in groups.items()} == {
        "Agent one": ["Study D"],
        "Agent two": ["Study D"],
    }


def test_nothing_overlaps_among_the_seven(kb):
    assert select(kb, "second-line-placebo-vegfr", endpoint="OS").overlaps == ()
