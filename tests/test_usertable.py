"""A user's own CSV: what is read, and that every complaint names file, row and column."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter

import pytest

from hcckb.analysis.pool import pool, pool_by
from hcckb.errors import DataError, PoolingError, TableError, UsageError
from hcckb.usertable import COUNT_MEASURES, RATIO_MEASURES, read_table

TABLES = Path(__file__).parent / "data" / "tables"
REFERENCE = Path(__file__).parent / "reference"
HR = "hazard-ratio"
COUNTS = "study,events_experimental,n_experimental,events_comparator,n_comparator\n"
METAFOR = {"risk-ratio": "RR", "odds-ratio": "OR", "risk-difference": "RD"}
TRANSFORMED = {"logit": "PLO", "freeman-tukey": "PFT", "arcsine": "PAS", "none": "PR"}


def reference(stem):
    return json.loads((REFERENCE / f"{stem}.json").read_text(encoding="utf-8"))["output"]


def close(found, expected):
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_ratios_are_read_row_by_row():
    table = read_table(TABLES / "ratios.csv", HR)
    assert [(r.study, r.value, r.ci_lower, r.ci_upper, r.ci_level) for r in table] == [
        ("First", 0.80, 0.60, 1.07, 0.95),
        ("Second", 0.70, 0.55, 0.89, 0.95),
        ("Third", 0.95, 0.70, 1.29, 0.95),
    ]
    assert [r.locator for r in table] == ["row 2", "row 3", "row 4"]
    assert {r.source for r in table} == {"ratios.csv"}
    assert {r.measure for r in table} == {HR}


def test_optional_columns_are_read_and_a_byte_order_mark_is_not():
    first, second = read_table(TABLES / "ratios-full.csv", "odds-ratio")
    assert (first.study, first.ci_level, first.year, first.n_experimental) == ("First, part", 0.95, 2015, 100)
    assert (second.ci_level, second.experimental, second.source) == (0.90, "One", "Page 2")


@pytest.mark.parametrize("measure", RATIO_MEASURES)
def test_every_ratio_pools_on_the_log_scale(measure):
    result = pool(read_table(TABLES / "ratios.csv", measure))
    assert (result.scale, result.measure, result.k) == ("log", measure, 3)


def test_generic_tables_pool_as_they_are_whether_by_variance_or_error():
    variance = pool(read_table(TABLES / "generic-variance.csv", "generic"), ci="wald")
    error = pool(read_table(TABLES / "generic-error.csv", "generic"), ci="wald")
    assert variance.scale == "identity"
    assert [r.analysis_value for r in variance.rows] == [-0.2231, -0.3567, -0.0513]
    assert [r.se**2 for r in variance.rows] == pytest.approx([0.0217, 0.0151, 0.0243], rel=1e-12)
    assert variance.estimate == pytest.approx(error.estimate, abs=1e-4)
    assert variance.estimate == variance.analysis_estimate


def test_a_ratio_table_and_its_logs_pool_alike():
    ratio = pool(read_table(TABLES / "ratios.csv", HR))
    generic = pool(read_table(TABLES / "generic-variance.csv", "generic"))
    assert ratio.analysis_estimate == pytest.approx(generic.estimate, abs=1e-3)


@pytest.mark.parametrize(
    ("file", "measure", "told"),
    [
        ("missing-column.csv", HR, r"column 'ci_upper' is missing; .* The header has: study, value, ci_lower"),
        ("text-in-number.csv", HR, r"row 3, column value: 'about 0\.7' is not a number"),
        ("nan.csv", HR, "row 2, column value: 'nan' is not finite"),
        ("decimal-comma.csv", HR, "row 2: has not as many cells as the header"),
        ("short-row.csv", HR, "row 2: has not as many cells as the header"),
        ("no-rows.csv", HR, "a header and no rows"),
        ("empty.csv", HR, "column 'study' is missing.*The header has: none"),
        ("no-variance.csv", "generic", "row 2, column vi: 0 must be above 0"),
        ("half-patient.csv", HR, r"row 2, column n_experimental: '10\.5' is not a whole number"),
        ("open-quote.csv", HR, "is not CSV"),
        ("ratios.csv", "generic", "column 'yi' is missing"),
    ],
)
def test_a_wrong_table_is_told_by_row_and_column(file, measure, told):
    with pytest.raises(TableError, match=told) as error:
        read_table(TABLES / file, measure)
    assert str(error.value).startswith(str(TABLES / file))


@pytest.mark.parametrize("file", ["latin-1.csv", "missing.csv", "."])
def test_a_file_that_cannot_be_read_is_named(file):
    with pytest.raises(DataError, match="cannot be read"):
        read_table(TABLES / file, HR)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("value-outside.csv", "lies outside its interval"),
        ("not-positive.csv", "is not positive"),
        ("reversed.csv", "are reversed"),
        ("zero-width.csv", "leave no width"),
        ("percent-level.csv", r"is not in \(0, 1\)"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_file_row_and_column(file, told):
    with pytest.raises(TableError, match=told) as error:
        read_table(TABLES / file, HR)
    assert f"{file}, row 2, column " in str(error.value)


def test_given_effects_are_pooled_as_they_are_given_however_small_their_variance(write):
    path = write("t.csv", "study,yi,vi\nA,1e6,1e-12\nB,1e6,4e-12\n")
    found = pool(read_table(path, "generic"), model="common")
    close([r.se for r in found.rows], [1e-6, 2e-6])
    close(found.se, (1e12 + 0.25e12) ** -0.5)


def test_a_column_of_the_file_parts_the_pool(write):
    path = write(
        "t.csv", "study,value,ci_lower,ci_upper,group\nA,.8,.6,1.1,x\nB,.7,.5,.9,y\nC,.9,.7,1.2,x\nD,.9,.7,1.2,\n"
    )
    assert [(name, found.k) for name, found in pool_by(read_table(path, HR), "group")] == [("", 1), ("x", 2), ("y", 1)]


@pytest.mark.parametrize("command_name", ["pool", "multilevel"])
def test_limits_that_overflow_are_refused(write, command, command_name):
    path = write("t.csv", "study,value,ci_lower,ci_upper\nA,1e300,1e299,1e301\nB,0.8,0.6,1.1\n")
    ran = command(command_name, "--data", path, "--measure", "HR", "-f", "json")
    assert (ran.code, ran.out) == (5, "")
    assert "is not finite" in ran.err


def test_estimates_too_far_apart_for_levels_are_refused(write, command):
    path = write("t.csv", "study,yi,vi\nA,1e200,1\nB,-1e200,1\nC,3,1\n")
    ran = command("multilevel", "--data", path, "--measure", "generic")
    assert (ran.code, ran.out, "too far apart" in ran.err) == (5, "", True)


def test_ten_thousand_rows_are_pooled_without_comparing_each_with_each(write):
    rows = "".join(f"S{i // 2},0.{70 + i % 20},0.5,1.2\n" for i in range(10_000))
    table = read_table(write("t.csv", f"study,value,ci_lower,ci_upper\n{rows}"), HR)
    start = perf_counter()
    assert pool(table).k == 10_000
    assert len(table.warnings) == 5_000
    assert perf_counter() - start < 3


def test_mixed_endpoints_of_a_table_are_refused():
    with pytest.raises(PoolingError, match="mixes 2 endpoints"):
        pool(read_table(TABLES / "mixed-endpoints.csv", HR))


def test_a_measure_that_does_not_exist_lists_those_that_do():
    with pytest.raises(UsageError, match="is not one of: hazard-ratio"):
        read_table(TABLES / "ratios.csv", "hr")


def test_a_study_without_a_name_is_called_by_its_row(write):
    path = write("t.csv", "study,value,ci_lower,ci_upper\n,0.8,0.6,1.07\n")
    (row,) = read_table(path, HR)
    assert row.study == "row 2"


@pytest.mark.parametrize("measure", METAFOR)
def test_a_table_of_counts_pools_as_metafor_does(measure):
    result = pool(read_table(TABLES / "bcg-counts.csv", measure), tau2="DL", ci="wald")
    expected = reference("binary_bcg")
    each, pooled = expected["effect_sizes"][METAFOR[measure]], expected["inverse_variance"][METAFOR[measure]]["EE"]
    assert (result.scale, result.k) == ("identity" if measure == "risk-difference" else "log", 13)
    close([r.analysis_value for r in result.rows], each["yi"])
    close([r.se**2 for r in result.rows], each["vi"])
    close(result.q, pooled["Q"])
    common = pool(read_table(TABLES / "bcg-counts.csv", measure), model="common")
    close([common.analysis_estimate, common.se], [pooled["estimate"], pooled["se"]])


def test_petos_common_effect_is_petos_method():
    result = pool(read_table(TABLES / "yusuf-counts.csv", "peto-odds-ratio"), model="common")
    expected = reference("binary_yusuf1985_table6")["peto"]
    close([result.analysis_estimate, result.se, result.q], [expected[k] for k in ("estimate", "se", "Q")])
    assert (result.scale, result.measure) == ("log", "peto-odds-ratio")
    assert result.estimate == pytest.approx(0.933, abs=5e-4)


def test_a_row_of_counts_shows_what_it_was_and_its_effect():
    first = read_table(TABLES / "bcg-counts.csv", "risk-ratio").rows[0]
    assert (first.study, first.as_printed, first.n_experimental, first.n_comparator) == (
        "Aronson 1948",
        "4/123 vs 11/139",
        123,
        139,
    )
    assert [first.value, first.ci_lower, first.ci_upper] == pytest.approx([0.411, 0.134, 1.257], abs=5e-4)


def test_double_zeros_are_dropped_from_ratios_with_a_warning_and_kept_in_differences():
    ratio = pool(read_table(TABLES / "yusuf-counts.csv", "risk-ratio"))
    assert (ratio.k, len(ratio.dropped)) == (18, 3)
    assert {d.reason for d in ratio.dropped} == {"both arms have no event, or nothing but events"}
    assert any("which says nothing of the risk ratio: Pitt" in w for w in ratio.warnings)
    assert any(w.startswith("Continuity correction: 0.5") for w in ratio.warnings)
    difference = pool(read_table(TABLES / "yusuf-counts.csv", "risk-difference"))
    assert (difference.k, difference.dropped) == (21, ())


def test_the_header_decides_whether_a_ratio_is_printed_or_counted(write):
    printed = read_table(TABLES / "ratios.csv", "odds-ratio")
    assert printed.rows[0].value == 0.80
    both = write(
        "t.csv", "study,value,events_experimental,n_experimental,events_comparator,n_comparator\nA,9,1,4,2,4\n"
    )
    table = read_table(both, "odds-ratio")
    assert table.rows[0].value == pytest.approx((1 / 3) / (2 / 2), rel=1e-14)
    assert "value, ci_lower and ci_upper are not used" in table.warnings[0]
    with pytest.raises(TableError, match=r"risk-ratio needs study, events.* or study, value, ci_lower"):
        read_table(write("u.csv", "study,n_experimental\nA,4\n"), "risk-ratio")


@pytest.mark.parametrize("transform", TRANSFORMED)
def test_a_table_of_proportions_pools_as_metafor_does_there_and_back(transform):
    table = read_table(TABLES / "pritz-proportions.csv", "proportion", transform)
    result = pool(table, tau2="DL", ci="wald")
    expected = reference("proportion_pritz1997")[TRANSFORMED[transform]]
    close([r.analysis_value for r in result.rows], expected["yi"])
    close([result.analysis_estimate, result.se, result.tau2], [expected["DL"][k] for k in ("estimate", "se", "tau2")])
    back = expected["DL"]["back_transformed"]
    close([result.estimate, result.ci_lower, result.ci_upper], [back[k] for k in ("estimate", "ci_lb", "ci_ub")])
    assert result.scale == ("identity" if transform == "none" else transform)
    assert (result.measure, result.n) == ("proportion", 326)


def test_a_proportion_is_shown_as_counted_with_its_exact_interval():
    result = pool(read_table(TABLES / "pritz-proportions.csv", "proportion"))
    expected = reference("proportion_pritz1997")["study_intervals"]["CP"]
    assert result.scale == "logit"
    assert [r.as_printed for r in result.rows][:2] == ["16/17", "10/12"]
    close([r.value for r in result.rows][:2], [16 / 17, 10 / 12])
    close([r.ci_lower for r in result.rows], expected["lower"])
    close([r.ci_upper for r in result.rows], expected["upper"])
    assert any("Continuity correction" in w and "Tanabe" in w for w in result.warnings)


def test_an_interval_beyond_one_is_told_with_a_way_out(write):
    table = read_table(write("t.csv", "study,events,n\nA,10,10\nB,9,10\n"), "proportion", "none")
    result = pool(table, ci="wald")
    assert result.ci_upper > 1
    assert any("beyond 0 to 1; --transform logit" in w for w in result.warnings)


def test_groups_of_proportions_each_have_their_own_harmonic_mean(write):
    path = write("t.csv", "study,events,n,experimental\nA,4,10,X\nB,9,20,X\nC,30,100,Y\nD,50,200,Y\n")
    groups = dict(pool_by(read_table(path, "proportion", "freeman-tukey"), "experimental"))
    alone = write("u.csv", "study,events,n\nC,30,100\nD,50,200\n")
    assert groups["Y"].estimate == pool(read_table(alone, "proportion", "freeman-tukey")).estimate


@pytest.mark.parametrize(
    ("measure", "text", "told"),
    [
        ("risk-ratio", f"{COUNTS}A,1,9,2,9\nB,13,12,2,9\n", "row 3, column events_experimental: '13' is above n_exp"),
        ("risk-ratio", f"{COUNTS}A,1,9,10,9\n", "row 2, column events_comparator: '10' is above n_comparator '9'"),
        ("odds-ratio", f"{COUNTS}A,-1,9,2,9\n", "row 2, column events_experimental: '-1' is negative"),
        ("odds-ratio", f"{COUNTS}A,1.5,9,2,9\n", r"row 2, column events_experimental: '1\.5' is not a whole number"),
        ("risk-difference", f"{COUNTS}A,one,9,2,9\n", "row 2, column events_experimental: 'one' is not a number"),
        ("risk-difference", f"{COUNTS}A,1,inf,2,9\n", "row 2, column n_experimental: 'inf' is not finite"),
        ("peto-odds-ratio", f"{COUNTS}A,1,9,,9\n", "row 2, column events_comparator: '' is no count"),
        ("peto-odds-ratio", f"{COUNTS}A,0,9,0,0\n", "row 2, column n_comparator: '0' is no arm"),
        (
            "risk-difference",
            "study,value,ci_lower\nA,1,0\n",
            "column 'ci_upper' is missing; risk-difference needs study, value, ci_lower, ci_upper or study, events_exp",
        ),
        ("risk-ratio", "study,events_experimental,n_experimental\nA,1,2\n", "column 'events_comparator' is missing"),
        ("risk-ratio", COUNTS, "a header and no rows"),
        ("proportion", "study,events\nA,1\n", "column 'n' is missing; proportion needs study, events, n. The header"),
        ("proportion", "study,events,n\nA,7,5\n", "row 2, column events: '7' is above n '5'"),
        ("proportion", "study,events,n\nA,40%,5\n", "row 2, column events: '40%' is not a number"),
    ],
)
def test_a_bad_count_is_told_by_file_row_column_and_value(write, measure, text, told):
    path = write("t.csv", text)
    with pytest.raises(TableError, match=told) as error:
        read_table(path, measure)
    assert str(error.value).startswith(str(path))
    assert error.value.exit_code == 3


def test_counts_that_tell_nothing_cannot_be_pooled(write):
    path = write("t.csv", f"{COUNTS}A,0,9,0,9\n")
    for measure in COUNT_MEASURES:
        if measure.endswith("-difference"):
            assert len(read_table(path, measure)) == 1
            continue
        with pytest.raises(PoolingError, match="no study tells anything of the"):
            read_table(path, measure)


def test_a_transformation_is_for_proportions_and_must_exist():
    with pytest.raises(UsageError, match="--transform is for proportions and incidence rates, not for hazard-ratio"):
        read_table(TABLES / "ratios.csv", HR, "logit")
    with pytest.raises(UsageError, match="'probit' is not one of: logit, freeman-tukey"):
        read_table(TABLES / "pritz-proportions.csv", "proportion", "probit")
