"""The README's picture is what the flagship command draws today."""

from pathlib import Path

import hcckb
from hcckb.plots.forest import forest_svg
from hcckb.store import Store

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "forest.svg"


def test_the_forest_plot_in_the_readme_is_the_one_that_is_drawn_today(kb: Store):
    """`hcckb pool second-line-placebo-vegfr --endpoint OS --plot docs/images/forest.svg` writes it anew."""
    result = hcckb.pool(hcckb.select(kb, "second-line-placebo-vegfr", endpoint="OS"))
    assert PICTURE.read_text(encoding="utf-8") == forest_svg(result)
