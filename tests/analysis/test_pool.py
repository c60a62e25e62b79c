"""Where data meets statistics: pooled results against metafor, contracts, refusals, warnings."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from hcckb.analysis.pool import pool, pool_by
from hcckb.errors import EmptySelectionError, PoolingError, UnknownNameError, UsageError
from hcckb.evidence import select
from hcckb.records import to_json
from hcckb.text.tables import pooled_text

FIELDS = [
    "measure", "scale", "model", "tau2_method", "ci_method", "level", "k", "n", "estimate", "ci_lower", "ci_upper",
    "prediction_lower", "prediction_upper", "analysis_estimate", "se", "statistic", "p_value", "tau2", "tau2_lower",
    "tau2_upper", "i2", "h2", "q", "df", "q_p_value", "rows", "dropped", "warnings", "provenance",
]  # fmt: skip
ROW_FIELDS = ["study", "value", "ci_lower", "ci_upper", "analysis_value", "se", "weight", "source", "locator"]


@pytest.fixture(scope="module")
def s000(kb):
    """What S000 printed, by endpoint."""
    return {e: select(kb, source="S000", as_printed=True, endpoint=e) for e in ("OS", "TTP")}


@pytest.fixture(scope="module")
def seven(kb):
    return select(kb, "second-line-placebo-vegfr", endpoint="OS")


def close(got, wanted):
    assert got == pytest.approx(wanted, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("endpoint", ["OS", "TTP"])
@pytest.mark.parametrize("model", ["common", "DL", "REML"])
@pytest.mark.parametrize("ci", ["wald", "hksj", "hksj-guarded"])
def test_what_s000_printed_pools_as_metafor_pools_it(s000, reference, endpoint, model, ci):
    case = reference("s000_pooled")["cases"][endpoint]
    table = s000[endpoint]
    assert [r.study for r in table] == case["input"]["study"]
    assert [r.value for r in table] == case["input"]["value"]
    common = model == "common"
    method = {"model": "common"} if common else {"tau2": model}
    result = pool(table, ci=ci, **method)
    wanted = case[model]["wald" if common else ci]
    close(result.analysis_estimate, wanted["estimate"])
    close(result.se, wanted["se"])
    close(result.p_value, wanted["p_value"])
    close((result.estimate, result.ci_lower, result.ci_upper), [math.exp(wanted[k]) for k in ESTIMATE])
    close([r.weight for r in result.rows], case[model]["weights"])
    close((result.q, result.q_p_value), (case["q"], case["q_p_value"]))
    assert (result.k, result.df, result.scale, result.measure) == (6, 5, "log", "hazard-ratio")
    if not common:
        close((result.tau2, result.i2), (case[model]["tau2"], case[model]["i2"]))
        close((result.tau2_lower, result.tau2_upper), case["tau2_q_profile"])
        close((result.prediction_lower, result.prediction_upper), [math.exp(x) for x in case[model]["prediction_hts"]])


ESTIMATE = ("estimate", "ci_lower", "ci_upper")


def test_s000_os_and_ttp_round_to_what_it_printed(s000):
    """Kim 2017, Results: 0.86 (0.74-1.01), I2 56 %; 0.62 (0.49-0.78), I2 79 %."""
    for endpoint, printed in {"OS": (0.86, 0.74, 1.01, 0.56), "TTP": (0.62, 0.49, 0.78, 0.79)}.items():
        result = pool(s000[endpoint], model="rule:kim2017")
        got = (result.estimate, result.ci_lower, result.ci_upper, result.i2)
        assert [round(x, 2) for x in got] == list(printed)
        assert (result.model, result.tau2_method, result.ci_method) == ("random", "DL", "wald")


def test_the_kim2017_rule_says_what_decided(s000, seven):
    assert any(w.startswith("rule:kim2017: Q has P = 0.045 < 0.1; I2 = 56 %") for w in pool_rule(s000["OS"]).warnings)
    result = pool_rule(seven)
    assert (result.model, result.tau2_method) == ("common", None)


def pool_rule(table):
    return pool(table, model="rule:kim2017")


def test_the_flagship_pools_seven_trials(seven):
    result = pool(seven)
    assert (result.k, len(result.rows)) == (7, 7)
    assert result.n == sum(r.n_experimental + r.n_comparator for r in seven)
    assert 0.7 < result.estimate < 0.9
    assert result.ci_upper < 1
    assert result.estimate == pytest.approx(math.exp(result.analysis_estimate))
    assert sum(r.weight for r in result.rows) == pytest.approx(1)
    assert all(0 < r.weight < 1 for r in result.rows)
    assert 0 <= result.i2 <= 1
    assert any("CELESTIAL" in w for w in result.warnings)


def test_each_row_can_be_traced(seven):
    for row, evidence in zip(pool(seven).rows, seven, strict=True):
        assert (row.study, row.source, row.locator, row.as_printed, row.estimate_iri) == (
            evidence.study,
            evidence.source,
            evidence.locator,
            evidence.as_printed,
            evidence.estimate_iri,
        )
        assert row.analysis_value == pytest.approx(math.log(evidence.value))


def test_the_json_has_the_fields_of_the_contract(seven):
    told = json.loads(to_json(pool(seven)))
    assert [f for f in told if f in FIELDS] == FIELDS
    assert set(ROW_FIELDS) <= set(told["rows"][0])
    assert {"study", "reason"} <= set(told["dropped"][0])
    assert {"kb_version", "query", "software", "software_version"} <= set(told["provenance"])
    assert told["provenance"]["query"] == "second-line-placebo-vegfr endpoint=OS"
    assert told["provenance"]["software"] == "hcckb"


def test_the_json_keeps_every_digit(seven):
    result = pool(seven)
    told = json.loads(to_json(result))
    for name in ("estimate", "se", "tau2", "q", "p_value", "h2"):
        assert told[name] == getattr(result, name)
    assert [r["weight"] for r in told["rows"]] == [r.weight for r in result.rows]


def test_other_models_stand_beside_the_result_without_repeating_it(seven):
    labels = [s.label for s in pool(seven).beside]
    assert labels == [
        "Random effects, DL, Wald",
        "Random effects, REML, guarded Hartung-Knapp",
        "Common effect, inverse variance",
    ]
    beside = {s.label: s for s in pool(seven).beside}
    common = pool(seven, model="common")
    assert beside["Common effect, inverse variance"].estimate == common.estimate
    assert "Common effect, inverse variance" not in [s.label for s in common.beside]


def test_the_order_of_rows_does_not_matter(seven):
    turned = replace(seven, rows=seven.rows[::-1])
    one, other = pool(seven), pool(turned)
    close((one.estimate, one.tau2, one.q, one.ci_lower), (other.estimate, other.tau2, other.q, other.ci_lower))
    assert [r.study for r in one.rows] == [r.study for r in other.rows][::-1]


def test_swapped_arms_give_the_inverse_ratio(seven):
    rows = tuple(replace(r, value=1 / r.value, ci_lower=1 / r.ci_upper, ci_upper=1 / r.ci_lower) for r in seven)
    one, other = pool(seven), pool(replace(seven, rows=rows))
    close((1 / one.estimate, 1 / one.ci_upper, one.tau2), (other.estimate, other.ci_lower, other.tau2))


def test_each_interval_enters_at_its_own_level(small):
    table = select(small, line="2L", agent="Agent one", endpoint="OS")
    result = pool(table)
    se = {r.study: r.se for r in result.rows}
    assert se["Study A"] == pytest.approx(math.log(0.98 / 0.50) / (2 * 1.959963984540054))
    assert se["Study B"] == pytest.approx(math.log(0.97 / 0.66) / (2 * 1.6448536269514722))
    assert "Interval levels differ (Study B 90 %): each standard error comes from its own level." in result.warnings


def test_a_corrected_number_is_pooled_and_marked(small):
    result = pool(select(small, line="2L", endpoint="OS"))
    row = {r.study: r for r in result.rows}["Study C"]
    assert (row.ci_upper, row.as_printed) == (1.15, "0.90 (0.70-1.51)")
    assert row.resolution.endswith("resolution-c-os")
    assert any("Artificial reason for a corrected upper limit." in w for w in result.warnings)


@pytest.mark.parametrize("model", ["random", "common", "rule:kim2017"])
def test_one_study_is_its_own_result_and_said_to_be(small, model):
    result = pool(select(small, endpoint="OS", line="3L"), model=model, level=0.90)
    assert (result.k, result.ci_method, result.tau2, result.beside) == (1, "wald", 0.0, ())
    assert result.estimate == pytest.approx(0.80)
    assert result.ci_upper / result.ci_lower == pytest.approx(0.97 / 0.66)
    assert result.prediction_lower is None
    assert any(w.startswith("Only Study B was selected") for w in result.warnings)
    json.loads(to_json(result))


def test_two_studies_have_no_prediction_interval(small):
    result = pool(select(small, line="2L", agent="Agent one", endpoint="OS"))
    assert (result.k, result.prediction_lower, result.prediction_upper) == (2, None, None)


def test_nothing_selected_cannot_be_pooled_and_says_why(kb, small):
    with pytest.raises(EmptySelectionError, match=r"randomised-trials selects no estimate \(endpoint=TTP\)"):
        pool(select(small, endpoint="TTP"))
    with pytest.raises(EmptySelectionError, match=r"22 were read and passed over, e\.g\. Study A: "):
        pool(select(small, endpoint="TTP"))
    with pytest.raises(EmptySelectionError, match="hcckb flow"):
        pool_by(select(small, endpoint="TTP"), "phase")
    with pytest.raises(EmptySelectionError):
        pool(select(kb, "second-line-placebo-vegfr", endpoint="OS", agent="pembrolizumab"))


def test_mixed_endpoints_are_refused(small):
    with pytest.raises(PoolingError, match=r"mixes 3 endpoints \(objective-response, .*\)\. Name one with --endpoint"):
        pool(select(small, line="2L"))


def test_mixed_measures_are_refused(small):
    with pytest.raises(PoolingError, match=r"mixes 2 measures \(odds-ratio, risk-ratio\)\. Name one with --measure"):
        pool(select(small, endpoint="ORR"))
    assert pool(select(small, endpoint="ORR", measure="OR")).measure == "odds-ratio"


def test_a_shared_arm_that_nobody_declared_is_refused(small):
    table = replace(select(small, line="1L", endpoint="OS"), overlaps=())
    with pytest.raises(PoolingError, match=r"Study D enters twice .* its patients would be counted twice"):
        pool(table)


def test_groups_are_pooled_each_by_itself(seven):
    groups = dict(pool_by(seven, "experimental"))
    assert list(groups) == sorted(groups)
    assert groups["Ramucirumab"].k == 2
    assert sum(g.k for g in groups.values()) == 7


def test_the_text_says_where_the_models_disagree(s000):
    text = " ".join(pooled_text(pool(s000["OS"])).split())
    assert (
        "The models disagree: the 95 % interval excludes no effect (1) under Common effect, inverse variance." in text
    )
    assert "It includes it under random effects, REML, Hartung-Knapp (above); Random effects, DL, Wald;" in text
    assert "disagree" not in pooled_text(pool(s000["TTP"]))


def test_an_unknown_column_lists_those_there_are(seven):
    with pytest.raises(UnknownNameError, match=r"no column is called 'colour'\..* List them: study, year"):
        pool_by(seven, "colour")


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ({"model": "fixed"}, UsageError),
        ({"model": "rule:nope"}, UnknownNameError),
        ({"tau2": "XX"}, UnknownNameError),
        ({"ci": "profile"}, UnknownNameError),
        ({"level": 95}, PoolingError),
        ({"level": 0}, PoolingError),
    ],
)
def test_a_method_that_does_not_exist_is_refused(seven, method, error):
    with pytest.raises(error):
        pool(seven, **method)


def test_the_title_is_that_of_the_query_and_endpoint(seven):
    assert pool(seven).title.endswith(": overall survival")


def test_the_result_shows_itself_in_a_notebook(seven):
    html = pool(seven)._repr_html_()
    assert "RESORCE" in html
    assert "k = 7" in html


def test_a_pooled_result_is_a_frame_of_its_rows(kb):
    result = pool(select(kb, "second-line-placebo-vegfr", endpoint="OS"))
    frame = result.to_frame()
    assert list(frame["study"]) == [r.study for r in result.rows]
    assert frame["weight"].sum() == pytest.approx(1.0)
