"""The report of a network, from the question to the code that recomputes it; a star goes through to the end."""

from __future__ import annotations

from hcckb.analysis.network_results import DirectIndirect, NetworkResult, NetworkRow
from hcckb.evidence import EvidenceTable
from hcckb.measures import ABBREVIATIONS
from hcckb.plots.network_forest import network_forest_svg
from hcckb.plots.network_funnel import adjusted_funnel_svg
from hcckb.plots.network_graph import graph_svg
from hcckb.plots.network_tiles import heat_svg, league_svg
from hcckb.plots.rankogram import rankogram_svg
from hcckb.records import to_csv
from hcckb.report import selected
from hcckb.report.blocks import Block, Code, Figure, Paragraph, Report, Section, Table
from hcckb.report.words import interval, plain
from hcckb.store import Store
from hcckb.text.tables import DISCLAIMER, p_text

_COLUMNS = ("study", "treatment1", "treatment2", "value", "ci_lower", "ci_upper", "ci_level", "te", "sete", "source")


def network_report(table: EvidenceTable, result: NetworkResult, store: Store | None = None) -> Report:
    """Gather everything about a network in one document.

    Parameters
    ----------
    table : EvidenceTable
        What the network was fitted to.
    result : NetworkResult
        The fit.
    store : Store, optional
        The knowledge base that the table was selected from; None for a table of the user's own.

    Returns
    -------
    Report
        Where no loop is closed, the section on consistency says so.
    """
    sections = [_answer(result), selected.question(table)]
    if store is not None:
        sections.append(selected.selection(store, table))
    sections += [selected.evidence(store, table), _shape(result), _effects(result), _ranks(result)]
    sections += [_consistency(result), _contributions(result), _asymmetry(result)]
    if store is not None:
        sections.append(selected.doubts(store, table))
    sections += [selected.sources(store, table), Section("Methods", [Paragraph(_methods(result))]), _recompute(result)]
    told = result.provenance
    kb = [f"knowledge base {told['kb_version']}"] if told.get("kb_version") else []
    footer = " · ".join([*kb, told.get("query", ""), f"hcckb {told.get('software_version', '?')}", DISCLAIMER])
    subtitle = f"{result.k} studies · {len(result.treatments)} treatments · against {result.reference}"
    return Report(f"{result.title}: network", subtitle, sections, footer)


def netmeta_code(result: NetworkResult, file: str = "network.csv") -> str:
    """Give R code for netmeta that recomputes a network from `network_csv`."""
    ratio = result.scale == "log"
    method = result.tau2_method or "DL"
    lines = [
        "# Recomputes the network with netmeta (https://cran.r-project.org/package=netmeta).",
        "library(netmeta)",
        f'dat <- read.csv("{file}")',
        "net <- netmeta(te, sete, treatment1, treatment2, studlab = study, data = dat,",
        f'               sm = "{ABBREVIATIONS.get(result.measure, "MD")}", reference.group = "{result.reference}",',
        f'               method.tau = "{method}", level.ma = {result.level:g},',
        f"               common = {_r(result.model == 'common')}, random = {_r(result.model == 'random')})",
        f"summary(net, backtransf = {_r(ratio)})",
        f'netrank(net, small.values = "{"desirable" if result.small_is_good else "undesirable"}")',
        "decomp.design(net)",
        "netsplit(net)",
        "forest(net)",
    ]
    return "\n".join(lines) + "\n"


def network_csv(result: NetworkResult) -> str:
    """Give the contrasts as CSV: as printed, and on the analysis scale (`te`, `sete`) in full precision."""
    rows = [_record(row) for row in result.rows]
    for made in result.derived:
        rows.append(
            {
                "study": made.study,
                "treatment1": made.treatment1,
                "treatment2": made.treatment2,
                "te": made.analysis_estimate,
                "sete": made.se,
                "source": f"derived: {made.rule}",
            }
        )
    return to_csv(rows, _COLUMNS).replace("\r\n", "\n")


def _record(row: NetworkRow) -> dict[str, object]:
    printed = {c: getattr(row, c) for c in _COLUMNS if c not in ("te", "sete")}
    return {**printed, "te": row.analysis_value, "sete": row.se}


def _r(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _answer(result: NetworkResult) -> Section:
    null = 1.0 if result.scale == "log" else 0.0
    against = result.against(result.reference)
    apart = [r for r in against if not r.ci_lower <= null <= r.ci_upper]
    named = "; ".join(f"{r.treatment1} {interval(r.estimate, r.ci_lower, r.ci_upper)}" for r in apart)
    told = (
        f"Of {len(against)} treatments, {len(apart)} have an interval against {result.reference} that excludes "
        "no effect"
    )
    level = f"{100 * result.level:g} % intervals"
    blocks: list[Block] = [
        Paragraph(f"{told}{': ' + named if apart else ''} ({plain(result.measure)}, {level}).", "strong")
    ]
    if not _loops(result):
        blocks.append(Paragraph("No loop is closed: no comparison rests on both direct and indirect evidence."))
    return Section("Answer", blocks)


def _shape(result: NetworkResult) -> Section:
    nodes = [(n.treatment, str(n.k), "not known" if n.n is None else f"{n.n:,}") for n in result.nodes]
    return Section(
        "Network",
        [
            Figure("network", graph_svg(result), "Treatments and the trials that compare them"),
            Table(("Treatment", "Studies", "Participants"), nodes, numeric=frozenset({1, 2})),
        ],
    )


def _effects(result: NetworkResult) -> Section:
    rows = []
    for r in result.against(result.reference):
        new = ""
        if r.prediction_lower is not None and r.prediction_upper is not None:
            new = f"{r.prediction_lower:.3f} to {r.prediction_upper:.3f}"
        rows.append((r.treatment1, interval(r.estimate, r.ci_lower, r.ci_upper), p_text(r.p_value), new))
    headers = ("Treatment", f"Against {result.reference} (interval)", "P", "Prediction interval")
    blocks: list[Block] = [
        Figure("forest", network_forest_svg(result), f"All treatments against {result.reference}"),
        Table(headers, rows),
        Figure("league", league_svg(result), "League table: row against column"),
        Table(("Heterogeneity", ""), _heterogeneity(result), numeric=frozenset({1})),
    ]
    return Section("Effects", [*blocks, *(Paragraph(w, "note") for w in result.warnings)])


def _heterogeneity(result: NetworkResult) -> list[tuple[str, str]]:
    tests = (
        ("Q, total", result.q_total, result.q_total_df, result.q_total_p_value),
        ("Q within designs", result.q_within, result.q_within_df, result.q_within_p_value),
        ("Q between designs", result.q_between, result.q_between_df, result.q_between_p_value),
    )
    rows = [(name, _q(q, df, p)) for name, q, df, p in tests]
    rows.append(("tau2", "not estimable" if result.tau2 is None else f"{result.tau2:.4f}"))
    rows.append(("I2", "not estimable" if result.i2 is None else f"{100 * result.i2:.1f} %"))
    return rows


def _ranks(result: NetworkResult) -> Section:
    ranks = result.ranks
    rows = []
    for name in sorted(result.treatments, key=lambda t: -result.p_scores[t]):
        sucra = (f"{ranks.sucra[name]:.3f}", f"{ranks.mean_rank[name]:.2f}") if ranks else ("", "")
        rows.append((name, f"{result.p_scores[name]:.3f}", *sucra))
    caution = (
        "Ranks say how certain an order is, not how large effects are; they tell nothing of the trials behind them."
    )
    blocks: list[Block] = [
        Table(("Treatment", "P-score", "SUCRA", "Mean rank"), rows, numeric=frozenset({1, 2, 3})),
        Paragraph(caution, "note"),
    ]
    if ranks:
        blocks.insert(0, Figure("rankogram", rankogram_svg(result), f"Ranks, {ranks.samples:,} draws"))
    return Section("Ranks", blocks)


def _consistency(result: NetworkResult) -> Section:
    if not _loops(result):
        told = "No loop is closed: direct and indirect evidence cannot be compared, and inconsistency cannot be seen."
        return Section("Consistency", [Paragraph(told)])
    rows = [_split(c) for c in result.comparisons if c.indirect is not None]
    headers = ("Comparison", "k", "Direct share", "Direct", "Indirect", "P of the difference")
    designs = [
        (" / ".join(d.treatments), str(d.k), _q(d.q_within, d.q_within_df, d.q_within_p_value), f"{d.q_between:.2f}")
        for d in result.designs
    ]
    blocks: list[Block] = [
        Table(headers, rows, "Direct against indirect evidence", frozenset({1, 2})),
        Table(("Design", "k", "Q within", "Part of Q between"), designs, numeric=frozenset({1, 3})),
    ]
    if result.heat.designs:
        blocks.append(Figure("heat", heat_svg(result), "Net heat: which design drives which inconsistency"))
    return Section("Consistency", blocks)


def _contributions(result: NetworkResult) -> Section:
    rows = []
    for c in result.contributions:
        if result.reference in (c.treatment1, c.treatment2):
            shares = ", ".join(f"{s.study} {100 * s.share:.0f} %" for s in sorted(c.studies, key=lambda s: -s.share))
            rows.append((f"{c.treatment1} against {c.treatment2}", shares))
    return Section("Contributions", [Table(("Estimate", "Studies that it comes from"), rows)])


def _asymmetry(result: NetworkResult) -> Section:
    caption = "Comparison-adjusted funnel: each contrast minus the direct estimate of its comparison"
    return Section("Small-study effects", [Figure("funnel", adjusted_funnel_svg(result), caption)])


def _methods(result: NetworkResult) -> str:
    if result.model == "common":
        model = "with common effects"
    else:
        model = f"with random effects, the between-study variance by {result.tau2_method}"
    derived = (
        f" {len(result.derived)} contrasts of studies with several arms were derived from the others by a recorded "
        "rule."
        if result.derived
        else ""
    )
    return (
        f"{len(result.rows)} contrasts of {result.k} studies were joined in a frequentist network meta-analysis "
        f"{model}, by weighted least squares that keeps the correlation of contrasts that share an arm.{derived} "
        "Heterogeneity within designs and inconsistency between them are described by Q; direct and indirect evidence "
        "are compared by back-calculation; treatments are ranked by P-scores. Computed with hcckb "
        f"{result.provenance.get('software_version', 'unreleased')}."
    )


def _recompute(result: NetworkResult) -> Section:
    told = "Save the table and the code in one folder and run the code in R: it needs nothing of hcckb."
    code = Code("r", netmeta_code(result), "network.R")
    return Section("Recompute", [Paragraph(told), code, Code("csv", network_csv(result), "network.csv")])


def _split(c: DirectIndirect) -> tuple[str, ...]:
    direct = interval(c.direct, c.direct_lower, c.direct_upper)
    indirect, p = "", ""
    if c.indirect is not None and c.indirect_lower is not None and c.indirect_upper is not None:
        indirect = interval(c.indirect, c.indirect_lower, c.indirect_upper)
        p = "" if c.p_value is None else p_text(c.p_value)
    return f"{c.treatment1} against {c.treatment2}", str(c.k), f"{100 * c.proportion:.0f} %", direct, indirect, p


def _q(q: float, df: int, p: float | None) -> str:
    return f"{q:.2f}, df = {df}" + (f", {p_text(p)}" if p is not None else "")


def _loops(result: NetworkResult) -> bool:
    return any(c.indirect is not None for c in result.comparisons)
