"""Where the knowledge base, the ontology and the queries lie, in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_data"
_ROOT = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent

KB = _ROOT / "kb"
ONTOLOGY = _ROOT / "ontology"
QUERIES = _ROOT / "queries"
CHECKS = QUERIES / "check"
SHAPES = ONTOLOGY / "shapes.ttl"


def shown(path: Path) -> str:
    """Name a shipped file from the project's root, any other file as it was given."""
    try:
        return path.resolve().relative_to(_ROOT).as_posix()
    except ValueError:
        return str(path)
