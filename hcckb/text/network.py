"""A network meta-analysis as text and as a league table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from hcckb.analysis.network_results import NetworkResult
from hcckb.text.tables import DISCLAIMER, grid, p_text

WIDTH = 108
_MEASURES = {"hazard-ratio": "HR", "odds-ratio": "OR", "risk-ratio": "RR"}
_CAUTION = (
    "P-scores rank by certainty, not by size of effect, and take the patients of all trials to be alike; trials of "
    "different years, populations and comparators are not. A higher score alone is no reason to prefer a treatment."
)


def network_text(result: NetworkResult) -> str:
    """Write a network: treatments against the reference, heterogeneity, direct and indirect evidence, what was left."""
    short = _MEASURES.get(result.measure, result.measure)
    level = f"{100 * result.level:g} % CI"
    lines = [result.title, "", *_against(result, f"{short} vs {result.reference} ({level})"), "", _model(result)]
    lines += _heterogeneity(result)
    lines += _consistency(result, short)
    lines += _left_out(result)
    lines += ["", *_folded(_CAUTION)]
    for warning in result.warnings:
        lines += _folded(f"Note: {warning}")
    told = result.provenance
    parts = [f"kb {told['kb_version']}", f"query {told['query']}", f"hcckb {told['software_version']}", DISCLAIMER]
    return "\n".join([*lines, "", " · ".join(parts)])


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
        rows.append((name, trials, shown, p, f"{result.p_scores[name]:.2f}"))
    yield grid(rows, ("Treatment", "Contrasts", heading, "p", "P-score"))


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


def _left_out(result: NetworkResult) -> list[str]:
    """Write the studies of which nothing came in, by the step at which the last of their estimates left."""
    if not result.dropped:
        return []
    inside = {r.study for r in result.rows}
    last = {d.study: d.reason.partition(":")[0] for d in result.dropped if d.study not in inside}
    lines = ["", f"Read and passed over: {len(result.dropped)} estimates of the selected contrasts (see -f json)."]
    for reason in sorted(set(last.values())):
        studies = sorted((s for s, r in last.items() if r == reason), key=str.casefold)
        text = f"Nothing left after the step {reason!r}: {', '.join(studies)}"
        lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")
