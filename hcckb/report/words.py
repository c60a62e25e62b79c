"""Sentences with the numbers filled in: the answer, and the methods paragraph."""

from __future__ import annotations

from collections import Counter

from hcckb.evidence import EvidenceTable
from hcckb.measures import OF_ONE_ARM
from hcckb.results import PooledResult
from hcckb.text.tables import disagreement, model_text, models_apart, p_text

_ESTIMATORS = {
    "REML": "restricted maximum likelihood",
    "ML": "maximum likelihood",
    "DL": "DerSimonian and Laird's method",
    "DL2": "the two-step method of DerSimonian and Laird",
    "PM": "Paule and Mandel's method",
    "EB": "the empirical Bayes method",
    "SJ": "Sidik and Jonkman's method",
    "HE": "Hedges's method",
    "HS": "Hunter and Schmidt's method",
}
_CELLS = {"mantel-haenszel": "the method of Mantel and Haenszel", "peto": "Peto's method"}
_TAU2_INTERVALS = {
    "q-profile": "Q-profile",
    "generalised-q": "generalised-Q",
    "profile-likelihood": "profile-likelihood",
}
_INTERVALS = {
    "wald": "Wald's method",
    "hksj": "Hartung and Knapp's method",
    "hksj-guarded": "Hartung and Knapp's method, never narrower than Wald's",
    "kenward-roger": "Kenward and Roger's method",
}


def plain(name: str) -> str:
    """Write a kebab-case name as words."""
    return name.replace("-", " ")


def interval(estimate: float, lower: float, upper: float) -> str:
    """Write an estimate with its interval, three decimals."""
    return f"{estimate:.3f} ({lower:.3f} to {upper:.3f})"


def answer(result: PooledResult) -> str:
    """Say the pooled result in one sentence."""
    what = f"{plain(result.endpoint)}, {plain(result.measure)}".strip(", ")
    level = f"{100 * result.level:g} % interval"
    spread = f"{result.estimate:.3f} ({level} {result.ci_lower:.3f} to {result.ci_upper:.3f})"
    model = model_text(result.model, result.tau2_method, result.ci_method)
    tested = "" if result.measure in OF_ONE_ARM else f", {p_text(result.p_value)}"
    size = f"{result.k} estimates; {model}" if result.k > 1 else "one estimate"
    return f"{what[:1].upper()}{what[1:]} {spread}{tested}; {size}."


def agreement(result: PooledResult) -> str:
    """Say whether the models shown agree that the interval excludes no effect."""
    excluding, including = models_apart(result)
    if not result.beside or not (excluding or including):
        return ""
    if not including:
        return "All models shown agree: their intervals exclude no effect."
    if not excluding:
        return "All models shown agree: their intervals hold no effect."
    return disagreement(result).replace(" (above)", "")


def methods_paragraph(table: EvidenceTable, result: PooledResult) -> str:
    """Write the methods section that a paper would need, with the numbers filled in."""
    return " ".join([*_selection(table), *_synthesis(result), *_versions(result)])


def _selection(table: EvidenceTable) -> list[str]:
    studies = len({r.study for r in table.rows})
    if not table.kb_version:
        return [f"{_counted(len(table.rows), studies)} taken from {table.query}."]
    asked = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in table.asked.items())
    view = "as printed" if table.asked.get("as_printed") else "with documented corrections of printed errors"
    corrected = sum(r.resolution is not None for r in table.rows)
    kinds = Counter(r.source for r in table.rows)
    return [
        f"Estimates were selected from the hcckb knowledge base {table.kb_version} by the query {table.query}"
        + (f" ({asked})," if asked else ",")
        + f" {view}.",
        "For each contrast one estimate was chosen by fixed rules: intention to treat before other populations, final "
        "or updated before primary before interim analyses, reports nearer to the trial before secondary ones.",
        f"{_counted(len(table.rows), studies)} taken from {len(kinds)} "
        f"{'document' if len(kinds) == 1 else 'documents'}; "
        f"{len(table.passed_over)} other reports of the selected contrasts were read and passed over; "
        f"{corrected} of the estimates that entered differ from print by a curator's correction.",
    ]


def _counted(rows: int, studies: int) -> str:
    if rows == 1:
        return "One estimate of one study was"
    return f"{rows} estimates of {studies} {'study' if studies == 1 else 'studies'} were"


def _synthesis(result: PooledResult) -> list[str]:
    scale = "as natural logarithms, with standard errors from the printed intervals at their own level"
    if result.measure in OF_ONE_ARM and result.scale != "identity":
        scale = f"on the {plain(result.scale.removeprefix('rate-'))} scale"
    elif result.scale != "log":
        scale = "on their own scale"
    effects = f"{plain(result.measure).capitalize()}s were pooled {scale}."
    if result.k < 2:
        return ["A single estimate stands for itself: nothing was pooled."]
    if result.model == "common":
        model = "A common-effect model with inverse-variance weights was used, with a Wald interval."
    elif result.tau2_method is None:
        model = f"The cells were pooled by {_CELLS[result.model]}, under a common effect, with a Wald interval."
    else:
        estimator = _ESTIMATORS.get(str(result.tau2_method), str(result.tau2_method))
        model = (
            f"A random-effects model was used; the between-study variance was estimated by {estimator}, the interval "
            f"of the mean by {_INTERVALS[result.ci_method]}."
        )
    interval_of = _TAU2_INTERVALS.get(str(result.tau2_interval))
    variance = f" and the between-study variance with its {interval_of} interval" if interval_of else ""
    spread = (
        f"Heterogeneity is described by Cochran's Q{', ' if variance else ' and '}I2{variance}"
        f"{', and by a prediction interval' if result.prediction_lower is not None else ''}."
    )
    return [effects, model, spread]


def _versions(result: PooledResult) -> list[str]:
    return [f"Computed with hcckb {result.provenance.get('software_version', 'unreleased')}."]


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
