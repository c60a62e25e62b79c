"""Forest plots by group: the studies of each group with its diamond, all of them below, as SVG."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hcckb.plots import style
from hcckb.plots.footer import draw_footer
from hcckb.plots.forest import draw_headings, draw_reference_lines, draw_rows
from hcckb.plots.forest_axis import draw_axis
from hcckb.plots.forest_layout import ROW_HEIGHT, ForestLayout, ForestOptions, forest_layout
from hcckb.plots.forest_marks import draw_diamond
from hcckb.plots.forest_summary import draw_cell, draw_summary, summary_height, summary_rows
from hcckb.plots.lettering import one_line, shorten
from hcckb.plots.svg import Canvas, draw_title
from hcckb.plots.wording import figure_title, p_value, percent, sentence_case, variance
from hcckb.results import ModelSummary

if TYPE_CHECKING:
    from hcckb.analysis.subgroup import Group, SubgroupResult

_SIZE = style.TEXT_SIZE
_AIR = 6.0
_DEFAULTS = ForestOptions()


def subgroup_forest_svg(found: SubgroupResult, options: ForestOptions | None = None) -> str:
    """Draw a forest plot with its studies by group.

    Each group has its name, its studies, and a thin diamond with its heterogeneity; the diamond and prediction
    interval of all studies follow. The test of the difference stands in the footer. Weights are shares of all.

    Parameters
    ----------
    found : SubgroupResult
        What subgroup analysis gave.
    options : ForestOptions, optional
        Title, axis, words under the axis, links; other models are never shown.

    Returns
    -------
    str
        An SVG document; equal input gives equal bytes.

    Raises
    ------
    UsageError
        If the ends of the axis in `options` cannot be.
    """
    options = replace(options or _DEFAULTS, show_beside=False)
    result = found.pooled
    layout = forest_layout(result, options)
    title = options.title or f"{figure_title(result)}, by {found.by}"
    canvas = Canvas(f"Forest plot: {title}", f"{result.k} estimates in {len(found.groups)} groups. {between(found)}")
    y = draw_title(canvas, title, layout.width)
    top = draw_headings(canvas, layout, y)
    summary = summary_rows(result, layout, options)
    rows_end = top + sum(text.height for text in layout.rows) + len(found.groups) * (2 * ROW_HEIGHT + _AIR) + 3
    bottom = rows_end + summary_height(summary) + 3
    draw_reference_lines(canvas, result, layout, (top, rows_end, bottom))
    y, first = top, 0
    for group in found.groups:
        y = _draw_group(canvas, found, layout, group, (y, first))
        first += group.k
    canvas.line(style.MARGIN, rows_end, layout.width - style.MARGIN, rows_end, stroke=style.FAINT)
    draw_summary(canvas, result, layout, summary, rows_end)
    y = draw_axis(canvas, result, layout, options, bottom)
    notes = (between(found), *(f"Note: {note}" for note in found.notes), *layout.footnotes.lines())
    height = draw_footer(canvas, result, notes, y + 24, layout.width)
    return canvas.to_svg(layout.width, height)


def between(found: SubgroupResult) -> str:
    """Write the test of the difference between the groups in a sentence."""
    chi2 = f"Q = {found.q_between:.2f} (df = {found.q_between_df}, {p_value(found.q_between_p_value)})"
    shared = "; one τ² for all groups" if found.common_tau2 else ""
    if found.f_between is None or found.f_p_value is None:
        return f"Difference between groups: {chi2}{shared}."
    df2 = "∞" if found.f_df2 is None else f"{found.f_df2:.1f}"
    f_test = f"F = {found.f_between:.2f} (df = {found.f_df1}, {df2}; {p_value(found.f_p_value)})"
    return f"Difference between groups: {f_test}; as chi-squared {chi2}{shared}."


def _draw_group(
    canvas: Canvas, found: SubgroupResult, layout: ForestLayout, group: Group, start: tuple[float, int]
) -> float:
    """Draw one group: name, studies, diamond; return where the next begins."""
    y, first = start
    name = shorten(one_line(group.group), layout.label_width, _SIZE, bold=True)
    canvas.text(style.MARGIN, y + ROW_HEIGHT / 2 + _SIZE * 0.36, name, bold=True, name="group-name")
    y += ROW_HEIGHT
    part = slice(first, first + group.k)
    draw_rows(canvas, found.pooled, layout, y, part=part)
    y += sum(text.height for text in layout.rows[part])
    middle = y + ROW_HEIGHT / 2
    numbers = layout.numbers.estimate(_summary(group))
    with canvas.group("group", tooltip=f"{group.group}: {numbers}; {_spread(group)}"):
        canvas.hit_area(style.MARGIN, y, layout.width - 2 * style.MARGIN, ROW_HEIGHT)
        label = shorten(_spread(group), layout.label_width, style.SMALL_SIZE)
        canvas.text(style.MARGIN, middle + _SIZE * 0.36, label, size=style.SMALL_SIZE, name="group-label")
        draw_cell(canvas, layout, "n", f"{group.n:,}" if group.n is not None else "", middle, bold=False)
        draw_cell(canvas, layout, "effect", numbers, middle, bold=True)
        draw_cell(canvas, layout, "weight", percent(group.weight, 1), middle, bold=False)
        draw_diamond(canvas, layout.axis, _summary(group), middle, main=False)
    return y + ROW_HEIGHT + _AIR


def _spread(group: Group) -> str:
    if group.k == 1:
        return "One estimate"
    tau2 = f"τ² = {variance(group.tau2)}".replace("= <", "< ")
    return f"k = {group.k}; {tau2}, I² = {percent(group.i2, 0)}"


def _summary(group: Group) -> ModelSummary:
    """Return a group's result in the shape that diamonds and numbers are drawn from."""
    return ModelSummary(
        label=sentence_case(group.group),
        model="",
        tau2_method=None,
        ci_method=group.ci_method,
        estimate=group.estimate,
        ci_lower=group.ci_lower,
        ci_upper=group.ci_upper,
        p_value=group.p_value,
        tau2=group.tau2,
    )
