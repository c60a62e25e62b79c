"""Rankograms: the probability of each rank, treatment by treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hcckb.errors import UsageError
from hcckb.plots import style
from hcckb.plots.lettering import wrap
from hcckb.plots.network_parts import draw_end, heading
from hcckb.plots.svg import Canvas, draw_title

if TYPE_CHECKING:
    from hcckb.analysis.network_results import NetworkResult, RankResult

_PANEL_W, _PANEL_H = 170.0, 70.0
_GAP_X, _NAME, _GAP_Y = 34.0, 30.0, 30.0
_COLUMNS = 4
_SMALL = style.SMALL_SIZE


def rankogram_svg(result: NetworkResult) -> str:
    """Draw the simulated probability of each rank, one panel a treatment, the best SUCRA first.

    Parameters
    ----------
    result : NetworkResult
        The fitted network, with ranks.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Raises
    ------
    UsageError
        If no ranks were drawn.
    """
    ranks = result.ranks
    if ranks is None:
        raise UsageError("there are no ranks to draw: ask for samples, --rank-samples 10000.")
    names = sorted(result.treatments, key=lambda name: (-ranks.sucra[name], name.casefold()))
    columns = min(_COLUMNS, max(2, len(names)))
    width = 2 * style.MARGIN + 24 + columns * _PANEL_W + (columns - 1) * _GAP_X
    title = heading(result)
    canvas = Canvas(f"Rankogram: {title}", f"Probability of each rank of {len(names)} treatments.")
    top = draw_title(canvas, title, width) + 6
    most = max(max(row) for row in ranks.probability.values())
    step = _PANEL_H + _NAME + _GAP_Y
    for i, name in enumerate(names):
        x = style.MARGIN + 24 + (i % columns) * (_PANEL_W + _GAP_X)
        _draw_panel(canvas, ranks, name, (x, top + (i // columns) * step + _NAME), most)
    bottom = top + -(-len(names) // columns) * step
    good = "small" if result.small_is_good else "large"
    notes = (
        f"Bars: probability of rank 1 (best; {good} values are good), 2, ..., from {ranks.samples:,} draws, seed "
        f"{ranks.seed}. SUCRA, 0 to 1, is the mean probability to rank better than another treatment.",
    )
    return canvas.to_svg(width, draw_end(canvas, result, notes, bottom + 14, width))


def _draw_panel(canvas: Canvas, ranks: RankResult, name: str, at: tuple[float, float], most: float) -> None:
    x, y = at
    row = ranks.probability[name]
    lines = wrap(name, _PANEL_W, _SMALL, bold=True, max_lines=2)
    for i, line in enumerate(lines):
        canvas.text(x, y - 8 - (len(lines) - 1 - i) * 13, line, size=_SMALL, bold=True, name="treatment")
    bottom = y + _PANEL_H
    slot = _PANEL_W / len(row)
    tip = f"{name}: SUCRA {ranks.sucra[name]:.2f}, mean rank {ranks.mean_rank[name]:.1f}"
    with canvas.group("panel", tooltip=tip):
        for j, p in enumerate(row):
            if p > 0:
                height = _PANEL_H * p / most
                canvas.rect(
                    x + j * slot + 0.1 * slot, bottom - height, 0.8 * slot, height, fill=style.SQUARE, name="bar"
                )
    canvas.line(x, bottom, x + _PANEL_W, bottom, stroke=style.INK)
    canvas.line(x, y, x, bottom, stroke=style.INK)
    for share in (0.0, most):
        canvas.text(x - 4, bottom - _PANEL_H * share / most + 4, f"{100 * share:.0f}%", size=9.0, anchor="end")
    canvas.text(x + slot / 2, bottom + 12, "1", size=9.0, anchor="middle")
    canvas.text(x + _PANEL_W - slot / 2, bottom + 12, str(len(row)), size=9.0, anchor="middle")
    canvas.text(
        x + _PANEL_W / 2, bottom + 12, f"SUCRA {ranks.sucra[name]:.2f}", size=9.0, anchor="middle", fill=style.MUTED
    )
