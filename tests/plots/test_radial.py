"""Radial plots: rays, band, scale of effects; and funnels with filled studies."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hcckb.analysis.sensitivity import arrays_of, options_of
from hcckb.errors import EmptySelectionError
from hcckb.plots import save_funnel, save_radial
from hcckb.plots.funnel import funnel_svg
from hcckb.plots.radial import radial_svg
from hcckb.pooling.trimfill import trim_and_fill
from tests.plots.figure_cases import Drawing

ASYMMETRIC = [
    {"study": f"Trial {i}", "value": (math.exp(y), math.exp(y - 1.96 * s), math.exp(y + 1.96 * s))}
    for i, (y, s) in enumerate([(-0.2, 0.1), (-0.3, 0.15), (-0.5, 0.25), (-0.9, 0.3), (-1.4, 0.45)])
]


@pytest.fixture
def filled(make_result):
    result = make_result(ASYMMETRIC)
    return result, trim_and_fill(*arrays_of(result), **{**options_of(result), "model": "common"})


def ends(line):
    return [float(line.attrib[n]) for n in ("x1", "y1", "x2", "y2")]


def test_precise_estimates_stand_to_the_right_on_the_ray_of_their_effect(seven, parse):
    drawing = parse(radial_svg(seven))
    points = drawing.named("point")
    (x0, y0, _, _) = ends(drawing.named("pooled-ray")[0])
    xs = [float(p.attrib["cx"]) for p in points]
    assert sorted(range(7), key=lambda i: xs[i]) == sorted(range(7), key=lambda i: -seven.rows[i].se)
    slopes = [(y0 - float(p.attrib["cy"])) / (x - x0) for p, x in zip(points, xs, strict=True)]
    effects = [row.analysis_value for row in seven.rows]
    per_effect = np.array(slopes) / np.array(effects)
    assert per_effect == pytest.approx(np.full(7, per_effect[0]), rel=1e-3)


def test_the_band_is_1_96_above_and_below_the_pooled_ray(seven, parse):
    drawing = parse(radial_svg(seven))
    x1, y1, x2, y2 = ends(drawing.named("pooled-ray")[0])
    lower, upper = (ends(edge) for edge in drawing.named("band-edge"))
    assert lower[1] - y1 == pytest.approx(y1 - upper[1], abs=0.01)
    assert lower[3] - y2 == pytest.approx(lower[1] - y1, abs=0.01)
    points = drawing.named("point")
    z = [row.analysis_value / row.se for row in seven.rows]
    per_z = (float(points[0].attrib["cy"]) - float(points[3].attrib["cy"])) / (z[3] - z[0])
    assert (lower[1] - y1) / per_z == pytest.approx(1.96, abs=0.01)
    assert x1 < x2


def test_the_scale_on_the_right_reads_the_pooled_effect(seven, parse):
    drawing = parse(radial_svg(seven))
    _, _, x2, y2 = ends(drawing.named("pooled-ray")[0])
    ticks = [ends(t)[1] for t in drawing.named("effect-tick")]
    labels = [float(text) for text in drawing.texts("effect-label")]
    slope, level = np.polyfit(np.log(labels), ticks, 1)
    assert level + slope * seven.analysis_estimate == pytest.approx(y2, abs=0.05)
    assert len(labels) >= 3
    assert all(ends(t)[0] == pytest.approx(x2) for t in drawing.named("effect-tick"))


@pytest.mark.parametrize("k", [1, 2, 7])
def test_nothing_overflows_and_labels_name_the_studies(seven, parse, k):
    result = replace(seven, rows=seven.rows[:k], k=k)
    drawing = parse(radial_svg(result))
    assert drawing.overflowing() == []
    assert sorted(drawing.texts("point-label")) == sorted(row.study for row in result.rows)


def test_proportions_have_no_odds_in_their_axis(make_result, parse):
    studies = [{"study": s, "value": (0.1 * i, 0.05 * i, 0.2 * i), "comparator": ""} for i, s in enumerate("ABC", 1)]
    drawing = parse(radial_svg(make_result(studies, scale="identity", measure="proportion")))
    assert not any(text == "No effect" for text in drawing.texts("legend"))


def test_filled_studies_are_open_points_that_mirror_the_outermost(filled, parse):
    result, found = filled
    drawing = parse(funnel_svg(result, filled=found))
    assert len(drawing.named("filled-point")) == found.k0 == 2
    assert len(drawing.named("point")) == 5
    assert len(drawing.named("adjusted-line")) == 1
    assert any("Filled in" in text for text in drawing.texts("legend"))
    assert any("2 missing on the right" in text for text in drawing.texts("footer"))
    heights = {round(float(p.attrib["cy"]), 2) for p in drawing.named("point")}
    assert {round(float(p.attrib["cy"]), 2) for p in drawing.named("filled-point")} <= heights
    assert drawing.overflowing() == []


def test_a_funnel_without_missing_studies_says_so(seven, parse):
    found = trim_and_fill(*arrays_of(seven), estimator="R0", side="left", **options_of(seven))
    none = replace(found, k0=0, filled_estimate=np.zeros(0), filled_variance=np.zeros(0))
    drawing = parse(funnel_svg(seven, filled=none))
    assert not drawing.named("filled-point")
    assert not drawing.named("adjusted-line")
    assert any("no missing study" in text for text in drawing.texts("footer"))


def test_figures_are_written_by_suffix(filled, tmp_path):
    result, found = filled
    assert save_radial(result, tmp_path / "radial.svg").read_text().startswith("<svg")
    assert save_funnel(result, tmp_path / "funnel.svg", filled=found).is_file()
    assert Drawing((tmp_path / "radial.svg").read_text()).named("band")


def test_nothing_to_draw_is_refused(seven):
    with pytest.raises(EmptySelectionError, match="no rows"):
        radial_svg(replace(seven, rows=()))
