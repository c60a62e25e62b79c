"""A meta-regression as text and as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from hcckb.analysis.regression import Coefficient, RegressionResult
from hcckb.text.tables import DISCLAIMER, grid, model_text, p_text, ratio_text

COLUMNS = tuple(f.name for f in fields(Coefficient))


def regression_text(found: RegressionResult) -> str:
    """Write the coefficients, the tests, what heterogeneity is left, and the predictions."""
    model = model_text(found.model, found.tau2_method, found.ci_method)
    lines = [f"{found.pooled.title}, on {', '.join(found.on)} ({model}; k = {found.k})", ""]
    lines += [_coefficients(found), "", *_tests(found)]
    if found.predictions:
        lines += ["", _predictions(found)]
    lines += ["", *(f"Note: {n}" for n in (*found.notes, *found.pooled.warnings)), DISCLAIMER]
    return "\n".join(lines)


def regression_records(found: RegressionResult) -> tuple[list[Mapping[str, object]], Sequence[str]]:
    """Give one record for each coefficient, and the columns."""
    return [{c: getattr(row, c) for c in COLUMNS} for row in found.coefficients], COLUMNS


def _coefficients(found: RegressionResult) -> str:
    level = f"{100 * found.level:g} % CI"
    log = found.coefficients[0].ratio is not None
    headers = ["", f"Coefficient ({level})", "SE", "t" if found.coefficients[0].df else "z", "p"]
    headers += [f"As ratio ({level})"] if log else []
    headers += ["p permuted"] if found.permutation else []
    headers += ["SE robust", "df", "p robust"] if found.robust else []
    cells = []
    for c in found.coefficients:
        row: list[object] = [c.name, _digits(c.beta, c.ci_lower, c.ci_upper), f"{c.se:.4g}", f"{c.statistic:.2f}"]
        row += [_p(c.p_value)]
        row += [ratio_text(c.ratio, c.ratio_lower, c.ratio_upper) if c.name != "intercept" else ""] if log else []
        row += [_p(c.permutation_p_value)] if found.permutation else []
        row += [f"{c.robust_se:.4g}", f"{c.robust_df:.1f}", _p(c.robust_p_value)] if found.robust else []
        cells.append(row)
    return grid(cells, headers)


def _tests(found: RegressionResult) -> list[str]:
    lines = [f"All moderators: {_test(found.qm, found.qm_df, found.qm_df_residual, found.qm_p_value)}"]
    if len(found.terms) > 1 or found.terms[0].df1 > 1:
        for t in found.terms:
            told = [] if t.reference is None else [f"reference {t.reference}"]
            told += [] if t.vif is None else [f"VIF {t.vif:.2f}"]
            extra = f" ({', '.join(told)})" if told else ""
            lines.append(f"  {t.term}{extra}: {_test(t.statistic, t.df1, t.df2, t.p_value)}")
    elif found.terms[0].reference is not None:
        lines.append(f"  {found.terms[0].term}: reference {found.terms[0].reference}")
    if found.permutation:
        how = "all" if found.permutation["exact"] else "random"
        seed = "" if found.permutation["exact"] else f", seed {found.permutation['seed']}"
        p = p_text(found.qm_permutation_p_value or 0.0)
        lines.append(f"Permutation test: {p} ({found.permutation['permutations']:,} {how} permutations{seed})")
    if found.robust:
        by, clusters = found.robust["cluster"], found.robust["clusters"]
        lines.append(f"Robust: {found.robust['correction']} by {by}, {clusters} clusters, Satterthwaite's df")
    left = f"tau2 = {found.tau2:.4f} ({found.tau2_lower:.4f} to {found.tau2_upper:.4f}), I2 = {100 * found.i2:.0f} %"
    r2 = "" if found.r2 is None else f"; R2 = {100 * found.r2:.0f} % of {found.tau2_without:.4f}"
    lines.append(f"Left over: {left}, QE = {found.qe:.2f} (df = {found.qe_df}, {p_text(found.qe_p_value)}){r2}")
    return lines


def _test(statistic: float, df1: int, df2: float | None, p_value: float) -> str:
    if df2 is None:
        return f"chi2({df1}) = {statistic:.2f}, {p_text(p_value)}"
    return f"F({df1}, {df2:g}) = {statistic:.2f}, {p_text(p_value)}"


def _predictions(found: RegressionResult) -> str:
    headers = ("At", f"{found.pooled.measure.replace('-', ' ')} ({100 * found.level:g} % CI)", "New study")
    cells = (
        (
            ", ".join(f"{n} = {v:g}" if isinstance(v, float) else f"{n} = {v}" for n, v in p.at.items()),
            ratio_text(p.estimate, p.ci_lower, p.ci_upper),
            "" if p.prediction_upper is None else f"{p.prediction_lower:.2f} to {p.prediction_upper:.2f}",
        )
        for p in found.predictions
    )
    return grid(cells, headers)


def _digits(value: float, lower: float, upper: float) -> str:
    return f"{value:.4g} ({lower:.4g} to {upper:.4g})"


def _p(p_value: float | None) -> str:
    return "" if p_value is None else p_text(p_value).removeprefix("p = ").removeprefix("p ")
