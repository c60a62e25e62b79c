"""Drapery plots: the height of a curve is a p value, its width an interval."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, stdtr

from hcckb.analysis.pool import pool
from hcckb.errors import EmptySelectionError
from hcckb.plots import save_drapery
from hcckb.plots.drapery import drapery_svg
from hcckb.usertable import read_table
from tests.plots.figure_cases import Drawing

TABLES = Path(__file__).parents[1] / "data" / "tables"


@pytest.fixture(scope="module")
def trials():
    return read_table(TABLES / "figure-ratios.csv", "hazard-ratio")


def effect_labels(drawing: Drawing) -> list[str]:
    return [t.text or "" for t in drawing.named("tick-label") if t.get("text-anchor") == "middle"]


def places_to_effects(drawing: Drawing):
    """Turn places on the axis of ratios into their logarithms, by its ticks."""
    logs = [math.log(float(t)) for t in effect_labels(drawing)]
    ticks = [float(t.attrib["x1"]) for t in drawing.named("tick") if t.attrib["x1"] == t.attrib["x2"]]
    slope, start = np.polyfit(ticks, logs, 1)
    return lambda x: start + slope * x


def places_to_p(drawing: Drawing):
    (frame,) = drawing.named("frame")
    top, height = float(frame.attrib["y"]), float(frame.attrib["height"])
    return lambda y: (top + height - y) / height


def curves(drawing: Drawing, name: str):
    """Read curves as arrays of log ratios and p values."""
    to_effect, to_p = places_to_effects(drawing), places_to_p(drawing)
    found = [e.attrib["d"][1:].split("L") for e in drawing.named(name)]
    points = [np.array([pair.split(",") for pair in pairs], dtype=float) for pairs in found]
    return [(to_effect(p[:, 0]), to_p(p[:, 1])) for p in points]


def ends_at_005(effect, p) -> tuple[float, float]:
    """Return the ratios at which a curve is 0.05 high."""
    top = p.argmax()
    left = np.interp(0.05, p[: top + 1], effect[: top + 1])
    return math.exp(left), math.exp(np.interp(0.05, p[top:][::-1], effect[top:][::-1]))


def test_the_height_of_a_study_is_its_p_value_and_it_peaks_at_its_estimate(trials):
    result = pool(trials)
    found = curves(Drawing(drapery_svg(result)), "curve")
    for (effect, p), row in zip(found, result.rows, strict=True):
        expected = 2 * ndtr(-np.abs(effect - row.analysis_value) / row.se)
        assert np.abs(p - expected).max() < 0.02
        assert p.max() == pytest.approx(1.0, abs=1e-4)
        assert effect[p.argmax()] == pytest.approx(row.analysis_value, abs=2e-3)


@pytest.mark.parametrize(("ci", "df"), [("wald", math.inf), ("hksj", 9), ("hksj-guarded", 9)])
def test_the_pooled_curve_is_as_wide_at_005_as_its_interval(trials, ci: str, df: float):
    result = pool(trials, ci=ci)
    common, main = curves(Drawing(drapery_svg(result)), "pooled-curve")
    for (effect, p), (lower, upper) in (
        (main, (result.ci_lower, result.ci_upper)),
        (common, (result.beside[-1].ci_lower, result.beside[-1].ci_upper)),
    ):
        assert ends_at_005(effect, p) == pytest.approx((lower, upper), abs=5e-4)
    z = -np.abs(main[0] - result.analysis_estimate) / result.se
    expected = 2 * (ndtr(z) if math.isinf(df) else stdtr(df, z))
    assert np.abs(main[1] - expected).max() < 0.02


def test_an_interval_of_unknown_method_gets_its_degrees_of_freedom_from_its_width(trials):
    named = pool(trials, ci="hksj")
    unnamed = replace(named, ci_method="another")
    one, other = (curves(Drawing(drapery_svg(r)), "pooled-curve")[-1] for r in (named, unnamed))
    assert one[1] == pytest.approx(other[1], abs=1e-6)


def test_the_region_is_as_wide_at_005_as_the_prediction_interval(trials):
    result = pool(trials)
    drawing = Drawing(drapery_svg(result))
    (region,) = drawing.named("prediction")
    points = np.array([pair.split(",") for pair in region.attrib["points"].split()], dtype=float)
    effect, p = places_to_effects(drawing)(points[1:-1, 0]), places_to_p(drawing)(points[1:-1, 1])
    assert ends_at_005(effect, p) == pytest.approx((result.prediction_lower, result.prediction_upper), abs=5e-4)


def test_under_the_common_effect_model_there_is_one_pooled_curve_and_no_region(trials):
    drawing = Drawing(drapery_svg(pool(trials, model="common")))
    assert len(drawing.named("pooled-curve")) == 1
    assert not drawing.named("prediction")
    assert "Random effects" not in drawing.texts("legend")


def test_studies_are_numbered_from_left_to_right_and_named(trials):
    result = pool(trials)
    drawing = Drawing(drapery_svg(result))
    assert drawing.texts("number") == drawing.texts("number-of") == [str(i) for i in range(1, 11)]
    assert drawing.texts("study-name") == [r.study for r in sorted(result.rows, key=lambda r: r.value)]
    spans = sorted((start, end) for _, start, end, _ in drawing.spans("number"))
    assert all(end < start for (_, end), (start, _) in pairwise(spans))


def test_numbers_of_equal_estimates_stand_side_by_side(make_result):
    same = [{"study": f"S{i}", "value": (1.5, 1.2, 1.9)} for i in range(15)]
    drawing = Drawing(drapery_svg(make_result(same)))
    spans = sorted((start, end) for _, start, end, _ in drawing.spans("number"))
    assert all(end < start for (_, end), (start, _) in pairwise(spans))
    assert drawing.overflowing() == []


@pytest.mark.parametrize("k", [1, 2, 3, 15, 16, 60])
def test_nothing_leaves_the_figure(make_result, k: int):
    studies = [
        {"study": f"A trial with a rather long name, number {i}", "value": (0.5 + i / 40, 0.3 + i / 40, 0.9 + i / 40)}
        for i in range(k)
    ]
    drawing = Drawing(drapery_svg(make_result(studies)))
    assert drawing.overflowing() == []
    assert len(drawing.named("curve")) == k
    assert len(drawing.texts("number")) == (k if k <= 15 else 0)
    assert len(drawing.named("pooled-curve")) == (2 if k > 1 else 0)


def test_proportions_are_drawn_on_their_own_scale_with_labels_that_are_proportions():
    result = pool(read_table(TABLES / "pritz-proportions.csv", "proportion"))
    drawing = Drawing(drapery_svg(result))
    assert {"0.5", "0.9", "0.99"} <= set(effect_labels(drawing))
    assert not drawing.named("null")
    assert drawing.texts("axis-title") == ["Proportion (logit scale)"]


def test_it_is_written_by_suffix_and_nothing_is_refused(trials, tmp_path: Path):
    result = pool(trials)
    assert save_drapery(result, tmp_path / "a.svg").read_text().startswith("<svg")
    with pytest.raises(EmptySelectionError, match="no rows"):
        drapery_svg(replace(result, rows=()))
