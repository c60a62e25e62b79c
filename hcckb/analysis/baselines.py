"""What a pooled effect is set against: medians, shares or risks under the comparator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hcckb.errors import EmptySelectionError, PoolingError, UsageError
from hcckb.evidence import EvidenceTable
from hcckb.pooling.absolute import exponential_survival
from hcckb.queries import named
from hcckb.store import Store

Kind = Literal["median", "survival", "risk"]
TIME_TO_EVENT = "hazard-ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What happens under the comparator.

    Attributes
    ----------
    label : str
        What it stands for: "chosen", "lowest median", "Placebo arm of REACH" ...
    kind : {"median", "survival", "risk"}
        A median time in months, the share free of the event at `months`, or the risk of the event.
    value : float
        Months, or a proportion.
    months : float, optional
        The time to which a share or risk belongs.
    source, locator : str
        Where it was printed; empty for a number of the user's own.
    """

    label: str
    kind: Kind
    value: float
    months: float | None = None
    source: str = ""
    locator: str = ""

    def __post_init__(self) -> None:
        if self.kind == "median" and not 0 < self.value < float("inf"):
            raise PoolingError(f"a median is a number of months above 0, got {self.value:g}.")
        if self.kind != "median" and not 0 <= self.value <= 1:
            raise PoolingError(
                f"a {self.kind} is a proportion from 0 to 1, got {self.value:g}. Divide per cent by 100."
            )
        if self.kind == "survival" and self.months is None:
            raise UsageError("a survival belongs to a time. Say when, in months, with --at.")

    def risk_at(self, months: float | None) -> float:
        """Risk of the event by `months`: of a median by a constant hazard, else as given."""
        if self.kind == "median":
            if months is None:
                raise UsageError("a median gives a risk at a time only. Say when, in months, with --at.")
            return float(1.0 - exponential_survival(self.value, months))
        return 1.0 - self.value if self.kind == "survival" else self.value


def printed_medians(store: Store, table: EvidenceTable) -> tuple[Baseline, ...]:
    """Give the printed medians of the comparator arms of a table's rows, shortest first.

    Parameters
    ----------
    store : Store
        The knowledge base that the table was selected from.
    table : EvidenceTable
        Rows of one endpoint.

    Returns
    -------
    tuple of Baseline
        At most one for an arm: of the row's own source where it prints one, else by the order in which reports of an
        estimate are preferred. What a curator corrected or set aside is not used.

    Raises
    ------
    EmptySelectionError
        If no comparator arm has a printed median.
    """
    asked = named("arm-medians")
    wanted = {(r.comparator_arm, r.endpoint): r for r in table.rows if r.comparator_arm}
    found: dict[str, tuple[bool, Baseline]] = {}
    for row in store.select(asked.text, asked.place):
        arm, endpoint = _value(row["arm"]), _value(row["endpoint"]).rpartition("/")[2]
        estimate = wanted.get((arm, endpoint))
        if estimate is None:
            continue
        source = _value(row["key"])
        own = source == estimate.source
        if arm in found and (found[arm][0] or not own):
            continue
        label = f"{estimate.comparator} arm of {estimate.study}"
        median = float(_value(row["median_months"]))
        printed = Baseline(label=label, kind="median", value=median, source=source, locator=_value(row["locator"]))
        found[arm] = own, printed
    if not found:
        raise EmptySelectionError(
            "no comparator arm has a printed median. Give one with --median, --survival or --risk."
        )
    return tuple(sorted((b for _, b in found.values()), key=lambda b: (b.value, b.label)))


def low_middle_high(baselines: Sequence[Baseline]) -> tuple[Baseline, ...]:
    """Return the lowest, the middle and the highest of sorted baselines; fewer where they coincide."""
    picked = dict.fromkeys((0, (len(baselines) - 1) // 2, len(baselines) - 1))
    return tuple(baselines[i] for i in picked)


def _value(term: object) -> str:
    return str(term.value)  # type: ignore[attr-defined]
