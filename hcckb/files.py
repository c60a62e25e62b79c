"""Writes a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from hcckb.errors import OutputError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` by way of a temporary file beside it, so that no half-written file is ever seen.

    Raises
    ------
    OutputError
        If the folder does not exist or cannot be written; names the path and the reason.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # /dev/stdout or a pipe: it has to stay one
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        reason = "it is a folder" if path.is_dir() else error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}. Name a file in a folder that you can write to.") from None


def _replace(path: Path, data: bytes) -> None:
    """Put `data` at `path` by way of a temporary file in the same folder."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(name).chmod(_mode(path))
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _mode(path: Path) -> int:
    """Permissions for `path`: those it has, else what a plainly opened file would get."""
    with contextlib.suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
