"""Flow diagrams of a selection in the manner of PRISMA, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hcckb.errors import EmptySelectionError
from hcckb.plots import style
from hcckb.plots.lettering import capitalised, one_line, unbroken, wrap
from hcckb.plots.svg import Canvas, draw_title

_LEFT_WIDTH = 270.0
_RIGHT_WIDTH = 370.0
_BETWEEN = 46.0
_PADDING = 10.0
_LEAST_GAP = 26.0
_AIR = 12.0
_SIZE, _SMALL = style.TEXT_SIZE, style.SMALL_SIZE
_LINE = style.LINE_HEIGHT


class FlowStep(Protocol):
    """A step of a selection: what it asks, who remains after it, who was removed by it and why."""

    @property
    def title(self) -> str:
        """What the step asks: "Placebo comparator"."""

    @property
    def remaining(self) -> tuple[str, ...]:
        """The studies that remain after the step."""

    @property
    def removed(self) -> tuple[tuple[str, str], ...]:
        """The studies that the step removed, each with the reason."""


class _Line(NamedTuple):
    text: str
    size: float
    bold: bool = False


class _TextBox(NamedTuple):
    """Wrapped lines of text, as they stand in a box `width` wide."""

    width: float
    lines: tuple[_Line, ...]
    tooltip: str = ""

    @property
    def height(self) -> float:
        """The height of the box, with padding."""
        return 2 * _PADDING + sum(line.size * _LINE for line in self.lines) - 2


def flow_svg(steps: Sequence[FlowStep], *, title: str = "Selection of studies") -> str:
    """Draw how a selection came about, one box per step downwards, those removed beside the arrows.

    Parameters
    ----------
    steps : sequence of FlowStep
        In the order they were applied. If the first one already removed studies, a box with all that were
        considered comes before it.
    title : str
        Heading of the figure.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes. Boxes grow with their text; the last one names the
        studies included, and those removed are grouped by reason.

    Raises
    ------
    EmptySelectionError
        If there are no steps.
    """
    if not steps:
        raise EmptySelectionError("there is nothing to draw: the selection has no steps")
    width = 2 * style.MARGIN + _LEFT_WIDTH + _BETWEEN + _RIGHT_WIDTH
    first, last = steps[0], steps[-1]
    description = f"{_considered(first)} considered, {len(last.remaining)} included."
    canvas = Canvas(f"Flow diagram: {one_line(title)}", description)
    y = draw_title(canvas, title, width) + 2
    if first.removed:
        names = [*first.remaining, *(study for study, _ in first.removed)]
        y = _draw_box(canvas, _left_box("Considered", names, named=False), style.MARGIN, y)
    for index, step in enumerate(steps):
        excluded = _right_box(step.removed) if step.removed else None
        if index or excluded:
            y = _draw_arrows(canvas, excluded, y)
        box = _left_box(step.title, step.remaining, named=step is last)
        y = _draw_box(canvas, box, style.MARGIN, y)
    return canvas.to_svg(width, y + style.MARGIN)


def _considered(first: FlowStep) -> int:
    return len(first.remaining) + len(first.removed)


def _left_box(title: str, names: Sequence[str], *, named: bool) -> _TextBox:
    """Lay out the box of a step: its title, the number that remain and, if `named`, which."""
    room = _LEFT_WIDTH - 2 * _PADDING
    lines = [_Line(text, _SIZE, bold=True) for text in wrap(title, room, _SIZE, bold=True)]
    noun = "study" if len(names) == 1 else "studies"
    lines.append(_Line(f"n = {len(names)} {noun}", _SIZE))
    listing = ", ".join(unbroken(name) for name in names)
    if named and names:
        lines += [_Line(text, _SMALL) for text in wrap(listing, room, _SMALL)]
    return _TextBox(_LEFT_WIDTH, tuple(lines), listing)


def _right_box(removed: Sequence[tuple[str, str]]) -> _TextBox:
    """Lay out the box of those removed, grouped by reason in the order of first mention."""
    room = _RIGHT_WIDTH - 2 * _PADDING
    groups: dict[str, list[str]] = {}
    for study, reason in removed:
        groups.setdefault(one_line(reason), []).append(unbroken(study))
    lines = [_Line(f"Excluded (n = {len(removed)})", _SIZE, bold=True)]
    for reason, studies in groups.items():
        count = f" (n = {len(studies)})" if len(groups) > 1 else ""
        text = f"{capitalised(reason)}{count}: {', '.join(studies)}"
        lines += [_Line(piece, _SMALL) for piece in wrap(text, room, _SMALL)]
    return _TextBox(_RIGHT_WIDTH, tuple(lines))


def _draw_box(canvas: Canvas, box: _TextBox, x: float, y: float) -> float:
    """Draw a box with its text; return its lower edge."""
    with canvas.group("box", tooltip=box.tooltip):
        canvas.rect(x, y, box.width, box.height, fill=style.WHITE, stroke=style.INK, radius=3, name="box")
        baseline = y + _PADDING - 2
        for line in box.lines:
            baseline += line.size * _LINE
            canvas.text(x + _PADDING, baseline - line.size * 0.22, line.text, size=line.size, bold=line.bold)
    return y + box.height


def _draw_arrows(canvas: Canvas, excluded: _TextBox | None, y: float) -> float:
    """Draw the arrow down from `y` and, beside it, the box of those excluded; return where it ends."""
    x = style.MARGIN + _LEFT_WIDTH / 2
    height = max(_LEAST_GAP, excluded.height + 2 * _AIR if excluded else 0.0)
    end = y + height
    canvas.line(x, y, x, end - 6, stroke=style.INK, width=style.STROKE)
    canvas.polygon([(x, end), (x - 4, end - 8), (x + 4, end - 8)], name="arrow")
    if excluded:
        left, middle = style.MARGIN + _LEFT_WIDTH + _BETWEEN, y + height / 2
        canvas.line(x, middle, left - 6, middle, stroke=style.INK, width=style.STROKE)
        canvas.polygon([(left, middle), (left - 8, middle - 4), (left - 8, middle + 4)], name="arrow")
        _draw_box(canvas, excluded, left, middle - excluded.height / 2)
    return end
