"""Incidence rates, of single arms and of two: events in person-time, with the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.columns import READ_AGAIN, FloatArray, check, columns
from hcckb.pooling.effects import Effects
from hcckb.pooling.heterogeneity import checked_level

BoolArray = NDArray[np.bool_]
RATE_TRANSFORMS = ("log", "square-root", "freeman-tukey", "none")
RATE_CORRECTIONS = ("only0", "all", "none")
RATE_DOUBLE_ZERO = ("drop", "keep")
NO_EVENT_REASON = "neither arm has an event"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateEffects:
    """Effects of the studies that have one, and what was done to the others.

    Attributes
    ----------
    effects : Effects
        On the analysis scale, shape (number of True in `kept`,).
    kept, corrected : ndarray of bool, shape (k,)
        Which studies have an effect; which had the continuity correction added.
    harmonic_time : float
        Harmonic mean of the person-times of single arms, which the Freeman-Tukey transformation needs on the way
        back; of two arms 0.
    warnings : tuple of str
        What was left out and what was corrected, by name.
    """

    effects: Effects
    kept: BoolArray
    corrected: BoolArray
    harmonic_time: float
    warnings: tuple[str, ...]


def rate_effects(
    events: ArrayLike,
    time: ArrayLike,
    transform: str = "log",
    *,
    correction: str | None = None,
    add: float = 0.5,
    labels: Sequence[str] | None = None,
) -> RateEffects:
    r"""Transform incidence rates of single arms, with their sampling variances.

    Parameters
    ----------
    events, time : array_like, shape (k,)
        Events, and the person-time in which they occurred, in one unit for all.
    transform : {"log", "square-root", "freeman-tukey", "none"}
        Analysis scale.
    correction : {"only0", "all", "none"}, optional
        Which arms get `add` to their events: those without one, all, or none. By default "only0" for "log" and
        "none", and "none" for the other two, which need none.
    add : float
        What is added, above 0.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If an event count is not whole or negative, a time not positive, or an arm has no variance.
    UnknownNameError
        If `transform` or `correction` is no such name.

    Notes
    -----
    Events x are taken as Poisson in time t, as in metafor's escalc (IRLN, IRS, IRFT, IR):

    - log: ln(x/t), v = 1/x
    - square-root: √(x/t), v = 1/(4t)
    - freeman-tukey: (√(x/t) + √((x + 1)/t))/2, v = 1/(4t)
    - none: x/t, v = x/t²

    Source: Freeman & Tukey 1950, Ann Math Stat 21:607-611, doi:10.1214/aoms/1177729756.

    Examples
    --------
    >>> e = rate_effects([12, 30], [101.5, 310.0]).effects
    >>> e.estimate.round(4).tolist(), e.variance.round(4).tolist()
    ([-2.1352, -2.3354], [0.0833, 0.0333])
    """
    _known(transform, "transformation of rates", RATE_TRANSFORMS)
    correction = correction or ("only0" if transform in ("log", "none") else "none")
    _check_correction(correction, add)
    x, t = _checked({"events": events, "time": time}, labels)
    corrected = _to_correct(x == 0, correction)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = _SINGLE[transform](x + add * corrected, t)
    names = _names(labels, len(x))
    _refuse_without_variance(names, estimate, variance)
    return RateEffects(
        effects=Effects(estimate, np.sqrt(variance), variance),
        kept=np.ones(len(x), dtype=bool),
        corrected=corrected,
        harmonic_time=float(len(t) / np.sum(1 / t)),
        warnings=_told(names, corrected, add, "the events"),
    )


def back_transform_rate(value: ArrayLike, transform: str, harmonic_time: float | None = None) -> FloatArray:
    r"""Turn numbers on the analysis scale into incidence rates.

    Parameters
    ----------
    value : array_like
        Estimates or limits on the analysis scale, any shape.
    transform : {"log", "square-root", "freeman-tukey", "none"}
        How they came there.
    harmonic_time : float, optional
        For "freeman-tukey": the person-time of an arm, or the harmonic mean of those pooled.

    Returns
    -------
    ndarray
        At least 0, but for "none". Beyond the end of a scale 0.

    Raises
    ------
    PoolingError
        If "freeman-tukey" has no `harmonic_time`.
    UnknownNameError
        If there is no such transformation.

    Notes
    -----
    Freeman-Tukey, by solving its definition for x/t: :math:`(y - 1 / (4 t y))^2`.

    Examples
    --------
    >>> back_transform_rate([-2.3026, 0.0], "log").round(3).tolist()
    [0.1, 1.0]
    """
    _known(transform, "transformation of rates", RATE_TRANSFORMS)
    y = np.asarray(value, dtype=np.float64)
    if transform == "log":
        return np.asarray(np.exp(y))
    if transform == "none":
        return y.copy()
    if transform == "square-root":
        return np.asarray(np.maximum(y, 0.0) ** 2)
    if harmonic_time is None or not harmonic_time > 0:
        raise PoolingError("freeman-tukey needs harmonic_time, the harmonic mean of the times, on the way back.")
    inside = np.maximum(y, 0.5 / np.sqrt(harmonic_time))
    return np.asarray((inside - 0.25 / (harmonic_time * inside)) ** 2)


def exact_rate_interval(events: ArrayLike, time: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Return the exact Poisson interval of each rate, of which it has at least `level` in any case.

    Parameters
    ----------
    events, time : array_like, shape (k,)
        Events and person-time.
    level : float
        In (0, 1).

    Raises
    ------
    PoolingError
        As `rate_effects`, or if `level` is not in (0, 1).

    Notes
    -----
    Source: Garwood 1936, Biometrika 28:437-442, doi:10.1093/biomet/28.3-4.437.

    Examples
    --------
    >>> low, high = exact_rate_interval(0, 10)
    >>> low.tolist(), high.round(4).tolist()
    ([0.0], [0.3689])
    """
    tail = (1 - checked_level(level)) / 2
    x, t = _checked({"events": events, "time": time}, None)
    low = np.where(x > 0, gammaincinv(np.maximum(x, 1.0), tail), 0.0)
    return low / t, gammaincinv(x + 1.0, 1.0 - tail) / t


def two_arm_rate_effects(  # noqa: PLR0913 - two arms, the measure, and keywords
    events_experimental: ArrayLike,
    time_experimental: ArrayLike,
    events_comparator: ArrayLike,
    time_comparator: ArrayLike,
    measure: str = "incidence-rate-ratio",
    *,
    correction: str | None = None,
    add: float = 0.5,
    double_zero: str | None = None,
    labels: Sequence[str] | None = None,
) -> RateEffects:
    r"""Compare the incidence rates of two arms.

    Parameters
    ----------
    events_experimental, time_experimental, events_comparator, time_comparator : array_like, shape (k,)
        Events and person-time of each arm.
    measure : {"incidence-rate-ratio", "incidence-rate-difference", "square-root-rate-difference"}
        The ratio comes as natural log.
    correction : {"only0", "all", "none"}, optional
        Which studies get `add` to the events of both arms: those with an arm without event, all, or none. By default
        "only0"; "none" for the difference of square roots.
    add : float
        What is added, above 0.
    double_zero : {"drop", "keep"}, optional
        What becomes of studies without an event in either arm: by default a ratio drops them, differences keep them.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If an event count is not whole or negative, a time not positive, a study that is kept has no variance, or none
        is left.
    UnknownNameError
        If `measure`, `correction` or `double_zero` is no such name.

    Notes
    -----
    - ratio: ln((x1/t1)/(x2/t2)), v = 1/x1 + 1/x2
    - difference: x1/t1 - x2/t2, v = x1/t1² + x2/t2²
    - square roots: √(x1/t1) - √(x2/t2), v = 1/(4 t1) + 1/(4 t2)

    as metafor's escalc (IRR, IRD, IRSD) with `add`, `to` and `drop00` set alike.

    Source: Rothman, Greenland & Lash 2008, Modern Epidemiology, 3rd ed., ch. 14.

    Examples
    --------
    >>> e = two_arm_rate_effects([4, 0], [230.0, 45.0], [9, 2], [221.0, 44.0]).effects
    >>> e.estimate.round(4).tolist(), e.variance.round(4).tolist()
    ([-0.8508, -1.6319], [0.3611, 2.4])
    """
    ratio = measure == "incidence-rate-ratio"
    correction = correction or ("none" if measure == "square-root-rate-difference" else "only0")
    double_zero = double_zero or ("drop" if ratio else "keep")
    _known(measure, "measure of rates", RATE_MEASURES)
    _known(double_zero, "treatment of double zeros", RATE_DOUBLE_ZERO)
    _check_correction(correction, add)
    named = {
        "events_experimental": events_experimental,
        "time_experimental": time_experimental,
        "events_comparator": events_comparator,
        "time_comparator": time_comparator,
    }
    x1, t1, x2, t2 = _checked(named, labels)
    names = _names(labels, len(x1))
    kept = ((x1 > 0) | (x2 > 0)) if double_zero == "drop" else np.ones(len(x1), dtype=bool)
    if not kept.any():
        raise PoolingError(f"no study tells anything of the {measure}: {NO_EVENT_REASON} in any of them.")
    corrected = kept & _to_correct((x1 == 0) | (x2 == 0), correction)
    more = (add * corrected)[kept]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = _TWO_ARM[measure](x1[kept] + more, t1[kept], x2[kept] + more, t2[kept])
    _refuse_without_variance([n for n, k in zip(names, kept, strict=True) if k], estimate, variance)
    left = [n for n, k in zip(names, kept, strict=True) if not k]
    gone = (f"Left out, as {NO_EVENT_REASON}, which says nothing of the {measure.replace('-', ' ')}: "
            f"{', '.join(left)}.",) if left else ()  # fmt: skip
    return RateEffects(
        effects=Effects(estimate, np.sqrt(variance), variance),
        kept=kept,
        corrected=corrected,
        harmonic_time=0.0,
        warnings=(*gone, *_told(names, corrected, add, "the events of both arms")),
    )


def _checked(named: dict[str, ArrayLike], labels: Sequence[str] | None) -> list[FloatArray]:
    found = columns(named)
    for name, column in zip(named, found, strict=True):
        check(np.isfinite(column), labels, {name: column}, "is not a finite number", READ_AGAIN)
        if name.startswith("events"):
            whole = (column >= 0) & (column == np.floor(column))
            check(whole, labels, {name: column}, "is not a count", "Give the events: 0, 1, 2 ...")
        else:
            check(column > 0, labels, {name: column}, "is not positive", "Give the person-time.")
    return found


def _known(name: str, kind: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UnknownNameError(name, kind, known, ", ".join(known))


def _check_correction(correction: str, add: float) -> None:
    _known(correction, "continuity correction", RATE_CORRECTIONS)
    if not (np.isfinite(add) and add > 0):
        raise PoolingError(f'add {add!r} must be above 0. Without correction: correction="none".')


def _to_correct(zero: BoolArray, correction: str) -> BoolArray:
    return zero if correction == "only0" else np.full(len(zero), correction == "all")


def _names(labels: Sequence[str] | None, k: int) -> list[str]:
    return [labels[i] if labels is not None and i < len(labels) else f"study {i}" for i in range(k)]


def _refuse_without_variance(names: Sequence[str], estimate: FloatArray, variance: FloatArray) -> None:
    bad = ~(np.isfinite(estimate) & np.isfinite(variance) & (variance > 0))
    if bad.any():
        raise PoolingError(
            f"{names[int(np.argmax(bad))]}: no event leaves no variance on this scale. Take the correction only0, or "
            "square roots."
        )


def _told(names: Sequence[str], corrected: BoolArray, add: float, what: str) -> tuple[str, ...]:
    if not corrected.any():
        return ()
    who = "every study" if corrected.all() else ", ".join(names[int(i)] for i in np.flatnonzero(corrected))
    return (f"Continuity correction: {add:g} was added to {what} of {who}.",)


def _log(x: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.log(x / t), 1 / x


def _root(x: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.sqrt(x / t), 1 / (4 * t)


def _freeman_tukey(x: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    return (np.sqrt(x / t) + np.sqrt((x + 1) / t)) / 2, 1 / (4 * t)


def _raw(x: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    return x / t, x / t / t


def _ratio(x1: FloatArray, t1: FloatArray, x2: FloatArray, t2: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.log(x1 / t1) - np.log(x2 / t2), 1 / x1 + 1 / x2


def _difference(x1: FloatArray, t1: FloatArray, x2: FloatArray, t2: FloatArray) -> tuple[FloatArray, FloatArray]:
    return x1 / t1 - x2 / t2, x1 / t1 / t1 + x2 / t2 / t2


def _root_difference(x1: FloatArray, t1: FloatArray, x2: FloatArray, t2: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.sqrt(x1 / t1) - np.sqrt(x2 / t2), 1 / (4 * t1) + 1 / (4 * t2)


_SINGLE: dict[str, Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]] = {
    "log": _log,
    "square-root": _root,
    "freeman-tukey": _freeman_tukey,
    "none": _raw,
}
_TWO_ARM: dict[str, Callable[[FloatArray, FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]] = {
    "incidence-rate-ratio": _ratio,
    "incidence-rate-difference": _difference,
    "square-root-rate-difference": _root_difference,
}
RATE_MEASURES = tuple(_TWO_ARM)
