"""The lines under a figure: heterogeneity, model, footnotes, what was left out, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from hcckb.plots import style
from hcckb.plots.lettering import capitalised, one_line, wrap
from hcckb.plots.svg import Canvas
from hcckb.plots.wording import (
    ci_method_label,
    measure_words,
    numbers_for,
    p_value,
    percent,
    rounded,
    sentence,
    variance,
)

if TYPE_CHECKING:
    from hcckb.results import PooledResult

_MARKS = "†‡§¶"
_NAMED_DROPS = 6
DISCLAIMER = "Research tool, not medical advice"


class Footnotes:
    """Gives each distinct note a mark, in the order they are met: †, ‡, §, ¶, ††, ..."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, note: str) -> str:
        """Return the mark of `note`, a new one if it was not met before."""
        index = len(self._marks)
        new = _MARKS[index % len(_MARKS)] * (index // len(_MARKS) + 1)
        return self._marks.setdefault(note, new)

    def lines(self) -> tuple[str, ...]:
        """Return the notes, each behind its mark."""
        return tuple(f"{mark} {note}" for note, mark in self._marks.items())


def heterogeneity_lines(result: PooledResult) -> tuple[str, ...]:
    """Sentences on size, model, test and heterogeneity; for a single study only that it is one."""
    size = f"k = {result.k} {'estimate' if result.k == 1 else 'estimates'}"
    if result.n is not None:
        size += f", {result.n:,} participants"
    if result.k < 2:
        return (f"{size}. A single study: nothing was pooled.",)
    level = percent(result.level)
    tau2 = f"τ² = {variance(result.tau2)}".replace("= <", "< ")
    if result.tau2_lower is not None and result.tau2_upper is not None:
        tau2 += f" ({level} CI {variance(result.tau2_lower)} to {variance(result.tau2_upper)})"
    spread = f"Q = {result.q:.2f} (df = {result.df}, {p_value(result.q_p_value)})"
    lines = [
        f"{size}. Heterogeneity: {spread}; I² = {percent(result.i2, 0)}; {tau2}.",
        _model_sentence(result),
    ]
    return tuple(lines)


def _model_sentence(result: PooledResult) -> str:
    level = percent(result.level)
    tau2 = f", τ² by {result.tau2_method}" if result.tau2_method else ""
    name = {"common": "Common-effect model", "random": "Random-effects model"}.get(
        result.model, f"{result.model.title()} method"
    )
    text = f"{name}{tau2}; {level} CI: {ci_method_label(result.ci_method)}"
    if measure_words(result).null is not None and math.isfinite(result.statistic):
        test = {"wald": "z = ", "hksj": "t = ", "hksj-guarded": "t = ", "kenward-roger": "t = "}.get(
            result.ci_method, "statistic "
        )
        text += f"; test of no effect: {test}{rounded(result.statistic)}, {p_value(result.p_value)}"
    if result.prediction_lower is not None and result.prediction_upper is not None:
        bounds = numbers_for(result).interval(result.prediction_lower, result.prediction_upper)
        text += f"; {level} prediction interval {bounds}"
    return text + "."


def remark_lines(result: PooledResult) -> tuple[str, ...]:
    """Sentences on warnings and on studies of which no estimate was pooled, with the first reason for each."""
    lines = [f"Note: {sentence(warning)}" for warning in result.warnings]
    pooled = {row.study for row in result.rows}
    reasons: dict[str, str] = {}
    for dropped in result.dropped:
        if dropped.study not in pooled:
            reasons.setdefault(one_line(dropped.study), one_line(dropped.reason))
    if 0 < len(reasons) <= _NAMED_DROPS:
        named = "; ".join(f"{study} ({reason})" if reason else study for study, reason in reasons.items())
        lines.append(f"Not pooled: {named}.")
    elif reasons:
        names = ", ".join(list(reasons)[:_NAMED_DROPS])
        lines.append(f"Not pooled: {len(reasons)} studies ({names} and {len(reasons) - _NAMED_DROPS} more).")
    return tuple(lines)


class Traced(Protocol):
    """Any result that says where it comes from."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """Knowledge base, query, data cut-off, software."""
        ...


def provenance_line(result: Traced) -> str:
    """Knowledge base, query, data cut-off and software as far as known, and the disclaimer."""
    given = result.provenance
    software = " ".join(given[key] for key in ("software", "software_version") if given.get(key))
    parts = [
        f"Knowledge base {given['kb_version']}" if given.get("kb_version") else "",
        (f"query {given['query']}" if given.get("kb_version") else given.get("query", "")),
        f"data cut-off {given['data_cutoff']}" if given.get("data_cutoff") else "",
        software,
        DISCLAIMER,
    ]
    return capitalised(one_line(" · ".join(part for part in parts if part))) + "."


def draw_footer(canvas: Canvas, result: PooledResult, notes: tuple[str, ...], y: float, width: float) -> float:
    """Set the footer of a figure `width` wide, its first baseline at `y`; return the figure's height."""
    lines = (*heterogeneity_lines(result), *notes, *remark_lines(result))
    y = draw_lines(canvas, lines, y, width, fill=style.INK)
    y = draw_lines(canvas, (provenance_line(result),), y + 3, width, fill=style.MUTED)
    return math.ceil(y - style.SMALL_SIZE * style.LINE_HEIGHT + style.MARGIN)


def draw_lines(canvas: Canvas, lines: tuple[str, ...], y: float, width: float, *, fill: str) -> float:
    """Set `lines`, wrapped to a figure `width` wide, from the left margin with the first baseline at `y`.

    Returns
    -------
    float
        The baseline of the line that would follow.
    """
    for line in lines:
        for piece in wrap(line, width - 2 * style.MARGIN, style.SMALL_SIZE):
            canvas.text(style.MARGIN, y, piece, size=style.SMALL_SIZE, fill=fill, name="footer")
            y += style.SMALL_SIZE * style.LINE_HEIGHT
        y += 1.5
    return y
