"""The public names: what they are, and that importing them costs nothing before they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hcckb
from hcckb import errors, paths, terms
from hcckb.version import VERSION


def test_every_public_name_can_be_had_and_is_documented():
    for name in hcckb.__all__:
        assert getattr(hcckb, name).__doc__, name
    assert dir(hcckb) == sorted(hcckb.__all__)


def test_public_names_and_their_homes_are_listed_alike():
    assert sorted(hcckb._HOME) == sorted(hcckb.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = hcckb.nonsense


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import hcckb", ("numpy", "scipy", "pyoxigraph", "rdflib", "pandas", "networkx", "pyshacl", "typer")),
        ("import hcckb; hcckb.load()", ("numpy", "scipy", "rdflib", "pandas", "networkx", "pyshacl", "typer")),
        ("import hcckb.cli", ("numpy", "scipy", "rdflib", "pandas", "networkx", "pyshacl")),
    ],
)
def test_importing_brings_nothing_heavy(code, absent):
    text = f"{code}; import sys; print([m for m in {absent!r} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


HEAVY = ("scipy.stats", "scipy.optimize", "pandas", "networkx", "rdflib", "pyshacl", "jinja2", "matplotlib")


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], (*HEAVY, "numpy", "yaml")),
        (["queries"], (*HEAVY, "numpy", "scipy")),
        (["select", "second-line-placebo-vegfr", "--endpoint", "OS"], (*HEAVY, "numpy", "scipy")),
        (["pool", "second-line-placebo-vegfr", "--endpoint", "OS"], HEAVY),
    ],
)
def test_a_command_starts_with_nothing_heavy(arguments, absent):
    code = (
        "import sys, atexit; from hcckb.cli import main; sys.argv = ['hcckb', *%r]\n"
        "atexit.register(lambda: print('LOADED', [m for m in %r if m in sys.modules], file=sys.stderr)); main()"
    )
    ran = subprocess.run([sys.executable, "-c", code % (arguments, absent)], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "LOADED []"


def test_five_calls_lead_from_files_to_a_figure(tmp_path):
    kb = hcckb.load()
    table = hcckb.select(kb, "second-line-placebo-vegfr", endpoint="OS")
    result = hcckb.pool(table)
    hcckb.forest(result, tmp_path / "forest.svg")
    assert (tmp_path / "forest.svg").read_text(encoding="utf-8").lstrip().startswith("<")


def test_every_analysis_takes_a_table_or_a_result_from_the_front_door():
    kb = hcckb.load()
    table = hcckb.select(kb, "second-line-placebo-vegfr", endpoint="OS")
    result = hcckb.pool(table)
    assert len(hcckb.influence(table).rows) == len(hcckb.cumulative(table).rows) == result.k
    assert hcckb.regress(table, ["year"]).coefficients[1].name == "year"
    rounded = hcckb.rounding(result)
    assert rounded.estimate_lower < result.estimate < rounded.estimate_upper
    assert hcckb.gosh(table, tau2="DL").subsets == 2**result.k - 1
    assert hcckb.bayes(table, prior=hcckb.prior("half-cauchy", scale=0.5)).pooled.k == result.k
    found = hcckb.absolute(result, hcckb.printed_medians(kb, table), months=[12])
    assert found.pooled == result
    assert hcckb.grade(result).certainty == "not rated"


def test_a_lone_table_is_a_multiverse_and_the_graph_has_more_of_them():
    kb = hcckb.load()
    asked = {"endpoint": "OS"}
    table = hcckb.select(kb, "second-line-placebo-vegfr", **asked)
    alone = hcckb.multiverse(table)
    assert {(s.view, s.lines) for s in alone.specifications} == {("as given", "all")}
    variants = hcckb.variants(kb, "second-line-placebo-vegfr", **asked)
    assert [(v.view, v.lines) for v in variants] == [
        (view, lines) for lines in ("all", "only") for view in ("resolved", "as printed")
    ]
    assert variants[0].table == table
    assert [v.view for v in hcckb.variants(kb, "second-line-placebo-vegfr", **asked, as_printed=True, only=True)] == [
        "as printed"
    ]


def test_tables_of_ones_own_are_read_by_a_path_in_text_and_a_short_measure(tmp_path):
    path = tmp_path / "counts.csv"
    header = "study,events_experimental,n_experimental,events_comparator,n_comparator"
    path.write_text(f"{header}\nA,3,40,7,41\nB,0,30,4,29\nC,5,60,9,58\n", encoding="utf-8")
    assert hcckb.read_table(str(path), "OR").rows[0].measure == "odds-ratio"
    assert hcckb.glmm(str(path), "OR").measure == "odds-ratio"
    arms = tmp_path / "network.csv"
    arms.write_text("study,treatment,events,n\nA,x,3,40\nA,y,7,41\nB,x,2,30\nB,z,4,29\n", encoding="utf-8")
    assert hcckb.network(hcckb.read_network_table(str(arms), "OR")).treatments == ("x", "y", "z")
    medians = tmp_path / "medians.csv"
    medians.write_text("study,median,n\nA,8.1,100\nB,9.5,80\nC,7.2,120\n", encoding="utf-8")
    assert hcckb.medians(str(medians)).k == 3
    assert hcckb.convert([0.5], "OR", "RR", 0.3).to == "risk-ratio"
    ratings = tmp_path / "ratings.toml"
    ratings.write_text('start = "high"\n', encoding="utf-8")
    assert hcckb.read_ratings(str(ratings)) == {"start": "high"}


def test_every_error_derives_from_one_and_has_the_documented_exit_code():
    found = {c.__name__: c.exit_code for c in vars(errors).values() if isinstance(c, type) and c is not errors.Iterable}
    assert found == {
        "HcckbError": 1,
        "UsageError": 2,
        "OutputError": 2,
        "DataError": 3,
        "ParseError": 3,
        "TableError": 3,
        "UnknownNameError": 4,
        "PoolingError": 5,
        "EmptySelectionError": 5,
        "ConvergenceError": 5,
        "EngineError": 6,
    }
    for name in found:
        assert issubclass(getattr(errors, name), errors.HcckbError)
        assert name in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        ("UsageError", ValueError),
        ("OutputError", OSError),
        ("DataError", ValueError),
        ("UnknownNameError", LookupError),
        ("PoolingError", ValueError),
        ("EngineError", RuntimeError),
    ],
)
def test_each_error_also_is_the_builtin_it_resembles(error, builtin):
    assert issubclass(getattr(errors, error), builtin)


def test_an_unknown_name_suggests_the_nearest_whatever_the_case():
    told = str(errors.UnknownNameError("reach2", "study", ["REACH-2", "SHARP"], "hcckb query studies"))
    assert told == "no study is called 'reach2'. Did you mean 'REACH-2'? List them: hcckb query studies"
    assert "mean" not in str(errors.UnknownNameError("qqq", "study", ["REACH-2"]))


def test_prefixed_names_are_expanded_and_compacted():
    assert terms.expand("kb:reach") == "https://w3id.org/hcckb/kb/reach"
    assert terms.expand("no:such") == "no:such"
    assert terms.expand("plain") == "plain"
    assert terms.compact("https://example.org/x") == "https://example.org/x"
    for prefix, namespace in terms.PREFIXES.items():
        assert terms.compact(terms.expand(f"{prefix}:x")) == f"{prefix}:x"
        assert namespace


def test_shipped_folders_exist_and_are_shown_from_the_root(tmp_path):
    for folder in (paths.KB, paths.ONTOLOGY, paths.QUERIES, paths.CHECKS):
        assert folder.is_dir()
    assert paths.shown(paths.SHAPES) == "ontology/shapes.ttl"
    assert paths.shown(tmp_path / "x.ttl") == str(tmp_path / "x.ttl")


def test_version_is_the_one_that_is_cited():
    cited = (Path(__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {VERSION}\n" in cited
