"""Proportions of single arms: transformed estimates with variances, exact intervals, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.counts import CORRECTIONS, checked_counts
from hcckb.pooling.effects import Effects
from hcckb.pooling.heterogeneity import checked_level

FloatArray = NDArray[np.float64]
TRANSFORMS = ("logit", "freeman-tukey", "arcsine", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionEffects:
    """Proportions of k arms on the analysis scale, and what leads back.

    Attributes
    ----------
    effects : Effects
        Transformed proportions, shape (k,).
    transform : str
        One of `TRANSFORMS`.
    harmonic_n : float
        Harmonic mean of the arms' sizes, which the Freeman-Tukey transformation needs on the way back.
    corrected : ndarray of bool, shape (k,)
        Which arms had the continuity correction added.
    warnings : tuple of str
        What was corrected, by name.
    """

    effects: Effects
    transform: str
    harmonic_n: float
    corrected: NDArray[np.bool_]
    warnings: tuple[str, ...]


def proportion_effects(
    events: ArrayLike,
    n: ArrayLike,
    transform: str = "logit",
    *,
    correction: str | None = None,
    add: float = 0.5,
    labels: Sequence[str] | None = None,
) -> ProportionEffects:
    r"""Transform proportions, with their sampling variances.

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Participants with the event, and all participants.
    transform : {"logit", "freeman-tukey", "arcsine", "none"}
        Analysis scale.
    correction : {"only0", "all", "none"}, optional
        Which arms get `add` to their events and to the others: those without an event or with nothing else,
        all, or none. By default "only0" for "logit" and "none", and "none" for the other two, which need none.
    add : float
        What is added, above 0.
    labels : sequence of str, optional
        Names of the studies, for messages.

    Raises
    ------
    PoolingError
        If a count is not whole, negative or above its n, an n below 1, or an arm has no variance.
    UnknownNameError
        If `transform` or `correction` is no such name.

    Notes
    -----
    With x events of n, p = x/n, as metafor's escalc (PLO, PFT, PAS, PR):

    - logit: ln(x/(n - x)), v = 1/x + 1/(n - x)
    - freeman-tukey: (asin √(x/(n + 1)) + asin √((x + 1)/(n + 1)))/2, v = 1/(4n + 2)
    - arcsine: asin √p, v = 1/(4n)
    - none: p, v = p(1 - p)/n

    Sources: Freeman & Tukey 1950, Ann Math Stat 21:607-611, doi:10.1214/aoms/1177729756; Miller 1978, Am Stat
    32:138, doi:10.1080/00031305.1978.10479283.

    Examples
    --------
    >>> e = proportion_effects([16, 10], [17, 12], "arcsine").effects
    >>> e.estimate.round(4).tolist(), e.variance.round(4).tolist()
    ([1.3258, 1.1503], [0.0147, 0.0208])
    """
    _known(transform, "transformation of proportions", TRANSFORMS)
    correction = correction or ("only0" if transform in ("logit", "none") else "none")
    _known(correction, "continuity correction", CORRECTIONS)
    if not (np.isfinite(add) and add > 0):
        raise PoolingError(f'add {add!r} must be above 0. Without correction: correction="none".')
    x, size = checked_counts({"events": events, "n": n}, labels)
    extreme = (x == 0) | (x == size)
    corrected = extreme if correction == "only0" else np.full(len(x), correction == "all")
    estimate, variance = _transformed(x + add * corrected, size + 2 * add * corrected, transform)
    names = [labels[i] if labels is not None else f"study {i}" for i in range(len(x))]
    for i in np.flatnonzero(~np.isfinite(estimate) | ~(variance > 0) | ~np.isfinite(variance))[:1]:
        raise PoolingError(
            f"{names[i]}: {x[i]:g}/{size[i]:g} has no variance on the scale of {transform!r}. Take the "
            "correction only0, or freeman-tukey."
        )
    return ProportionEffects(
        effects=Effects(estimate, np.sqrt(variance), variance),
        transform=transform,
        harmonic_n=float(len(size) / np.sum(1 / size)) if len(size) else float("nan"),
        corrected=corrected,
        warnings=_told(names, corrected, add),
    )


def back_transform_proportion(value: ArrayLike, transform: str, harmonic_n: float | None = None) -> FloatArray:
    r"""Turn numbers on the analysis scale into proportions.

    Parameters
    ----------
    value : array_like
        Estimates or limits on the analysis scale, any shape.
    transform : {"logit", "freeman-tukey", "arcsine", "none"}
        How they came there.
    harmonic_n : float, optional
        For "freeman-tukey": the size of an arm, or the harmonic mean of the sizes of those pooled.

    Returns
    -------
    ndarray
        In [0, 1], but for "none", whose limits may lie outside. Beyond the ends of a scale 0 or 1.

    Raises
    ------
    PoolingError
        If "freeman-tukey" has no `harmonic_n`.
    UnknownNameError
        If there is no such transformation.

    Notes
    -----
    Freeman-Tukey, with t and the harmonic mean n: :math:`(1 - sgn(\cos 2t) \sqrt{1 - (\sin 2t + (\sin 2t -
    1/\sin 2t)/n)^2}) / 2` (Miller 1978). Depends on n: where sizes differ widely it may mislead (Schwarzer et al.
    2019, Res Synth Methods 10:476-483, doi:10.1002/jrsm.1348).

    Examples
    --------
    >>> back_transform_proportion([0.0, 1.3863], "logit").round(3).tolist()
    [0.5, 0.8]
    """
    _known(transform, "transformation of proportions", TRANSFORMS)
    t = np.asarray(value, dtype=np.float64)
    if transform == "logit":
        return np.asarray(expit(t))
    if transform == "arcsine":
        return np.asarray(np.sin(np.clip(t, 0.0, np.pi / 2)) ** 2)
    if transform == "none":
        return t.copy()
    if harmonic_n is None or not harmonic_n > 0:
        raise PoolingError("freeman-tukey needs harmonic_n, the harmonic mean of the sizes, on the way back.")
    ends = _transformed(np.array([0.0, harmonic_n]), np.array([harmonic_n, harmonic_n]), transform)[0]
    inside = np.clip(t, ends[0], ends[1])
    sine = np.sin(2 * inside)
    root = np.sqrt(np.maximum(0.0, 1 - (sine + (sine - 1 / sine) / harmonic_n) ** 2))
    p = (1 - np.sign(np.cos(2 * inside)) * root) / 2
    return np.asarray(np.where(t <= ends[0], 0.0, np.where(t >= ends[1], 1.0, p)))


def exact_interval(events: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Return the exact interval of each proportion, of which it has at least `level` in any case.

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Participants with the event, and all participants.
    level : float
        In (0, 1).

    Raises
    ------
    PoolingError
        As `proportion_effects`, or if `level` is not in (0, 1).

    Notes
    -----
    Source: Clopper & Pearson 1934, Biometrika 26:404-413, doi:10.1093/biomet/26.4.404.

    Examples
    --------
    >>> low, high = exact_interval(0, 10)
    >>> low.tolist(), high.round(4).tolist()
    ([0.0], [0.3085])
    """
    tail = (1 - checked_level(level)) / 2
    x, size = checked_counts({"events": events, "n": n}, None)
    low = np.where(x > 0, betaincinv(np.maximum(x, 1), size - x + 1, tail), 0.0)
    high = np.where(x < size, betaincinv(x + 1, np.maximum(size - x, 1), 1 - tail), 1.0)
    return low, high


def _transformed(x: FloatArray, n: FloatArray, transform: str) -> tuple[FloatArray, FloatArray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        if transform == "logit":
            return np.log(x / (n - x)), 1 / x + 1 / (n - x)
        if transform == "arcsine":
            return np.arcsin(np.sqrt(x / n)), 1 / (4 * n)
        if transform == "none":
            return x / n, x / n * ((n - x) / n) / n
        both = np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1)))
        return both / 2, 1 / (4 * n + 2)


def _known(name: str, kind: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UnknownNameError(name, kind, known, ", ".join(known))


def _told(names: Sequence[str], corrected: NDArray[np.bool_], add: float) -> tuple[str, ...]:
    if not corrected.any():
        return ()
    who = "every arm" if corrected.all() else ", ".join(names[int(i)] for i in np.flatnonzero(corrected))
    return (f"Continuity correction: {add:g} was added to the events and to the others of {who}.",)
