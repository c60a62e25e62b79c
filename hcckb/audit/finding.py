"""What a rule of the audit is, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hcckb.audit.book import Book

DECIDES, MISLEADS, COSMETIC = "decides", "misleads", "cosmetic"
SEVERITIES = (DECIDES, MISLEADS, COSMETIC)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a rule found, before the engine adds study, source and resolution.

    `nodes` are IRIs, the doubtful ones first; `numbers` the printed figures that take part.
    """

    severity: str
    title: str
    computation: str
    numbers: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One printed thing that does not agree with what can be recomputed.

    `severity` is "decides" (would change a pooled result or a decision), "misleads" or "cosmetic"; `computation` the
    formula with its numbers; `nodes` IRIs, the doubtful ones first; `studies` names and `sources` keys; `resolution`
    the IRI of a curator's judgement on one of the nodes, with its reason, or None and "".
    """

    rule: str
    severity: str
    title: str
    computation: str
    numbers: tuple[str, ...]
    nodes: tuple[str, ...]
    studies: tuple[str, ...]
    sources: tuple[str, ...]
    resolution: str | None = None
    resolution_reason: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it looks for, by which formula, what can set it off wrongly, and the function that does it."""

    name: str
    title: str
    what: str
    formula: str
    false_alarms: str
    find: Callable[[Book], Iterator[Draft]]
