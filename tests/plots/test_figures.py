"""Every figure looks as it did when somebody looked at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcckb.plots.forest import forest_svg
from tests.plots.figure_cases import SEVEN, pooled
from tests.plots.image_comparison import STORED, assert_looks_as_stored, difference, picture

TABLES = Path(__file__).parents[1] / "data" / "tables"
SMALL = Path(__file__).parents[1] / "data" / "kb-small"
RATIOS = f"--data {TABLES}/figure-ratios.csv --measure HR"
COUNTS = f"--data {TABLES}/figure-counts.csv --measure RR"
SHARES = f"--data {TABLES}/pritz-proportions.csv --measure proportion"
NETWORK = f"--data {TABLES}/network-senn2013.csv --measure mean-difference --reference Placebo"

# Name of the stored picture, and the command that draws it to {}.
FIGURES = {
    "forest": f"pool {RATIOS} --plot {{}}",
    "forest-subgroups": f"subgroup {RATIOS} --by region --plot {{}}",
    "forest-proportions": f"pool {SHARES} --plot {{}}",
    "funnel": f"pool {RATIOS} --funnel {{}}",
    "funnel-filled": f"bias {RATIOS} --plot {{}}",
    "funnel-proportions": f"pool {SHARES} --funnel {{}}",
    "radial": f"bias {RATIOS} --radial {{}}",
    "labbe": f"pool {COUNTS} --labbe {{}}",
    "labbe-difference": f"pool {COUNTS.replace('RR', 'RD')} --labbe {{}}",
    "drapery": f"pool {RATIOS} --drapery {{}}",
    "drapery-proportions": f"pool {SHARES} --drapery {{}}",
    "bubble": f"regress {RATIOS} --on dose --plot {{}}",
    "posterior": f"bayes {RATIOS} --plot {{}}",
    "baujat": f"influence {RATIOS} --baujat {{}}",
    "influence": f"influence {RATIOS} --plot {{}}",
    "forest-leave-one-out": f"influence {RATIOS} --forest {{}}",
    "forest-cumulative": f"cumulative {RATIOS} --plot {{}}",
    "gosh": f"gosh {RATIOS} --plot {{}}",
    "multiverse": f"multiverse {RATIOS} --plot {{}}",
    "network": f"network {NETWORK} --plot {{}}",
    "network-forest": f"network {NETWORK} --forest {{}}",
    "network-funnel": f"network {NETWORK} --funnel {{}}",
    "rankogram": f"network {NETWORK} --rankogram {{}}",
    "league": f"network {NETWORK} --league {{}}",
    "net-heat": f"network {NETWORK} --heat {{}}",
    "flow": f"flow --kb {SMALL} --only-kb --plot {{}}",
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_stored(command, tmp_path: Path, name: str):
    path = tmp_path / "figure.svg"
    done = command(*FIGURES[name].format(path).split())
    assert done.code == 0, done.err
    assert_looks_as_stored(name, path.read_text(encoding="utf-8"), tmp_path)


def test_every_stored_picture_is_compared_and_they_are_small():
    stored = list(STORED.iterdir())
    assert {path.name for path in stored} == {f"{name}.png" for name in FIGURES}
    assert sum(path.stat().st_size for path in stored) < 1_500_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">BRISK-PS<", "><"),
        ('class="diamond"', 'class="diamond" transform="translate(3 0)"'),
        ("#0072B2", "#009E73"),
    ],
    ids=["a name is missing", "the diamond is moved", "another colour"],
)
def test_a_figure_that_is_wrong_is_told_from_the_right_one(old: str, new: str):
    svg = forest_svg(pooled(SEVEN))
    assert old in svg
    assert not difference(picture(svg), picture(svg.replace(old, new))).small


def test_a_tenth_of_a_pixel_and_the_version_of_the_software_make_no_difference():
    svg = forest_svg(pooled(SEVEN))
    head, bracket, body = svg.replace("hcckb 0.1.0", "hcckb 0.2.0").partition(">")
    moved = head + bracket + '<g transform="translate(0.1 0.1)">' + body.replace("</svg>", "</g></svg>")
    assert difference(picture(svg), picture(moved)).small
