"""The built wheel alone, in an empty folder, answers the flagship question from the data inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSIDE = "hcckb/_data"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build without isolation and without network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    ran = subprocess.run(build, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    (path,) = folder.glob("hcckb-*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked, cwd, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "hcckb", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_wheel_holds_data_ontology_and_queries_and_nothing_of_the_checkout(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for folder, pattern in (("kb", "*.ttl"), ("ontology", "*.ttl"), ("queries", "*.rq")):
        shipped = {f"{INSIDE}/{f.relative_to(ROOT).as_posix()}" for f in (ROOT / folder).rglob(pattern)}
        assert shipped
        assert shipped <= set(names), sorted(shipped - set(names))
    assert f"{INSIDE}/kb/studies/reach.ttl" in names
    tops = {n.partition("/")[0] for n in names}
    assert tops == {"hcckb", next(t for t in tops if t.endswith(".dist-info"))}
    assert not [n for n in names if "__pycache__" in n or "/tests/" in n]


def test_the_wheel_holds_the_templates_of_the_report(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    folder = ROOT / "hcckb" / "report" / "templates"
    shipped = {f.relative_to(ROOT).as_posix() for f in folder.rglob("*") if f.is_file()}
    assert shipped
    assert shipped <= names, sorted(shipped - names)


def test_the_wheel_declares_its_command_types_and_licence(unpacked):
    (info,) = unpacked.glob("hcckb-*.dist-info")
    assert "hcckb = hcckb.cli:main" in (info / "entry_points.txt").read_text(encoding="utf-8")
    assert list(info.rglob("LICENSE"))
    assert (unpacked / "hcckb" / "py.typed").is_file()


def test_the_wheel_alone_pools_the_seven_trials(unpacked, tmp_path):
    ran = run(unpacked, tmp_path, "pool", "second-line-placebo-vegfr", "--endpoint", "OS")
    assert (ran.returncode, ran.stderr) == (0, "")
    for study in ("AHELP", "BRISK-PS", "CELESTIAL", "Kang 2015", "REACH", "REACH-2", "RESORCE"):
        assert f"\n{study} " in ran.stdout
    assert "k = 7" in ran.stdout
    assert "Research tool, not medical advice." in ran.stdout


def test_the_wheel_is_what_ran_and_it_reads_its_own_data(unpacked, tmp_path):
    text = 'import hcckb; from hcckb import paths; print(hcckb.__file__, paths.KB, paths.shown(paths.KB), sep="\\n")'
    ran = subprocess.run(
        [sys.executable, "-c", text],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split("\n")[:3] == [
        str(unpacked / "hcckb" / "__init__.py"),
        str(unpacked / INSIDE / "kb"),
        "kb",
    ]


def test_the_wheel_draws_a_figure(unpacked, tmp_path):
    ran = run(unpacked, tmp_path, "pool", "second-line-placebo-vegfr", "--endpoint", "OS", "--plot", "forest.svg")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "forest.svg").stat().st_size > 1000


def test_the_wheel_writes_a_report(unpacked, tmp_path):
    ran = run(unpacked, tmp_path, "report", "second-line-placebo-vegfr", "--endpoint", "OS", "-o", "x.html")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "wrote x.html\n")
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "0.78" in page
    assert "<svg" in page
