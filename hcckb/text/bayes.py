"""A Bayesian result as text, JSON and records."""

from __future__ import annotations

from dataclasses import fields

from hcckb.analysis.bayes import BayesResult, Effect, ShrunkenRow
from hcckb.pooling.bayes import Summary
from hcckb.records import plain
from hcckb.text.tables import DISCLAIMER, grid, model_text, ratio_text

COLUMNS = tuple(f.name for f in fields(ShrunkenRow))


def bayes_text(found: BayesResult) -> str:
    """Write the studies with their shrunken effects, then what is known of the mean, a new study and tau."""
    pooled, fitted = found.pooled, found.fitted
    level, name = f"{100 * pooled.level:g} %", pooled.measure.replace("-", " ")
    headers = ("Study", "Year", f"{name}, as reported", f"shrunken ({level} interval)", "Weight")
    cells = [
        (
            row.study,
            row.year,
            ratio_text(row.value, row.value_lower, row.value_upper),
            ratio_text(row.estimate, row.ci_lower, row.ci_upper),
            f"{100 * row.weight:.1f} %",
        )
        for row in found.rows
    ]
    lines = [
        f"{pooled.title} (k = {pooled.k})",
        "",
        grid(cells, headers),
        "",
        f"Mean effect: {_effect_text(found.mu, level)}",
        f"New study:   {_effect_text(found.new, level)}",
        f"tau:         {_tau_text(fitted.tau, level)}",
        *_probabilities(found),
        *_factors(found),
        f"Prior of tau: {_prior_text(found)}; of the mean effect: {_mu_prior_text(found)}.",
        f"Beside it, {model_text(pooled.model, pooled.tau2_method, pooled.ci_method)}: "
        f"{ratio_text(pooled.estimate, pooled.ci_lower, pooled.ci_upper)}.",
        *(f"Note: {note}" for note in (*found.notes, *pooled.warnings)),
    ]
    return "\n".join([*lines, "", DISCLAIMER])


def bayes_value(found: BayesResult) -> dict[str, object]:
    """Give what JSON shows, without the distributions."""
    fitted = found.fitted
    return {
        "measure": found.pooled.measure,
        "endpoint": found.pooled.endpoint,
        "scale": found.pooled.scale,
        "level": fitted.level,
        "k": fitted.k,
        "tau_prior": {
            "name": found.prior.name,
            "parameters": list(found.prior.parameters),
            "label": found.prior.label,
            "source": found.prior.source,
        },
        "mu_prior": None if fitted.mu_prior is None else {"mean": fitted.mu_prior[0], "sd": fitted.mu_prior[1]},
        "effect": found.mu,
        "new_study": found.new,
        "mu": fitted.mu,
        "tau": fitted.tau,
        "new": fitted.new,
        "threshold": found.threshold,
        "mu_below_null": fitted.mu_below_zero,
        "new_below_null": fitted.new_below_zero,
        "mu_below_threshold": None if found.threshold is None else fitted.mu_below_threshold,
        "new_below_threshold": None if found.threshold is None else fitted.new_below_threshold,
        "log_marginal_likelihood": fitted.log_marginal_likelihood,
        "bayes_factor_mu_zero": fitted.bayes_factor_mu_zero,
        "bayes_factor_tau_zero": fitted.bayes_factor_tau_zero,
        "rows": found.rows,
        "pooled": plain(found.pooled),
        "notes": found.notes,
    }


def bayes_records(found: BayesResult) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """Give one record per study, and the columns."""
    return [{c: getattr(row, c) for c in COLUMNS} for row in found.rows], COLUMNS


def _effect_text(effect: Effect, level: str) -> str:
    shortest = f"{effect.shortest_lower:.2f} to {effect.shortest_upper:.2f}"
    return (
        f"{effect.estimate:.2f} (median), {level} {effect.ci_lower:.2f} to {effect.ci_upper:.2f}, shortest {shortest}"
    )


def _tau_text(tau: Summary, level: str) -> str:
    shortest = f"{tau.shortest_lower:.3f} to {tau.shortest_upper:.3f}"
    return f"{tau.median:.3f} (median), {level} {tau.ci_lower:.3f} to {tau.ci_upper:.3f}, shortest {shortest}"


def _probabilities(found: BayesResult) -> list[str]:
    fitted, lines = found.fitted, []
    null = {"log": "1", "identity": "0"}.get(found.pooled.scale)
    if null is not None:
        lines.append(
            f"Probability of an effect below {null}: {_share(fitted.mu_below_zero)}; "
            f"in a new study: {_share(fitted.new_below_zero)}"
        )
    if found.threshold is not None:
        lines.append(
            f"Probability of an effect below {found.threshold:g}: {_share(fitted.mu_below_threshold)}; "
            f"in a new study: {_share(fitted.new_below_threshold)}"
        )
    return lines


def _share(p: float) -> str:
    return ">99.9 %" if p > 0.9995 else "<0.1 %" if p < 0.0005 else f"{100 * p:.1f} %"


def _factors(found: BayesResult) -> list[str]:
    fitted = found.fitted
    parts = [
        f"{what} {value:.3g}"
        for what, value in (
            ("of no mean effect", fitted.bayes_factor_mu_zero),
            ("of no heterogeneity", fitted.bayes_factor_tau_zero),
        )
        if value is not None
    ]
    return [f"Bayes factors in favour: {'; '.join(parts)}"] if parts else []


def _prior_text(found: BayesResult) -> str:
    return f"{found.prior.label}, {found.prior.source}" if found.prior.source else found.prior.label


def _mu_prior_text(found: BayesResult) -> str:
    if found.fitted.mu_prior is None:
        return "flat"
    mean, sd = found.fitted.mu_prior
    return f"normal(mean {mean:g}, SD {sd:g})"
