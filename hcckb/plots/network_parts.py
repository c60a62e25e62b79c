"""What the figures of a network share: words, order of the treatments, colours, the end of the page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.footer import draw_lines, provenance_line
from hcckb.plots.lettering import one_line, unbroken
from hcckb.plots.svg import Canvas
from hcckb.plots.wording import p_value, percent, variance

if TYPE_CHECKING:
    from hcckb.analysis.network_results import NetworkResult

_WORDS = {
    "hazard-ratio": ("HR", "Hazard ratio"),
    "odds-ratio": ("OR", "Odds ratio"),
    "risk-ratio": ("RR", "Risk ratio"),
    "risk-difference": ("RD", "Risk difference"),
    "mean-difference": ("MD", "Mean difference"),
}


def words(result: NetworkResult) -> tuple[str, str]:
    """Give the measure in short and in full."""
    return _WORDS.get(result.measure, ("Estimate", "Estimate"))


def heading(result: NetworkResult) -> str:
    """Give the title of a network's figures."""
    title = one_line(result.title)
    return title if " " in title else f"{words(result)[1]} ({title})"


def ranked(result: NetworkResult) -> list[str]:
    """Give the treatments, the best P-score first."""
    return sorted(result.treatments, key=lambda name: (-result.p_scores[name], name.casefold()))


def shade(share: float) -> str:
    """Mix white with blue for negative shares in [-1, 1], with vermilion for positive ones."""
    target = style.VERMILION if share > 0 else style.BLUE
    size = min(1.0, abs(share))
    mixed = (round(255 + (int(target[i : i + 2], 16) - 255) * size) for i in (1, 3, 5))
    return "#" + "".join(f"{channel:02X}" for channel in mixed)


def draw_end(canvas: Canvas, result: NetworkResult, notes: tuple[str, ...], y: float, width: float) -> float:
    """Set size, model, heterogeneity, notes and provenance; return the figure's height."""
    size = f"{len(result.treatments)} treatments, {result.k} {'study' if result.k == 1 else 'studies'}"
    model = "common effect" if result.model == "common" else f"random effects, τ² by {result.tau2_method}"
    spread = "heterogeneity and inconsistency cannot be judged"
    if result.i2 is not None and result.tau2 is not None:
        spread = f"I² = {percent(result.i2, 0)}, τ² = {variance(result.tau2)}".replace("= <", "< ")
        between = "no closed loop"
        if result.q_between_p_value is not None:
            test = f"df = {result.q_between_df}, {p_value(result.q_between_p_value)}"
            between = unbroken(f"Q between designs = {result.q_between:.2f} ({test})")
        spread += f", {between}"
    y = draw_lines(canvas, (f"{size}; {model}; {spread}.", *notes), y, width, fill=style.INK)
    y = draw_lines(canvas, (provenance_line(result),), y + 3, width, fill=style.MUTED)
    return math.ceil(y - style.SMALL_SIZE * style.LINE_HEIGHT + style.MARGIN)
