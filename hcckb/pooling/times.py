"""Events and person-time of single arms, checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import PoolingError

FloatArray = NDArray[np.float64]


def checked_times(
    events: ArrayLike, time: ArrayLike, labels: Sequence[str] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return events and person-time as vectors of one length.

    Raises
    ------
    PoolingError
        If shapes or labels do not fit, events are not whole or negative, or a time is not positive and finite.
    """
    try:
        x, t = np.broadcast_arrays(np.asarray(events, dtype=np.float64), np.asarray(time, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise PoolingError(f"events and time do not make one table: {error}. Give one of each per study.") from None
    x, t = np.array(x, ndmin=1), np.array(t, ndmin=1)
    if x.ndim > 1:
        raise PoolingError(f"events and time must be scalars or vectors, not shape {x.shape}.")
    if labels is not None and len(labels) != len(x):
        raise PoolingError(f"{len(labels)} labels do not name {len(x)} studies. Give one per study.")
    for i in np.flatnonzero(~(np.isfinite(x) & (x == np.floor(x)) & (x >= 0))):
        raise PoolingError(f"{_name(labels, int(i))}: events {x[i]:g} is not a whole number from 0 on. Give the count.")
    for i in np.flatnonzero(~(np.isfinite(t) & (t > 0))):
        raise PoolingError(f"{_name(labels, int(i))}: time {t[i]:g} is not above 0. Leave the study out.")
    return x, t


def _name(labels: Sequence[str] | None, index: int) -> str:
    return labels[index] if labels is not None else f"study {index}"
