"""Columns of numbers as a user gives them: of one length, checked row by row, refused with place and value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcckb.errors import PoolingError

FloatArray = NDArray[np.float64]
READ_AGAIN = "Read it again in the report, or leave the study out."


def columns(named: Mapping[str, ArrayLike | None]) -> list[FloatArray]:
    """Broadcast the arguments to vectors of one length."""
    try:
        arrays = [np.asarray(column, dtype=np.float64) for column in named.values()]
        rows = np.broadcast_arrays(*arrays)
    except (TypeError, ValueError) as error:
        sizes = ", ".join(f"{name} {np.asarray(column).shape}" for name, column in named.items())
        raise PoolingError(f"{sizes} do not make one table of numbers: {error}. Give one per study.") from error
    if rows[0].ndim > 1:
        raise PoolingError(f"{', '.join(named)} must be scalars or vectors, not shape {rows[0].shape}.")
    return [np.array(row, ndmin=1) for row in rows]


def check(
    good: NDArray[np.bool_],
    labels: Sequence[str] | None,
    named: Mapping[str, FloatArray],
    problem: str,
    mend: str,
) -> None:
    """Raise for the first row that is not good."""
    if not good.all():
        _refuse(int(np.argmin(good)), labels, named, problem, mend)


def _refuse(
    index: int, labels: Sequence[str] | None, named: Mapping[str, FloatArray], problem: str, mend: str
) -> NoReturn:
    """Raise with the place and the numbers of one row."""
    who = f" ({labels[index]})" if labels is not None and index < len(labels) else ""
    numbers = ", ".join(f"{name} {float(column[index])!r}" for name, column in named.items())
    raise PoolingError(f"estimate {index}{who}: {numbers} {problem}. {mend}")
