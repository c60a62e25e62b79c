"""`hcckb influence` and `cumulative`: what a pooled result hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from hcckb.cli.selecting import Asked, selecting
from hcckb.records import plain


class By(StrEnum):
    """Orders in which studies enter."""

    year = "year"
    precision = "precision"


@selecting(pooling=True)
def influence(asked: Asked) -> None:
    """Pool without each study in turn, and say on which studies the result hangs.

    Example: hcckb influence second-line-placebo --endpoint OS
    """
    from hcckb.analysis import sensitivity
    from hcckb.text import sensitivity as texts

    _emit(asked, sensitivity.influence(asked.table(), **asked.method), texts.influence_text, texts.INFLUENCE_COLUMNS)


@selecting(pooling=True)
def cumulative(
    asked: Asked,
    by: Annotated[By, typer.Option(help="Order of entry: year of the primary report, or precision.")] = By.year,
) -> None:
    """Pool the first study, the first two, and so on, by year or from the most precise.

    Example: hcckb cumulative second-line-placebo --endpoint OS --by year
    """
    from hcckb.analysis import sensitivity
    from hcckb.text import sensitivity as texts

    found = sensitivity.cumulative(asked.table(), by=by.value, **asked.method)
    _emit(asked, found, texts.cumulative_text, texts.CUMULATIVE_COLUMNS)


def _emit(asked: Asked, found: Any, text: Callable[[Any], str], columns: Sequence[str]) -> None:
    asked.emit(
        lambda: text(found),
        {"pooled": plain(found.pooled), "rows": found.rows, "notes": found.notes},
        lambda: ([{c: getattr(row, c) for c in columns} for row in found.rows], columns),
    )
