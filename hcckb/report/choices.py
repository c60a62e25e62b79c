"""Section on choices: every defensible way to pool, and every subset of the studies."""

from __future__ import annotations

from hcckb.analysis.gosh import GoshResult
from hcckb.analysis.multiverse import CHOICE_NAMES, MultiverseResult
from hcckb.plots.curve import curve_svg
from hcckb.plots.gosh import gosh_svg
from hcckb.report.blocks import Block, Figure, Paragraph, Section, Table

# All subsets of so many studies are pooled and drawn in less than a second.
MOST_STUDIES = 10


def choices(found: MultiverseResult, subsets: GoshResult | None) -> Section:
    """Show the specification curve, which choice matters, and the subsets of the studies where they are few."""
    blocks: list[Block] = [Paragraph(_summary(found))]
    title = found.pooled.title
    blocks.append(Figure("curve", curve_svg(found), f"Specification curve: {title}"))
    if any(c.options > 1 for c in found.choices):
        blocks.append(_matters(found))
    blocks += [Paragraph(note, "note") for note in found.notes]
    if subsets is not None:
        low, high = subsets.estimate_quantiles[0], subsets.estimate_quantiles[-1]
        told = f"The {subsets.subsets:,} subsets of the studies give estimates from {low:.3f} to {high:.3f}."
        blocks += [Paragraph(told), Figure("gosh", gosh_svg(subsets), f"All subsets of the studies: {title}")]
        blocks += [Paragraph(note, "note") for note in subsets.notes]
    return Section("Choices", blocks)


def _summary(found: MultiverseResult) -> str:
    n = len(found.specifications)
    reach = f"{found.estimate_lower:.3f} to {found.estimate_upper:.3f}, median {found.estimate_median:.3f}"
    told = f"Pooled in {n:,} defensible ways, the estimate lies between {reach}."
    if found.share_excluding_null is None:
        return told
    excluding = sum(bool(s.excludes_null) for s in found.specifications)
    share = f"{100 * found.share_excluding_null:.0f} %"
    return f"{told} The interval excludes no effect in {excluding:,} of them ({share})."


def _matters(found: MultiverseResult) -> Table:
    has_null = found.share_excluding_null is not None
    last = None if has_null else -1
    rows = []
    for c in found.choices:
        if c.options > 1:
            share = ""
            if c.share_lower is not None and c.share_upper is not None:
                share = f"{100 * c.share_lower:.0f} to {100 * c.share_upper:.0f} %"
            medians = [v.estimate_median for v in found.levels if v.choice == c.choice]
            reach = f"{min(medians):.3f} to {max(medians):.3f}"
            cells = (CHOICE_NAMES[c.choice], str(c.options), f"{100 * c.explained:.0f} %", reach, share)
            rows.append(cells[:last])
    headers = ("Choice", "Options", "Variance of the estimate explained", "Median estimate", "Excluding no effect")
    caption = "Which choice matters; ranges go over its options"
    return Table(headers[:last], rows, caption, frozenset({1, 2, 3, 4} if has_null else {1, 2, 3}))
