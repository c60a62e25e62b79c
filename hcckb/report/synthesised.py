"""Sections on the synthesis: pooled result, absolute effects, sensitivity, small-study effects."""

from __future__ import annotations

from collections.abc import Sequence

from hcckb.analysis.absolute import AbsoluteEffects
from hcckb.analysis.bias import filled_in
from hcckb.analysis.bias_rows import BiasTest
from hcckb.analysis.certainty import Certainty
from hcckb.analysis.rounding import rounding
from hcckb.analysis.sensitivity import Sensitivity, UpToStudy, WithoutStudy
from hcckb.measures import OF_ONE_ARM
from hcckb.plots.forest import forest_svg
from hcckb.plots.funnel import funnel_svg
from hcckb.report.blocks import Block, Figure, Paragraph, Section, Table
from hcckb.report.words import agreement, answer, interval
from hcckb.results import PooledResult
from hcckb.text.absolute import needed_text
from hcckb.text.tables import p_text


def headline(result: PooledResult) -> Section:
    """Say the result, and whether it hangs on the model."""
    blocks: list[Block] = [Paragraph(answer(result), "strong")]
    if agreement(result):
        blocks.append(Paragraph(agreement(result)))
    if result.prediction_lower is not None and result.prediction_upper is not None:
        spread = f"{result.prediction_lower:.3f} and {result.prediction_upper:.3f}"
        blocks.append(Paragraph(f"In a new study the effect would lie between {spread} (prediction interval)."))
    return Section("Answer", blocks)


def pooled(result: PooledResult) -> Section:
    """Show the forest plot, the same estimates under other models, and the heterogeneity."""
    blocks: list[Block] = [Figure("forest", forest_svg(result), f"Forest plot: {result.title}")]
    if result.beside:
        tested = result.measure not in OF_ONE_ARM
        rows = [
            (m.label, interval(m.estimate, m.ci_lower, m.ci_upper), _p(m.p_value if tested else None), f"{m.tau2:.4f}")
            for m in result.beside
        ]
        headers = ("Model", "Estimate (interval)", "P", "tau2")
        blocks.append(Table(headers, rows, "The same estimates under other models", frozenset({3})))
    if result.k > 1:
        blocks.append(Table(("Heterogeneity", ""), _heterogeneity(result), numeric=frozenset({1})))
    moved = rounding(result)
    if moved is not None:
        reach = f"{moved.estimate_lower:.3f} to {moved.estimate_upper:.3f}"
        blocks.append(Paragraph(f"Rounding of the printed numbers moves the pooled estimate within {reach}."))
    blocks += [Paragraph(w, "note") for w in result.warnings]
    return Section("Pooled result", blocks)


def absolute(found: AbsoluteEffects) -> Section:
    """Show what the effect means for patients at several baselines."""
    rows = []
    for row in found.rows:
        medians = ""
        if row.median_experimental is not None:
            medians = f"{row.median_comparator:.1f} against {row.median_experimental:.1f} months"
        rows.append(
            (
                row.baseline.label,
                "" if row.months is None else f"{row.months:g}",
                f"{1000 * row.risk_comparator:.0f}",
                f"{1000 * row.risk_experimental:.0f} ({1000 * row.risk_experimental_lower:.0f} to "
                f"{1000 * row.risk_experimental_upper:.0f})",
                needed_text(row, event_is_good=found.event_is_good),
                medians,
            )
        )
    headers = ("Baseline", "Months", "Of 1,000, comparator", "Of 1,000, experimental", "Number needed", "Median")
    told = "Patients of 1,000 with the event; B is for one who benefits, H for one who is harmed."
    blocks: list[Block] = [Table(headers, rows, told, frozenset({1, 2}))]
    return Section("Absolute effects", [*blocks, *(Paragraph(n, "note") for n in found.notes)])


def certainty(found: Certainty) -> Section:
    """Show a person's ratings beside the numbers that inform them."""
    rows = []
    for item in found.information:
        rated = found.domains.get(item.domain)
        words = f"{rated.rating}: {rated.reason}" if rated else "not rated"
        rows.append((item.domain.replace("_", " "), words, item.text))
    told = f"Certainty: {found.certainty}. Ratings are entered by a person; the numbers are computed."
    return Section("Certainty", [Paragraph(told), Table(("Domain", "Rating", "What informs it"), rows)])


def sensitivity(
    left_out: Sensitivity[WithoutStudy], up_to: Sensitivity[UpToStudy] | None, undated: Sequence[str] = ()
) -> Section:
    """Show the result without each study, and as studies came in; `undated` studies have no year to enter by."""
    tested = left_out.pooled.measure not in OF_ONE_ARM
    rows = [
        (
            f"{r.study}{' *' if r.influential else ''}",
            interval(r.estimate, r.ci_lower, r.ci_upper),
            _p(r.p_value if tested else None),
            f"{100 * r.i2:.0f} %",
            f"{r.cook_distance:.3f}",
            f"{r.rstudent:.2f}",
        )
        for r in left_out.rows
    ]
    headers = ("Left out", "Estimate (interval)", "P", "I2", "Cook", "rstudent")
    blocks: list[Block] = [Table(headers, rows, "Without each study; * marks influence", frozenset({3, 4, 5}))]
    if up_to is not None:
        entered = [
            (
                f"{r.study} ({r.year})",
                str(r.k),
                interval(r.estimate, r.ci_lower, r.ci_upper),
                _p(r.p_value if tested else None),
            )
            for r in up_to.rows
        ]
        blocks.append(Table(("Up to", "k", "Estimate (interval)", "P"), entered, "As studies came in", frozenset({1})))
    notes = dict.fromkeys((*left_out.notes, *(up_to.notes if up_to else ())))
    if undated:
        notes[f"Not shown as studies came in: no year of {', '.join(undated)} is known."] = None
    return Section("Sensitivity", [*blocks, *(Paragraph(n, "note") for n in notes)])


def small_studies(result: PooledResult, found: Sensitivity[BiasTest]) -> Section:
    """Show the funnel plot, the tests of asymmetry and the adjusted estimates."""
    rows = [_test(r) for r in found.rows]
    headers = ("Method", "Form", "Tests", "P", "P one-sided", "Adjusted estimate (interval)", "")
    blocks: list[Block] = [
        Figure("funnel", funnel_svg(result, filled=filled_in(result)), f"Funnel plot: {result.title}"),
        Table(headers, rows, numeric=frozenset({3, 4})),
    ]
    return Section("Small-study effects", [*blocks, *(Paragraph(n, "note") for n in found.notes)])


def _test(row: BiasTest) -> tuple[str, ...]:
    adjusted = ""
    if row.estimate is not None and row.ci_lower is not None and row.ci_upper is not None:
        adjusted = interval(row.estimate, row.ci_lower, row.ci_upper)
    told = row.note
    if row.k0 is not None:
        told = f"{row.k0} filled"
    elif row.number is not None:
        told = f"{row.number} studies, {row.note}"
    return row.method, row.form, row.tests, _p(row.p_value), _p(row.p_value_one_sided), adjusted, told


def _p(value: float | None) -> str:
    return "" if value is None else p_text(value).removeprefix("p = ").removeprefix("p ")


def _heterogeneity(result: PooledResult) -> Sequence[tuple[str, str]]:
    tau2 = f"{result.tau2:.4f}"
    if result.tau2_lower is not None and result.tau2_upper is not None:
        tau2 += f" ({result.tau2_lower:.4f} to {result.tau2_upper:.4f})"
    rows = [
        ("Cochran's Q", f"{result.q:.2f}, df = {result.df}, {p_text(result.q_p_value)}"),
        ("I2", f"{100 * result.i2:.1f} %"),
        ("tau2 (Q-profile interval)", tau2),
    ]
    if result.prediction_lower is not None:
        rows.append(("Prediction interval", f"{result.prediction_lower:.3f} to {result.prediction_upper:.3f}"))
    return rows
