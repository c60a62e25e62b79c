"""What a report is made of: sections of paragraphs, tables, figures and code, before any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain words; `strong` where they are the answer, `note` where they are small print."""

    text: str
    style: str = "plain"
    kind: str = "paragraph"


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to an address; without one they stay words."""

    text: str
    address: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under headers; columns in `numeric` are set to the right."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str | Link]]
    caption: str = ""
    numeric: frozenset[int] = frozenset()
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Figure:
    """An SVG document, the name of its file, and what it shows in words."""

    name: str
    svg: str
    caption: str
    kind: str = "figure"


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be read or run as it stands; `file` names the file to save it as."""

    language: str
    text: str
    file: str = ""
    kind: str = "code"


Block = Paragraph | Table | Figure | Code


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """Name of the place in the page."""
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())


@dataclass(frozen=True, slots=True)
class Report:
    """A titled document; `footer` names versions and says what it is not."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    footer: str
