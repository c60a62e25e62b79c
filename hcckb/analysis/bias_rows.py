"""Results of tests for small-study effects as rows of one list, on the scale of the measure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from hcckb.analysis.scales import scale_of
from hcckb.errors import PoolingError
from hcckb.pooling.bias import EggerTest, RankTest
from hcckb.pooling.bias_counts import CountTest
from hcckb.pooling.failsafe import FailSafe
from hcckb.pooling.limit import LimitMetaAnalysis
from hcckb.pooling.pet_peese import PetPeese
from hcckb.pooling.selection_model import SelectionModel
from hcckb.pooling.trimfill import TrimFill
from hcckb.results import PooledResult


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasTest:
    """One test for small-study effects, one adjusted estimate, or both.

    Attributes
    ----------
    method, form : str
        Whose method, and in which form.
    tests : str
        What statistic and P value are about: "asymmetry", "missing studies", "selection" (no selection is the
        null hypothesis), or "effect" (no effect, once it is adjusted).
    statistic, df, p_value, p_value_one_sided : float or None
        The one-sided P looks in the direction observed. `df` is None for a normal statistic.
    side, k0 : str, int or None
        Where studies are missing by trim and fill, and how many.
    number : int or None
        Fail-safe number of studies.
    estimate, ci_lower, ci_upper : float or None
        The adjusted estimate on the scale of the measure: for regressions where the standard error is 0, for
        trim and fill with the filled studies, for selection models before selection.
    tau2 : float or None
        Between-study variance that belongs to the adjusted estimate, on the analysis scale.
    weights : tuple of float
        Chance of publication in each interval of P values, relative to the first, of a selection model.
    note : str
        Why nothing could be computed, or what else was found.
    """

    method: str
    form: str
    tests: str
    statistic: float | None = None
    df: float | None = None
    p_value: float | None = None
    p_value_one_sided: float | None = None
    side: str = ""
    k0: int | None = None
    number: int | None = None
    estimate: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    tau2: float | None = None
    weights: tuple[float, ...] = ()
    note: str = ""


def back(value: float, result: PooledResult) -> float:
    """Turn a number on the analysis scale of a result into one on the scale of its measure.

    Raises
    ------
    PoolingError
        If it is too large to be told there.
    """
    if result.scale == "log":
        if value > 700.0:
            raise PoolingError(f"the adjusted ratio or its limit is exp({value:.3g}). The estimates tell too little.")
        return math.exp(value)
    return scale_of(result).back(value)


def begg_rows(test: RankTest) -> Iterator[BiasTest]:
    """Give the three forms of the rank test."""
    exact = "" if test.p_value_exact is not None else "Not computed: ties, or 50 studies and more."
    forms = (
        ("exact", None, test.p_value_exact, test.p_value_exact_one_sided),
        ("normal", test.statistic, test.p_value, test.p_value_one_sided),
        (
            "normal, continuity corrected",
            test.statistic_corrected,
            test.p_value_corrected,
            test.p_value_corrected_one_sided,
        ),
    )
    for form, statistic, p_value, one_sided in forms:
        yield BiasTest(
            method="Begg",
            form=form,
            tests="asymmetry",
            statistic=statistic,
            p_value=p_value,
            p_value_one_sided=one_sided,
            note=exact if form == "exact" and exact else f"tau = {test.tau:.2f}",
        )


def egger_row(test: EggerTest, name: str, form: str, result: PooledResult) -> BiasTest:
    """Give a regression on the standard error, with the estimate where that is 0."""
    return BiasTest(
        method=name,
        form=form,
        tests="asymmetry",
        statistic=test.statistic,
        df=None if np.isinf(test.df) else test.df,
        p_value=test.p_value,
        p_value_one_sided=test.p_value_one_sided,
        estimate=back(test.limit_estimate, result),
        ci_lower=back(test.limit_lower, result),
        ci_upper=back(test.limit_upper, result),
        tau2=test.tau2 if test.model == "random" else None,
        note=f"slope = {test.bias:.2f}",
    )


def count_row(test: CountTest, name: str, form: str) -> BiasTest:
    """Give a test from 2x2 tables."""
    return BiasTest(
        method=name,
        form=form,
        tests="asymmetry",
        statistic=test.statistic,
        df=None if np.isinf(test.df) else test.df,
        p_value=test.p_value,
        p_value_one_sided=test.p_value_one_sided,
        note=f"{'S' if name == 'Schwarzer' else 'slope'} = {test.bias:.3g}",
    )


def fill_row(found: TrimFill, result: PooledResult) -> BiasTest:
    """Give a trim and fill."""
    return BiasTest(
        method="Trim and fill",
        form=found.estimator,
        tests="missing studies",
        p_value_one_sided=found.p_k0,
        side=found.side,
        k0=found.k0,
        estimate=back(found.adjusted.estimate, result),
        ci_lower=back(found.adjusted.ci_lower, result),
        ci_upper=back(found.adjusted.ci_upper, result),
        tau2=found.adjusted.tau2,
    )


def pet_peese_row(found: PetPeese, name: str, form: str, result: PooledResult) -> BiasTest:
    """Give a precision-effect regression."""
    taken = f"took {found.method}; " if name == "PET-PEESE" else ""
    return BiasTest(
        method=name,
        form=form,
        tests="effect",
        statistic=found.statistic,
        df=found.df,
        p_value=found.p_value,
        p_value_one_sided=found.p_value / 2,
        estimate=back(found.estimate, result),
        ci_lower=back(found.ci_lower, result),
        ci_upper=back(found.ci_upper, result),
        note=f"{taken}slope = {found.slope:.2f}",
    )


def limit_rows(found: Iterable[LimitMetaAnalysis], result: PooledResult) -> Iterator[BiasTest]:
    """Give the test and the three adjusted estimates of a limit meta-analysis."""
    fits = list(found)
    first = fits[0]
    yield BiasTest(
        method="Limit meta-analysis",
        form="Q - Q'",
        tests="asymmetry",
        statistic=first.q_small,
        df=1.0,
        p_value=first.q_small_p_value,
        note=f"G2 = {100 * first.g2:.0f} %; Q' = {first.q_residual:.2f}",
    )
    for fit in fits:
        yield BiasTest(
            method="Limit meta-analysis",
            form=f"{fit.adjustment}, {fit.tau2_method}",
            tests="effect",
            statistic=fit.statistic,
            p_value=fit.p_value,
            p_value_one_sided=fit.p_value / 2,
            estimate=back(fit.estimate, result),
            ci_lower=back(fit.ci_lower, result),
            ci_upper=back(fit.ci_upper, result),
            tau2=fit.tau2,
        )


def selection_row(found: SelectionModel, form: str, result: PooledResult) -> BiasTest:
    """Give a selection model."""
    counts = ", ".join(str(n) for n in found.counts)
    weights = ", ".join(f"{w:.2g}" for w in found.weights)
    told = "weights fixed" if found.fixed else f"weights {weights}; estimates {counts}"
    return BiasTest(
        method="Selection model",
        form=form,
        tests="selection",
        statistic=found.lrt,
        df=None if found.lrt_df is None else float(found.lrt_df),
        p_value=found.lrt_p_value,
        estimate=back(found.estimate, result),
        ci_lower=back(found.ci_lower, result),
        ci_upper=back(found.ci_upper, result),
        tau2=found.tau2,
        weights=tuple(float(w) for w in found.weights),
        note=f"{found.alternative}; {told}",
    )


def fail_safe_row(found: FailSafe, result: PooledResult) -> BiasTest:
    """Give a fail-safe number."""
    goal = (
        f"until p = {found.alpha:g}" if found.target is None else f"until the mean is {back(found.target, result):.2f}"
    )
    one_sided = found.method == "Rosenthal"
    return BiasTest(
        method="Fail-safe N",
        form=found.method,
        tests="effect",
        p_value=None if one_sided else found.p_value,
        p_value_one_sided=found.p_value if one_sided else None,
        number=found.number,
        note=goal,
    )
