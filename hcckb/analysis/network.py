"""An evidence table as a network of treatments: each compared with each, directly and through the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from scipy.special import ndtri

from hcckb.analysis.network_reports import ranks, reports
from hcckb.analysis.network_results import DirectIndirect, NetworkResult, Relative
from hcckb.analysis.network_rows import (
    Part,
    checked_reference,
    comparable,
    effects_of,
    most_connected,
    network_row,
    parts_of,
    small_is_good,
    studies_of,
)
from hcckb.analysis.pool import RATIOS
from hcckb.analysis.provenance import provenance_of
from hcckb.candidates import EvidenceRow
from hcckb.errors import PoolingError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.effects import back_transform
from hcckb.pooling.network import Network, QTest, pool_network


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMethod:
    """How to fit: `model` "random" or "common", `tau2` "DL" or "REML"; `small_is_good` None follows the endpoint.

    `samples` draws of the ranks, 0 for none, come from `seed`.
    """

    model: str = "random"
    tau2: str = "DL"
    level: float = 0.95
    small_is_good: bool | None = None
    samples: int = 10_000
    seed: int = 1


def network(
    table: EvidenceTable, *, reference: str | None = None, method: NetworkMethod | None = None
) -> NetworkResult:
    """Fit the network that the contrasts of an evidence table span; regimens are its treatments.

    Parameters
    ----------
    table : EvidenceTable
        Estimates of one endpoint and one measure.
    reference : str, optional
        The regimen that others are shown against; the one compared with most others when absent.
    method : NetworkMethod, optional
        Random effects with tau2 by DL when absent.

    Returns
    -------
    NetworkResult

    Raises
    ------
    EmptySelectionError
        If the table holds no contrast of two regimens.
    PoolingError
        If endpoints or measures are mixed, or the network falls into parts (the text names them); see `networks`.
    UnknownNameError
        If the network has no such regimen, or there is no such model.
    """
    parts = parts_of(comparable(table))
    if len(parts) > 1:
        told = "; ".join(f"({i}) {', '.join(p.names)}" for i, p in enumerate(parts, start=1))
        raise PoolingError(
            f"the network falls into {len(parts)} parts that no trial connects: {told}. "
            "Treatments of different parts cannot be compared: narrow the selection, or fit each part with --parts."
        )
    return _fit(parts[0], reference, method or NetworkMethod())


def networks(
    table: EvidenceTable, *, reference: str | None = None, method: NetworkMethod | None = None
) -> tuple[NetworkResult, ...]:
    """Fit each part of a network that falls apart by itself, the part with most treatments first.

    Arguments and errors as `network`; `reference` counts in the part that has it.
    """
    whole = comparable(table)
    known = checked_reference(reference, whole.names)
    how = method or NetworkMethod()
    return tuple(_fit(part, known if known in part.names else None, how) for part in parts_of(whole))


def _fit(part: Part, reference: str | None, how: NetworkMethod) -> NetworkResult:
    """Fit the contrasts of one part and write the result in names."""
    names, rows = part.names, part.rows
    small = small_is_good(rows[0]) if how.small_is_good is None else how.small_is_good
    effects = effects_of(rows)
    fitted = pool_network(
        [names.index(r.experimental) for r in rows],
        [names.index(r.comparator) for r in rows],
        effects.estimate,
        effects.se,
        studies_of(rows),
        labels=names,
        model=how.model,
        tau2=how.tau2,
        small_is_good=small,
        level=how.level,
    )
    scale = "log" if rows[0].measure in RATIOS else "identity"
    told, lacking = reports(fitted, names, rows, scale)
    return NetworkResult(
        measure=rows[0].measure,
        endpoint=rows[0].endpoint,
        scale=scale,
        treatments=names,
        reference=checked_reference(reference, names) or most_connected(rows),
        **_statistics(fitted),
        relative=tuple(_relative(fitted, names, scale)),
        p_scores=MappingProxyType(dict(zip(names, fitted.p_scores.tolist(), strict=True))),
        small_is_good=small,
        comparisons=tuple(_comparisons(fitted, names, rows, scale)),
        **told,
        ranks=ranks(fitted, names, small_is_good=small, samples=how.samples, seed=how.seed),
        rows=tuple(network_row(r, y, s) for r, y, s in zip(rows, effects.estimate, effects.se, strict=True)),
        dropped=part.dropped,
        warnings=(*part.warnings, *_warnings(rows, fitted), *lacking),
        title=f"{part.table.title}: {rows[0].endpoint.replace('-', ' ')}".removesuffix(": "),
        provenance=MappingProxyType(provenance_of(part.table)),
    )


def _statistics(fitted: Network) -> dict[str, Any]:
    """Give the numbers that need no names."""
    told = {name: getattr(fitted, name) for name in ("model", "tau2_method", "level", "k", "tau2", "i2")}
    for name in ("q_total", "q_within", "q_between"):
        test: QTest = getattr(fitted, name)
        told |= {name: test.q, f"{name}_df": test.df, f"{name}_p_value": test.p_value}
    return told


def _relative(fitted: Network, names: Sequence[str], scale: str) -> Iterable[Relative]:
    estimate, lower, upper = (back_transform(c, scale) for c in (fitted.estimate, fitted.ci_lower, fitted.ci_upper))
    ends = (fitted.prediction_lower, fitted.prediction_upper)
    new = [None if c is None else back_transform(c, scale) for c in ends]
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            if i != j:
                yield Relative(
                    treatment1=one,
                    treatment2=other,
                    estimate=float(estimate[i, j]),
                    ci_lower=float(lower[i, j]),
                    ci_upper=float(upper[i, j]),
                    prediction_lower=None if new[0] is None else float(new[0][i, j]),
                    prediction_upper=None if new[1] is None else float(new[1][i, j]),
                    analysis_estimate=float(fitted.estimate[i, j]),
                    se=float(fitted.se[i, j]),
                    p_value=float(fitted.p_value[i, j]),
                )


def _comparisons(
    fitted: Network, names: Sequence[str], rows: Sequence[EvidenceRow], scale: str
) -> Iterable[DirectIndirect]:
    z = float(ndtri((1 + fitted.level) / 2))
    for s in fitted.splits:
        pair = {names[s.treatment1], names[s.treatment2]}
        own = [s.direct + f * z * s.direct_se for f in (0, -1, 1)]
        if s.indirect is None or s.indirect_se is None:
            rest: list[float | None] = [None, None, None]
        else:
            rest = [float(back_transform(s.indirect + f * z * s.indirect_se, scale)) for f in (0, -1, 1)]
        direct, lower, upper = (float(back_transform(x, scale)) for x in own)
        yield DirectIndirect(
            treatment1=names[s.treatment1],
            treatment2=names[s.treatment2],
            k=s.k,
            studies=tuple(dict.fromkeys(r.study for r in rows if {r.experimental, r.comparator} == pair)),
            proportion=s.proportion,
            direct=direct,
            direct_lower=lower,
            direct_upper=upper,
            indirect=rest[0],
            indirect_lower=rest[1],
            indirect_upper=rest[2],
            p_value=s.p_value,
        )


def _warnings(rows: Sequence[EvidenceRow], fitted: Network) -> Iterable[str]:
    lines = sorted({r.line for r in rows if r.line})
    if len(lines) > 1:
        yield (
            f"The trials differ in line of therapy ({' | '.join(lines)}): a network takes their patients to be alike. "
            "Narrow it with --line."
        )
    if fitted.completed:
        yield (
            f"{', '.join(map(str, fitted.completed))}: contrasts of several arms with one are taken to be correlated "
            "by 0.5, as with arms of equal size."
        )
    if fitted.tau2 is None:
        yield (
            "No comparison is made twice and no loop is closed: heterogeneity and consistency cannot be judged, and "
            "tau2 = 0 was used."
        )
    elif not fitted.q_between.df:
        yield (
            "No closed loop: no comparison has both direct and indirect evidence, so consistency is assumed and "
            "cannot be tested."
        )
