"""Effects of two arms from events and participants: ratios and differences with sampling variances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.effects import Effects

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
CORRECTIONS = ("only0", "all", "none")
COUNT_CORRECTIONS = (*CORRECTIONS, "opposite-arm")
DOUBLE_ZERO = ("drop", "keep")
DOUBLE_ZERO_REASON = "both arms have no event, or nothing but events"


@dataclass(frozen=True, slots=True)
class Counts:
    """The 2x2 tables of k studies, arrays of shape (k,); make them with `two_arms`, which checks.

    `a` of `n1` participants had the event in the experimental arm, `c` of `n2` in the comparator arm.
    """

    a: FloatArray
    n1: FloatArray
    c: FloatArray
    n2: FloatArray
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.a)

    @property
    def b(self) -> FloatArray:
        """Participants of the experimental arm without the event."""
        return self.n1 - self.a

    @property
    def d(self) -> FloatArray:
        """Participants of the comparator arm without the event."""
        return self.n2 - self.c

    @property
    def total(self) -> FloatArray:
        """Participants of both arms."""
        return self.n1 + self.n2

    @property
    def zero_cell(self) -> BoolArray:
        """Tables in which a cell is 0."""
        return np.asarray((self.a == 0) | (self.b == 0) | (self.c == 0) | (self.d == 0))

    @property
    def double_zero(self) -> BoolArray:
        """Tables without an event in either arm, or without a participant who had none."""
        return np.asarray(((self.a == 0) & (self.c == 0)) | ((self.b == 0) & (self.d == 0)))

    def take(self, rows: BoolArray) -> Counts:
        """Return these tables only."""
        labels = tuple(n for n, keep in zip(self.labels, rows, strict=True) if keep) if self.labels else ()
        return Counts(self.a[rows], self.n1[rows], self.c[rows], self.n2[rows], labels)

    def plus(self, one: FloatArray, two: FloatArray) -> Counts:
        """Return the tables with `one` added to both cells of the experimental, `two` of the comparator arm."""
        return Counts(self.a + one, self.n1 + 2 * one, self.c + two, self.n2 + 2 * two, self.labels)

    def name(self, index: int) -> str:
        """Name one study for a message."""
        return self.labels[index] if index < len(self.labels) else f"study {index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountEffects:
    """Effects of the studies that have one, and what was done to the others.

    Attributes
    ----------
    effects : Effects
        On the analysis scale of the measure, shape (number of True in `kept`,).
    kept, corrected : ndarray of bool, shape (k,)
        Which studies have an effect; which had the continuity correction added.
    warnings : tuple of str
        What was left out and what was corrected, by name.
    """

    effects: Effects
    kept: BoolArray
    corrected: BoolArray
    warnings: tuple[str, ...]


def two_arms(
    events_experimental: ArrayLike,
    n_experimental: ArrayLike,
    events_comparator: ArrayLike,
    n_comparator: ArrayLike,
    *,
    labels: Sequence[str] | None = None,
) -> Counts:
    """Check events and participants of two arms.

    Parameters
    ----------
    events_experimental, n_experimental, events_comparator, n_comparator : array_like, shape (k,)
        Participants with the event and all participants of each arm; scalars broadcast.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If a count is not a whole number, is negative or above its n, an n is below 1, or shapes differ.

    Examples
    --------
    >>> len(two_arms([4, 6], [123, 306], [11, 29], [139, 303], labels=["Aronson", "Ferguson"]))
    2
    """
    named = {
        "events_experimental": events_experimental,
        "n_experimental": n_experimental,
        "events_comparator": events_comparator,
        "n_comparator": n_comparator,
    }
    a, n1, c, n2 = checked_counts(named, labels)
    return Counts(a, n1, c, n2, tuple(labels or ()))


def checked_counts(named: dict[str, ArrayLike], labels: Sequence[str] | None) -> list[FloatArray]:
    """Return columns of counts as vectors of one length; each pair is events and its n.

    Raises
    ------
    PoolingError
        As `two_arms`.
    """
    try:
        rows = np.broadcast_arrays(*(np.asarray(column, dtype=np.float64) for column in named.values()))
    except (TypeError, ValueError) as error:
        raise PoolingError(
            f"{', '.join(named)} do not make one table of counts: {error}. Give one per study."
        ) from None
    columns = [np.array(row, ndmin=1) for row in rows]
    if columns[0].ndim > 1:
        raise PoolingError(f"{', '.join(named)} must be scalars or vectors, not shape {columns[0].shape}.")
    if labels is not None and len(labels) != len(columns[0]):
        raise PoolingError(f"{len(labels)} labels do not name {len(columns[0])} studies. Give one per study.")
    names = list(named)
    for name, column in zip(names, columns, strict=True):
        whole = np.isfinite(column) & (column == np.floor(column))
        _refuse(~whole, labels, f"{name} {{}} is not a whole number. Give the count, not a share.", column)
        _refuse(column < 0, labels, f"{name} {{}} is negative. Read it again in the report.", column)
    for i in range(0, len(columns), 2):
        events, n = columns[i], columns[i + 1]
        _refuse(n < 1, labels, f"{names[i + 1]} {{}} is no arm. Leave the study out.", n)
        _refuse(
            events > n, labels, f"{names[i]} {{}} is above {names[i + 1]} {{}}. Are the columns swapped?", events, n
        )
    return columns


def _refuse(bad: BoolArray, labels: Sequence[str] | None, text: str, *columns: FloatArray) -> None:
    """Raise for the first bad row, with its place, its name and its numbers."""
    if bad.any():
        row = int(np.argmax(bad))
        who = f" ({labels[row]})" if labels is not None else ""
        raise PoolingError(f"study {row}{who}: {text.format(*(f'{column[row]:g}' for column in columns))}")


def count_effects(
    counts: Counts,
    measure: str,
    *,
    correction: str | None = None,
    add: float = 0.5,
    double_zero: str | None = None,
) -> CountEffects:
    r"""Turn 2x2 tables into effects with sampling variances.

    Parameters
    ----------
    counts : Counts
        From `two_arms`.
    measure : str
        "risk-ratio", "odds-ratio", "peto-odds-ratio" (all natural logs), "risk-difference" or
        "arcsine-difference".
    correction : {"only0", "all", "none", "opposite-arm"}, optional
        Which tables get `add` in all four cells: those with a cell of 0, all, or none; "opposite-arm" shares twice
        `add` between the arms of a table with a cell of 0 as their sizes are, so that a table without events
        says nothing in either direction. By default "only0"; "none" for Peto's odds ratio and the arcsine
        difference, which are defined without.
    add : float
        What is added, above 0.
    double_zero : {"drop", "keep"}, optional
        What becomes of tables without an event in either arm, or without a participant who had none. By
        default ratios drop them, as they say nothing of a ratio, and differences keep them.

    Returns
    -------
    CountEffects
        The same numbers as metafor's escalc with `add`, `to` and `drop00` set alike. By its own defaults
        escalc keeps double zeros, and adds 0.5 for PETO.

    Raises
    ------
    PoolingError
        If a study that is kept has no finite effect or no variance, or none is left.
    UnknownNameError
        If `measure`, `correction` or `double_zero` is no such name.

    Notes
    -----
    With events a, c, others b, d, arms n1, n2, N = n1 + n2, p1 = a/n1, p2 = c/n2:

    - risk ratio: ln(p1/p2), v = 1/a - 1/n1 + 1/c - 1/n2
    - odds ratio: ln(ad/bc), v = 1/a + 1/b + 1/c + 1/d
    - risk difference: p1 - p2, v = p1(1 - p1)/n1 + p2(1 - p2)/n2
    - Peto: (a - E)/V, v = 1/V, E = n1(a + c)/N, V = n1 n2 (a + c)(b + d) / (N²(N - 1))
    - arcsine: asin √p1 - asin √p2, v = 1/(4 n1) + 1/(4 n2)

    Sources: Fleiss & Berlin 2009 in Cooper et al., Handbook of Research Synthesis, ch. 13; Yusuf et al. 1985,
    Prog Cardiovasc Dis 27:335-371, doi:10.1016/S0033-0620(85)80003-7, for Peto's; Rücker et al. 2009, Stat Med
    28:721-738, doi:10.1002/sim.3511, for the arcsine difference; Sweeting, Sutton & Lambert 2004, Stat Med
    23:1351-1375, doi:10.1002/sim.1761, for the opposite arm's correction: of the experimental arm n1/N, of the
    comparator arm n2/N, which are proportional to the reciprocals of the other arm's size.

    Examples
    --------
    >>> e = count_effects(two_arms([4, 0], [123, 50], [11, 3], [139, 52], labels=["A", "B"]), "risk-ratio").effects
    >>> e.estimate.round(4).tolist(), e.variance.round(4).tolist()
    ([-0.8893, -1.9074], [0.3256, 2.2472])
    """
    correction = correction or ("none" if measure in ("peto-odds-ratio", "arcsine-difference") else "only0")
    double_zero = double_zero or ("keep" if measure.endswith("-difference") else "drop")
    _known(measure, "measure of counts", COUNT_MEASURES)
    _known(correction, "continuity correction", COUNT_CORRECTIONS)
    _known(double_zero, "treatment of double zeros", DOUBLE_ZERO)
    if not (np.isfinite(add) and add > 0):
        raise PoolingError(f'add {add!r} must be above 0. Without correction: correction="none".')
    kept = ~counts.double_zero if double_zero == "drop" else np.ones(len(counts), dtype=bool)
    if not kept.any():
        raise PoolingError(
            f"no study tells anything of the {measure}: each has no event, or nothing but events, in both arms."
        )
    corrected = kept & _to_correct(counts, correction)
    used = counts.take(kept)
    one = np.where(corrected[kept], add, 0.0)
    two = one
    if correction == "opposite-arm":
        one, two = 2 * one * (used.n1 / used.total), 2 * one * (used.n2 / used.total)
    used = used.plus(one, two)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = _FORMULAS[measure](used)
    _refuse_without_effect(used, measure, estimate, variance)
    return CountEffects(
        effects=Effects(estimate, np.sqrt(variance), variance),
        kept=kept,
        corrected=corrected,
        warnings=_told(counts, measure, (kept, corrected), correction, add),
    )


def _known(name: str, kind: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UnknownNameError(name, kind, known, ", ".join(known))


def _to_correct(counts: Counts, correction: str) -> BoolArray:
    if correction in ("only0", "opposite-arm"):
        return counts.zero_cell
    return np.full(len(counts), correction == "all")


def _refuse_without_effect(used: Counts, measure: str, estimate: FloatArray, variance: FloatArray) -> None:
    bad = ~(np.isfinite(estimate) & np.isfinite(variance) & (variance > 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise PoolingError(
            f"{used.name(row)}: {used.a[row]:g}/{used.n1[row]:g} against {used.c[row]:g}/{used.n2[row]:g} gives no "
            f"{measure} with a variance. Take the correction only0 for its zero cells, or leave the study out."
        )


def _told(
    counts: Counts, measure: str, done: tuple[BoolArray, BoolArray], correction: str, add: float
) -> tuple[str, ...]:
    told, (kept, corrected) = [], done
    if not kept.all():
        names = ", ".join(counts.name(int(i)) for i in np.flatnonzero(~kept))
        words = measure.replace("-", " ")
        told.append(f"Left out, as {DOUBLE_ZERO_REASON}, which says nothing of the {words}: {names}.")
    if corrected.any():
        names = "every study" if corrected.all() else ", ".join(counts.name(int(i)) for i in np.flatnonzero(corrected))
        what = f"{add:g} was added to each cell"
        if correction == "opposite-arm":
            what = f"{2 * add:g}, shared by the sizes of the arms, was added to the cells"
        told.append(f"Continuity correction: {what} of {names}.")
    return tuple(told)


def _risk_ratio(t: Counts) -> tuple[FloatArray, FloatArray]:
    return np.log(t.a / t.n1) - np.log(t.c / t.n2), 1 / t.a - 1 / t.n1 + 1 / t.c - 1 / t.n2


def _odds_ratio(t: Counts) -> tuple[FloatArray, FloatArray]:
    return np.log(t.a / t.b) - np.log(t.c / t.d), 1 / t.a + 1 / t.b + 1 / t.c + 1 / t.d


def _risk_difference(t: Counts) -> tuple[FloatArray, FloatArray]:
    p1, p2 = t.a / t.n1, t.c / t.n2
    return p1 - p2, p1 * (t.b / t.n1) / t.n1 + p2 * (t.d / t.n2) / t.n2


def observed_minus_expected(t: Counts) -> tuple[FloatArray, FloatArray]:
    """Return O - E and its hypergeometric variance V, each of shape (k,)."""
    events, others = t.a + t.c, t.b + t.d
    expected = events * (t.n1 / t.total)
    return t.a - expected, events * (t.n1 / t.total) * (t.n2 / t.total) * (others / (t.total - 1))


def _peto(t: Counts) -> tuple[FloatArray, FloatArray]:
    difference, variance = observed_minus_expected(t)
    return difference / variance, 1 / variance


def _arcsine_difference(t: Counts) -> tuple[FloatArray, FloatArray]:
    return np.arcsin(np.sqrt(t.a / t.n1)) - np.arcsin(np.sqrt(t.c / t.n2)), 1 / (4 * t.n1) + 1 / (4 * t.n2)


_FORMULAS: dict[str, Callable[[Counts], tuple[FloatArray, FloatArray]]] = {
    "risk-ratio": _risk_ratio,
    "odds-ratio": _odds_ratio,
    "risk-difference": _risk_difference,
    "peto-odds-ratio": _peto,
    "arcsine-difference": _arcsine_difference,
}
COUNT_MEASURES = tuple(_FORMULAS)
