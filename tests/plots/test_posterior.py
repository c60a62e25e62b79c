"""Posterior figures: marks where the numbers are, densities over their axes, and words below."""

from __future__ import annotations

import pytest

from hcckb.analysis.bayes import bayes
from hcckb.plots.posterior import posterior_svg
from hcckb.pooling.priors import tau_prior
from hcckb.usertable import read_table

OWN = "study,value,ci_lower,ci_upper\nA,0.8,0.6,1.07\nB,0.7,0.5,0.98\nC,1.4,0.3,6.5\n"


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(OWN, encoding="utf-8")
    return bayes(read_table(path, "hazard-ratio"), threshold=0.9)


def test_shrunken_marks_lie_nearer_to_each_other_than_reported_ones(found, parse):
    drawing = parse(posterior_svg(found))
    reported = [float(r.attrib["x"]) for r in drawing.named("reported")]
    shrunken = [float(c.attrib["cx"]) for c in drawing.named("shrunken")]
    assert len(reported) == len(shrunken) == 3
    assert max(shrunken) - min(shrunken) < max(reported) - min(reported)


def test_intervals_that_run_off_have_arrows_and_equal_input_gives_equal_bytes(found, parse):
    assert parse(posterior_svg(found)).named("arrow")
    assert posterior_svg(found) == posterior_svg(found)


def test_densities_prior_and_probabilities_are_there(found, parse):
    drawing = parse(posterior_svg(found))
    assert len(drawing.named("density")) == 4
    assert drawing.named("prior")
    said = " ".join(drawing.texts("footer"))
    assert f"below 0.90: {100 * found.fitted.mu_below_threshold:.1f}%" in said
    assert "half-normal(scale 0.5)" in said


def test_improper_priors_and_differences_are_drawn_too(tmp_path, parse):
    path = tmp_path / "md.csv"
    path.write_text("study,yi,sei\nA,3,2\nB,5,3\nC,1,2\nD,2,1\n", encoding="utf-8")
    found = bayes(read_table(path, "generic"), prior=tau_prior("jeffreys"))
    assert parse(posterior_svg(found)).named("prior")
