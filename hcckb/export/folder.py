"""Puts a folder of texts on disk file by file, and never over a file that an export did not write."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hcckb.errors import OutputError


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Write several files into a folder, made when it is missing; they are moved into place when all are written.

    Nothing is deleted. A file of the same name is replaced only when it is an earlier export: when its header starts
    with the same column.

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds a file of somebody else's under one of the names.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file. Name a folder with -o.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        foreign = [name for name, text in files.items() if not _ours(path / name, text)]
        if not foreign:
            _move_in(path, files)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}. Name a folder that you can write to.") from None
    if foreign:
        mend = "Name an empty folder with -o, or move the file away."
        raise OutputError(f"{path / foreign[0]} exists and is no earlier export. {mend}")


def _move_in(path: Path, files: Mapping[str, str]) -> None:
    fresh = Path(tempfile.mkdtemp(dir=path, prefix=".export-"))
    try:
        for name, text in files.items():
            (fresh / name).write_bytes(text.encode())
        for name in files:
            (fresh / name).replace(path / name)
    finally:
        shutil.rmtree(fresh)


def _ours(place: Path, text: str) -> bool:
    if not place.exists():
        return True
    first = text.partition(",")[0].encode() + b","
    with place.open("rb") as old:
        return old.read(len(first)) == first
