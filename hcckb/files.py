"""Writes a file whole or not at all."""

from __future__ import annotations

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
    if path.is_dir():
        raise OutputError(f"{path} is a folder. Name a file in it.")
    temporary = None
    try:
        if path.exists() and not path.is_file():  # /dev/stdout, a pipe: never replaced by a file
            path.write_bytes(data)
            return
        path = path.resolve()
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise OutputError(f"{path} cannot be written: {reason}. Choose another place with -o.") from None
