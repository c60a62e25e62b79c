"""One printed number beside the recomputed one: what `hcckb reproduce` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Reproduced:
    """One printed number of a synthesis or a study, and what the graph gives for it.

    `form` names the computation; `verdict` is one of :data:`VERDICTS`; `recomputed` is None where the inputs of the
    number are not printed; `reason` is the curator's, where there is one.
    """

    synthesis: str
    endpoint: str
    statistic: str
    printed: str
    recomputed: float | None
    form: str
    verdict: str
    reason: str
    source: str
    locator: str


MATCH, OTHER_FORM, DIFFERS, NO_INPUTS = VERDICTS = (
    "match",
    "match in another form",
    "differs",
    "inputs not printed",
)
COLUMNS = tuple(f.name for f in fields(Reproduced))


def judged(fits: Callable[[float], bool], forms: Sequence[tuple[str, float]]) -> tuple[str, float | None, str]:
    """Choose the form that gives the printed number: the first one where it does, else another, else none.

    Returns
    -------
    (form, recomputed, verdict)
    """
    if not forms:
        return "", None, NO_INPUTS
    name, value = forms[0]
    if fits(value):
        return name, value, MATCH
    other = next(((n, v) for n, v in forms[1:] if fits(v)), None)
    return (name, value, DIFFERS) if other is None else (*other, OTHER_FORM)
