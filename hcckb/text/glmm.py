"""The result of a mixed model on counts as text, JSON and records."""

from __future__ import annotations

from dataclasses import fields

from hcckb.analysis.glmm import CountRow, GlmmResult
from hcckb.text.tables import DISCLAIMER, grid, p_text

COLUMNS = tuple(f.name for f in fields(CountRow))
_WORDS = {
    "cm-el": "conditional, exact likelihood (hypergeometric-normal)",
    "cm-al": "conditional, approximate likelihood (binomial-normal)",
    "um-fs": "unconditional, fixed study effects",
    "um-rs": "unconditional, random study effects",
}
_FITTED = (
    *("estimate", "se", "ci_lower", "ci_upper", "statistic", "p_value", "prediction_lower", "prediction_upper"),
    *("tau2", "sigma2", "log_likelihood", "aic", "estimate_common", "se_common", "log_likelihood_common"),
    *("lrt", "lrt_p_value", "nodes"),
)


def glmm_text(found: GlmmResult) -> str:
    """Write the counts, then the pooled effect with and without heterogeneity."""
    fitted, level = found.fitted, f"{100 * found.level:g} %"
    pair = found.rows[0].n_comparator is not None
    headers = ("Study", "Experimental", "Comparator", "") if pair else ("Study", "Events", "")
    name = found.measure.replace("-", " ")
    lines = [
        f"{name[0].upper()}{name[1:]}, mixed model ({found.source})",
        "",
        grid((_cells(row, pair) for row in found.rows), headers),
        "",
        f"{name} {_numbers(found.estimate, found.ci_lower, found.ci_upper, level)}"
        f"{', ' + p_text(fitted.p_value) if pair else ''} (k = {found.k})",
    ]
    if found.prediction_lower is not None and found.prediction_upper is not None:
        lines.append(f"New study: {level} {_digits(found.prediction_lower)} to {_digits(found.prediction_upper)}")
    sigma = "" if fitted.sigma2 is None else f", between-study variance of the comparator arms {fitted.sigma2:.4f}"
    lines += [
        f"tau2 = {fitted.tau2:.4f} (maximum likelihood){sigma}; test of tau2 = 0: {p_text(fitted.lrt_p_value)}",
        f"Common effect: {_numbers(found.estimate_common, found.ci_lower_common, found.ci_upper_common, level)}",
        f"Model: {_model(found)}; Wald interval; log likelihood {fitted.log_likelihood:.4f}",
        *(f"Note: {warning}" for warning in fitted.warnings),
    ]
    return "\n".join([*lines, "", DISCLAIMER])


def glmm_value(found: GlmmResult) -> dict[str, object]:
    """Give what JSON shows: the effect on the scale of the measure, and under `analysis` on that of the model."""
    own = {f.name: getattr(found, f.name) for f in fields(found) if f.name not in ("fitted", "rows")}
    analysis = {name: getattr(found.fitted, name) for name in _FITTED}
    return {
        **own,
        "tau2": found.fitted.tau2,
        "analysis": analysis,
        "rows": found.rows,
        "warnings": found.fitted.warnings,
    }


def glmm_records(found: GlmmResult) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """Give one record: the result without its rows."""
    value = glmm_value(found)
    skipped = ("analysis", "rows", "warnings")
    record = {k: v for k, v in value.items() if k not in skipped}
    record |= {name: getattr(found.fitted, name) for name in _FITTED if name not in record}
    return [record], tuple(record)


def _model(found: GlmmResult) -> str:
    if found.form is not None:
        return _WORDS[found.form]
    return "binomial-normal, logit" if found.measure == "proportion" else "Poisson-normal, log"


def _cells(row: CountRow, pair: bool) -> tuple[object, ...]:
    first = f"{row.events_experimental:g}/{row.n_experimental:g}"
    mark = "" if row.used else "says nothing"
    if not pair:
        return row.study, first, mark
    return row.study, first, f"{row.events_comparator:g}/{row.n_comparator:g}", mark


def _numbers(value: float, lower: float, upper: float, level: str) -> str:
    return f"{_digits(value)} ({level} {_digits(lower)} to {_digits(upper)})"


def _digits(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3g}"
