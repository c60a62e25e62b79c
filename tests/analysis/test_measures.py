"""Tables of means, rates, medians and log-rank totals, models of cells, conversions: from the file to the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hcckb.analysis.convert import convert
from hcckb.analysis.medians import pool_medians
from hcckb.analysis.pool import pool
from hcckb.analysis.scales import scale_of
from hcckb.errors import PoolingError, TableError, UsageError
from hcckb.pooling.counts import two_arms
from hcckb.pooling.effects import log_ratio_from_p
from hcckb.pooling.pairwise import pool as pool_arrays
from hcckb.pooling.raw import mantel_haenszel, peto
from hcckb.pooling.tau2_intervals import tau2_interval
from hcckb.usertable import read_table

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "metafor_measures.json").read_text(encoding="utf-8"))
TABLES = Path(__file__).parents[1] / "data" / "tables"
MEANS = "study,mean_experimental,sd_experimental,n_experimental,mean_comparator,sd_comparator,n_comparator\n"
RATES = "study,events_experimental,time_experimental,events_comparator,time_comparator\n"
COUNTS = "study,events_experimental,n_experimental,events_comparator,n_comparator\n"


def lines(header, columns):
    """Write columns as a table, studies by number."""
    rows = zip(*columns, strict=True)
    return header + "".join(f"S{i}," + ",".join(f"{x:g}" for x in row) + "\n" for i, row in enumerate(rows))


def close(result, expected):
    assert [r.analysis_value for r in result.rows] == pytest.approx(expected["yi"], rel=1e-10, abs=1e-13)
    assert [r.se**2 for r in result.rows] == pytest.approx(expected["vi"], rel=1e-9)


@pytest.mark.parametrize(("measure", "metafor"), [("mean-difference", "MD"), ("standardised-mean-difference", "SMD")])
def test_means_pool_as_metafors_effects(write, measure, metafor):
    case = REFERENCE["means"]
    table = lines(MEANS, [case["input"][c] for c in ("m1", "s1", "n1", "m2", "s2", "n2")])
    result = pool(read_table(write("t.csv", table), measure))
    close(result, case[metafor])
    assert (result.scale, result.measure, result.n) == (
        "identity",
        measure,
        sum(case["input"]["n1"] + case["input"]["n2"]),
    )
    assert result.rows[0].as_printed == "5.4 (SD 2, n 30) vs 4.6 (SD 2.2, n 32)"


def test_ratios_of_means_are_pooled_as_logs(write):
    case = REFERENCE["means"]
    keep = np.array(case["input"]["m1"]) > 0
    columns = [np.array(case["input"][c])[keep] for c in ("m1", "s1", "n1", "m2", "s2", "n2")]
    result = pool(read_table(write("t.csv", lines(MEANS, columns)), "ratio-of-means"))
    close(result, case["ROM"])
    assert result.scale == "log"


@pytest.mark.parametrize(
    ("measure", "metafor"), [("incidence-rate-ratio", "IRR"), ("incidence-rate-difference", "IRD")]
)
def test_rates_of_two_arms_pool_as_metafors_effects(write, measure, metafor):
    case = REFERENCE["rates"]
    table = lines(RATES, [case["input"][c] for c in ("x1", "t1", "x2", "t2")])
    result = pool(read_table(write("t.csv", table), measure))
    close(result, case[metafor])
    gone = ["neither arm has an event"] if metafor == "IRR" else []
    assert [d.reason for d in result.dropped] == gone


@pytest.mark.parametrize(
    ("transform", "metafor", "scale"),
    [
        ("log", "IRLN", "log"),
        ("square-root", "IRS", "square-root"),
        ("freeman-tukey", "IRFT", "rate-freeman-tukey"),
        ("none", "IR", "identity"),
    ],
)
def test_rates_of_single_arms_pool_and_come_back(write, transform, metafor, scale):
    case = REFERENCE["rates"]
    table = lines("study,events,time\n", [case["input"]["x1"], case["input"]["t1"]])
    result = pool(read_table(write("t.csv", table), "incidence-rate", transform), tau2="DL", ci="wald")
    close(result, case[metafor])
    assert (result.scale, result.rows[0].value) == (scale, pytest.approx(12 / 101.5))
    assert scale_of(result).back(result.analysis_estimate) == result.estimate
    if transform == "freeman-tukey":
        found = [result.estimate, result.ci_lower, result.ci_upper]
        assert found == pytest.approx(case["pooled_ft"]["back"], rel=1e-9)


def test_an_interval_of_rates_below_zero_is_told_with_a_way_out(write):
    path = write("t.csv", "study,events,time\nA,1,100\nB,9,100\n")
    assert any("below 0; --transform log" in w for w in pool(read_table(path, "incidence-rate", "none")).warnings)


def test_a_row_takes_what_it_has_interval_or_p_or_logrank_totals(write):
    table = "study,value,ci_lower,ci_upper,p_value,p_sides,o_minus_e,v\n"
    table += "A,0.8,0.62,1.03,,,,\nB,0.7,,,0.012,1,,\nC,0.7,,,0.024,,,\nD,,,,,,-11.4,38.6\n"
    result = pool(read_table(write("t.csv", table), "hazard-ratio"))
    expected = log_ratio_from_p(0.7, 0.024)
    y, se = [r.analysis_value for r in result.rows], [r.se for r in result.rows]
    assert y[1:3] == pytest.approx([np.log(0.7)] * 2, rel=1e-12)
    assert se[1:3] == pytest.approx([expected.se[0]] * 2, rel=1e-10)
    assert (y[3], se[3] ** 2) == pytest.approx((-11.4 / 38.6, 1 / 38.6), rel=1e-10)
    assert [r.as_printed for r in result.rows][1:] == ["0.7 P 0.012 (one-sided)", "0.7 P 0.024", "O - E -11.4, V 38.6"]


def test_medians_with_intervals_are_pooled_as_logs_and_with_quartiles_as_they_are(write):
    by_interval = write("t.csv", "study,median,ci_lower,ci_upper,n\nA,10.6,9.1,12.1,379\nB,7.8,6.3,8.8,194\n")
    result = pool(read_table(by_interval, "median"))
    assert (result.scale, result.n) == ("log", 573)
    assert result.rows[0].analysis_value == pytest.approx(np.log(10.6))
    case = REFERENCE["quartiles"]
    table = lines("study,median,n,q1,q3\n", [case["input"][c] for c in ("m", "n", "q1", "q3")])
    result = pool(read_table(write("u.csv", table), "median"))
    assert result.scale == "identity"
    assert [r.se**2 for r in result.rows] == pytest.approx([o["variance"] for o in case["output"]], rel=2e-6)


def test_differences_may_be_printed_with_their_interval(write):
    path = write("t.csv", "study,value,ci_lower,ci_upper\nA,-1.5,-2.5,-0.5\n")
    assert pool(read_table(path, "mean-difference")).rows[0].se == pytest.approx(1 / 1.959963984540054)
    bad = write("u.csv", "study,value,ci_lower,ci_upper\nA,-1.5,-0.5,-2.5\n")
    with pytest.raises(TableError, match=r"u.csv, row 2, column ci_lower: ci_lower -0.5, ci_upper -2.5 are reversed"):
        read_table(bad, "mean-difference")


@pytest.mark.parametrize("measure", ["odds-ratio", "risk-ratio", "risk-difference"])
def test_mantel_haenszel_pools_the_cells(measure):
    result = pool(read_table(TABLES / "yusuf-counts.csv", measure), model="mantel-haenszel")
    sheet = (TABLES / "yusuf-counts.csv").read_text(encoding="utf-8").splitlines()
    order = [sheet[0].split(",").index(c) for c in COUNTS.strip().split(",")[1:]]
    cells = np.array([[float(line.split(",")[i]) for i in order] for line in sheet[1:] if line.strip()]).T
    expected = mantel_haenszel(two_arms(*cells), measure)
    assert (result.analysis_estimate, result.se) == pytest.approx((expected.estimate, expected.se), rel=1e-13)
    assert (result.model, result.ci_method, result.tau2_method, result.tau2_lower) == (
        "mantel-haenszel",
        "wald",
        None,
        None,
    )
    assert result.q == pytest.approx(expected.q, rel=1e-12)
    assert {b.model for b in result.beside} == {"random", "common"}


def test_petos_method_is_reached_by_name(write):
    path = write("t.csv", COUNTS + "A,24,120,11,118\nB,0,60,3,62\nC,31,150,20,149\n")
    result = pool(read_table(path, "peto-odds-ratio"), model="peto")
    expected = peto(two_arms([24, 0, 31], [120, 60, 150], [11, 3, 20], [118, 62, 149]))
    assert (result.analysis_estimate, result.se, result.q) == pytest.approx(
        (expected.estimate, expected.se, expected.q)
    )
    with pytest.raises(UsageError, match="--model peto pools counts of peto-odds-ratio, not of odds-ratio"):
        pool(read_table(path, "odds-ratio"), model="peto")
    printed = write("u.csv", "study,value,ci_lower,ci_upper\nA,0.8,0.6,1.1\n")
    with pytest.raises(UsageError, match="needs events and participants of both arms"):
        pool(read_table(printed, "odds-ratio"), model="mantel-haenszel")


def test_corrections_are_chosen_by_name(write):
    case = REFERENCE["counts"]
    path = write("t.csv", lines(COUNTS, [case["input"][c] for c in ("a", "n1", "c", "n2")]))
    close(pool(read_table(path, "odds-ratio", correction="opposite-arm", double_zero="keep")), case["opposite"]["OR"])
    close(pool(read_table(path, "risk-ratio", correction="all", add=0.25, double_zero="keep")), case["all"]["RR"])
    with pytest.raises(PoolingError, match="gives no odds-ratio with a variance"):
        read_table(path, "odds-ratio", correction="none")
    arms = write("u.csv", "study,events,n\nA,0,10\nB,5,10\n")
    result = pool(read_table(arms, "proportion", correction="all", add=1.0))
    assert [r.analysis_value for r in result.rows] == pytest.approx([np.log(1 / 11), 0.0], abs=1e-14)


def test_the_interval_of_tau2_and_the_prediction_are_chosen_by_name():
    table = read_table(TABLES / "bcg-counts.csv", "risk-ratio")
    result = pool(table, tau2="DL2", tau2_interval="generalised-q", prediction="metafor")
    y, v = [r.analysis_value for r in result.rows], [r.se**2 for r in result.rows]
    expected = tau2_interval(y, v, method="generalised-q")
    assert (result.tau2_lower, result.tau2_upper) == pytest.approx((expected.lower, expected.upper), rel=1e-12)
    assert (result.tau2_interval, result.tau2_method) == ("generalised-q", "DL2")
    assert np.log(result.prediction_upper) == pytest.approx(
        pool_arrays(y, v, tau2="DL2", prediction="metafor").prediction_upper
    )


def test_blank_lines_count_as_rows_and_names_that_repeat_are_told(write):
    path = write("t.csv", "study,value,ci_lower,ci_upper\nA,0.8,0.6,1.1\n\n,,,\nA,0.9,0.7,1.2\nB,x,0.7,1.2\n")
    with pytest.raises(TableError, match="row 6, column value: 'x' is not a number"):
        read_table(path, "hazard-ratio")
    table = read_table(write("u.csv", path.read_text(encoding="utf-8").replace("x", "0.9")), "hazard-ratio")
    assert [r.locator for r in table] == ["row 2", "row 5", "row 6"]
    assert table.warnings == ("A stands in rows 2, 5: are its participants counted more than once?",)


@pytest.mark.parametrize(
    ("measure", "text", "told"),
    [
        ("mean-difference", f"{MEANS}A,1,-1,9,1,1,9\n", "row 2, column sd_experimental: -1 is negative"),
        ("mean-difference", f"{MEANS}A,1,1,1,1,1,9\n", "row 2, column n_experimental: '1' is no arm"),
        ("mean-difference", f"{MEANS}A,one,1,9,1,1,9\n", "row 2, column mean_experimental: 'one' is not a number"),
        ("ratio-of-means", f"{MEANS}A,1,1,9,-1,1,9\n", "row 2, column mean_comparator: -1 must be above 0"),
        ("standardised-mean-difference", "study,mean_experimental\nA,1\n", "column 'sd_experimental' is missing"),
        ("incidence-rate-ratio", f"{RATES}A,1,0,2,3\n", "row 2, column time_experimental: 0 must be above 0"),
        ("incidence-rate-ratio", f"{RATES}A,1.5,3,2,3\n", "row 2, column events_experimental: '1.5' is not a whole"),
        ("incidence-rate", "study,events,time\nA,-1,3\n", "row 2, column events: '-1' is negative"),
        ("median", "study,median,n,q1,q3\nA,5,20,6,7\n", "row 2: q1 6, median 5 and q3 7 are no quartiles"),
        ("median", "study,median,n\nA,5,20\n", "Medians without either: hcckb medians"),
        ("hazard-ratio", "study,o_minus_e,v\nA,-3,0\n", "row 2, column v: 0 must be above 0"),
        ("hazard-ratio", "study,value,value\nA,1,2\n", "column 'value' stands in the header twice"),
    ],
)
def test_a_wrong_cell_is_told_by_file_row_column_and_value(write, measure, text, told):
    path = write("t.csv", text)
    with pytest.raises(TableError, match=told) as error:
        read_table(path, measure)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("measure", "options", "told"),
    [
        ("hazard-ratio", {"correction": "all"}, "--correction is for counts of events, not for hazard-ratio"),
        ("proportion", {"double_zero": "keep"}, "--double-zero is for counts of events, not for proportion"),
        ("incidence-rate-ratio", {"correction": "opposite-arm"}, "opposite-arm is for counts of two arms"),
        ("odds-ratio", {"add": 0.0}, "--add 0 must be above 0"),
        ("incidence-rate", {"transform": "logit"}, "--transform 'logit' is not one of: log, square-root"),
    ],
)
def test_options_that_mean_nothing_are_refused(measure, options, told):
    with pytest.raises(UsageError, match=told):
        read_table(TABLES / "bcg-counts.csv", measure, **options)


def test_medians_without_spread_pool_by_their_weighted_median(write, command):
    text = "study,median,n\nA,10.6,379\nB,7.8,194\nC,8.5,283\nD,9.2,100\nE,11,90\nF,7,120\nG,8,150\n"
    path = write("m.csv", text)
    found = pool_medians(path)
    assert (found.estimate, found.ci_lower, found.ci_upper, found.k, found.n) == (8.5, 7.0, 10.6, 7, 1316)
    ran = command("medians", "--data", path, "--no-weighted", "-f", "json")
    assert (ran.code, ran.json()["method"], ran.json()["ci_upper"]) == (0, "median of medians", 11.0)
    few = write("few.csv", "study,median,n\nA,10.6,379\nB,7.8,194\n")
    assert pool_medians(few).warnings == ("2 studies leave the interval open at 95 %.",)
    assert "CI none to none" in command("medians", "--data", few).out
    with pytest.raises(TableError, match="column 'n' is missing"):
        pool_medians(write("no.csv", "study,median\nA,1\n"))
    with pytest.raises(TableError, match="a header and no rows"):
        pool_medians(write("none.csv", "study,median,n\n"))


def test_conversions_are_found_by_name(command):
    found = convert([4.0, 2.0], "odds-ratio", "risk-ratio", 0.2)
    assert [r.converted for r in found.rows] == pytest.approx([2.5, 2 / 1.2])
    there = convert([0.7], "hazard-ratio", "odds-ratio", 0.4).rows[0].converted
    assert convert([there], "odds-ratio", "hazard-ratio", 0.4).rows[0].converted == pytest.approx(0.7)
    assert convert([0.7], "hazard-ratio", "risk-difference", 0.4).rows[0].converted < 0
    smd = convert([0.5], "odds-ratio", "standardised-mean-difference").rows[0].converted
    assert convert([smd], "standardised-mean-difference", "odds-ratio").rows[0].converted == pytest.approx(0.5)
    ran = command("convert", "OR", "RR", "4", "--baseline-risk", "0.2", "-f", "csv")
    assert (ran.code, ran.out) == (0, "value,converted\r\n4.0,2.5\r\n")
    for arguments, told in (
        (([1.0], "mean-difference", "risk-ratio"), "there is no conversion of mean-difference to risk-ratio"),
        (([1.0], "odds-ratio", "risk-ratio"), "needs --baseline-risk"),
        (([1.0], "odds-ratio", "standardised-mean-difference", 0.2), "takes no --baseline-risk"),
        (([-1.0], "odds-ratio", "standardised-mean-difference"), "-1 is not positive: is it a log"),
    ):
        with pytest.raises(UsageError, match=told):
            convert(*arguments)


def test_the_command_line_reaches_them(write, command):
    path = write("t.csv", COUNTS + "A,24,120,11,118\nB,0,60,3,62\nC,31,150,20,149\nD,0,40,0,41\n")
    ran = command(
        *("pool", "--data", path, "--measure", "OR", "--correction", "opposite-arm", "--double-zero", "keep"),
        *("--tau2", "DL2", "--tau2-interval", "profile-likelihood", "--prediction", "metafor", "-f", "json"),
    )
    found = ran.json()
    assert (ran.code, found["k"], found["tau2_interval"]) == (0, 4, "profile-likelihood")
    mh = command("pool", "--data", path, "--measure", "RR", "--model", "mantel-haenszel")
    assert "common effect, Mantel-Haenszel, Wald interval" in mh.out
    refused = command("pool", "--endpoint", "OS", "--add", "0.25")
    assert (refused.code, "--add is for a table of your own" in refused.err) == (2, True)


def test_what_a_study_does_is_told_on_the_scale_of_the_measure(write, command):
    path = write("t.csv", "study,events,time\nA,12,101.5\nB,4,45\nC,30,310\n")
    ran = command("influence", "--data", path, "--measure", "IR", "--transform", "freeman-tukey", "-f", "json")
    assert all(0 < row["estimate"] < 0.2 for row in ran.json()["rows"])
    cells = write("u.csv", COUNTS + "A,24,120,11,118\nB,4,60,3,62\nC,31,150,20,149\n")
    refused = command("influence", "--data", cells, "--measure", "OR", "--model", "mantel-haenszel")
    assert (refused.code, "take --model common" in refused.err) == (2, True)
