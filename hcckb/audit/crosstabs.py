"""Rules about tables of counts by group, and the tests of such counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, xlogy

from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.finding import COSMETIC, DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.interval import Interval
from hcckb.audit.ratios import ALWAYS, z_of
from hcckb.audit.slots import grouped

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of counts: categories down, groups across; the total column apart."""

    node: Node
    categories: tuple[str, ...]
    groups: tuple[str, ...]
    cells: Mapping[tuple[str, str], Node]

    def count(self, category: str, group: str) -> int | None:
        """Give the printed count of a cell."""
        cell = self.cells.get((category, group))
        return None if cell is None else cell.count("count")

    def size(self, group: str) -> int | None:
        """Give the printed size of a group, None where the cells differ or do not say."""
        found = {c.count("groupSize") for (_, g), c in self.cells.items() if g == group} - {None}
        return found.pop() if len(found) == 1 else None

    def column(self, group: str) -> list[int] | None:
        """Give the counts of a group, None where one is missing."""
        found = [self.count(c, group) for c in self.categories]
        return None if not found or any(n is None for n in found) else [n for n in found if n is not None]


def tables(book: Book) -> Iterator[Table]:
    """Give every table of counts."""
    cells = grouped(book.of("CrossTableCell"), lambda c: c.one("ofCrossTable"))
    for node in book.of("CrossTable"):
        own = {(c.one("category"), c.one("arm")): c for c in cells.get(node.iri, ())}
        categories = tuple(dict.fromkeys(c for c, _ in own))
        groups = tuple(sorted({g for _, g in own if g}))
        yield Table(node, categories, groups, own)


def _title(book: Book, table: Table, more: str = "") -> str:
    study = book.name(book.study_of(table.node))
    return f"{study}, {book.words(table.node.one('variable'))}{', ' + more if more else ''}"


def _group(book: Book, iri: str) -> str:
    return book.arm(iri) if iri else "total"


def _categories_to_size(book: Book) -> Iterator[Draft]:
    for table in tables(book):
        for group in (*table.groups, ""):
            column, size = table.column(group), table.size(group)
            if column is None or size is None or sum(column) == size or (len(column) < 2 and column[0] <= size):
                continue
            left = size - sum(column)
            if -left >= min(column):  # a whole category too many: patients in several categories
                continue
            tail = f"{left} in no category" if left > 0 else f"{-left} too many"
            text = f"{' + '.join(map(str, column))} = {sum(column)} of {size} patients: {tail}"
            nodes = tuple(table.cells[c, group].iri for c in table.categories)
            numbers = (*map(str, column), f"n {size}")
            yield Draft(MISLEADS, _title(book, table, _group(book, group)), text, numbers, nodes)


def _groups_to_total(book: Book) -> Iterator[Draft]:
    for table in tables(book):
        sizes = [table.size(g) for g in table.groups]
        rows = [(c, [table.count(c, g) for g in table.groups], table.count(c, "")) for c in table.categories]
        rows += [("size", sizes, table.size(""))] if len(table.groups) > 1 else []
        for name, parts, whole in rows:
            known = [n for n in parts if n is not None]
            if whole is None or len(known) < 2 or len(known) < len(parts) or sum(known) == whole:
                continue
            text = f"{' + '.join(map(str, known))} = {sum(known)}, the total is printed as {whole}"
            nodes = [c.iri for (category, _), c in table.cells.items() if name in ("size", category)]
            numbers = (*map(str, known), str(whole))
            yield Draft(MISLEADS, _title(book, table, name), text, numbers, tuple(sorted(nodes)))


def forms(counts: Counts) -> dict[str, float]:
    """Give the p-values of the usual tests of one table of counts.

    Parameters
    ----------
    counts : ndarray, shape (r, c)
        Whole numbers of patients, no row or column empty.

    Returns
    -------
    dict
        Pearson's chi-squared, likelihood ratio and linear trend; for 2 x 2 also Yates's correction and Fisher's test.

    Notes
    -----
    X2 = sum (O - E)^2 / E on (r - 1)(c - 1) degrees of freedom; G2 = 2 sum O ln(O / E); linear trend is
    (n - 1) r^2 with equally spaced scores, on 1 degree. Source: Agresti 2013, Categorical Data Analysis, 3.2 and 3.4.

    Examples
    --------
    >>> {k: round(p, 3) for k, p in forms(np.array([[8.0, 40.0], [6.0, 96.0]])).items()}["Pearson's chi-squared"]
    0.034
    """
    n = counts.sum()
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    expected = np.outer(rows, columns) / n
    df = (len(rows) - 1) * (len(columns) - 1)
    found = {
        "Pearson's chi-squared": float(chdtrc(df, ((counts - expected) ** 2 / expected).sum())),
        "likelihood ratio": float(chdtrc(df, max(0.0, 2 * xlogy(counts, counts / expected).sum()))),
        "linear trend": float(chdtrc(1, (n - 1) * _score_correlation(counts) ** 2)),
    }
    if counts.shape == (2, 2):
        off = np.maximum(0.0, np.abs(counts - expected) - 0.5)
        found["chi-squared with Yates's correction"] = float(chdtrc(1, (off**2 / expected).sum()))
        found["Fisher's exact test"] = _fisher(counts)
    return found


def _score_correlation(counts: Counts) -> float:
    n = counts.sum()
    x, y = np.arange(counts.shape[0]), np.arange(counts.shape[1])
    dx = x - (counts.sum(axis=1) @ x) / n
    dy = y - (counts.sum(axis=0) @ y) / n
    spread = math.sqrt((counts.sum(axis=1) @ dx**2) * (counts.sum(axis=0) @ dy**2))
    return float(dx @ counts @ dy) / spread if spread else 0.0


def _fisher(counts: Counts) -> float:
    """Two-sided: the tables that are no more likely than the one observed."""
    (a, b), (c, d) = counts.astype(int).tolist()
    row, column, n = a + b, a + c, a + b + c + d
    chances = {
        k: math.comb(row, k) * math.comb(n - row, column - k)
        for k in range(max(0, column - n + row), min(row, column) + 1)
    }
    own = chances[a]
    return sum(v for v in chances.values() if v <= own) / math.comb(n, column)


def full_counts(table: Table) -> Counts | None:
    """Give the counts of all groups, with the complement as a row where only one category is printed."""
    if len(table.groups) < 2:
        return None
    columns = [table.column(g) for g in table.groups]
    sizes = [table.size(g) for g in table.groups]
    rows = []
    for column, size in zip(columns, sizes, strict=True):
        if column is None or (len(column) == 1 and size is None):
            return None
        rows.append([*column, (size or 0) - column[0]] if len(column) == 1 else column)
    counts = np.array(rows, dtype=float).T
    sound = (counts >= 0).all() and (counts.sum(axis=0) > 0).all() and (counts.sum(axis=1) > 0).all()
    return counts if sound and counts.shape[0] > 1 else None


def _p_of_table(book: Book) -> Iterator[Draft]:
    for table in tables(book):
        p, counts = table.node.figure("pValue"), full_counts(table)
        if p is None or counts is None:
            continue
        yield from _judge(_title(book, table), p, counts, (table.node.iri, *(c.iri for c in table.cells.values())))


def _p_of_rates(book: Book) -> Iterator[Draft]:
    """Compare the p-value of two response rates with the counts behind them."""
    for node in book.of("Estimate"):
        p = node.figure("pValue")
        if p is None or node.term("measure") != "comparison-test":
            continue
        columns = [_counts_of(book, node, name) for name in ("experimental", "comparator")]
        if any(c is None for c in columns):
            continue
        found = [c for c in columns if c is not None]
        counts = np.array([[k, n - k] for _, k, n in found], dtype=float)
        if not ((counts >= 0).all() and (counts.sum(axis=0) > 0).all()):
            continue
        title = book.what(node)
        for draft in _judge(title, p, counts, (node.iri, *(r.iri for r, _, _ in found))):
            if _far(p, counts):
                yield draft


def _counts_of(book: Book, node: Node, role: str) -> tuple[Node, int, int] | None:
    names = ("endpoint", "population", "source", "analysis")
    arm = book.get(node.one(role))
    for result in book.results_of_arm.get(node.one(role), ()):
        share = result.figure("proportion")
        if share is None or share.operator != "=" or any(result.one(n) != node.one(n) for n in names):
            continue
        size = result.count("n") or (arm.count("randomised") if arm is not None else None)
        if size:
            count = result.count("events")
            return result, count if count is not None else round(share.value * size), size
    return None


def _far(p: Figure, counts: Counts) -> bool:
    """Whether even the nearest form, one- or two-sided, is further away than strata explain."""
    found = [q for q in forms(counts).values() if q > 0.0]
    return all(z_of(p.interval, s).gap(z_of(Interval(q, q))) > ALWAYS for q in found for s in (1, 2))


def _judge(title: str, p: Figure, counts: Counts, nodes: tuple[str, ...]) -> Iterator[Draft]:
    found = forms(counts)
    pearson = found["Pearson's chi-squared"]
    if pearson in p.interval:
        return
    fits = [name for name, q in found.items() if q in p.interval]
    table = " / ".join(" ".join(f"{x:.0f}" for x in row) for row in counts)
    others = ", ".join(f"{name} {q:.3g}" for name, q in found.items())
    tail = f"It fits {' and '.join(fits)}." if fits else "None of them fits."
    text = f"counts {table}: {others}; printed P {p.operator} {p.text}. {tail}"
    crosses = (pearson < 0.05) != (p.value < 0.05)
    near = any(abs(q - p.value) <= 1.5 * p.unit for q in found.values())
    severity = COSMETIC if fits or near else DECIDES if crosses else MISLEADS
    yield Draft(severity, title, text, (table, f"P {p.operator} {p.text}"), nodes)


RULES = (
    Rule(
        "categories-and-group",
        "Categories that do not add to their group",
        "The counts of all printed categories of a variable do not add to the size of the group.",
        "sum over categories = n of the group, where two or more categories are printed; one category is at most n",
        "A category that the document leaves out. A surplus as large as a category is not reported: such "
        "categories overlap.",
        _categories_to_size,
    ),
    Rule(
        "groups-and-total",
        "Groups that do not add to the total",
        "The counts of one category over the groups, or the sizes of the groups, do not add to the printed total.",
        "sum over groups = total",
        "A table that prints only some of the groups.",
        _groups_to_total,
    ),
    Rule(
        "table-test",
        "A test that the counts do not give",
        "The printed p-value of a table of counts is not that of a chi-squared test; the finding says which form fits.",
        "Pearson's X2, with Yates's correction, Fisher's exact test, likelihood ratio, linear trend; a "
        "missing category "
        "is the complement to the size of the group",
        "A p-value over more categories than are printed.",
        _p_of_table,
    ),
    Rule(
        "rates-test",
        "A test that two response rates do not give",
        "The p-value of a comparison of two proportions is far from every usual test of their counts.",
        "as table-test, from events or from percentage times size; |z - z_p| > 0.2 for every form, one- and two-sided",
        "Tests that adjust for more than strata, or rates among evaluable patients.",
        _p_of_rates,
    ),
)
