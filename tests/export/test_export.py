"""The door: formats by name, the same bytes each time, files put in place whole, errors that say what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hcckb.export as package
from hcckb.errors import OutputError, UnknownNameError, UsageError
from hcckb.export import export, find_format, formats
from hcckb.store import Solutions, Store

DATA = Path(__file__).parent / "data"
TEXT = ("graphml", "graphml-network", "jsonld", "ntriples", "trig", "turtle")
HASH = """
import hashlib, sys
from pathlib import Path
from hcckb.export import find_format, formats
from hcckb.store import load
store = load(Path(sys.argv[1]), shipped=False)
for name in formats():
    for file, text in find_format(name).writer(store).items():
        print(name, file, hashlib.sha256(text.encode()).hexdigest())
"""


def test_formats_are_those_of_the_command():
    assert formats() == ("csv", "graphml", "graphml-network", "jsonld", "ntriples", "trig", "turtle")
    assert {n for n in formats() if find_format(n).is_folder} == {"csv"}
    assert all(find_format(n).suffix and find_format(n).summary and find_format(n).media_type for n in formats())


def test_a_format_is_one_new_module(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "counting.py").write_text(
        "from hcckb.export.format import Format\n"
        "FORMAT = Format('count', '.txt', 'text/plain', 'how many', lambda store: {'': f'{len(store)}\\n'})\n"
    )
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "hcckb.export.counting", raising=False)
    assert "count" in formats()
    assert export(store, "count") == f"{len(store)}\n"


def test_the_same_graph_gives_the_same_bytes_in_any_order(store: Store):
    turned = Store(list(reversed(store.files)))
    backwards = store.part(reversed(store.quads))
    for name in formats():
        writer = find_format(name).writer
        first = writer(store)
        assert writer(store) == first
        assert writer(turned) == first
        assert writer(backwards) == first


def test_the_same_graph_gives_the_same_bytes_in_any_process():
    printed = {
        subprocess.run(
            [sys.executable, "-c", HASH, str(DATA)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) > len(TEXT)


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys, hcckb.export; hcckb.export.formats();"
        "print([m for m in ('networkx', 'rdflib', 'pandas', 'scipy.stats') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", TEXT)
def test_a_file_holds_the_text(store: Store, tmp_path: Path, name: str, beta_rows: Solutions):
    path = tmp_path / "out"
    assert export(store, name, path, rows=beta_rows) is None
    assert path.read_bytes() == export(store, name, rows=beta_rows).encode()
    assert list(tmp_path.iterdir()) == [path]


def test_an_earlier_export_is_replaced_and_nothing_else_touched(store: Store, tmp_path: Path, beta_rows: Solutions):
    (tmp_path / "notes.txt").write_text("mine")
    export(store, "csv", tmp_path)
    export(store, "csv", tmp_path, rows=beta_rows)
    assert "alpha-os" not in (tmp_path / "estimates.csv").read_text()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_file_of_somebody_else_is_never_replaced(store: Store, tmp_path: Path):
    (tmp_path / "studies.csv").write_text("name,year\n")
    with pytest.raises(OutputError, match=r"studies\.csv exists and is no earlier export"):
        export(store, "csv", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["studies.csv"]


def test_an_unknown_format_suggests_the_nearest(store: Store):
    with pytest.raises(UnknownNameError, match=r"no export format is called 'turtel'. Did you mean 'turtle'"):
        export(store, "turtel")


def test_a_folder_format_needs_a_path(store: Store):
    with pytest.raises(UsageError, match=r"csv is a folder of files.*-o FOLDER"):
        export(store, "csv")


@pytest.mark.parametrize("name", ["turtle", "csv"])
def test_what_cannot_be_written_is_named_with_the_reason(store: Store, tmp_path: Path, name: str):
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(OutputError, match=r"cannot write .*file.*: Not a directory"):
        export(store, name, blocked / "deeper")
    assert blocked.read_text() == "x"


def test_a_file_is_no_folder_and_a_folder_no_file(store: Store, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        export(store, "csv", tmp_path / "file")
    with pytest.raises(OutputError, match="is a folder"):
        export(store, "turtle", tmp_path)
