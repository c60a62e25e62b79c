"""The CSV folder: one row per node, digits as printed, every row traced to a source and a place in it."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from hcckb.export import export
from hcckb.export.csv_folder import write
from hcckb.store import Solutions, Store, load
from hcckb.terms import EV, KB, TYPE

PROMISED = [
    "studies",
    "arms",
    "agents",
    "targets",
    "estimates",
    "arm_results",
    "factors",
    "associations",
    "syntheses",
    "approvals",
    "guidance",
    "sources",
    "resolutions",
    "facts",
    "synthesis_results",
    "populations",
]


def rows(folder: Path, name: str) -> dict[str, dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return {row["iri"].removeprefix(KB): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def folder(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("csv")
    assert export(store, "csv", path) is None
    return path


def test_every_promised_table_is_there_with_its_header(folder: Path):
    for name in PROMISED:
        header = (folder / f"{name}.csv").read_bytes().split(b"\r\n")[0].decode()
        columns = header.split(",")
        assert columns[0] == "iri"
        assert "source" in columns
        assert len(columns) == len(set(columns))


def test_tables_without_rows_are_a_header(folder: Path):
    assert (folder / "approvals.csv").read_bytes().count(b"\r\n") == 1


def test_an_estimate_keeps_its_digits(folder: Path):
    row = rows(folder, "estimates")["alpha-os-s000"]
    assert [row[c] for c in ("value", "ci_lower", "ci_upper", "ci_level")] == ["0.80", "0.690", "1.00", "0.95"]
    assert (row["p_operator"], row["p_value"], row["data_cutoff"]) == ("<", "0.050", "2012-12-31")
    assert (row["study"], row["experimental"], row["comparator"]) == ("ALPHA", "brivanib", "placebo")
    assert (row["endpoint"], row["population"], row["measure"]) == (
        "overall-survival", "intention-to-treat", "hazard-ratio",
    )  # fmt: skip
    assert (row["source"], row["locator"]) == ("S000", "Table 2")
    assert row["as_printed"] == "0.80 (0.690-1.00), P < 0.050"


def test_every_source_named_is_a_row_of_sources(folder: Path):
    keys = {row["source"] for row in rows(folder, "sources").values()}
    named = {row["source"] for table in ("estimates", "arm_results", "facts") for row in rows(folder, table).values()}
    assert named == keys == {"S000", "journal-of-tests-2013"}


def test_several_values_are_sorted_and_joined(folder: Path):
    study = rows(folder, "studies")["alpha"]
    assert study["line"] == "second-line; third-line"
    assert study["other_names"] == 'Alpha; or, "the first"; Альфа'
    assert rows(folder, "estimates")["alpha-os-afp"]["not_reported"] == "ciLower; value"


def test_a_study_is_traced_through_its_facts(folder: Path):
    study = rows(folder, "studies")["alpha"]
    assert study["source"] == "S000; journal-of-tests-2013"
    assert study["locator"] == "S000: Table 1, row ALPHA; journal-of-tests-2013: Title page"
    assert rows(folder, "targets")["target-vegfr2"]["locator"] == "Introduction"


def test_a_resolution_quotes_what_it_corrects(folder: Path):
    row = rows(folder, "resolutions")["resolution-alpha-os-journal"]
    assert row["concerns_iri"] == KB + "alpha-os-journal"
    assert (row["kind"], row["decision"]) == ("mislabelled-endpoint", "corrected")
    assert row["corrected_endpoint"] == "time-to-progression"
    assert (row["source"], row["locator"], row["as_printed"]) == ("journal-of-tests-2013", "p. 3", "0.60 (0.50-0.72)")
    assert row["evidence_source"] == "S000"
    assert "\n" in row["reason"]
    assert rows(folder, "estimates")["alpha-os-journal"]["resolution_iri"] == row["iri"]


def test_pandas_reads_the_same_cells(folder: Path):
    for path in sorted(folder.glob("*.csv")):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        with path.open(encoding="utf-8", newline="") as file:
            assert [list(frame.columns), *frame.to_numpy().tolist()] == list(csv.reader(file))
    numbers = pd.read_csv(folder / "estimates.csv").set_index("iri")["value"]
    assert numbers[KB + "beta-os-s000"] == 1.05


@pytest.mark.parametrize("name", ["store", "shipped"])
def test_every_printed_statement_is_one_row_with_source_and_locator(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
):
    graph: Store = request.getfixturevalue(name)
    export(graph, "csv", tmp_path)
    tables = {
        "Estimate": "estimates",
        "ArmResult": "arm_results",
        "Fact": "facts",
        "SynthesisResult": "synthesis_results",
    }
    for kind, table in tables.items():
        expected = {q.subject.value for q in graph.quads if q.predicate.value == TYPE and q.object.value == EV + kind}
        found = rows(tmp_path, table)
        assert {row["iri"] for row in found.values()} == expected
        assert all(row["source"] and row["locator"] and row["as_printed"] for row in found.values())
    with (tmp_path / "estimates.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == len(rows(tmp_path, "estimates")) + 1


def test_a_part_keeps_all_headers(store: Store, beta_rows: Solutions, tmp_path: Path):
    export(store, "csv", tmp_path, rows=beta_rows)
    assert {p.stem for p in tmp_path.iterdir()} >= set(PROMISED)
    assert list(rows(tmp_path, "estimates")) == ["beta-os-s000"]
    assert list(rows(tmp_path, "studies")) == ["beta"]


def test_what_no_table_foresees_is_written_all_the_same(tmp_path: Path):
    extra = tmp_path / "extra.ttl"
    extra.write_text(
        f"@prefix ev: <{EV}> . @prefix kb: <{KB}> .\n"
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        "ev:CrossoverTrial rdfs:subClassOf ev:RandomisedTrial .\n"
        'kb:delta a ev:CrossoverTrial ; rdfs:label "DELTA" ; ev:washoutWeeks 4.50 ; ev:follows kb:epsilon .\n'
        'kb:note a ev:CurationEntry ; ev:text "checked" .\n',
        encoding="utf-8",
    )
    files = write(load(extra, shipped=False))
    (study,) = csv.DictReader(files["studies.csv"].splitlines())
    assert (study["study"], study["design"], study["washout_weeks"]) == ("DELTA", "CrossoverTrial", "4.50")
    assert study["follows_iri"] == KB + "epsilon"
    assert files["curation_entries.csv"] == f"iri,text\r\n{KB}note,checked\r\n"
