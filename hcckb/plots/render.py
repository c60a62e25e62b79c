"""Writes a figure as SVG, PNG or PDF, whole or not at all.

PNG and PDF come from vl-convert, which carries Liberation Sans: text looks the same, and takes the width that
`lettering` computes, on a machine without any fonts.
"""

from __future__ import annotations

import re
from pathlib import Path

from hcckb.errors import UsageError
from hcckb.files import write_whole

_DOTS_PER_INCH = 300.0
_UNITS_PER_INCH = 96.0
_POINTS_PER_INCH = 72.0
_SIZE = re.compile(r'(?<= )(width|height)="([0-9.]+)"')


def write_figure(svg: str, path: str | Path) -> Path:
    """Write `svg` to `path`, in the format that the suffix names.

    The file is written beside its place under another name and then moved there, so that no reader ever
    sees half of it and an older file survives a failure.

    Parameters
    ----------
    svg : str
        An SVG document.
    path : str or Path
        Where to: ``.svg``, ``.png`` (300 dots per inch) or ``.pdf`` (vector, text as text).

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UsageError
        If the suffix is none of the three.
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    write_whole(target, rendered(svg, _format_of(target)))
    return target


def rendered(svg: str, fmt: str) -> bytes:
    """Return `svg` as the bytes of a file in format `fmt`: "svg", "png" or "pdf"."""
    if fmt == "svg":
        return svg.encode("utf-8")
    import vl_convert  # 90 MB of renderer: only when a figure is rendered

    printed = _at_print_size(svg)
    if fmt == "png":
        return bytes(vl_convert.svg_to_png(printed, ppi=_DOTS_PER_INCH))
    return bytes(vl_convert.svg_to_pdf(printed))


def _at_print_size(svg: str) -> str:
    """Return `svg` with its width and height in points, which is what vl-convert takes a plain number for."""
    head, bracket, body = svg.partition(">")
    scaled = _SIZE.sub(lambda m: f'{m[1]}="{float(m[2]) * _POINTS_PER_INCH / _UNITS_PER_INCH:g}"', head)
    return scaled + bracket + body


def _format_of(path: Path) -> str:
    suffix = path.suffix.casefold()
    if suffix not in (".svg", ".png", ".pdf"):
        shown = f"{path.suffix!r} is no format" if suffix else "has no suffix to tell the format"
        raise UsageError(f"{path}: {shown} of a figure; use .svg, .png or .pdf")
    return suffix[1:]
