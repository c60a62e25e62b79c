"""Evidence tables in, every defensible way to pool them out: a multiverse with a specification curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from hcckb.analysis.pool import pool
from hcckb.analysis.scales import Scale, effects_of, null_of, scale_of
from hcckb.errors import HcckbError
from hcckb.evidence import EvidenceTable, select, select_views
from hcckb.pooling.multiverse import Specifications
from hcckb.pooling.multiverse import multiverse as multiverse_arrays
from hcckb.results import PooledResult
from hcckb.store import Store

NOBODY = "(none)"
CHOICES = ("estimator", "ci_method", "left_out", "lines", "view")
CHOICE_NAMES = MappingProxyType(
    {
        "estimator": "Estimator",
        "ci_method": "Interval",
        "left_out": "Study left out",
        "lines": "Lines of therapy",
        "view": "View",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One selection of the studies: `view` is "resolved", "as printed" or "as given", `lines` "all" or "only"."""

    view: str
    lines: str
    table: EvidenceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One way to pool and what it gives; `estimate` and `ci_*` on the scale of the measure, I2 in [0, 1].

    `estimator` is "common" or that of tau2; `left_out` a study or "(none)"; `excludes_null` tells whether the
    interval excludes no effect; None for single arms, which have no such value.
    """

    estimator: str
    ci_method: str
    left_out: str
    lines: str
    view: str
    k: int
    estimate: float
    ci_lower: float
    ci_upper: float
    p_value: float
    tau2: float
    i2: float
    excludes_null: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One option of one choice: how many specifications take it, and what they give."""

    choice: str
    option: str
    n: int
    estimate_median: float
    share_excluding_null: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How much a choice matters.

    `explained` is the share of the variance of the estimate (analysis scale) between its options, in [0, 1];
    `share_lower` and `share_upper` the smallest and largest share of specifications that exclude no effect
    among its options.
    """

    choice: str
    options: int
    explained: float
    share_lower: float | None
    share_upper: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiverseResult:
    """All specifications, from the lowest estimate to the highest, and which choice matters."""

    pooled: PooledResult
    specifications: tuple[Specification, ...]
    share_excluding_null: float | None
    estimate_lower: float
    estimate_median: float
    estimate_upper: float
    choices: tuple[Choice, ...]
    levels: tuple[Level, ...]
    notes: tuple[str, ...]


def variants(store: Store, /, query: str | None = None, **asked: Any) -> list[Variant]:
    """Select once for each view of the graph and each reading of the line of therapy.

    Parameters
    ----------
    store, query, **asked
        As for :func:`hcckb.evidence.select`. `as_printed=True` and `only=True` leave out the other view or reading.

    Returns
    -------
    list of Variant
        Resolved before as printed, all studies that admit the line before those of that line only.

    Raises
    ------
    HcckbError
        As :func:`hcckb.evidence.select`, for the first selection; of a query without a line of therapy the reading
        that keeps to one line is left out.
    """
    lines = ("only",) if asked.get("only") else ("all", "only")
    found: list[Variant] = []
    for line in lines:
        chosen = {**asked, "only": line == "only"}
        try:
            if asked.get("as_printed"):
                tables = {"as printed": select(store, query, **chosen)}
            else:
                tables = dict(zip(("resolved", "as printed"), select_views(store, query, **chosen), strict=True))
        except HcckbError:
            # A selection without a line of therapy has no reading that keeps to it.
            if not found or line != "only":
                raise
            continue
        found += [Variant(view=view, lines=line, table=table) for view, table in tables.items()]
    return found


def multiverse(variants: EvidenceTable | Sequence[Variant], *, level: float = 0.95) -> MultiverseResult:
    """Pool each variant, whole and without each study, by every estimator of tau2 and every interval.

    Parameters
    ----------
    variants : EvidenceTable or sequence of Variant
        One table, or what :func:`variants` gives: selections of one endpoint and one measure; the first is the main
        one. A variant whose estimates are those of an earlier one is left out and said so.
    level : float
        Level of the intervals.

    Raises
    ------
    EmptySelectionError, PoolingError
        As :func:`hcckb.analysis.pool.pool`, for the first variant; a later one that cannot be pooled is left out
        and said so.

    Notes
    -----
    Specifications are choices that could be defended, not draws: a share of them is no probability.
    Formulas and sources: `hcckb.pooling.multiverse.multiverse`.
    """
    if isinstance(variants, EvidenceTable):
        variants = [Variant(view="as given", lines="all", table=variants)]
    kept, notes = _distinct(variants, level)
    sets = [(v, r, gone) for v, r in kept for gone in (None, *(range(r.k) if r.k > 2 else ()))]
    width = max(r.k for _, r in kept)
    y, se, mask = np.zeros((len(sets), width)), np.ones((len(sets), width)), np.zeros((len(sets), width), dtype=bool)
    for i, (_, r, gone) in enumerate(sets):
        y[i, : r.k] = [row.analysis_value for row in r.rows]
        se[i, : r.k] = [row.se for row in r.rows]
        mask[i, : r.k] = [j != gone for j in range(r.k)]
    found = multiverse_arrays(y, se**2, mask, level=level)
    rows = _specifications(found, sets)
    choices, levels = _matters(rows, found.estimate)
    rows.sort(key=lambda s: (s.estimate, s.estimator, s.ci_method, s.left_out, s.lines, s.view))
    estimates = [s.estimate for s in rows]
    return MultiverseResult(
        pooled=kept[0][1],
        specifications=tuple(rows),
        share_excluding_null=_share(rows),
        estimate_lower=estimates[0],
        estimate_median=float(np.median(estimates)),
        estimate_upper=estimates[-1],
        choices=choices,
        levels=levels,
        notes=(*notes, "Specifications are choices, not draws: a share of them is no probability."),
    )


def _specifications(
    found: Specifications, sets: Sequence[tuple[Variant, PooledResult, int | None]]
) -> list[Specification]:
    """Name what was pooled in each row of `found`, on the scale of the measure."""
    scales = [_scale(v, r, gone) for v, r, gone in sets]
    has_null = null_of(sets[0][1]) is not None
    rows = []
    for i in range(len(found)):
        variant, r, gone = sets[int(found.row[i])]
        back = scales[int(found.row[i])].back
        rows.append(
            Specification(
                estimator=str(found.estimator[i]),
                ci_method=str(found.ci_method[i]),
                left_out=NOBODY if gone is None else _label(r, gone),
                lines=variant.lines,
                view=variant.view,
                k=int(found.k[i]),
                estimate=back(found.estimate[i]),
                ci_lower=back(found.ci_lower[i]),
                ci_upper=back(found.ci_upper[i]),
                p_value=float(found.p_value[i]),
                tau2=float(found.tau2[i]),
                i2=float(found.i2[i]),
                excludes_null=bool(found.ci_lower[i] > 0 or found.ci_upper[i] < 0) if has_null else None,
            )
        )
    return rows


def _distinct(variants: Sequence[Variant], level: float) -> tuple[list[tuple[Variant, PooledResult]], list[str]]:
    """Pool each variant once, to have it checked; drop those that cannot be pooled or repeat another."""
    kept: list[tuple[Variant, PooledResult]] = []
    notes = []
    seen: dict[frozenset[tuple[object, ...]], Variant] = {}
    for variant in variants:
        name = f"{variant.view}, {variant.lines} lines"
        try:
            result = pool(variant.table, level=level)
        except HcckbError as error:
            if not kept:
                raise
            notes.append(f"{name}: left out: {error}")
            continue
        key = frozenset((r.study, r.estimate_iri, r.analysis_value, r.se) for r in result.rows)
        if key in seen:
            notes.append(f"{name}: the same estimates as {seen[key].view}, {seen[key].lines} lines; not counted twice.")
            continue
        seen[key] = variant
        kept.append((variant, result))
    return kept, notes


def _share(rows: Sequence[Specification]) -> float | None:
    if rows[0].excludes_null is None:
        return None
    return float(np.mean([bool(s.excludes_null) for s in rows]))


def _scale(variant: Variant, result: PooledResult, gone: int | None) -> Scale:
    """Return the scale of a pool without one study; the harmonic mean of Freeman-Tukey's is that of the others."""
    if gone is None or result.harmonic_size is None:
        return scale_of(result)
    rows = tuple(row for row in variant.table.rows if row.study != result.rows[gone].study)
    return effects_of(rows)[1]


def _label(result: PooledResult, index: int) -> str:
    """Name a study, with its experimental arm where the pool holds more than one contrast of it."""
    row = result.rows[index]
    alone = sum(r.study == row.study for r in result.rows) == 1
    return row.study if alone else f"{row.study} ({row.experimental})"


def _matters(rows: Sequence[Specification], estimate: np.ndarray) -> tuple[tuple[Choice, ...], tuple[Level, ...]]:
    """Compare the options of each choice; `estimate` is on the analysis scale, in the order of `rows`."""
    excludes = np.array([bool(s.excludes_null) for s in rows])
    has_null = rows[0].excludes_null is not None
    shown = np.array([s.estimate for s in rows])
    total = float(((estimate - estimate.mean()) ** 2).sum())
    choices, levels = [], []
    for choice in CHOICES:
        taken = np.array([getattr(s, choice) for s in rows])
        options = list(dict.fromkeys(taken.tolist()))
        between = 0.0
        mine = []
        for option in options:
            held = taken == option
            between += float(held.sum() * (estimate[held].mean() - estimate.mean()) ** 2)
            mine.append(
                Level(
                    choice=choice,
                    option=option,
                    n=int(held.sum()),
                    estimate_median=float(np.median(shown[held])),
                    share_excluding_null=float(excludes[held].mean()) if has_null else None,
                )
            )
        shares = [level.share_excluding_null for level in mine if level.share_excluding_null is not None]
        levels += mine
        explained = min(1.0, between / total) if total > 0 else 0.0
        choices.append(
            Choice(
                choice=choice,
                options=len(options),
                explained=explained,
                share_lower=min(shares, default=None),
                share_upper=max(shares, default=None),
            )
        )
    choices.sort(key=lambda c: (-c.explained, c.choice))
    return tuple(choices), tuple(levels)
