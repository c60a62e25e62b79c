"""`hcckb bayes` and `hcckb glmm`: other models of the same effects."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hcckb.cli import options as o
from hcckb.cli.selecting import Asked, selecting
from hcckb.errors import UsageError
from hcckb.records import to_csv, to_json


class Prior(StrEnum):
    """Priors of the heterogeneity tau."""

    half_normal = "half-normal"
    half_cauchy = "half-cauchy"
    exponential = "exponential"
    uniform = "uniform"
    log_normal = "log-normal"
    log_t = "log-t"
    turner2015 = "turner2015"
    rhodes2015 = "rhodes2015"
    jeffreys = "jeffreys"
    flat = "flat"


class Form(StrEnum):
    """Forms of the mixed model of two arms."""

    cm_el = "cm-el"
    cm_al = "cm-al"
    um_fs = "um-fs"
    um_rs = "um-rs"


@selecting(pooling=True)
def bayes(  # noqa: PLR0913, PLR0917 - one parameter per option
    asked: Asked,
    prior: Annotated[Prior, typer.Option(help="Prior of the heterogeneity tau.")] = Prior.half_normal,
    prior_scale: Annotated[
        float | None, typer.Option(help="Its scale, mean or upper end, on the analysis scale; 0.5 for log ratios.")
    ] = None,
    prior_location: Annotated[float | None, typer.Option(help="Location of ln tau squared: log-normal, log-t.")] = None,
    prior_df: Annotated[float | None, typer.Option(help="Degrees of freedom: log-t; 5 when absent.")] = None,
    prior_outcome: Annotated[str | None, typer.Option(help="For turner2015: all-cause-mortality, pain ...")] = None,
    prior_comparison: Annotated[
        str, typer.Option(help="For turner2015: pharmacological-placebo, pharmacological-pharmacological ...")
    ] = "pharmacological-placebo",
    mu_mean: Annotated[float, typer.Option(help="Mean of a normal prior of the mean effect, analysis scale.")] = 0.0,
    mu_sd: Annotated[float | None, typer.Option(help="Its SD; without it the prior is flat.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Benefit means an effect below this: 0.8.")] = None,
    plot: Annotated[
        list[Path] | None, typer.Option(help="Draw the posterior to this file: .svg, .png, .pdf. Repeatable.")
    ] = None,
) -> None:
    """Pool with priors: mean effect, new study, heterogeneity, shrunken studies and probabilities of benefit.

    Example: hcckb bayes second-line-placebo --endpoint OS --threshold 0.9
    """
    from hcckb.analysis.bayes import bayes as pooled_by_bayes
    from hcckb.analysis.bayes import named_prior
    from hcckb.text.bayes import bayes_records, bayes_text, bayes_value

    about = None if prior_outcome is None else (prior_outcome, prior_comparison)
    plain = prior is Prior.half_normal and (prior_scale, prior_location, prior_df, about) == (None,) * 4
    chosen = None
    if not plain:
        chosen = named_prior(prior.value, scale=prior_scale, location=prior_location, df=prior_df, about=about)
    found = pooled_by_bayes(
        asked.table(),
        prior=chosen,
        mu_prior=None if mu_sd is None else (mu_mean, mu_sd),
        threshold=threshold,
        **asked.method,
    )
    asked.emit(lambda: bayes_text(found), bayes_value(found), lambda: bayes_records(found))
    if plot:
        from hcckb.plots.posterior import posterior_svg
        from hcckb.plots.render import write_figure

        for path in plot:
            o.say(f"wrote {write_figure(posterior_svg(found), path)}")


def glmm(  # noqa: PLR0913, PLR0917 - one parameter per option
    data: Annotated[Path, typer.Option(help="A CSV of counts: study and events of each arm.")],
    measure: Annotated[
        str, typer.Option(help="What is pooled: OR, incidence-rate-ratio, proportion or incidence-rate.")
    ],
    form: Annotated[
        Form | None,
        typer.Option(
            help="Two arms: conditional (cm-el exact, cm-al approximate) or not (um-fs, um-rs); cm-el if absent."
        ),
    ] = None,
    coding: Annotated[
        float, typer.Option(help="um-fs, um-rs: 0.5 splits the random effect between the arms, 1 has it in one.")
    ] = 0.5,
    level: Annotated[float, typer.Option(help="Level of the intervals, a proportion.")] = 0.95,
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
) -> None:
    """Pool counts in a random-effects logistic or Poisson model: zeros need no correction.

    Example: hcckb glmm --data counts.csv --measure odds-ratio --form cm-el
    """
    if level <= 0 or level >= 1:
        raise UsageError(f"--level {level:g} must lie between 0 and 1: write 0.95 for 95 %.")
    emit_glmm(data, measure, level, output_format, output, form=form.value if form else None, coding=coding)


def emit_glmm(  # noqa: PLR0913 - what the two commands that fit such a model share
    data: Path,
    measure: str,
    level: float,
    output_format: o.Format,
    output: Path | None,
    *,
    form: str | None = None,
    coding: float = 0.5,
) -> None:
    """Fit a mixed model to a table of counts and write it."""
    from hcckb.analysis.glmm import glmm as pooled_by_glmm
    from hcckb.text.glmm import glmm_records, glmm_text, glmm_value

    found = pooled_by_glmm(data, measure, form=form, coding=coding, level=level)
    if output_format is o.Format.table:
        shown = glmm_text(found)
    elif output_format is o.Format.json:
        shown = to_json(glmm_value(found))
    else:
        shown = to_csv(*glmm_records(found))
    o.emit(shown, output)
