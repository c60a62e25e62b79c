"""The reports on a fitted network, in names: decomposition, ranks, contributions, net heat, funnel, nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from hcckb.analysis.network_results import (
    Contribution,
    DerivedContrast,
    DesignResult,
    FunnelPoint,
    HeatResult,
    Node,
    RankResult,
    Share,
    StudyShare,
)
from hcckb.candidates import EvidenceRow
from hcckb.errors import PoolingError
from hcckb.pooling.effects import back_transform
from hcckb.pooling.network import (
    RULE,
    Network,
    adjusted_funnel,
    contributions,
    decompose,
    net_heat,
    rankogram,
)

# Contributions below this are rounding.
NOTHING = 1e-12


def reports(
    fitted: Network, names: Sequence[str], rows: Sequence[EvidenceRow], scale: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Compute every report on a network.

    Parameters
    ----------
    fitted : Network
        The fit.
    names : sequence of str
        Its treatments.
    rows : sequence of EvidenceRow
        What went in.
    scale : str
        "log" or "identity".

    Returns
    -------
    fields, warnings
        Fields of `NetworkResult` by name; sentences on what could not be given.
    """
    split = decompose(fitted.design)
    warnings: tuple[str, ...] = ()
    flows: tuple[Contribution, ...] = ()
    try:
        flows = tuple(_contributions(fitted, names))
    except PoolingError as error:
        warnings = (str(error),)
    fields = {
        "nodes": tuple(_nodes(names, rows)),
        "derived": tuple(_derived(fitted, names, scale)),
        "designs": tuple(
            DesignResult(
                treatments=tuple(names[t] for t in d.treatments),
                k=d.k,
                q_within=d.within.q,
                q_within_df=d.within.df,
                q_within_p_value=d.within.p_value,
                q_between=d.between,
                detached_q=None if d.detached is None else d.detached.q,
                detached_df=None if d.detached is None else d.detached.df,
                detached_p_value=None if d.detached is None else d.detached.p_value,
            )
            for d in split.designs
        ),
        "tau2_within": split.tau2_within,
        "q_interaction": split.interaction.q,
        "q_interaction_df": split.interaction.df,
        "q_interaction_p_value": split.interaction.p_value,
        "contributions": flows,
        "heat": _heat(fitted, names),
        "funnel": tuple(_funnel(fitted, names, rows)),
    }
    return fields, warnings


def ranks(fitted: Network, names: Sequence[str], *, small_is_good: bool, samples: int, seed: int) -> RankResult | None:
    """Simulate the ranks of the treatments; None without draws."""
    if samples == 0:
        return None
    rng = np.random.default_rng(seed)
    found = rankogram(fitted.estimate[:, 0], fitted.covariance, samples=samples, rng=rng, small_is_good=small_is_good)
    return RankResult(
        samples=samples,
        seed=seed,
        probability=_by_name(names, [tuple(row) for row in found.probability.tolist()]),
        sucra=_by_name(names, found.sucra.tolist()),
        mean_rank=_by_name(names, found.mean_rank.tolist()),
    )


def _by_name(names: Sequence[str], values: Sequence[Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(zip(names, values, strict=True)))


def _nodes(names: Sequence[str], rows: Sequence[EvidenceRow]) -> Iterable[Node]:
    """Add up the participants of a treatment's arms, each arm once."""
    arms: dict[str, dict[object, int | None]] = {name: {} for name in names}
    studies: dict[str, set[str]] = {name: set() for name in names}
    for r in rows:
        for name, arm, n in (
            (r.experimental, r.experimental_arm, r.n_experimental),
            (r.comparator, r.comparator_arm, r.n_comparator),
        ):
            key = arm or (r.study, name)
            arms[name][key] = n if arms[name].get(key) is None else arms[name][key]
            studies[name].add(r.study)
    for name in names:
        sizes = list(arms[name].values())
        known = [n for n in sizes if n is not None]
        yield Node(treatment=name, n=sum(known) if len(known) == len(sizes) else None, k=len(studies[name]))


def _derived(fitted: Network, names: Sequence[str], scale: str) -> Iterable[DerivedContrast]:
    for d in fitted.derived:
        yield DerivedContrast(
            study=str(d.study),
            treatment1=names[d.treatment1],
            treatment2=names[d.treatment2],
            estimate=float(back_transform(d.estimate, scale)),
            analysis_estimate=d.estimate,
            se=d.se,
            rule=RULE,
        )


def _contributions(fitted: Network, names: Sequence[str]) -> Iterable[Contribution]:
    found = contributions(fitted.design, fitted.tau2 or 0.0)
    edges = [(names[i], names[j]) for i, j in found.edge.tolist()]
    studies = [str(s) for s in fitted.design.studies]
    shares, own = found.share.tolist(), found.study.tolist()
    for row, (i, j) in enumerate(found.comparison.tolist()):
        yield Contribution(
            treatment1=names[i],
            treatment2=names[j],
            mean_path=float(found.mean_path[row]),
            parallelism=float(found.parallelism[row]),
            comparisons=tuple(
                Share(treatment1=a, treatment2=b, share=s)
                for (a, b), s in zip(edges, shares[row], strict=True)
                if s > NOTHING
            ),
            studies=tuple(
                StudyShare(study=study, share=s) for study, s in zip(studies, own[row], strict=True) if abs(s) > NOTHING
            ),
        )


def _heat(fitted: Network, names: Sequence[str]) -> HeatResult:
    found = net_heat(fitted.design)
    return HeatResult(
        designs=tuple(tuple(names[t] for t in d) for d in found.designs),
        share=tuple(tuple(row) for row in found.share.tolist()),
        heat=tuple(tuple(row) for row in found.heat.tolist()),
    )


def _funnel(fitted: Network, names: Sequence[str], rows: Sequence[EvidenceRow]) -> Iterable[FunnelPoint]:
    """Centre each contrast on its comparison; treatments first tried later stand first."""
    first: dict[str, int] = {}
    for r in rows:
        for name in (r.experimental, r.comparator):
            year = r.year if r.year is not None else 0
            first[name] = min(year, first.get(name, year))
    order = sorted(range(len(names)), key=lambda i: (-first[names[i]], i))
    found = adjusted_funnel(fitted.design, order, fitted.tau2 or 0.0)
    columns = (found.study, found.treatment1, found.treatment2, found.estimate, found.adjusted, found.se)
    for s, a, b, estimate, adjusted, se in zip(*(c.tolist() for c in columns), strict=True):
        yield FunnelPoint(
            study=str(fitted.design.studies[s]),
            treatment1=names[a],
            treatment2=names[b],
            analysis_estimate=estimate,
            adjusted=adjusted,
            se=se,
        )
