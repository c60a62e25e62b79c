"""A user's own CSV into an evidence table, with every complaint naming row and column."""

from hcckb.usertable.read import COUNT_MEASURES, MEASURES, RATIO_MEASURES, read_table
from hcckb.usertable.rows import CountsRow, EffectRow, MedianRow, ProportionRow, RateRow
from hcckb.usertable.sheet import Sheet, read_sheet

__all__ = [
    "COUNT_MEASURES",
    "MEASURES",
    "RATIO_MEASURES",
    "CountsRow",
    "EffectRow",
    "MedianRow",
    "ProportionRow",
    "RateRow",
    "Sheet",
    "read_sheet",
    "read_table",
]
