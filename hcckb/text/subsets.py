"""GOSH and multiverse as text and as records."""

from __future__ import annotations

from dataclasses import fields

from hcckb.analysis.gosh import GoshResult, GoshStudy
from hcckb.analysis.multiverse import CHOICE_NAMES, NOBODY, MultiverseResult, Specification
from hcckb.results import PooledResult
from hcckb.text.tables import DISCLAIMER, grid, model_text, ratio_text

GOSH_COLUMNS = tuple(f.name for f in fields(GoshStudy))
MULTIVERSE_COLUMNS = tuple(f.name for f in fields(Specification))
MOST_LEVELS = 12


def gosh_text(found: GoshResult) -> str:
    """Write one line for each study: medians over the subsets with it and without."""
    pooled = found.pooled
    what = "all" if found.every else "a sample of the"
    model = model_text(pooled.model, pooled.tau2_method, pooled.ci_method)
    title = f"{pooled.title} ({model}; {what} subsets of k = {pooled.k}: {found.subsets:,})"
    quantiles = grid(
        [
            ("Estimate", *(f"{x:.3f}" for x in found.estimate_quantiles)),
            ("I2", *(_percent(x) for x in found.i2_quantiles)),
        ],
        ("Over the subsets", "Lowest", "Quarter", "Median", "Three quarters", "Highest"),
    )
    studies = grid(
        (
            (
                row.study,
                row.year,
                f"{row.estimate_with:.3f}",
                f"{row.estimate_without:.3f}",
                _percent(row.i2_with),
                _percent(row.i2_without),
            )
            for row in found.rows
        ),
        ("Study", "Year", "Median with", "without", "I2 with", "without"),
    )
    return "\n".join([title, "", quantiles, "", studies, "", *_told(found.notes, pooled), DISCLAIMER])


def gosh_value(found: GoshResult) -> dict[str, object]:
    """Give what JSON shows: the summary and the studies, not the subsets."""
    from hcckb.records import plain

    names = ("subsets", "every", "seed", "estimate_quantiles", "i2_quantiles", "rows", "notes")
    return {"pooled": plain(found.pooled), **{name: getattr(found, name) for name in names}}


def multiverse_text(found: MultiverseResult) -> str:
    """Write the share of specifications that exclude no effect, their range, and which choice matters."""
    n = len(found.specifications)
    title = f"{found.pooled.title} ({n:,} specifications)"
    excluding = sum(bool(s.excludes_null) for s in found.specifications)
    share = f"The interval excludes no effect in {excluding:,} of {n:,} ({_percent(found.share_excluding_null)})."
    summary = [
        *([] if found.share_excluding_null is None else [share]),
        f"Estimates reach from {found.estimate_lower:.3f} to {found.estimate_upper:.3f}; "
        f"median {found.estimate_median:.3f}.",
    ]
    last = None if found.share_excluding_null is not None else -1
    choices = grid(
        (
            (
                CHOICE_NAMES[c.choice],
                c.options,
                _percent(c.explained),
                f"{_percent(c.share_lower)} to {_percent(c.share_upper)}",
            )[:last]
            for c in found.choices
            if c.options > 1
        ),
        ("Choice", "Options", "Variance of the estimate explained", "Share excluding no effect, by option")[:last],
    )
    shown = [c.choice for c in found.choices if 1 < c.options <= MOST_LEVELS]
    levels = grid(
        (
            (CHOICE_NAMES[v.choice], v.option, v.n, f"{v.estimate_median:.3f}", _percent(v.share_excluding_null))[:last]
            for choice in shown
            for v in found.levels
            if v.choice == choice
        ),
        ("Choice", "Option", "n", "Median estimate", "Excluding no effect")[:last],
    )
    ends = [_one(word, s) for word, s in (("Lowest", found.specifications[0]), ("Highest", found.specifications[-1]))]
    told = _told(found.notes, found.pooled)
    return "\n".join([title, "", *summary, *ends, "", choices, "", levels, "", *told, DISCLAIMER])


def _one(word: str, s: Specification) -> str:
    studies = "all studies" if s.left_out == NOBODY else f"without {s.left_out}"
    how = f"{s.estimator}, {s.ci_method}, {studies}"
    where = f"{s.view}, {s.lines} lines" if s.view != "as given" else f"k = {s.k}"
    return f"{word}: {ratio_text(s.estimate, s.ci_lower, s.ci_upper)} ({how}; {where})."


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _told(notes: tuple[str, ...], pooled: PooledResult) -> list[str]:
    return [f"Note: {note}" for note in (*notes, *pooled.warnings)]
