"""Numbers and words of figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hcckb.plots.wording import (
    figure_title,
    lower_favours_experimental,
    measure_words,
    model_label,
    numbers_for,
    p_value,
    rounded,
    sentence,
    variance,
)


@pytest.mark.parametrize(
    ("value", "text"), [(0.785, "0.79"), (0.998, "1.00"), (0.0004, "4.0e−4"), (12.34, "12.3"), (2.5e7, "2.5e7")]
)
def test_ratios_are_rounded_by_size(value: float, text: str):
    assert rounded(value) == text


def test_p_values_and_variances_never_round_to_nothing():
    assert [p_value(p) for p in (0.22, 0.0344, 1e-9)] == ["p = 0.22", "p = 0.034", "p < 0.001"]
    assert [variance(t) for t in (0, 1e-5, 0.0123, 12.34)] == ["0", "<0.001", "0.012", "12.3"]


def test_differences_share_their_decimals(make_result):
    studies = [{"study": "A", "value": (0.02, -0.03, 0.07)}, {"study": "B", "value": (0.12, 0.01, 0.23)}]
    numbers = numbers_for(make_result(studies, scale="identity"))
    assert [numbers.value(v) for v in (0.02, 0.12, -0.5)] == ["0.020", "0.120", "−0.500"]
    assert numbers.interval(-0.03, 0.07) == "−0.030 to 0.070"


@pytest.mark.parametrize(
    ("measure", "endpoint", "better"),
    [
        ("hazard-ratio", "overall-survival", True),
        ("odds-ratio", "objective-response", False),
        ("risk-ratio", "disease-control", False),
        ("risk-ratio", "adverse-event-grade-3", True),
        ("risk-ratio", "hand-foot-skin-reaction", None),
    ],
)
def test_the_endpoint_tells_which_side_is_better(seven, measure: str, endpoint: str, better: bool | None):
    assert lower_favours_experimental(replace(seven, measure=measure, endpoint=endpoint)) is better


def test_models_are_named_with_their_methods(seven):
    assert model_label(replace(seven, tau2_method="REML", ci_method="hksj")) == "Random effects, REML, Hartung-Knapp"
    assert model_label(replace(seven, model="common", tau2_method=None)) == "Common effect"


def test_a_query_name_alone_is_no_title(seven):
    assert figure_title(replace(seven, title="second-line", endpoint="OS")) == "Overall survival (second-line)"
    assert figure_title(replace(seven, title="")) == "Overall survival"


def test_an_unknown_measure_keeps_its_name_and_null(seven):
    assert measure_words(replace(seven, measure="ratio-of-rates")) == ("Ratio of rates", "Ratio of rates", 1.0)


def test_a_sentence_ends_in_one_mark():
    assert sentence("one arm  is shared.") == "One arm is shared."
    assert sentence("are they counted twice?") == "Are they counted twice?"
