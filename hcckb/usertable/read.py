"""A user's CSV into an evidence table: which columns a measure needs, and who reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hcckb.errors import TableError, UsageError
from hcckb.evidence import EvidenceTable
from hcckb.measures import OF_ONE_ARM, measure_named
from hcckb.pooling.proportions import TRANSFORMS
from hcckb.pooling.rates import RATE_TRANSFORMS
from hcckb.usertable import arms, effects
from hcckb.usertable.counts import COUNTS, from_counts
from hcckb.usertable.effects import INTERVAL, LOGRANK, MEANS, P_VALUE, RATES, Read
from hcckb.usertable.sheet import Sheet, read_sheet

RATIO_MEASURES = ("hazard-ratio", "odds-ratio", "risk-ratio")
COUNT_MEASURES = ("risk-ratio", "odds-ratio", "risk-difference", "peto-odds-ratio", "arcsine-difference")
MEAN_MEASURES = ("mean-difference", "standardised-mean-difference", "ratio-of-means")
RATE_MEASURES = ("incidence-rate-ratio", "incidence-rate-difference")
MEASURES = (*RATIO_MEASURES, *COUNT_MEASURES[2:], *MEAN_MEASURES, *RATE_MEASURES, *OF_ONE_ARM, "generic")
_GENERIC = (("yi", "vi"), ("yi", "sei"))
_RATIO = (INTERVAL, P_VALUE)
# What the header may hold, the first that is complete being read.
_SHAPES: dict[str, tuple[tuple[str, ...], ...]] = {
    "hazard-ratio": (*_RATIO, LOGRANK),
    "odds-ratio": (COUNTS, *_RATIO),
    "risk-ratio": (COUNTS, *_RATIO),
    "risk-difference": (COUNTS, INTERVAL),
    "peto-odds-ratio": (COUNTS, LOGRANK),
    "arcsine-difference": (COUNTS,),
    "mean-difference": (MEANS, INTERVAL),
    "standardised-mean-difference": (MEANS, INTERVAL),
    "ratio-of-means": (MEANS, *_RATIO),
    "incidence-rate-ratio": (RATES, *_RATIO),
    "incidence-rate-difference": (RATES, INTERVAL),
    "proportion": (arms.PROPORTION,),
    "incidence-rate": (arms.RATE,),
    "median": (arms.MEDIAN_INTERVAL, arms.MEDIAN_QUARTILES),
    "generic": _GENERIC,
}
_TRANSFORMS = {"proportion": TRANSFORMS, "incidence-rate": RATE_TRANSFORMS}
_CORRECTED = frozenset({*COUNT_MEASURES, *RATE_MEASURES, "proportion", "incidence-rate"})
_ZERO_FREE = frozenset({*COUNT_MEASURES, *RATE_MEASURES})


def read_table(
    path: str | Path,
    measure: str,
    transform: str | None = None,
    *,
    correction: str | None = None,
    add: float | None = None,
    double_zero: str | None = None,
) -> EvidenceTable:
    """Read a user's CSV.

    Parameters
    ----------
    path : str or Path
        CSV with a header: `study` and what `docs/commands.md` lists for the measure. Optional everywhere: `year`,
        `n_experimental`, `n_comparator`, `experimental`, `comparator`, `endpoint`, `source`. Blank rows count as
        rows and are passed by.
    measure : str
        One of :data:`MEASURES`, or its short name: HR, OR, RR, MD ... Odds and risk ratios come from counts where the
        header has their columns.
    transform : str, optional
        Scale on which proportions ("logit" by default) or rates ("log" by default) of single arms are pooled.
    correction, add, double_zero : str, float, str, optional
        Continuity correction, what it adds, and what becomes of studies without an event in either arm, as in
        :func:`hcckb.pooling.counts.count_effects`, :func:`hcckb.pooling.rates.two_arm_rate_effects` and
        :func:`hcckb.pooling.proportions.proportion_effects`.

    Returns
    -------
    EvidenceTable
        Rows in the order of the file. Effects that are computed come with their 95 % interval on the analysis
        scale. Rows that tell nothing of a ratio are in `passed_over`; `warnings` say so, which had a continuity
        correction, and which studies stand in several rows.

    Raises
    ------
    TableError
        If a column is missing, a cell that must be a number is not, a count is not whole, negative or above
        its n, or there is no row; names file, row, column and value.
    DataError
        If the file cannot be read.
    PoolingError
        If no row tells anything of the measure.
    UsageError
        If the measure, the transformation or a correction is not one of these, or is none of this measure.
    """
    path, measure = Path(path), measure_named(measure)
    _check_names(measure, transform)
    _check_correction(measure, correction, add, double_zero)
    sheet = read_sheet(path)
    shape = _shape(sheet, measure)
    if not sheet.records:
        raise TableError(f"{path}: the table has a header and no rows. Add one row per study.")
    more = 0.5 if add is None else add
    rows, passed_over, warnings = _read(sheet, measure, shape, (transform, correction, more, double_zero))
    if shape in (COUNTS, MEANS, RATES) and "value" in sheet.header:
        what = "counts" if shape == COUNTS else "columns of both arms"
        warnings = (f"The {what} are pooled; the columns value, ci_lower and ci_upper are not used.", *warnings)
    told = (*warnings, *sheet.repeated())
    extra = {f"row {number}": record for number, record in sheet.records}
    return EvidenceTable(tuple(rows), passed_over, told, f"table {path.name}", path.stem, {}, "", extra=extra)


def _read(
    sheet: Sheet, measure: str, shape: tuple[str, ...], how: tuple[str | None, str | None, float, str | None]
) -> Read:
    transform, correction, add, double_zero = how
    if shape == COUNTS:
        return from_counts(sheet, measure, correction, add, double_zero)
    if shape == RATES:
        return effects.from_rates(sheet, measure, correction, add, double_zero)
    if shape == MEANS:
        return effects.from_means(sheet, measure)
    if measure in OF_ONE_ARM:
        return arms.from_arms(sheet, measure, transform, correction, add)
    return effects.generic(sheet) if measure == "generic" else effects.printed(sheet, measure)


def _check_names(measure: str, transform: str | None) -> None:
    if measure not in MEASURES:
        raise UsageError(f"--measure {measure!r} is not one of: {', '.join(MEASURES)}.")
    if transform is None:
        return
    if measure not in _TRANSFORMS:
        raise UsageError(
            f"--transform is for proportions and incidence rates, not for {measure}. Leave it out, or --measure "
            "proportion."
        )
    if transform not in _TRANSFORMS[measure]:
        raise UsageError(f"--transform {transform!r} is not one of: {', '.join(_TRANSFORMS[measure])}.")


def _check_correction(measure: str, correction: str | None, add: float | None, double_zero: str | None) -> None:
    asked = {"--correction": correction, "--add": add} if measure not in _CORRECTED else {}
    asked |= {"--double-zero": double_zero} if measure not in _ZERO_FREE else {}
    for option, value in asked.items():
        if value is not None:
            raise UsageError(f"{option} is for counts of events, not for {measure}. Leave it out.")
    if correction == "opposite-arm" and measure not in COUNT_MEASURES:
        raise UsageError(f"--correction opposite-arm is for counts of two arms, not for {measure}.")
    if add is not None and not 0 < add < float("inf"):
        raise UsageError(f"--add {add:g} must be above 0. Without correction: --correction none.")


def _shape(sheet: Sheet, measure: str) -> tuple[str, ...]:
    """Return the columns that are read: the first complete shape, counts and their like before printed effects."""
    header = set(sheet.header)
    shapes = _SHAPES[measure]
    if "study" in header:
        first = shapes[0]
        started = first in (COUNTS, MEANS, RATES) and any(
            c.startswith(("events", "mean")) and c in header for c in first
        )
        for shape in (first,) if started else shapes:
            if set(shape) <= header:
                return shape
    raise TableError(_missing(sheet, measure, shapes, header))


def _missing(sheet: Sheet, measure: str, shapes: Sequence[tuple[str, ...]], header: set[str]) -> str:
    """Say which column is missing from the shape that the header comes nearest to, and what else would do."""
    nearest = max(shapes, key=lambda shape: len(header & set(shape)) / len(shape))
    missing = next(c for c in ("study", *nearest) if c not in header)
    ways = " or ".join(", ".join(("study", *shape)) for shape in (nearest, *(s for s in shapes if s != nearest)))
    found = ", ".join(sheet.header) or "none"
    hint = " Medians without either: hcckb medians." if measure == "median" else ""
    return f"{sheet.path}: column {missing!r} is missing; {measure} needs {ways}.{hint} The header has: {found}."
