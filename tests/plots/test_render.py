"""Figures are written whole or not at all, in the format of their suffix."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from hcckb.errors import OutputError, UsageError
from hcckb.plots import save_flow, save_forest, save_funnel
from hcckb.plots.forest import ForestOptions, forest_svg
from hcckb.plots.render import write_figure

MAGIC = {".svg": b"<svg ", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-"}
SMALL = '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="48" viewBox="0 0 96 48"></svg>'


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".PNG"])
def test_the_suffix_names_the_format(tmp_path: Path, seven, suffix: str):
    path = save_forest(seven, tmp_path / f"forest{suffix}")
    assert path.read_bytes().startswith(MAGIC[suffix.lower()])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_png_has_300_dots_per_inch(tmp_path: Path):
    data = write_figure(SMALL, tmp_path / "a.png").read_bytes()
    assert struct.unpack(">II", data[16:24]) == (300, 150)
    per_metre = struct.unpack(">I", data[data.index(b"pHYs") + 4 :][:4])[0]
    assert per_metre == round(300 / 0.0254)


def test_pdf_has_the_printed_size_in_points(tmp_path: Path):
    assert b"/MediaBox [0 0 72 36]" in write_figure(SMALL, tmp_path / "a.pdf").read_bytes()


def test_svg_is_written_as_it_is(tmp_path: Path, seven):
    svg = forest_svg(seven)
    assert write_figure(svg, tmp_path / "a.svg").read_text(encoding="utf-8") == svg


def test_pdf_embeds_the_font_that_text_was_measured_in(tmp_path: Path, seven):
    fonts = write_figure(forest_svg(seven), tmp_path / "a.pdf").read_bytes()
    assert b"LiberationSans" in fonts
    assert b"DejaVu" not in fonts


@pytest.mark.parametrize("name", ["forest.jpg", "forest", "forest.svg.txt"])
def test_another_suffix_is_refused_by_name(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match=r"use \.svg, \.png or \.pdf"):
        write_figure(SMALL, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path: Path):
    target = tmp_path / "absent" / "a.svg"
    with pytest.raises(OutputError, match="No such file or directory") as caught:
        write_figure(SMALL, target)
    assert str(target) in str(caught.value)


def test_a_folder_in_the_place_of_the_file_is_refused_and_nothing_is_left(tmp_path: Path):
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_figure(SMALL, tmp_path / "a.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]


def test_a_failure_leaves_the_older_file(tmp_path: Path, monkeypatch):
    target = tmp_path / "a.svg"
    target.write_text("older")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_figure(SMALL, target)
    assert target.read_text() == "older"
    assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path):
    (tmp_path / "plain").write_text("")
    assert write_figure(SMALL, tmp_path / "a.svg").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_every_figure_can_be_saved(tmp_path: Path, seven):
    class Step:
        title, remaining, removed = "All", ("REACH",), ()

    save_forest(seven, tmp_path / "forest.svg", options=ForestOptions(title="Mine"))
    save_funnel(seven, tmp_path / "funnel.svg", contours=False)
    save_flow([Step()], tmp_path / "flow.svg", title="Flow")
    assert len(list(tmp_path.iterdir())) == 3


def test_drawing_loads_no_renderer_and_no_heavy_library():
    code = (
        "import sys, hcckb.plots.forest, hcckb.plots.funnel, hcckb.plots.flow, hcckb.plots.render\n"
        "print(sorted({'vl_convert', 'matplotlib', 'scipy', 'pandas', 'numpy', 'rdflib'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
