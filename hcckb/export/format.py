"""What a format of export is, and the finding of all formats: each module here that defines `FORMAT` is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hcckb.errors import UnknownNameError
from hcckb.store import Store


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a graph.

    Attributes
    ----------
    name : str
        What is typed: "turtle".
    suffix : str
        Usual ending of its file (of each file, in a folder), with the dot.
    media_type : str
        For an HTTP answer.
    summary : str
        One line for a listing.
    writer : callable
        Store -> file name and text of each file, without touching the disk; a format of one file names it "".
    is_folder : bool
        Whether it is several files, so that a path is needed.
    has_findings : bool
        Whether a whole graph is written with the findings of the audit unless the reader says otherwise: where they
        stand apart from what the documents state.
    """

    name: str
    suffix: str
    media_type: str
    summary: str
    writer: Callable[[Store], Mapping[str, str]]
    is_folder: bool = False
    has_findings: bool = False


def formats() -> tuple[str, ...]:
    """Give the names of all formats, sorted."""
    return tuple(_registry())


def find_format(name: str) -> Format:
    """Give the format of that name.

    Raises
    ------
    UnknownNameError
        If there is none; the nearest is suggested.
    """
    known = _registry()
    found = known.get(name.casefold())
    if found is None:
        raise UnknownNameError(name, "export format", known, "hcckb export --help")
    return found


def _registry() -> dict[str, Format]:
    package = importlib.import_module(__name__.rpartition(".")[0])
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [m.FORMAT for m in modules if isinstance(getattr(m, "FORMAT", None), Format)]
    return {f.name: f for f in sorted(found, key=lambda f: f.name)}
