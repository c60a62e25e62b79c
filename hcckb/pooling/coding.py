"""Moderators by name into columns of numbers: categories by treatment contrasts, and interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.batch import FloatArray


@dataclass(frozen=True, slots=True)
class Coded:
    """Moderators in columns, without the intercept.

    Attributes
    ----------
    matrix : ndarray, shape (k, m)
        One column for a number, one for each level but the reference of a category, products for interactions.
    names : tuple of str
        Of the columns: "year", "phase: 3" for a level, "year x phase: 3" for a product.
    terms : tuple of (str, tuple of int)
        Each moderator or interaction as asked, with its columns.
    levels : tuple of (str, tuple of str)
        The levels of each category, its reference first; numbers have none.
    """

    matrix: FloatArray
    names: tuple[str, ...]
    terms: tuple[tuple[str, tuple[int, ...]], ...]
    levels: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the moderators that values must be given for, in order of first use."""
        found = dict.fromkeys(p for term, _ in self.terms for p in term.split(":"))
        return tuple(found)

    def row(self, values: Mapping[str, float | str]) -> FloatArray:
        """Code one setting of the moderators, shape (m,).

        Raises
        ------
        PoolingError
            If a moderator has no value, or the value of a number is none.
        UnknownNameError
            If a moderator or a level does not exist.
        """
        for name in values:
            if name not in self.parts:
                raise UnknownNameError(name, "moderator of this regression", self.parts, ", ".join(self.parts))
        for name in self.parts:
            if name not in values:
                raise PoolingError(f"a prediction needs a value of {name!r}. Write {name}=VALUE.")
        levels = dict(self.levels)
        parts = {p: _code(p, [values[p]], levels.get(p), True)[0] for p in self.parts}
        return np.hstack([_term(term, parts, self._full(term))[0] for term, _ in self.terms])

    def _full(self, term: str) -> bool:
        """Whether a term has a column for its reference too: the first category without intercept."""
        width = dict(self.terms)[term]
        return ":" not in term and len(dict(self.levels).get(term, ())) == len(width) > 0


def code(
    columns: Mapping[str, Sequence[float | str]],
    terms: Sequence[str],
    *,
    references: Mapping[str, str] | None = None,
    intercept: bool = True,
) -> Coded:
    """Code moderators for a regression.

    Parameters
    ----------
    columns : mapping of str to sequence
        Each moderator by name: numbers, or names of categories, one for each estimate.
    terms : sequence of str
        Moderators to take, in order; "a:b" is the interaction of two that are taken too.
    references : mapping of str to str, optional
        Reference level of a category; the first in alphabetical order when left out.
    intercept : bool
        Whether the regression has an intercept. Without one the first category has a column for each level.

    Returns
    -------
    Coded

    Raises
    ------
    UnknownNameError
        If a term or a reference level does not exist.
    PoolingError
        If no term is named, one is named twice, an interaction lacks its main effects, or a category has one level.

    Examples
    --------
    >>> coded = code({"phase": ["2", "3", "3"], "year": [2013, 2015, 2018]}, ["phase", "year", "phase:year"])
    >>> coded.names, coded.matrix.tolist()[1]
    (('phase: 3', 'year', 'phase: 3 x year'), [1.0, 2015.0, 2015.0])
    """
    _check_terms(terms, columns)
    references = dict(references or {})
    levels: list[tuple[str, tuple[str, ...]]] = []
    parts: dict[str, tuple[FloatArray, tuple[str, ...]]] = {}
    for name in (t for t in terms if ":" not in t):
        found = _levels(name, columns[name], references.pop(name, None))
        if found:
            levels.append((name, found))
        parts[name] = _code(name, columns[name], found, False)
    for name in references:
        raise UnknownNameError(name, "category among the moderators", [n for n, _ in levels])
    whole = next((n for n, _ in levels), None) if not intercept else None
    matrices: list[FloatArray] = []
    names: list[str] = []
    taken: list[tuple[str, tuple[int, ...]]] = []
    for term in terms:
        matrix = _term(term, {n: m for n, (m, _) in parts.items()}, term == whole)
        told = [parts[p][1] if term == whole or len(parts[p][1]) == 1 else parts[p][1][1:] for p in term.split(":")]
        start = len(names)
        names += [" x ".join(combination) for combination in product(*told)]
        taken.append((term, tuple(range(start, len(names)))))
        matrices.append(matrix)
    return Coded(np.concatenate(matrices, axis=1), tuple(names), tuple(taken), tuple(levels))


def _check_terms(terms: Sequence[str], columns: Mapping[str, Sequence[float | str]]) -> None:
    """Raise for terms that are missing, unknown, doubled, or interactions without their main effects."""
    if not terms:
        raise PoolingError("no moderator is named. Name one or more.")
    for i, term in enumerate(terms):
        for name in term.split(":"):
            if name not in columns:
                raise UnknownNameError(name, "moderator", columns, ", ".join(columns))
            if name not in terms:
                raise PoolingError(f"the interaction {term!r} needs its main effects. Name {name!r} too.")
        if term in terms[:i] or len(set(term.split(":"))) < len(term.split(":")):
            raise PoolingError(f"the moderator {term!r} is named twice. Name it once.")


def _levels(name: str, values: Sequence[float | str], reference: str | None) -> tuple[str, ...]:
    """Return the levels of a category, its reference first; none for a number."""
    if not any(isinstance(v, str) for v in values):
        if reference is not None:
            raise PoolingError(f"{name!r} is a number and has no reference level. Leave the reference out.")
        return ()
    found = sorted({str(v) for v in values})
    if len(found) < 2:
        raise PoolingError(f"moderator {name!r} does not vary: every estimate has {found[0]!r}. Leave it out.")
    if reference is not None and reference not in found:
        raise UnknownNameError(reference, f"level of {name}", found, ", ".join(found))
    first = reference if reference is not None else found[0]
    return (first, *(level for level in found if level != first))


def _code(
    name: str, values: Sequence[float | str], levels: Sequence[str] | None, strict: bool
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the column of a number, or one column for each level."""
    if levels:
        for v in values:
            if strict and str(v) not in levels:
                raise UnknownNameError(str(v), f"level of {name}", levels, ", ".join(levels))
        cells = np.array([[float(str(v) == level) for level in levels] for v in values])
        return cells, tuple(f"{name}: {level}" for level in levels)
    try:
        return np.array([[float(v)] for v in values]), (name,)
    except ValueError as error:
        raise PoolingError(f"{name!r} is a number ({error}). Write one.") from error


def _term(term: str, parts: Mapping[str, FloatArray], full: bool) -> FloatArray:
    """Return the columns of a term: products of the columns of its parts, without their references."""
    first, *others = (parts[n] if full or parts[n].shape[1] == 1 else parts[n][:, 1:] for n in term.split(":"))
    for cells in others:
        first = (first[:, :, None] * cells[:, None, :]).reshape(len(cells), -1)
    return first
