"""Network meta-analysis: all treatments of a connected network compared with one another, and what that rests on."""

from hcckb.pooling.network.bucher import Indirect, bucher
from hcckb.pooling.network.components import Components, Effect, component_matrix, pool_components
from hcckb.pooling.network.contributions import Contributions, contributions
from hcckb.pooling.network.decomposition import Decomposition, DesignQ, QTest, decompose
from hcckb.pooling.network.design import RULE, Derived, Design, connected_parts
from hcckb.pooling.network.fit import NETWORK_TAU2
from hcckb.pooling.network.funnel import AdjustedFunnel, adjusted_funnel
from hcckb.pooling.network.heat import NetHeat, net_heat
from hcckb.pooling.network.model import Network, pool_network
from hcckb.pooling.network.ranks import Rankogram, p_scores, rankogram
from hcckb.pooling.network.splits import Split

__all__ = [
    "NETWORK_TAU2",
    "RULE",
    "AdjustedFunnel",
    "Components",
    "Contributions",
    "Decomposition",
    "Derived",
    "Design",
    "DesignQ",
    "Effect",
    "Indirect",
    "NetHeat",
    "Network",
    "QTest",
    "Rankogram",
    "Split",
    "adjusted_funnel",
    "bucher",
    "component_matrix",
    "connected_parts",
    "contributions",
    "decompose",
    "net_heat",
    "p_scores",
    "pool_components",
    "pool_network",
    "rankogram",
]
