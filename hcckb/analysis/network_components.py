"""An evidence table as an additive network: what each component of a combination adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from hcckb.analysis.network import NetworkMethod
from hcckb.analysis.network_results import ComponentEffect, ComponentResult
from hcckb.analysis.network_rows import comparable, effects_of, network_row, studies_of
from hcckb.analysis.pool import RATIOS
from hcckb.analysis.provenance import provenance_of
from hcckb.errors import UsageError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.effects import back_transform
from hcckb.pooling.network import Components, Effect, pool_components

# Components taken to have no effect where none is named, the first that is there.
INACTIVE = ("placebo", "best supportive care", "no treatment")


def components(
    table: EvidenceTable, *, inactive: str | None = None, method: NetworkMethod | None = None, separator: str = " + "
) -> ComponentResult:
    """Fit the network of an evidence table with treatments as sums of their components.

    Parameters
    ----------
    table : EvidenceTable
        Estimates of one endpoint and one measure; treatments are split at `separator`.
    inactive : str, optional
        The component without effect; placebo where the table has it.
    method : NetworkMethod, optional
        Model and level; tau2 is estimated by moments.
    separator : str
        What stands between components.

    Returns
    -------
    ComponentResult
        Of the whole table, also where its network falls into parts.

    Raises
    ------
    EmptySelectionError, PoolingError, UnknownNameError
        As :func:`hcckb.analysis.network.network` and :func:`hcckb.pooling.network.pool_components`.
    UsageError
        If another estimator than DL is asked for.
    """
    how = method or NetworkMethod()
    if how.tau2 != "DL":
        raise UsageError(f"a component network estimates tau2 by DL, not by {how.tau2}. Leave --tau2 out.")
    part = comparable(table)
    names, rows = part.names, part.rows
    without = _inactive(names, separator, inactive)
    effects = effects_of(rows)
    fitted = pool_components(
        [names.index(r.experimental) for r in rows],
        [names.index(r.comparator) for r in rows],
        effects.estimate,
        effects.se,
        studies_of(rows),
        labels=names,
        inactive=without,
        separator=separator,
        model=how.model,
        level=how.level,
    )
    scale = "log" if rows[0].measure in RATIOS else "identity"
    return ComponentResult(
        measure=rows[0].measure,
        endpoint=rows[0].endpoint,
        scale=scale,
        inactive=without,
        model=fitted.model,
        tau2_method=fitted.tau2_method,
        level=fitted.level,
        k=fitted.k,
        parts=fitted.parts,
        tau2=fitted.tau2,
        components=tuple(_effect(e, scale) for e in fitted.components),
        treatments=tuple(_effect(e, scale) for e in fitted.treatments),
        **_tests(fitted),
        rows=tuple(network_row(r, y, s) for r, y, s in zip(rows, effects.estimate, effects.se, strict=True)),
        dropped=part.dropped,
        warnings=(*part.warnings, *_warnings(fitted, names)),
        title=f"{part.table.title}: {rows[0].endpoint.replace('-', ' ')}".removesuffix(": "),
        provenance=MappingProxyType(provenance_of(part.table)),
    )


def _tests(fitted: Components) -> dict[str, Any]:
    """Name the numbers of the tests of the additive model, the standard model, and what lies between them."""
    told: dict[str, Any] = {}
    for name in ("q_additive", "q_standard", "q_difference"):
        test = getattr(fitted, name)
        told |= {name: test.q, f"{name}_df": test.df, f"{name}_p_value": test.p_value}
    return told


def _inactive(names: Sequence[str], separator: str, asked: str | None) -> str | None:
    """Find the component without effect: the one asked for, or the first that is known to be inactive."""
    held = {c.strip().casefold(): c.strip() for name in names for c in name.split(separator)}
    if asked is not None:
        return held.get(asked.casefold(), asked)
    return next((held[c] for c in INACTIVE if c in held), None)


def _effect(found: Effect, scale: str) -> ComponentEffect:
    shown = (found.estimate, found.ci_lower, found.ci_upper)
    value, lower, upper = (None if x is None else float(back_transform(x, scale)) for x in shown)
    return ComponentEffect(
        name=found.name,
        estimate=value,
        ci_lower=lower,
        ci_upper=upper,
        analysis_estimate=found.estimate,
        se=found.se,
        p_value=found.p_value,
    )


def _warnings(fitted: Components, names: Sequence[str]) -> Iterable[str]:
    open_ones = [e.name for e in fitted.components if e.estimate is None]
    if open_ones:
        yield (
            f"{', '.join(open_ones)}: no study varies this component on its own, so its effect cannot be told from "
            "that of the others."
        )
    if not fitted.q_difference.df:
        yield "The additive model uses as many effects as the network itself: that effects add up cannot be tested."
    if fitted.parts > 1:
        yield (
            f"The network of {len(names)} treatments falls into {fitted.parts} parts; what joins them is the "
            "assumption that effects of components add up."
        )
