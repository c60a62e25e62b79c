"""What a forest plot says and where: options, columns, wrapped texts, footnotes, the range of its axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from hcckb.errors import UsageError
from hcckb.plots import style
from hcckb.plots.axis import Axis
from hcckb.plots.footer import Footnotes
from hcckb.plots.lettering import one_line, text_width, wrap
from hcckb.plots.wording import (
    MeasureWords,
    Numbers,
    measure_words,
    middle,
    numbers_for,
    percent,
    sentence,
    within_sentence,
)

if TYPE_CHECKING:
    from hcckb.results import PooledResult, PooledRow

_GAP = 16.0
_STUDY_WIDTHS = (96.0, 190.0)
_COMPARISON_WIDTH = 210.0
_LABEL_WIDTH = 205.0
_STUDY_LINES, _COMPARISON_LINES = 2, 3
_SIZE = style.TEXT_SIZE
ROW_HEIGHT = 21.0
EXTRA_LINE = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestOptions:
    """What a caller may change about a forest plot.

    Parameters
    ----------
    title : str, optional
        Heading; the title of the result, else its endpoint, when not given.
    plot_width : float
        Width of the plotting column, in SVG user units.
    axis_lower, axis_upper : float, optional
        Ends of the axis on the scale of the measure; chosen from the data when not given.
    favours : (str, str), optional
        Words under the axis, left and right of no effect; chosen from the arms when not given.
    links : mapping of str to str
        Address by estimate IRI or, failing that, by study; the study's row becomes a link.
    show_beside : bool
        Whether the other models are drawn under the main one.
    show_weights : bool
        Whether there is a column of weights: not where rows are pooled results themselves.
    """

    title: str | None = None
    plot_width: float = 300.0
    axis_lower: float | None = None
    axis_upper: float | None = None
    favours: tuple[str, str] | None = None
    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    show_beside: bool = True
    show_weights: bool = True


class Column(NamedTuple):
    """A column of text: its heading, where it is anchored and how wide it is."""

    heading: str
    x: float
    width: float
    anchor: str

    @property
    def anchor_x(self) -> float:
        """Where the text of this column is anchored."""
        return self.x + self.width * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]


class RowText(NamedTuple):
    """The cells of one study, by the key of their column, in lines; the mark of another interval level."""

    cells: Mapping[str, tuple[str, ...]]
    level_mark: str
    tooltip: str
    link: str

    @property
    def height(self) -> float:
        """The height of the row."""
        return ROW_HEIGHT + (max(len(cell) for cell in self.cells.values()) - 1) * EXTRA_LINE


class ForestLayout(NamedTuple):
    """Everything that must be known before the first line is drawn."""

    words: MeasureWords
    numbers: Numbers
    columns: Mapping[str, Column]
    rows: tuple[RowText, ...]
    axis: Axis
    width: float
    label_width: float
    footnotes: Footnotes


def forest_layout(result: PooledResult, options: ForestOptions) -> ForestLayout:
    """Lay out the columns of `result` and wrap the text of its rows.

    Raises
    ------
    UsageError
        If the ends of the axis given in `options` are not in order, or not positive on a log axis.
    """
    words, notes, numbers = measure_words(result), Footnotes(), numbers_for(result)
    rows = tuple(_row_text(result, row, notes, options) for row in result.rows)
    shown = [key for key in _HEADINGS if key == "study" or any(any(row.cells[key]) for row in rows)]
    headings = {key: _heading(key, result, words) for key in shown}
    widths = {key: _cell_width(rows, key, headings[key]) for key in shown}
    if result.k > 1:
        before_n = [key for key in shown if key in ("study", "year", "comparison")]
        widths["study"] += max(0.0, _LABEL_WIDTH - sum(widths[key] + _GAP for key in before_n))
        pooled = [numbers.estimate(result), *(numbers.estimate(model) for model in result.beside)]
        widths["effect"] = max(widths["effect"], *(text_width(text, _SIZE, bold=True) for text in pooled))
    columns: dict[str, Column] = {}
    x = plot_left = style.MARGIN
    for key in shown:
        if key == "effect":
            plot_left, x = x, x + options.plot_width + _GAP
        columns[key] = Column(headings[key], x, widths[key], _ANCHORS[key])
        x += widths[key] + _GAP
    lower, upper = axis_range(result, words.null, options)
    label_end = columns["n"].x if "n" in columns else plot_left
    return ForestLayout(
        words=words,
        numbers=numbers,
        columns=columns,
        rows=rows,
        axis=Axis(lower, upper, plot_left, plot_left + options.plot_width, result.scale == "log"),
        width=x - _GAP + style.MARGIN,
        label_width=label_end - _GAP - style.MARGIN,
        footnotes=notes,
    )


_ANCHORS = {
    "study": "start",
    "year": "middle",
    "comparison": "start",
    "n": "middle",
    "effect": "end",
    "weight": "end",
}
_HEADINGS = {
    "study": "Study",
    "year": "Year",
    "comparison": "Experimental vs comparator",
    "n": "n (exp/comp)",
    "effect": "{short} ({level} CI)",
    "weight": "Weight",
}


def _heading(key: str, result: PooledResult, words: MeasureWords) -> str:
    if key == "comparison" and not any(row.comparator for row in result.rows):
        return "Group"
    if key == "n" and not any(row.n_comparator is not None for row in result.rows):
        return "n"
    return _HEADINGS[key].format(short=words.short, level=percent(result.level))


def _cell_width(rows: tuple[RowText, ...], key: str, heading: str) -> float:
    lines = [line for row in rows for line in row.cells[key]]
    widest = max((text_width(line, _SIZE) for line in lines), default=0.0)
    least = _STUDY_WIDTHS[0] if key == "study" else 0.0
    return max(least, widest, text_width(heading, _SIZE, bold=True))


def _row_text(result: PooledResult, row: PooledRow, notes: Footnotes, options: ForestOptions) -> RowText:
    """Wrap the texts of a row, and register its footnotes."""
    mark = notes.mark(sentence(row.resolution_reason or "corrected by a curator")) if row.resolution else ""
    same_level = math.isclose(row.ci_level, result.level, abs_tol=1e-9)
    level_mark = "" if same_level else notes.mark(f"{percent(row.ci_level)} interval, as printed.")
    room = _STUDY_WIDTHS[1] - text_width(mark, _SIZE)
    study = _study_lines(result, row.study, room)
    cells = {
        "study": (*study[:-1], study[-1] + mark),
        "year": (str(row.year) if row.year is not None else "",),
        "comparison": wrap(_comparison(row), _COMPARISON_WIDTH, _SIZE, max_lines=_COMPARISON_LINES),
        "n": (_sizes(row),),
        "effect": (numbers_for(result).estimate(row),),
        "weight": (percent(row.weight, 1) if result.k > 1 and options.show_weights else "",),
    }
    link = options.links.get(row.estimate_iri) or options.links.get(row.study) or ""
    return RowText(cells, level_mark, _tooltip(result, row), link)


def _study_lines(result: PooledResult, name: str, room: float) -> tuple[str, ...]:
    """Break a name into two lines, cut in the middle if they do not hold it; into more where cut names are alike."""
    short = wrap(name, room, _SIZE, max_lines=_STUDY_LINES, middle=True)
    if "".join(short).find("…") < 0:
        return short
    others = {row.study for row in result.rows} - {name}
    alike = any(wrap(other, room, _SIZE, max_lines=_STUDY_LINES, middle=True) == short for other in others)
    return wrap(name, room, _SIZE) if alike else short


def _comparison(row: PooledRow) -> str:
    experimental, comparator = one_line(row.experimental), one_line(row.comparator)
    if experimental and comparator:
        return f"{experimental} vs {within_sentence(comparator)}"
    return experimental or comparator


def _sizes(row: PooledRow) -> str:
    sizes = (row.n_experimental, row.n_comparator)
    if sizes == (None, None):
        return ""
    if row.n_comparator is None and not row.comparator:
        return f"{row.n_experimental:,}"
    return "/".join("–" if n is None else f"{n:,}" for n in sizes)


def _tooltip(result: PooledResult, row: PooledRow) -> str:
    """Return all that is known about a row: name, arms, numbers, what was printed and where."""
    show, words = numbers_for(result), measure_words(result)
    where = ", ".join(part for part in (row.source, row.locator) if part)
    bounds = show.interval(row.ci_lower, row.ci_upper)
    parts = [
        f"{row.study} ({row.year})" if row.year is not None else row.study,
        _comparison(row),
        f"{words.short} {show.value(row.value)} ({percent(row.ci_level)} CI {bounds})",
        f"weight {percent(row.weight, 1)}" if result.k > 1 else "",
        f"printed: {row.as_printed}" if row.as_printed else "",
        f"source: {where}" if where else "",
        f"note: {row.resolution_reason or row.resolution}" if row.resolution else "",
    ]
    return one_line("; ".join(part for part in parts if part))


def axis_range(result: PooledResult, null: float | None, options: ForestOptions) -> tuple[float, float]:
    """Choose the ends of the axis: all estimates and no effect, and intervals that are not extreme.

    An interval's end counts when it lies within three times the median half-width (or the span of the
    estimates, if larger) of the estimates; beyond that it is clipped and drawn with an arrow.
    """
    log = result.scale == "log"
    inner = list(_finite(log, *(r.value for r in result.rows), result.estimate, null))
    if options.show_beside:
        inner += _finite(log, *(model.estimate for model in result.beside))
    ends = list(_finite(log, *(end for pair in intervals(result, options) for end in pair)))
    rows = [list(_finite(log, row.ci_lower, row.ci_upper)) for row in result.rows]
    halves = [(pair[1] - pair[0]) / 2 for pair in rows if len(pair) == 2]
    low, high = (min(inner), max(inner)) if inner else (-1.0, 1.0)
    reach = max(high - low, 3 * middle(halves) if halves else 0.0) or 0.1
    kept = [end for end in ends if low - reach <= end <= high + reach]
    edges = [
        min([low, *kept]) - (0.4 * reach if any(end < low - reach for end in ends) else 0.0),
        max([high, *kept]) + (0.4 * reach if any(end > high + reach for end in ends) else 0.0),
    ]
    pad = 0.03 * (edges[1] - edges[0]) or 0.1
    lower, upper = edges[0] - pad, edges[1] + pad
    if result.measure == "proportion":
        lower, upper = max(lower, 0.0), min(upper, 1.0)
    if log:
        lower, upper = math.exp(max(lower, -600.0)), math.exp(min(upper, 600.0))
    return _checked_range(options, lower, upper, log)


def _checked_range(options: ForestOptions, lower: float, upper: float, log: bool) -> tuple[float, float]:
    lower = lower if options.axis_lower is None else options.axis_lower
    upper = upper if options.axis_upper is None else options.axis_upper
    if not lower < upper or (log and lower <= 0):
        scale = "positive and " if log else ""
        raise UsageError(
            f"the ends of the axis must be {scale}in increasing order, not {lower:g} and {upper:g}; "
            "change axis_lower or axis_upper"
        )
    return lower, upper


def intervals(result: PooledResult, options: ForestOptions) -> Iterator[tuple[float, float]]:
    """Yield every interval that the plot draws."""
    yield from ((row.ci_lower, row.ci_upper) for row in result.rows)
    if result.k < 2:
        return
    yield result.ci_lower, result.ci_upper
    if result.prediction_lower is not None and result.prediction_upper is not None:
        yield result.prediction_lower, result.prediction_upper
    if options.show_beside:
        yield from ((model.ci_lower, model.ci_upper) for model in result.beside)


def _finite(log: bool, *values: float | None) -> Iterator[float]:
    """Yield the values that have a place on the axis, transformed."""
    for value in values:
        if value is not None and math.isfinite(value) and not (log and value <= 0):
            yield math.log(value) if log else value
