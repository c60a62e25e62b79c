"""A network meta-analysis as text and as a league table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from hcckb.analysis.network_results import ComponentEffect, ComponentResult, NetworkResult, NetworkRow
from hcckb.measures import ABBREVIATIONS
from hcckb.results import Dropped
from hcckb.text.tables import DISCLAIMER, grid, p_text

WIDTH = 108
_MEASURES = {**ABBREVIATIONS, "generic": "Estimate"}
_CAUTION = (
    "P-scores rank by certainty, not by size of effect, and take the patients of all trials to be alike; trials of "
    "different years, populations and comparators are not. A higher score alone is no reason to prefer a treatment."
)
_ADDITIVE = (
    "Effects of components are taken to add up, without interaction. Q difference tests that against the network "
    "itself; a small p speaks against the sums above."
)


def network_text(result: NetworkResult) -> str:
    """Write a network: treatments against the reference, heterogeneity, direct and indirect evidence, what was left."""
    short = _MEASURES.get(result.measure, result.measure)
    level = f"{100 * result.level:g} % CI"
    lines = [result.title, "", *_against(result, f"{short} vs {result.reference} ({level})"), "", _model(result)]
    lines += _heterogeneity(result)
    lines += _designs(result)
    lines += _consistency(result, short)
    lines += _derived(result, short)
    lines += _left_out(result.rows, result.dropped)
    lines += ["", *_folded(_CAUTION)]
    for warning in result.warnings:
        lines += _folded(f"Note: {warning}")
    return "\n".join([*lines, "", _origin(result.provenance)])


def _origin(told: Mapping[str, str]) -> str:
    kb = f"kb {told['kb_version']}" if told["kb_version"] else ""
    query = f"query {told['query']}" if told["kb_version"] else told["query"]
    return " · ".join(p for p in (kb, query, f"hcckb {told['software_version']}", DISCLAIMER) if p)


def components_text(result: ComponentResult) -> str:
    """Write an additive network: what each component adds, the treatments, the test of additivity."""
    short = _MEASURES.get(result.measure, result.measure)
    level = f"{100 * result.level:g} % CI"
    lines = [result.title, ""]
    for what, effects in (("Component", result.components), ("Treatment", result.treatments)):
        lines += [grid([_effect_cells(e) for e in effects], (what, f"{short} ({level})", "p")), ""]
    model = "common effect" if result.model == "common" else f"random effects, {result.tau2_method}"
    against = f"without effect: {result.inactive}" if result.inactive else "no component is without effect"
    parts = "" if result.parts == 1 else f" in {result.parts} parts"
    lines += _folded(
        f"{len(result.treatments)} treatments{parts} of {len(result.components)} components, {against}; "
        f"{result.k} {'study' if result.k == 1 else 'studies'}; {model}, Wald interval"
    )
    tests = (
        ("additive", result.q_additive, result.q_additive_df, result.q_additive_p_value),
        ("standard", result.q_standard, result.q_standard_df, result.q_standard_p_value),
        ("difference", result.q_difference, result.q_difference_df, result.q_difference_p_value),
    )
    told = [f"{name} {q:.2f} (df = {df}" + (")" if p is None else f", {p_text(p)})") for name, q, df, p in tests]
    tau2 = "" if result.tau2 is None else f"; tau2 = {result.tau2:.4f}"
    lines += _folded(f"Q: {'; '.join(told)}{tau2}")
    lines += _left_out(result.rows, result.dropped)
    lines.append("")
    lines += _folded(_ADDITIVE)
    for warning in result.warnings:
        lines += _folded(f"Note: {warning}")
    return "\n".join([*lines, "", _origin(result.provenance)])


def component_records(result: ComponentResult) -> tuple[list[dict[str, object]], list[str]]:
    """Give one record per component and per treatment; `kind` tells them apart."""
    columns = ["kind", "name", "estimate", "ci_lower", "ci_upper", "analysis_estimate", "se", "p_value"]
    effects = [("component", e) for e in result.components] + [("treatment", e) for e in result.treatments]
    return [{"kind": kind} | {c: getattr(e, c) for c in columns[1:]} for kind, e in effects], columns


def _effect_cells(effect: ComponentEffect) -> tuple[str, str, str]:
    if effect.estimate is None or effect.ci_lower is None or effect.ci_upper is None or effect.p_value is None:
        return effect.name, "not determined", ""
    if effect.se == 0:
        return effect.name, "reference", ""
    return effect.name, _cell(effect.estimate, effect.ci_lower, effect.ci_upper), _p(effect.p_value)


def league_records(results: Sequence[NetworkResult]) -> tuple[list[dict[str, str]], list[str]]:
    """Give the league table: each cell is its row's treatment against its column's; empty across separate parts.

    Returns
    -------
    records, columns
        One record per treatment; the columns are "treatment" and the treatments, the best P-score first.
    """
    names = [name for result in results for name in _ranked(result)]
    cells = {(r.treatment1, r.treatment2): r for result in results for r in result.relative}
    records = []
    for one in names:
        record = {"treatment": one}
        for other in names:
            found = cells.get((one, other))
            record[other] = "" if found is None else _cell(found.estimate, found.ci_lower, found.ci_upper)
        records.append(record)
    return records, ["treatment", *names]


def _ranked(result: NetworkResult) -> list[str]:
    return sorted(result.treatments, key=lambda name: (-result.p_scores[name], name.casefold()))


def _cell(estimate: float, lower: float, upper: float) -> str:
    return f"{estimate:.3f} ({lower:.3f} to {upper:.3f})"


def _p(p: float) -> str:
    return p_text(p).removeprefix("p = ").removeprefix("p ")


def _against(result: NetworkResult, heading: str) -> Iterable[str]:
    """Write each treatment against the reference, the best P-score first."""
    found = {r.treatment1: r for r in result.against(result.reference)}
    rows = []
    for name in _ranked(result):
        r = found.get(name)
        trials = sum(name in (row.treatment1, row.treatment2) for row in result.rows)
        shown = "reference" if r is None else _cell(r.estimate, r.ci_lower, r.ci_upper)
        p = "" if r is None else _p(r.p_value)
        new = "" if r is None or r.prediction_lower is None else f"{r.prediction_lower:.3f} to {r.prediction_upper:.3f}"
        rows.append((name, trials, shown, p, new, f"{result.p_scores[name]:.2f}"))
    header = ("Treatment", "Contrasts", heading, "p", "Prediction", "P-score")
    if not any(row[4] for row in rows):
        rows, header = [(*row[:4], row[5]) for row in rows], (*header[:4], header[5])  # type: ignore[misc, assignment]
    yield grid(rows, header)


def _model(result: NetworkResult) -> str:
    model = "common effect" if result.model == "common" else f"random effects, {result.tau2_method}"
    good = "small" if result.small_is_good else "large"
    studies = "1 study" if result.k == 1 else f"{result.k} studies"
    contrasts = "1 contrast" if len(result.rows) == 1 else f"{len(result.rows)} contrasts"
    size = f"{len(result.treatments)} treatments, {studies}, {contrasts}"
    return f"{size}; {model}, Wald interval; P-scores: {good} values are good"


def _heterogeneity(result: NetworkResult) -> list[str]:
    if result.i2 is None:
        return ["No degrees of freedom: heterogeneity and inconsistency cannot be estimated."]
    parts = (
        ("Q", result.q_total, result.q_total_df, result.q_total_p_value),
        ("within designs", result.q_within, result.q_within_df, result.q_within_p_value),
        ("between designs", result.q_between, result.q_between_df, result.q_between_p_value),
    )
    tests = [f"{name} = {q:.2f} (df = {df}" + (")" if p is None else f", {p_text(p)})") for name, q, df, p in parts]
    tau2 = "" if result.tau2 is None else f", tau2 = {result.tau2:.4f}"
    return _folded(f"Heterogeneity: {'; '.join(tests)}; I2 = {100 * result.i2:.0f} %{tau2}")


def _designs(result: NetworkResult) -> Iterable[str]:
    """Write Q by design where designs can disagree."""
    if not result.q_between_df or result.q_interaction_p_value is None:
        return
    rows = []
    for d in sorted(result.designs, key=lambda d: -d.q_between):
        within = "" if not d.q_within_df else f"{d.q_within:.2f} ({d.q_within_df})"
        left = "" if d.detached_q is None else f"{d.detached_q:.2f} ({d.detached_df})"
        p = "" if d.detached_p_value is None else _p(d.detached_p_value)
        rows.append((" : ".join(d.treatments), d.k, within, f"{d.q_between:.2f}", left, p))
    yield ""
    yield "Designs: Q within (df), share of Q between, and Q between left when the design is detached (df, p):"
    yield grid(rows, ("Design", "k", "Within", "Between", "Detached", "p"))
    yield from _folded(
        f"Between designs at the heterogeneity within them (tau2 = {result.tau2_within:.4f}): "
        f"Q = {result.q_interaction:.2f} (df = {result.q_interaction_df}, {p_text(result.q_interaction_p_value)})"
    )


def _derived(result: NetworkResult, short: str) -> Iterable[str]:
    """Write the contrasts that studies with several arms did not give."""
    for d in result.derived:
        pair = f"{d.treatment1} vs {d.treatment2}"
        yield from _folded(f"Derived: {d.study}, {pair}: {short} {d.estimate:.3f}, standard error {d.se:.3f}.")


def _consistency(result: NetworkResult, short: str) -> Iterable[str]:
    """Write direct beside indirect evidence where a comparison has both."""
    rows = []
    for c in result.comparisons:
        if c.indirect is None or c.indirect_lower is None or c.indirect_upper is None or c.p_value is None:
            continue
        cells = (_cell(c.direct, c.direct_lower, c.direct_upper), _cell(c.indirect, c.indirect_lower, c.indirect_upper))
        pair = f"{c.treatment1} vs {c.treatment2}"
        rows.append((pair, c.k, *cells, f"{100 * c.proportion:.0f} %", _p(c.p_value)))
    if not rows:
        return
    yield ""
    yield "Direct and indirect evidence; p of their agreement:"
    yield grid(rows, ("Comparison", "k", f"Direct {short}", f"Indirect {short}", "Direct share", "p"))


def _left_out(kept: Sequence[NetworkRow], dropped: Sequence[Dropped]) -> list[str]:
    """Write the studies of which nothing came in, by the step at which the last of their estimates left."""
    if not dropped:
        return []
    inside = {r.study for r in kept}
    last = {d.study: d.reason.partition(":")[0] for d in dropped if d.study not in inside}
    lines = ["", f"Read and passed over: {len(dropped)} estimates of the selected contrasts (see -f json)."]
    for reason in sorted(set(last.values())):
        studies = sorted((s for s, r in last.items() if r == reason), key=str.casefold)
        text = f"Nothing left after the step {reason!r}: {', '.join(studies)}"
        lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")
