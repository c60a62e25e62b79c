"""Results as text for a terminal: tables round, values never do."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import zip_longest
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from hcckb.measures import ABBREVIATIONS, OF_ONE_ARM
from hcckb.reproduced import VERDICTS
from hcckb.terms import compact

if TYPE_CHECKING:
    from hcckb.analysis.rounding import Rounding
    from hcckb.audit import Finding as AuditFinding
    from hcckb.candidates import EvidenceRow
    from hcckb.cards import Card
    from hcckb.checks import Finding
    from hcckb.evidence import EvidenceTable
    from hcckb.queries import NamedQuery
    from hcckb.reproduced import Reproduced
    from hcckb.results import PooledResult, PooledRow
    from hcckb.selection import FlowStep
    from hcckb.store import Solutions, Store

DISCLAIMER = "Research tool, not medical advice."
_SHORT = {
    "overall-survival": "OS",
    "progression-free-survival": "PFS",
    "time-to-progression": "TTP",
    "objective-response": "ORR",
    "disease-control": "DCR",
}
# A number with more decimals than this was computed, not printed.
MOST_DECIMALS = 6


def grid(rows: Iterable[Sequence[object]], headers: Sequence[str]) -> str:
    """Lay out rows under headers; numbers come formatted."""
    cells = [["" if c is None else str(c).strip() for c in row] for row in rows]
    lines = [line for row in cells for line in zip_longest(*(c.split("\n") for c in row), fillvalue="")]
    columns = zip(*lines, strict=True) if lines else [()] * len(headers)
    widths = [max([_width(h) + 2, *map(_width, c)]) for h, c in zip(headers, columns, strict=True)]
    return "\n".join(
        "  ".join(c + " " * (w - _width(c)) for c, w in zip(line, widths, strict=True)).rstrip()
        for line in (headers, ["-" * w for w in widths], *lines)
    )


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: wide characters two, those that combine none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def p_text(p: float) -> str:
    """Write a p-value as journals do: three decimals, a bound below 0.001.

    >>> p_text(0.00004), p_text(0.0449)
    ('p < 0.001', 'p = 0.045')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def ratio_text(value: float | None, lower: float | None, upper: float | None) -> str:
    """Write a value with its interval, two decimals.

    >>> ratio_text(0.58, 0.42, 0.79)
    '0.58 (0.42 to 0.79)'
    """
    if value is None:
        return "not reported"
    if lower is None or upper is None:
        return f"{value:.2f}"
    return f"{value:.2f} ({lower:.2f} to {upper:.2f})"


def evidence_text(table: EvidenceTable) -> str:
    """Write an evidence table with its sources, and what was passed over."""
    headers = ("Study", "Year", "Arms", "n", "Endpoint", "Value (interval)", "Level", "Source", "Place")
    parts = [grid((_evidence_cells(r) for r in table.rows), headers)]
    parts += [f"\n{len(table)} estimates; {len(table.passed_over)} read and passed over (see --format json)."]
    parts += [f"Note: {w}" for w in table.warnings]
    return "\n".join(parts)


def digits_text(row: EvidenceRow) -> str:
    """Write a value and its interval with the decimals of its report, at least two; computed ones with three."""
    numbers = [x for x in (row.value, row.ci_lower, row.ci_upper) if x is not None]
    decimals = max([2, *(len(f"{x!r}".partition(".")[2]) for x in numbers)])
    if len(numbers) < 3:
        return row.as_printed
    if decimals > MOST_DECIMALS:
        decimals = 3
    return "{:.{d}f} ({:.{d}f} to {:.{d}f})".format(*numbers, d=decimals)


def _evidence_cells(row: EvidenceRow) -> tuple[object, ...]:
    mark = " *" if row.resolution else ""
    return (
        row.study,
        row.year,
        f"{row.experimental} vs {row.comparator}",
        sizes_text(row),
        _SHORT.get(row.endpoint, row.endpoint),
        digits_text(row) + mark,
        "" if row.ci_level is None else f"{100 * row.ci_level:g} %",
        row.source,
        textwrap.shorten(row.locator, 44, placeholder=" …"),
    )


def sizes_text(row: EvidenceRow | PooledRow) -> str:
    """Write the sizes of both arms, or of the only one; a size that is not known is a question mark."""
    if isinstance(row.n_experimental, int) and row.n_comparator is None and not row.comparator:
        return str(row.n_experimental)
    return f"{row.n_experimental or '?'}/{row.n_comparator or '?'}"


def pooled_text(result: PooledResult, rounding: Rounding | None = None) -> str:
    """Write a pooled result: rows with weights, the pooled line, heterogeneity, other models, what was left out."""
    short = ABBREVIATIONS.get(result.measure, result.measure)
    headers = ("Study", "Year", "Arms", "n", f"{short} (interval)", "Weight", "Source")
    lines = [grid((_pooled_cells(r) for r in result.rows), headers), ""]
    lines += [_headline(result, short), _heterogeneity(result)]
    if rounding is not None:
        lines.append(_rounding(rounding, short))
    if result.beside:
        lines += ["", "The same estimates under other models:"]
        lines += [_beside(result), *textwrap.wrap(disagreement(result), 108, subsequent_indent="  ")]
    lines += _left_out(result)
    lines += [f"Note: {w}" for w in result.warnings]
    lines += ["", _footer(result)]
    return "\n".join(lines)


def _pooled_cells(row: PooledRow) -> tuple[object, ...]:
    level = "" if row.ci_level == 0.95 else f" [{100 * row.ci_level:g} %]"
    text = ratio_text(row.value, row.ci_lower, row.ci_upper) + level + (" *" if row.resolution else "")
    arms = f"{row.experimental} vs {row.comparator}" if row.experimental else ""
    return row.study, row.year, arms, sizes_text(row), text, f"{100 * row.weight:.1f} %", row.source


def model_text(model: str, tau2_method: str | None, ci_method: str) -> str:
    """Name a model in words."""
    interval = {
        "wald": "Wald",
        "hksj": "Hartung-Knapp",
        "hksj-guarded": "guarded Hartung-Knapp",
        "kenward-roger": "Kenward-Roger",
    }[ci_method]
    if model == "common":
        return f"common effect, inverse variance, {interval} interval"
    if tau2_method is None:
        return f"common effect, {model.replace('-', ' ').title().replace(' ', '-')}, {interval} interval"
    return f"random effects, {tau2_method}, {interval} interval"


def _headline(result: PooledResult, short: str) -> str:
    what = f"{_SHORT.get(result.endpoint, result.endpoint)} {short}".strip()
    level = f"{100 * result.level:g} % CI"
    model = model_text(result.model, result.tau2_method, result.ci_method)
    return (
        f"{what} = {result.estimate:.3f} ({level} {result.ci_lower:.3f} to {result.ci_upper:.3f})"
        f"{_tested(result)}; {model}; k = {result.k}, n = {result.n or 'not known'}"
    )


def _rounding(found: Rounding, short: str) -> str:
    moved = f"{found.estimate_lower:.3f} to {found.estimate_upper:.3f}"
    return f"Rounding of the printed numbers moves the pooled {short} within {moved}."


def _tested(result: PooledResult) -> str:
    """Write the P value of no effect, which single arms have not."""
    return "" if result.measure in OF_ONE_ARM else f", {p_text(result.p_value)}"


def _heterogeneity(result: PooledResult) -> str:
    if result.k < 2:
        return "One study: heterogeneity cannot be estimated."
    tau2 = f"tau2 = {result.tau2:.4f}"
    if result.tau2_lower is not None and result.tau2_upper is not None:
        tau2 += f" ({result.tau2_lower:.4f} to {result.tau2_upper:.4f})"
        if result.tau2_interval not in (None, "q-profile"):
            tau2 += f" by {result.tau2_interval}"
    text = f"Heterogeneity: Q = {result.q:.2f} (df = {result.df}, {p_text(result.q_p_value)}), "
    text += f"I2 = {100 * result.i2:.0f} %, {tau2}"
    if result.prediction_lower is not None:
        text += f"\n{100 * result.level:g} % prediction interval: "
        text += f"{result.prediction_lower:.3f} to {result.prediction_upper:.3f}"
    return text


def _beside(result: PooledResult) -> str:
    rows = [
        (
            s.label,
            f"{s.estimate:.3f} ({s.ci_lower:.3f} to {s.ci_upper:.3f})",
            p_text(s.p_value).removeprefix("p = ").removeprefix("p "),
            f"{s.tau2:.4f}",
        )
        for s in result.beside
    ]
    return grid(rows, ("Model", "Estimate (interval)", "p", "tau2"))


def models_apart(result: PooledResult) -> tuple[list[str], list[str]]:
    """Name the models whose interval excludes no effect, and those whose interval includes it, the main one first.

    Both are empty where no effect has no meaning.
    """
    if result.measure in OF_ONE_ARM:
        return [], []
    null = 1.0 if result.scale == "log" else 0.0
    asked = model_text(result.model, result.tau2_method, result.ci_method).removesuffix(" interval")
    intervals = [(f"{asked} (above)", result.ci_lower, result.ci_upper)]
    intervals += [(s.label, s.ci_lower, s.ci_upper) for s in result.beside]
    excluding = [label for label, low, high in intervals if not low <= null <= high]
    return excluding, [label for label, low, high in intervals if low <= null <= high]


def disagreement(result: PooledResult) -> str:
    """Say that the interval excludes no effect under some models only; nothing where the models agree."""
    excluding, including = models_apart(result)
    if not excluding or not including:
        return ""
    null = 1 if result.scale == "log" else 0
    return (
        f"The models disagree: the {100 * result.level:g} % interval excludes no effect ({null}) under "
        f"{'; '.join(excluding)}. It includes it under {'; '.join(including)}."
    )


def _left_out(result: PooledResult) -> list[str]:
    if not result.dropped:
        return []
    pooled = {r.study for r in result.rows}
    groups: dict[str, set[str]] = {}
    last = {d.study: d.step or d.reason for d in result.dropped if d.study not in pooled}
    for study, reason in last.items():
        groups.setdefault(reason, set()).add(study)
    lines = ["", f"Read and passed over: {len(result.dropped)} estimates of the selected contrasts (see -f json)."]
    for reason, studies in sorted(groups.items()):
        text = f"Nothing left after the step {reason!r}: {', '.join(sorted(studies, key=str.casefold))}"
        lines += textwrap.wrap(text, 108, initial_indent="  ", subsequent_indent="    ")
    return lines


def _footer(result: PooledResult) -> str:
    told = result.provenance
    base = [f"kb {told['kb_version']}", f"query {told['query']}"] if told.get("kb_version") else [told.get("query", "")]
    parts = [*base, f"hcckb {told.get('software_version', '?')}"]
    return " · ".join([*parts, DISCLAIMER])


def flow_text(steps: Sequence[FlowStep]) -> str:
    """Write a selection flow: what remains after each step, and which studies it removed, with the reason."""
    lines = []
    for step in steps:
        lines.append(f"{len(step.remaining):4d}  {step.title}")
        reasons: dict[str, list[str]] = {}
        for study, reason in step.removed:
            reasons.setdefault(reason, []).append(study)
        for reason, studies in sorted(reasons.items()):
            text = f"- {len(studies)} left ({reason}): {', '.join(studies)}"
            lines += textwrap.wrap(text, 108, initial_indent="        ", subsequent_indent="          ")
    lines += ["", "Remaining: " + (", ".join(steps[-1].remaining) or "none")]
    return "\n".join(lines)


def why_text(study: str, walked: Sequence[tuple[FlowStep, str, bool]]) -> str:
    """Write each step that a study passed or failed, with the value that decided."""
    rows = [("passed" if passed else "FAILED", step.title, value) for step, value, passed in walked]
    last, value, passed = walked[-1]
    verdict = f"{study} is in." if passed else f"{study} is out at {last.title!r}: {value or 'not stated'}."
    return grid(rows, ("", "Step", "Value that decided")) + "\n\n" + verdict


def card_text(card: Card) -> str:
    """Write a node's card."""
    lines = [f"{card.name}  ({', '.join(card.types)})", card.iri, ""]
    width = max((len(p) for p, _ in card.properties), default=0)
    lines += [f"  {name:<{width}}  {value}" for name, value in card.properties]
    for kind, names in card.linked:
        lines += ["", f"{kind} ({len(names)})"] + [f"  {n}" for n in names]
    return "\n".join(lines)


def queries_text(queries: Iterable[NamedQuery]) -> str:
    """List the named queries with parameters and examples."""
    lines = []
    for query in queries:
        lines.append(f"{query.name}  [{query.kind}]")
        lines.append(f"    {query.title}")
        for p in query.parameters:
            lines.append(f"    --param {p.name}={p.example}" + ("" if p.required else "  (optional)"))
    return "\n".join(lines)


def solutions_text(store: Store, solutions: Solutions) -> str:
    """Write the rows of a query, nodes by their names."""
    rows = [[_term_text(store, row[v]) for v in solutions.variables] for row in solutions]
    return grid(rows, solutions.variables) + f"\n\n{len(rows)} rows"


def _term_text(store: Store, term: object) -> str:
    value = getattr(term, "value", "")
    if not value.startswith("http"):
        return str(value)
    label = store.label(value)
    return label if len(label) <= 60 else compact(value)


def pooled_records(groups: Iterable[tuple[str, PooledResult]]) -> tuple[list[dict[str, object]], list[str]]:
    """Give one flat record per pooled result, with its columns; the first column is the group."""
    records = [{"group": name, **_scalars(result)} for name, result in groups]
    return records, list(records[0])


def _scalars(result: PooledResult) -> dict[str, object]:
    """Give the fields that hold one number or word."""
    several = {"rows", "beside", "dropped", "warnings", "provenance"}
    return {f.name: getattr(result, f.name) for f in fields(result) if f.name not in several}


def reproduction_text(found: Sequence[Reproduced]) -> str:
    """Write published against recomputed, number by number, with reasons under the table."""
    headers = ("Endpoint", "Statistic", "Printed", "Recomputed", "Verdict", "Computed as", "Printed in")
    rows = [(r.endpoint, r.statistic, r.printed, _recomputed(r), r.verdict, r.form, r.locator) for r in found]
    parts = []
    for name in dict.fromkeys(r.synthesis for r in found):
        mine = [row for row, r in zip(rows, found, strict=True) if r.synthesis == name]
        verdicts = Counter(r.verdict for r in found if r.synthesis == name)
        told = ", ".join(f"{n} {v}" for v, n in sorted(verdicts.items(), key=lambda pair: VERDICTS.index(pair[0])))
        parts += [name, "", grid(mine, headers), "", f"{len(mine)} printed numbers: {told}.", ""]
    for r in found:
        if r.verdict in ("differs", "match in another form"):
            reason = r.reason or "no reason is recorded yet"
            text = f"{r.endpoint}, {r.statistic} ({r.source}, {r.locator}): {reason}"
            parts += textwrap.wrap(text, 108, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(parts)


def _recomputed(row: Reproduced) -> str:
    return "" if row.recomputed is None else f"{row.recomputed:.5g}"


def findings_text(findings: Sequence[Finding]) -> str:
    """Write what `hcckb check` found, worst first, one paragraph each."""
    parts = []
    for f in findings:
        if f.severity == "info":
            continue
        place = f"{f.file}: " if f.file else ""
        text = f"{f.severity}: {place}{f.label} [{f.rule}] {f.problem} {f.value}. {f.fix}"
        parts += textwrap.wrap(text, 108, subsequent_indent="  ")
    counts = [f"{sum(f.severity == s for f in findings)} {s}" for s in ("error", "warning", "info")]
    return "\n".join([*parts, ", ".join(counts)])


def audit_text(findings: Sequence[AuditFinding]) -> str:
    """Write what `hcckb audit` found, gravest first: the computation, where it stands, what a curator decided."""
    parts = []
    for f in findings:
        parts.append(f"{f.severity}: {f.title} [{f.rule}] {', '.join(f.studies)} ({', '.join(f.sources)})")
        parts += textwrap.wrap(f.computation, 106, initial_indent="    ", subsequent_indent="    ")
        judged = f"resolved: {f.resolution_reason}" if f.resolution else "no resolution yet"
        parts += textwrap.wrap(judged, 106, initial_indent="    ", subsequent_indent="      ")
    kinds = Counter(f.severity for f in findings)
    counts = ", ".join(f"{kinds[s]} {s}" for s in ("decides", "misleads", "cosmetic"))
    resolved = sum(f.resolution is not None for f in findings)
    return "\n".join([*parts, f"{len(findings)} findings: {counts}; {resolved} with a curator's resolution."])
