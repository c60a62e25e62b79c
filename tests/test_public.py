"""The public names: what they are, and that importing them costs nothing before they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hcckb
from hcckb import errors, paths, terms


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


def test_five_calls_lead_from_files_to_a_figure(tmp_path):
    kb = hcckb.load()
    table = hcckb.select(kb, "second-line-placebo-vegfr", endpoint="OS")
    result = hcckb.pool(table)
    hcckb.forest(result, tmp_path / "forest.svg")
    assert (tmp_path / "forest.svg").read_text(encoding="utf-8").lstrip().startswith("<")


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
