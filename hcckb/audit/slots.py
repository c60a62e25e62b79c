"""Which printed statements speak of the same thing: slots, sizes of groups, and joining what a document repeats."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from hcckb.audit.book import Book, Node
from hcckb.terms import KB

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
SIZE_ATTRIBUTES = ("randomised", "groupSize", "n", "enrolled")


def grouped(things: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Collect things by a key, in the order they come."""
    groups: dict[K, list[T]] = {}
    for thing in things:
        groups.setdefault(key(thing), []).append(thing)
    return groups


def sizes(book: Book, estimate: Node) -> tuple[int | None, int | None]:
    """Give the sizes of the two groups of an estimate: those printed with it, else those of the arms.

    The arms' sizes are for the whole trial only; a subgroup without sizes of its own has none.
    """
    own = estimate.count("nExperimental"), estimate.count("nComparator")
    if None not in own or estimate.kind != "Estimate":
        return own
    if not whole_trial(estimate):
        return own
    arms = (book.get(estimate.one(name)) for name in ("experimental", "comparator"))
    first, second = (arm.count("randomised") if arm is not None else None for arm in arms)
    return own[0] or first, own[1] or second


def whole_trial(node: Node) -> bool:
    """Tell whether a statement is about all patients of a study and not of a subgroup."""
    return not node.one("population").startswith(KB)


def facts(book: Book, about: str, *attributes: str) -> list[Node]:
    """Give the facts that documents state about a node."""
    wanted = {f"#{a}" for a in attributes}
    found = (n for n in book.about.get(about, ()))
    return [n for n in found if "#" + n.one("attribute").rpartition("#")[2] in wanted]


def printed_sizes(book: Book, arm: str) -> dict[int, list[Node]]:
    """Give the sizes that documents print for an arm, each with the statements that print it."""
    out: dict[int, list[Node]] = {}
    for fact in facts(book, arm, *SIZE_ATTRIBUTES):
        if fact.one("states").isdigit():
            out.setdefault(int(fact.one("states")), []).append(fact)
    return out
