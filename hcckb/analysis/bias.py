"""Evidence table in, small-study effects out: every test and every adjusted estimate in one list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from hcckb.analysis.bias_rows import (
    BiasTest,
    begg_rows,
    count_row,
    egger_row,
    fail_safe_row,
    fill_row,
    limit_rows,
    pet_peese_row,
    selection_row,
)
from hcckb.analysis.pool import pool
from hcckb.analysis.scales import null_of
from hcckb.analysis.sensitivity import Sensitivity, arrays_of, few, options_of
from hcckb.errors import PoolingError, UsageError
from hcckb.evidence import EvidenceTable
from hcckb.pooling import bias_counts
from hcckb.pooling.batch import FloatArray
from hcckb.pooling.bias import EggerTest, begg, egger, thompson_sharp
from hcckb.pooling.bias_counts import CountTest
from hcckb.pooling.counts import Counts, two_arms
from hcckb.pooling.failsafe import METHODS, fail_safe
from hcckb.pooling.limit import ADJUSTMENTS, limit_meta_analysis
from hcckb.pooling.pet_peese import PetPeese, peese, pet, pet_peese
from hcckb.pooling.selection_model import VEVEA_WOODS, VEVEA_WOODS_STEPS, selection_model
from hcckb.pooling.trimfill import ESTIMATORS, TrimFill, trim_and_fill
from hcckb.results import PooledResult
from hcckb.usertable import CountsRow

STEPS = (0.025,)
_COUNT_TESTS = (
    ("Harbord", "efficient score, t", bias_counts.harbord),
    ("Peters", "log OR on 1 / n, t", bias_counts.peters),
    ("Macaskill", "log OR on n, t", bias_counts.macaskill),
    ("Deeks", "log OR on effective n, t", bias_counts.deeks),
    ("Schwarzer", "rank of counts, normal", bias_counts.schwarzer),
    ("Rücker", "arcsine difference, t", bias_counts.rucker),
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A pooled result with its arrays, its cells where there are any, and the selection that is asked for."""

    result: PooledResult
    y: FloatArray
    v: FloatArray
    counts: Counts | None
    steps: tuple[float, ...]
    alternative: str | None


def bias(
    table: EvidenceTable,
    *,
    steps: Sequence[float] = STEPS,
    alternative: str | None = None,
    **method: str | float,
) -> Sensitivity[BiasTest]:
    """Test for small-study effects in all the forms that are in use, and adjust for them.

    Parameters
    ----------
    table : EvidenceTable
        As for :func:`hcckb.analysis.pool.pool`. Tests from 2x2 tables are made where all rows have counts.
    steps : sequence of float
        Cut points of the one-sided P value in the selection model, ascending in (0, 1).
    alternative : {"greater", "less"}, optional
        Direction that the selection model takes to be published more; that of the pooled estimate by default.
    **method
        As for :func:`hcckb.analysis.pool.pool`; trim and fill, limit meta-analysis and selection model pool by it.

    Returns
    -------
    Sensitivity of BiasTest
        A method that cannot be computed from these estimates has a row that says why. Selection models and
        fail-safe numbers need a measure with a value of no effect, and have no row without.

    Raises
    ------
    UsageError
        If the steps do not ascend in (0, 1), or there is no such alternative.
    PoolingError
        If fewer than three estimates can be pooled, or as :func:`hcckb.analysis.pool.pool`.
    """
    cuts = _checked(steps, alternative)
    result = pool(table, **method)
    if result.k < 3:
        raise PoolingError(f"a test of asymmetry needs at least 3 estimates, got {result.k}. Widen the selection.")
    case = _Case(result, *arrays_of(result), _counts(table, result), cuts, alternative)
    rows = [*_asymmetry(case), *_of_counts(case), *_filled(case), *_regressions(case), *_limits(case)]
    notes = [
        *few(result.k),
        "Asymmetry has other causes than unpublished studies, heterogeneity among them.",
        "Filled studies are not data: read the change of the estimate, not the adjusted estimate.",
    ]
    if null_of(result) is not None:
        rows += [*_selections(case), *_fail_safes(case)]
        notes.append("Fail-safe numbers take missing studies to have found nothing on average; read them with care.")
    return Sensitivity(pooled=result, rows=tuple(rows), notes=tuple(notes))


def filled_in(result: PooledResult, estimator: str = "L0") -> TrimFill | None:
    """Fill the funnel of a pooled result, for a figure; None where trim and fill cannot be computed."""
    try:
        return trim_and_fill(*arrays_of(result), estimator=estimator, **options_of(result))
    except PoolingError:
        return None


def _checked(steps: Sequence[float], alternative: str | None) -> tuple[float, ...]:
    cuts = tuple(float(s) for s in steps) or STEPS
    if not all(0 < c < 1 for c in cuts) or any(b <= a for a, b in pairwise(cuts)):
        raise UsageError(f"--steps {', '.join(f'{c:g}' for c in cuts)} do not ascend within 0 and 1. Take 0.025, 0.5.")
    if alternative not in (None, "greater", "less"):
        raise UsageError(f"--alternative {alternative!r} is none of: greater, less.")
    return cuts


def _counts(table: EvidenceTable, result: PooledResult) -> Counts | None:
    """Give the 2x2 tables of the pooled rows, where every row has one."""
    rows = [r for r in table.rows if isinstance(r, CountsRow)]
    if len(rows) != result.k or len(rows) != len(table.rows):
        return None
    n1, n2 = [r.n_experimental or 0 for r in rows], [r.n_comparator or 0 for r in rows]
    a, c = [r.events_experimental for r in rows], [r.events_comparator for r in rows]
    return two_arms(a, n1, c, n2, labels=[r.study for r in rows])


def _attempt(rows: Callable[[], Iterable[BiasTest]], name: str, form: str, tests: str) -> list[BiasTest]:
    """Compute, or say why it cannot be: one method that fails does not take the others with it."""
    try:
        return list(rows())
    except PoolingError as error:
        return [BiasTest(method=name, form=form, tests=tests, note=f"Not computed: {error}")]


def _asymmetry(case: _Case) -> Iterator[BiasTest]:
    y, v, level = case.y, case.v, case.result.level
    yield from _attempt(lambda: begg_rows(begg(y, v)), "Begg", "rank correlation", "asymmetry")
    for name, form, method in (
        ("Egger", "weighted regression, t", partial(egger, y, v, level=level)),
        ("Egger", "mixed effects, REML, z", partial(egger, y, v, model="random", level=level)),
        ("Egger", "mixed effects, DL, z", partial(egger, y, v, model="random", tau2="DL", level=level)),
        ("Thompson-Sharp", "mixed effects, DL, t", partial(thompson_sharp, y, v, level=level)),
    ):
        row = partial(_egger, method, name, form, case.result)
        yield from _attempt(row, name, form, "asymmetry")


def _egger(method: Callable[[], EggerTest], name: str, form: str, result: PooledResult) -> list[BiasTest]:
    return [egger_row(method(), name, form, result)]


def _of_counts(case: _Case) -> Iterator[BiasTest]:
    if case.counts is None:
        return
    for name, form, method in _COUNT_TESTS:
        yield from _attempt(partial(_count, method, case.counts, name, form), name, form, "asymmetry")


def _count(method: Callable[[Counts], CountTest], counts: Counts, name: str, form: str) -> list[BiasTest]:
    return [count_row(method(counts), name, form)]


def _filled(case: _Case) -> Iterator[BiasTest]:
    for estimator in ESTIMATORS:
        yield from _attempt(partial(_fill, case, estimator), "Trim and fill", estimator, "missing studies")


def _fill(case: _Case, estimator: str) -> list[BiasTest]:
    return [fill_row(trim_and_fill(case.y, case.v, estimator=estimator, **options_of(case.result)), case.result)]


def _regressions(case: _Case) -> Iterator[BiasTest]:
    for name, form, method in (
        ("PET", "on the standard error", pet),
        ("PEESE", "on the variance", peese),
        ("PET-PEESE", "PEESE if PET's p < 0.10", pet_peese),
    ):
        yield from _attempt(partial(_precision, case, method, name, form), name, form, "effect")


def _precision(case: _Case, method: Callable[..., PetPeese], name: str, form: str) -> list[BiasTest]:
    return [pet_peese_row(method(case.y, case.v, level=case.result.level), name, form, case.result)]


def _limits(case: _Case) -> list[BiasTest]:
    tau2 = case.result.tau2_method or "REML"
    fit = partial(limit_meta_analysis, case.y, case.v, tau2=tau2, level=case.result.level)
    return _attempt(
        lambda: limit_rows([fit(adjustment=a) for a in ADJUSTMENTS], case.result), "Limit meta-analysis", tau2, "effect"
    )


def _selections(case: _Case) -> Iterator[BiasTest]:
    yield from _attempt(
        partial(_selection, case, case.steps, None), "Selection model", steps_told(case.steps), "selection"
    )
    for name, weights in VEVEA_WOODS.items():
        form = name.replace("-", ", ", 1)
        yield from _attempt(
            partial(_selection, case, VEVEA_WOODS_STEPS, weights, form), "Selection model", form, "selection"
        )


def _selection(
    case: _Case, steps: Sequence[float], weights: Sequence[float] | None, form: str | None = None
) -> list[BiasTest]:
    found = selection_model(
        case.y,
        case.v,
        steps=steps,
        weights=weights,
        alternative=case.alternative,
        model=case.result.model,
        level=case.result.level,
    )
    return [selection_row(found, form or steps_told(steps), case.result)]


def steps_told(steps: Sequence[float]) -> str:
    """Name the cut points of a selection model."""
    return f"step{'s' if len(steps) > 1 else ''} {', '.join(f'{s:g}' for s in steps)}"


def _fail_safes(case: _Case) -> Iterator[BiasTest]:
    for name in METHODS:
        yield from _attempt(partial(_fail_safe, case, name), "Fail-safe N", name, "effect")


def _fail_safe(case: _Case, name: str) -> list[BiasTest]:
    return [fail_safe_row(fail_safe(case.y, case.v, method=name), case.result)]
