"""Evidence table in, pooled results of all subsets of its studies out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcckb.analysis.pool import pool
from hcckb.analysis.scales import scale_of
from hcckb.errors import UnknownNameError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.gosh import MOST_STUDIES, Gosh, gosh_split
from hcckb.pooling.gosh import gosh as gosh_arrays
from hcckb.results import PooledResult

# Subsets that are pooled without being asked for: all of them up to here, else a sample.
PATIENCE = {"closed": 1 << 22, "iterated": 1 << 18}
ITERATED = ("REML", "ML", "PM", "EB")
SAMPLE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GoshStudy:
    """One study: medians over the subsets with and without it, on the scale of the measure; I2 in [0, 1]."""

    study: str
    year: int | None
    experimental: str
    comparator: str
    estimate_with: float
    estimate_without: float
    i2_with: float
    i2_without: float
    source: str
    estimate_iri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoshResult:
    """Pooled results of the subsets of the studies of one pool.

    `estimate_quantiles` (on the scale of the measure) and `i2_quantiles` are minimum, quartiles and maximum;
    `found` holds the subsets themselves, on the analysis scale.
    """

    pooled: PooledResult
    subsets: int
    every: bool
    seed: int | None
    estimate_quantiles: tuple[float, ...]
    i2_quantiles: tuple[float, ...]
    rows: tuple[GoshStudy, ...]
    notes: tuple[str, ...]
    found: Gosh


def gosh(table: EvidenceTable, *, subsets: int | None = None, seed: int = 1, **method: str | float) -> GoshResult:
    """Pool all subsets of the studies, or a sample of the subsets.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    subsets : int, optional
        How many; when left out all, or 100,000 drawn where all would take long (beyond 2^18 with an iterated
        estimator of tau2, 2^22 otherwise). A number not below 2^k - 1 asks for all.
    seed : int
        Of the draw.
    **method
        As for :func:`hcckb.analysis.pool.pool`. A rule chooses the model once, from all studies.

    Raises
    ------
    PoolingError
        If fewer than two estimates can be pooled, or as :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    iterated = result.tau2_method in ITERATED
    many = 2**result.k - 1 > PATIENCE["iterated" if iterated else "closed"]
    asked = SAMPLE if subsets is None and many else subsets
    y = np.array([r.analysis_value for r in result.rows])
    v = np.array([r.se for r in result.rows]) ** 2
    found = gosh_arrays(
        y,
        v,
        model=result.model,
        tau2=result.tau2_method or "REML",
        subsets=asked,
        rng=np.random.default_rng(seed),
    )
    cuts = (0.0, 0.25, 0.5, 0.75, 1.0)
    return GoshResult(
        pooled=result,
        subsets=len(found),
        every=found.every,
        seed=None if found.every else seed,
        estimate_quantiles=_back(result, np.quantile(found.estimate, cuts)),
        i2_quantiles=tuple(float(x) for x in np.quantile(found.i2, cuts)),
        rows=_rows(result, found),
        notes=_notes(result, found, seed, drawn_by_itself=subsets is None and not found.every),
        found=found,
    )


def _back(result: PooledResult, values: FloatArray) -> tuple[float, ...]:
    """Turn numbers into those on the scale of the measure; by Freeman-Tukey's harmonic mean of all studies."""
    return tuple(scale_of(result).back_all(values).tolist())


def _rows(result: PooledResult, found: Gosh) -> tuple[GoshStudy, ...]:
    """Say of each study what subsets with it and without it give."""
    split = gosh_split(found)
    names = ("study", "year", "experimental", "comparator", "source", "estimate_iri")
    both = zip(result.rows, _back(result, split.estimate_with), _back(result, split.estimate_without), strict=True)
    return tuple(
        GoshStudy(
            **{name: getattr(row, name) for name in names},
            estimate_with=with_,
            estimate_without=without,
            i2_with=float(split.i2_with[i]),
            i2_without=float(split.i2_without[i]),
        )
        for i, (row, with_, without) in enumerate(both)
    )


def study_index(result: PooledResult, name: str) -> int:
    """Find a study of a pool by its name, whatever the case.

    Raises
    ------
    UnknownNameError
        If no study, or more than one contrast, has this name.
    """
    names = [r.study for r in result.rows]
    hits = [i for i, known in enumerate(names) if known.casefold() == name.casefold()]
    if len(hits) != 1:
        raise UnknownNameError(name, "study of this pool", names, ", ".join(names))
    return hits[0]


def _notes(result: PooledResult, found: Gosh, seed: int, *, drawn_by_itself: bool) -> tuple[str, ...]:
    notes = []
    if drawn_by_itself:
        more = f"; all of them: --subsets {2**result.k - 1}" if result.k <= MOST_STUDIES else ""
        notes.append(f"{len(found):,} subsets were drawn of 2^{result.k} - 1 (seed {seed}{more}).")
    notes.append("Subsets overlap: their spread is no standard error. Look for clusters, and for who splits them.")
    return tuple(notes)
