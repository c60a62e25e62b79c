"""The words and rounded numbers of figures: measures, models, intervals, p values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hcckb.measures import OF_ONE_ARM
from hcckb.plots.axis import with_minus
from hcckb.plots.lettering import capitalised, one_line

if TYPE_CHECKING:
    from hcckb.results import ModelSummary, PooledResult, PooledRow

_MODELS = {
    "common": "Common effect",
    "random": "Random effects",
    "mantel-haenszel": "Mantel-Haenszel",
    "peto": "Peto",
}
_CI_METHODS = {
    "wald": "Wald",
    "hksj": "Hartung-Knapp",
    "hksj-guarded": "guarded Hartung-Knapp",
    "kenward-roger": "Kenward-Roger",
}
_ABBREVIATIONS = {
    "os": "Overall survival",
    "pfs": "Progression-free survival",
    "ttp": "Time to progression",
    "orr": "Objective response rate",
    "dcr": "Disease control rate",
}
_GOOD_EVENTS = ("response", "control", "survival", "orr", "dcr")
_BAD_EVENTS = ("adverse", "toxic", "death", "mortality", "discontinu", "progression", "recurrence")


class MeasureWords(NamedTuple):
    """How a measure is called in a column, on an axis, and its value of no effect, if it has one."""

    short: str
    long: str
    null: float | None


_MEASURES = {
    "hazard-ratio": MeasureWords("HR", "Hazard ratio", 1.0),
    "odds-ratio": MeasureWords("OR", "Odds ratio", 1.0),
    "peto-odds-ratio": MeasureWords("Peto OR", "Peto odds ratio", 1.0),
    "risk-ratio": MeasureWords("RR", "Risk ratio", 1.0),
    "rate-ratio": MeasureWords("Rate ratio", "Rate ratio", 1.0),
    "risk-difference": MeasureWords("RD", "Risk difference", 0.0),
    "mean-difference": MeasureWords("MD", "Mean difference", 0.0),
    "standardised-mean-difference": MeasureWords("SMD", "Standardised mean difference", 0.0),
    "ratio-of-means": MeasureWords("ROM", "Ratio of means", 1.0),
    "incidence-rate-ratio": MeasureWords("IRR", "Incidence rate ratio", 1.0),
    "incidence-rate-difference": MeasureWords("IRD", "Incidence rate difference", 0.0),
    "arcsine-difference": MeasureWords("ASD", "Arcsine difference", 0.0),
    "proportion": MeasureWords("Proportion", "Proportion", None),
    "incidence-rate": MeasureWords("Rate", "Incidence rate", None),
    "median": MeasureWords("Median", "Median", None),
    "generic": MeasureWords("Estimate", "Estimate", 0.0),
}


def measure_words(result: PooledResult) -> MeasureWords:
    """Return the words for the measure of `result`; an unknown measure is called by its own name."""
    known = _MEASURES.get(result.measure)
    if known:
        return known
    name = sentence_case(result.measure) or "Estimate"
    null = {"log": 1.0, "identity": 0.0}.get(result.scale)
    return MeasureWords(name if len(name) <= 14 else "Estimate", name, null)


def sentence_case(name: str) -> str:
    """Return a kebab-case name as words with one capital; abbreviations stay.

    Examples
    --------
    >>> sentence_case("overall-survival"), sentence_case("OS"), sentence_case("TTSP")
    ('Overall survival', 'Overall survival', 'TTSP')
    """
    if name.casefold() in _ABBREVIATIONS:
        return _ABBREVIATIONS[name.casefold()]
    if name.isupper():
        return name
    words = name.replace("-", " ").replace("_", " ") if name.islower() else name
    return capitalised(words)


class Numbers(NamedTuple):
    """How the numbers of one figure are written, so that all of them look alike.

    Parameters
    ----------
    decimals : int or None
        Decimals of every number; None rounds ratios by their size.
    signed : bool
        Whether numbers may be negative; their intervals are then written with "to", not with a dash.
    """

    decimals: int | None
    signed: bool

    def value(self, value: float) -> str:
        """Round one number for display."""
        if self.decimals is None or not math.isfinite(value) or abs(value) >= 1e5:
            return rounded(value)
        return with_minus(f"{value:.{self.decimals}f}")

    def interval(self, lower: float, upper: float) -> str:
        """Write an interval without brackets: "0.53–0.95", "−0.20 to 0.10"."""
        return f"{self.value(lower)}{' to ' if self.signed else '–'}{self.value(upper)}"

    def estimate(self, of: PooledResult | PooledRow | ModelSummary) -> str:
        """Write a value with its interval: "0.71 (0.53–0.95)"."""
        value = of.estimate if hasattr(of, "estimate") else of.value
        return f"{self.value(value)} ({self.interval(of.ci_lower, of.ci_upper)})"


def numbers_for(result: PooledResult) -> Numbers:
    """Choose how the numbers of a figure are written; differences get decimals by the width of intervals."""
    signed = measure_words(result).null != 1.0
    if result.measure in OF_ONE_ARM:
        signed = min(result.ci_lower, result.prediction_lower or 0.0, *(row.ci_lower for row in result.rows)) < 0
    if result.scale == "log":
        return Numbers(None, signed)
    widths = [row.ci_upper - row.ci_lower for row in result.rows]
    width = middle([w for w in widths if w > 0 and math.isfinite(w)] or [1.0])
    return Numbers(max(0, min(6, 2 - math.floor(math.log10(width / 0.4)))) if width < 4e5 else 0, signed)


def within_sentence(name: str) -> str:
    """Return a label as it stands within a sentence: without its capital, unless it is an abbreviation.

    Examples
    --------
    >>> within_sentence("Best supportive care"), within_sentence("FOLFOX4")
    ('best supportive care', 'FOLFOX4')
    """
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def rounded(value: float) -> str:
    """Round a ratio for display: two decimals near 1, three below 0.1, fewer for large values.

    Examples
    --------
    >>> rounded(0.7851), rounded(0.0312), rounded(-0.5), rounded(123.4), rounded(float("inf"))
    ('0.79', '0.031', '−0.50', '123', '∞')
    """
    size = abs(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if size >= 1e5 or 0 < size < 5e-4:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{with_minus(mantissa)}e{with_minus(str(int(exponent)))}"
    decimals = 3 if 0 < size < 0.0995 else 2 if size < 9.995 else 1 if size < 99.95 else 0
    return with_minus(f"{value:.{decimals}f}")


def middle(values: Sequence[float]) -> float:
    """Return the median of `values`, the upper one of two (the module `statistics` is slow to import)."""
    return sorted(values)[len(values) // 2]


def sentence(text: str) -> str:
    """Return `text` on one line with a capital and a full stop, unless it is a question."""
    line = capitalised(one_line(text).rstrip("."))
    return line if line.endswith("?") else line + "."


def figure_title(result: PooledResult) -> str:
    """Return the title of a result, its endpoint in words, or both where the title is but a query's name."""
    endpoint = sentence_case(result.endpoint) or measure_words(result).long
    title = one_line(result.title)
    return title if " " in title else f"{endpoint} ({title})" if title else endpoint


def percent(share: float, decimals: int | None = None) -> str:
    """Write a share in [0, 1] as percent, with as many decimals as asked for or needed."""
    return f"{100 * share:g}%" if decimals is None else f"{100 * share:.{decimals}f}%"


def p_value(p: float) -> str:
    """Write a p value with its operator: "p = 0.22", "p = 0.034", "p < 0.001"."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def variance(tau2: float) -> str:
    """Write a between-study variance: three decimals, three significant digits above 1."""
    if math.isinf(tau2):
        return "∞"
    if 0 < tau2 < 0.0005:
        return "<0.001"
    return "0" if tau2 == 0 else f"{tau2:.3f}" if tau2 < 1 else f"{tau2:.3g}"


def model_label(result: PooledResult) -> str:
    """Name the main model as the other ones are named: "Random effects, REML, Hartung-Knapp"."""
    parts = [_MODELS.get(result.model, sentence_case(result.model)), result.tau2_method or ""]
    if result.tau2_method:
        parts.append(ci_method_label(result.ci_method))
    return ", ".join(part for part in parts if part)


def ci_method_label(ci_method: str) -> str:
    """Name the method of a confidence interval."""
    return _CI_METHODS.get(ci_method.casefold(), ci_method)


def lower_favours_experimental(result: PooledResult) -> bool | None:
    """Whether values below no effect favour the experimental arm; None where the endpoint does not tell.

    A hazard is of an event that is feared (death, progression); odds, risks and differences may be of a
    response, which is hoped for, and are judged by the name of the endpoint.
    """
    if result.measure == "hazard-ratio":
        return True
    endpoint = result.endpoint.casefold()
    if any(word in endpoint for word in _BAD_EVENTS) and "free" not in endpoint:
        return True
    if any(word in endpoint for word in _GOOD_EVENTS):
        return False
    return None
