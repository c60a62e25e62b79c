"""hcckb: an open, queryable evidence base for systemic therapy of advanced hepatocellular carcinoma.

From file to figure in five calls::

    import hcckb

    kb = hcckb.load()
    table = hcckb.select(kb, "second-line-placebo-vegfr", endpoint="OS")
    result = hcckb.pool(table)
    hcckb.forest(result, "forest.svg")

Research tool, not medical advice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hcckb.analysis.absolute import absolute
    from hcckb.analysis.baselines import Baseline, printed_medians
    from hcckb.analysis.bayes import bayes
    from hcckb.analysis.bayes import named_prior as prior
    from hcckb.analysis.bias import bias
    from hcckb.analysis.certainty import certainty as grade
    from hcckb.analysis.certainty import read_ratings
    from hcckb.analysis.convert import convert
    from hcckb.analysis.evalue import evalues as evalue
    from hcckb.analysis.glmm import glmm
    from hcckb.analysis.gosh import gosh
    from hcckb.analysis.medians import pool_medians as medians
    from hcckb.analysis.multilevel import multilevel
    from hcckb.analysis.multiverse import multiverse, variants
    from hcckb.analysis.network import NetworkMethod, network, networks
    from hcckb.analysis.network_components import components
    from hcckb.analysis.pool import pool, pool_by
    from hcckb.analysis.regression import regress
    from hcckb.analysis.regrouping import regrouped
    from hcckb.analysis.rounding import rounding
    from hcckb.analysis.sensitivity import cumulative, influence
    from hcckb.analysis.subgroup import subgroup
    from hcckb.cards import card
    from hcckb.checks import check
    from hcckb.errors import HcckbError
    from hcckb.evidence import EvidenceTable, flow, select, why
    from hcckb.export import export as export_graph
    from hcckb.plots import save_bubble as bubble
    from hcckb.plots import save_drapery as drapery
    from hcckb.plots import save_flow as flow_diagram
    from hcckb.plots import save_forest as forest
    from hcckb.plots import save_funnel as funnel
    from hcckb.plots import save_labbe as labbe
    from hcckb.plots import save_radial as radial
    from hcckb.plots import save_subgroup_forest as subgroup_forest
    from hcckb.plots.networks import save_network as network_figure
    from hcckb.queries import library, named, run
    from hcckb.report import network_report, pooled_report, write_report
    from hcckb.reproduction import reproduce
    from hcckb.results import PooledResult
    from hcckb.store import Store, load
    from hcckb.usertable import read_table
    from hcckb.usertable_network import read_network_table

_HOME = {
    "Baseline": "hcckb.analysis.baselines",
    "EvidenceTable": "hcckb.evidence",
    "HcckbError": "hcckb.errors",
    "NetworkMethod": "hcckb.analysis.network",
    "PooledResult": "hcckb.results",
    "Store": "hcckb.store",
    "absolute": "hcckb.analysis.absolute",
    "bayes": "hcckb.analysis.bayes",
    "bias": "hcckb.analysis.bias",
    "bubble": "hcckb.plots:save_bubble",
    "card": "hcckb.cards",
    "check": "hcckb.checks",
    "components": "hcckb.analysis.network_components",
    "convert": "hcckb.analysis.convert",
    "cumulative": "hcckb.analysis.sensitivity",
    "drapery": "hcckb.plots:save_drapery",
    "evalue": "hcckb.analysis.evalue:evalues",
    "export_graph": "hcckb.export:export",
    "flow": "hcckb.evidence",
    "flow_diagram": "hcckb.plots:save_flow",
    "forest": "hcckb.plots:save_forest",
    "funnel": "hcckb.plots:save_funnel",
    "glmm": "hcckb.analysis.glmm",
    "gosh": "hcckb.analysis.gosh",
    "grade": "hcckb.analysis.certainty:certainty",
    "influence": "hcckb.analysis.sensitivity",
    "labbe": "hcckb.plots:save_labbe",
    "library": "hcckb.queries",
    "load": "hcckb.store",
    "medians": "hcckb.analysis.medians:pool_medians",
    "multilevel": "hcckb.analysis.multilevel",
    "multiverse": "hcckb.analysis.multiverse",
    "named": "hcckb.queries",
    "network": "hcckb.analysis.network",
    "network_figure": "hcckb.plots.networks:save_network",
    "network_report": "hcckb.report",
    "networks": "hcckb.analysis.network",
    "pool": "hcckb.analysis.pool",
    "pool_by": "hcckb.analysis.pool",
    "pooled_report": "hcckb.report",
    "printed_medians": "hcckb.analysis.baselines",
    "prior": "hcckb.analysis.bayes:named_prior",
    "radial": "hcckb.plots:save_radial",
    "read_network_table": "hcckb.usertable_network",
    "read_ratings": "hcckb.analysis.certainty",
    "read_table": "hcckb.usertable",
    "regress": "hcckb.analysis.regression",
    "regrouped": "hcckb.analysis.regrouping",
    "reproduce": "hcckb.reproduction",
    "rounding": "hcckb.analysis.rounding",
    "run": "hcckb.queries",
    "select": "hcckb.evidence",
    "subgroup": "hcckb.analysis.subgroup",
    "subgroup_forest": "hcckb.plots:save_subgroup_forest",
    "variants": "hcckb.analysis.multiverse",
    "why": "hcckb.evidence",
    "write_report": "hcckb.report",
}

__all__ = [
    "Baseline",
    "EvidenceTable",
    "HcckbError",
    "NetworkMethod",
    "PooledResult",
    "Store",
    "absolute",
    "bayes",
    "bias",
    "bubble",
    "card",
    "check",
    "components",
    "convert",
    "cumulative",
    "drapery",
    "evalue",
    "export_graph",
    "flow",
    "flow_diagram",
    "forest",
    "funnel",
    "glmm",
    "gosh",
    "grade",
    "influence",
    "labbe",
    "library",
    "load",
    "medians",
    "multilevel",
    "multiverse",
    "named",
    "network",
    "network_figure",
    "network_report",
    "networks",
    "pool",
    "pool_by",
    "pooled_report",
    "printed_medians",
    "prior",
    "radial",
    "read_network_table",
    "read_ratings",
    "read_table",
    "regress",
    "regrouped",
    "reproduce",
    "rounding",
    "run",
    "select",
    "subgroup",
    "subgroup_forest",
    "variants",
    "why",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used, so that `import hcckb` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'hcckb' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
