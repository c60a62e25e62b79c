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
    from hcckb.analysis.pool import pool, pool_by
    from hcckb.cards import card
    from hcckb.checks import check
    from hcckb.errors import HcckbError
    from hcckb.evidence import EvidenceTable, flow, select, why
    from hcckb.export import export as export_graph
    from hcckb.plots import save_flow as flow_diagram
    from hcckb.plots import save_forest as forest
    from hcckb.plots import save_funnel as funnel
    from hcckb.queries import library, named, run
    from hcckb.report import pooled_report, write_report
    from hcckb.reproduction import reproduce
    from hcckb.results import PooledResult
    from hcckb.store import Store, load
    from hcckb.usertable import read_table

_HOME = {
    "EvidenceTable": "hcckb.evidence",
    "HcckbError": "hcckb.errors",
    "PooledResult": "hcckb.results",
    "Store": "hcckb.store",
    "card": "hcckb.cards",
    "check": "hcckb.checks",
    "export_graph": "hcckb.export:export",
    "flow": "hcckb.evidence",
    "flow_diagram": "hcckb.plots:save_flow",
    "forest": "hcckb.plots:save_forest",
    "funnel": "hcckb.plots:save_funnel",
    "library": "hcckb.queries",
    "load": "hcckb.store",
    "named": "hcckb.queries",
    "pool": "hcckb.analysis.pool",
    "pool_by": "hcckb.analysis.pool",
    "pooled_report": "hcckb.report",
    "read_table": "hcckb.usertable",
    "reproduce": "hcckb.reproduction",
    "run": "hcckb.queries",
    "select": "hcckb.evidence",
    "why": "hcckb.evidence",
    "write_report": "hcckb.report",
}

__all__ = [
    "EvidenceTable",
    "HcckbError",
    "PooledResult",
    "Store",
    "card",
    "check",
    "export_graph",
    "flow",
    "flow_diagram",
    "forest",
    "funnel",
    "library",
    "load",
    "named",
    "pool",
    "pool_by",
    "pooled_report",
    "read_table",
    "reproduce",
    "run",
    "select",
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
