"""Published rules that choose the model of a meta-analysis from its heterogeneity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from numpy.typing import ArrayLike

from hcckb.errors import UnknownNameError
from hcckb.pooling.heterogeneity import Heterogeneity, heterogeneity


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The options of `hcckb.pooling.pairwise.pool` that a rule chose, and why.

    `tau2` is None under the common-effect model; `reason` is a sentence with the numbers that decided.
    """

    rule: str
    model: str
    tau2: str | None
    ci: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule: what it says, who published it, and how it decides from the heterogeneity."""

    name: str
    summary: str
    source: str
    decide: Callable[[Heterogeneity], ModelChoice]


def resolve_rule(name: str, estimate: ArrayLike, variance: ArrayLike) -> ModelChoice:
    """Let a named rule choose the model for one meta-analysis.

    Choosing the model by a test is kept to reproduce published analyses; for new ones state the model
    in advance.

    Parameters
    ----------
    name : str
        One of `RULES`.
    estimate, variance : array_like, shape (k,)
        Estimates on an additive scale and their sampling variances.

    Raises
    ------
    UnknownNameError
        If there is no such rule.
    EmptySelectionError, PoolingError
        As `hcckb.pooling.heterogeneity.heterogeneity`.

    Examples
    --------
    >>> choice = resolve_rule("kim2017", [0.1, 0.3, 0.8], [0.02, 0.03, 0.05])
    >>> choice.model, choice.tau2, choice.reason
    ('random', 'DL', 'Q has P = 0.03 < 0.1; I2 = 71 % > 50 %')
    """
    if name not in RULES:
        raise UnknownNameError(name, "model rule", RULES, ", ".join(RULES))
    return RULES[name].decide(heterogeneity(estimate, variance, method="DL"))


def _kim2017(h: Heterogeneity) -> ModelChoice:
    """Choose the common effect when P >= 0.1 and I2 <= 50 % (from Q), DerSimonian and Laird otherwise.

    The paper states the random-effects model for P < 0.1 and I2 > 50 % and leaves the mixed cases open;
    "otherwise" fills that gap.
    """
    homogeneous = h.q_p_value >= 0.1 and h.i2_q <= 0.5
    reason = (
        f"Q has P = {h.q_p_value:.2g} {'>=' if h.q_p_value >= 0.1 else '<'} 0.1; "
        f"I2 = {100 * h.i2_q:.0f} % {'<=' if h.i2_q <= 0.5 else '>'} 50 %"
    )
    model, tau2 = ("common", None) if homogeneous else ("random", "DL")
    return ModelChoice("kim2017", model, tau2, "wald", reason)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "kim2017": Rule(
            name="kim2017",
            summary="common effect when Q has P >= 0.1 and I2 <= 50 %, otherwise DerSimonian-Laird; Wald",
            source="Meta-analysis of targeted agents in second-line HCC, 2017, Materials and Methods",
            decide=_kim2017,
        )
    }
)
