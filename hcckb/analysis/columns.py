"""Columns of an evidence table as groups and moderators: numbers or categories, never with a gap."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hcckb.candidates import EvidenceRow
from hcckb.errors import TableError, UnknownNameError
from hcckb.evidence import COLUMNS, EvidenceTable

TOTAL = "n"
_IDS = ("experimental_arm", "comparator_arm", "estimate_iri", "study_iri")


def column(table: EvidenceTable, name: str) -> tuple[str | float, ...]:
    """Return a column of the table, one value for each row.

    Parameters
    ----------
    table : EvidenceTable
        From the graph, or a user's own: then the columns of the file come first.
    name : str
        A column of the file or of the evidence table, or "n" for the participants of both arms.

    Returns
    -------
    tuple of str or of float
        Numbers where every value is one, else text.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    TableError
        If a row has no value in it; the study is named.
    """
    texts = cells(table, name)
    for row, text in zip(table.rows, texts, strict=True):
        if text == "":
            raise TableError(f"{_where(row)}: has no {name}. Fill it in, or leave the study out.")
    numbers = [_number(t) for t in texts]
    return tuple(n for n in numbers if n is not None) if None not in numbers else tuple(texts)


def cells(table: EvidenceTable, name: str) -> tuple[str, ...]:
    """Return a column as the texts of its cells, empty where a row has no value.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    """
    return tuple(_cell(table, row, name) for row in table.rows)


def categories(table: EvidenceTable, name: str) -> tuple[str, ...]:
    """Return a column as names of categories, one for each row; whole numbers lose their ".0"."""
    return tuple(f"{v:g}" if isinstance(v, float) else v for v in column(table, name))


def known_columns(table: EvidenceTable) -> tuple[str, ...]:
    """Return the names that `column` knows: those of the user's file, then those of the evidence table."""
    own = [c for cells in table.extra.values() for c in cells]
    return tuple(dict.fromkeys([*own, *(c for c in COLUMNS if c not in _IDS), TOTAL]))


def _cell(table: EvidenceTable, row: EvidenceRow, name: str) -> str:
    own = table.extra.get(row.locator, {})
    if name in own:
        return own[name]
    if name == TOTAL:
        sizes = [n for n in (row.n_experimental, row.n_comparator) if n is not None]
        return str(sum(sizes)) if sizes and (row.n_comparator is not None or not row.comparator) else ""
    if name not in COLUMNS:
        raise UnknownNameError(name, "column", known_columns(table), ", ".join(known_columns(table)))
    value = getattr(row, name)
    return "" if value is None else str(value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _where(row: EvidenceRow) -> str:
    place: Sequence[str] = [p for p in (row.source, row.locator) if p]
    return f"{row.study} ({', '.join(place)})" if place else row.study
