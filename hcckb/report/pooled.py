"""The report of a pooled result, from the question to the code that recomputes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hcckb.analysis import sensitivity as probes
from hcckb.analysis.absolute import absolute
from hcckb.analysis.baselines import Baseline, low_middle_high, printed_medians
from hcckb.analysis.bias import bias
from hcckb.analysis.certainty import certainty
from hcckb.analysis.gosh import gosh
from hcckb.analysis.multiverse import Variant, multiverse, variants
from hcckb.analysis.pool import pool
from hcckb.errors import EmptySelectionError
from hcckb.evidence import EvidenceTable
from hcckb.report import choices, selected, synthesised
from hcckb.report.blocks import Code, Paragraph, Report, Section
from hcckb.report.r_code import data_csv, metafor_code
from hcckb.report.words import methods_paragraph
from hcckb.results import PooledResult
from hcckb.store import Store
from hcckb.text.tables import DISCLAIMER


def pooled_report(
    table: EvidenceTable,
    store: Store | None = None,
    *,
    baselines: Sequence[Baseline] = (),
    months: Sequence[float] = (12.0,),
    ratings: Mapping[str, Any] | None = None,
    **method: str | float,
) -> Report:
    """Gather everything about a pooled result in one document.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`.
    store : Store, optional
        The knowledge base that the table was selected from; None for a table of the user's own, which then has no
        selection and no audit to show.
    baselines : sequence of Baseline
        For absolute effects; by default the lowest, middle and highest printed median of the comparator arms.
    months : sequence of float
        Times of the absolute effects.
    ratings : mapping, optional
        A person's ratings of certainty, as :func:`hcckb.analysis.certainty.read_ratings` gives.
    **method
        As for :func:`hcckb.analysis.pool.pool`.

    Returns
    -------
    Report
        A section that cannot be computed from these estimates is left out; `Methods` and `Recompute` are always there.

    Raises
    ------
    HcckbError
        As :func:`hcckb.analysis.pool.pool`.
    """
    result = pool(table, **method)
    sections = [synthesised.headline(result), selected.question(table)]
    if store is not None:
        sections.append(selected.selection(store, table))
    sections += [selected.evidence(store, table), synthesised.pooled(result)]
    sections += _absolute(result, table, store, baselines, months)
    if ratings is not None:
        sections.append(synthesised.certainty(certainty(result, ratings)))
    sections += _probed(result, table, method)
    sections += _choices(result, table, store, method)
    if store is not None:
        sections.append(selected.doubts(store, table))
    sections += [selected.sources(store, table), _methods(table, result), _recompute(result)]
    return Report(result.title or "Pooled result", _subtitle(result), sections, _footer(result))


def _absolute(
    result: PooledResult,
    table: EvidenceTable,
    store: Store | None,
    baselines: Sequence[Baseline],
    months: Sequence[float],
) -> list[Section]:
    chosen = tuple(baselines)
    if not chosen and store is not None and result.measure == "hazard-ratio":
        try:
            chosen = low_middle_high(printed_medians(store, table))
        except EmptySelectionError:
            return []
    return [synthesised.absolute(absolute(result, chosen, months=months))] if chosen else []


def _probed(result: PooledResult, table: EvidenceTable, method: Mapping[str, Any]) -> list[Section]:
    if result.k < 3:
        return []
    undated = tuple(r.study for r in result.rows if r.year is None)
    up_to = None if undated else probes.cumulative(table, **method)
    return [
        synthesised.sensitivity(probes.influence(table, **method), up_to, undated),
        synthesised.small_studies(result, bias(table, **method)),
    ]


def _choices(
    result: PooledResult, table: EvidenceTable, store: Store | None, method: Mapping[str, Any]
) -> list[Section]:
    if result.k < 2:
        return []
    level = result.level
    own = [Variant(view="as given", lines="all", table=table)]
    found = multiverse(own if store is None else variants(store, table.query or None, **table.asked), level=level)
    return [choices.choices(found, gosh(table, **method) if 2 < result.k <= choices.MOST_STUDIES else None)]


def _methods(table: EvidenceTable, result: PooledResult) -> Section:
    return Section("Methods", [Paragraph(methods_paragraph(table, result))])


def _recompute(result: PooledResult) -> Section:
    told = "Save the table and the code in one folder and run the code in R: it needs nothing of hcckb."
    return Section(
        "Recompute",
        [Paragraph(told), Code("r", metafor_code(result), "recompute.R"), Code("csv", data_csv(result), "data.csv")],
    )


def _subtitle(result: PooledResult) -> str:
    told = result.provenance
    parts = [
        f"{result.k} {'estimate' if result.k == 1 else 'estimates'}",
        f"{result.n:,} participants" if result.n else "",
        _cutoff(told.get("data_cutoff", "")),
    ]
    return " · ".join(p for p in parts if p)


def _cutoff(text: str) -> str:
    return f"data cut-off {text}" if text else ""


def _footer(result: PooledResult) -> str:
    told = result.provenance
    kb = [f"knowledge base {told['kb_version']}"] if told.get("kb_version") else []
    return " · ".join([*kb, told.get("query", ""), f"hcckb {told.get('software_version', '?')}", DISCLAIMER])
