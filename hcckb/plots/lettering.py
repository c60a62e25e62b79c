"""Measures, wraps and shortens text with the metrics of the font that figures are set in."""

from __future__ import annotations

import re

from hcckb.plots.liberation import BOLD, REGULAR, UNITS_PER_EM

_ELLIPSIS = "…"
_SPACE = re.compile(r"[^\S\u00a0]+")


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of text, in the unit of `size`.

    Parameters
    ----------
    text : str
        One line.
    size : float
        Font size, in SVG user units.
    bold : bool
        Whether the text is set in bold.

    Returns
    -------
    float
        Sum of the advance widths, without kerning (which only narrows). A character outside the table
        counts as one em, more than nearly all of them take.
    """
    widths = BOLD if bold else REGULAR
    return sum(widths.get(character, UNITS_PER_EM) for character in text) * size / UNITS_PER_EM


def one_line(text: str) -> str:
    """Return `text` with every run of white space, line breaks included, as one space."""
    return " ".join(text.split())


def capitalised(text: str) -> str:
    """Return `text` with a capital first letter, unless that would spoil a name such as mTOR."""
    return text[:1].upper() + text[1:] if not text[1:2].isupper() else text


def unbroken(text: str) -> str:
    """Return `text` on one line with no-break spaces, so that `wrap` keeps it together."""
    return "\u00a0".join(text.split())


def shorten(text: str, width: float, size: float, *, bold: bool = False, middle: bool = False) -> str:
    """Return `text`, cut when it is wider than `width`: an ellipsis at its end, or in its `middle`.

    Names of studies are cut in the middle: what tells them apart often stands at the end.

    Examples
    --------
    >>> shorten("Ramucirumab", 40, 12), shorten("Ramucirumab 2019", 60, 12, middle=True)
    ('Ram…', 'Ram…019')
    """
    if text_width(text, size, bold=bold) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = kept // 2 if middle else 0
        cut = text[: kept - tail].rstrip() + _ELLIPSIS + text[len(text) - tail :].lstrip()
        if text_width(cut, size, bold=bold) <= width:
            return cut
    return _ELLIPSIS


def wrap(
    text: str,
    width: float,
    size: float,
    *,
    bold: bool = False,
    max_lines: int | None = None,
    middle: bool = False,
) -> tuple[str, ...]:
    """Break `text` into lines no wider than `width`.

    Parameters
    ----------
    text : str
        The text; white space is folded, except for no-break spaces.
    width, size : float
        Widest line and font size, in SVG user units.
    bold : bool
        Whether the text is set in bold.
    max_lines : int, optional
        The last of them is cut when more would be needed.
    middle : bool
        Whether it is cut in its middle, not at its end.

    Returns
    -------
    tuple of str
        At least one line. A word wider than a line is broken within the word, after a hyphen or slash
        if there is one.

    Examples
    --------
    >>> wrap("atezolizumab + bevacizumab vs sorafenib", 130, 12)
    ('atezolizumab +', 'bevacizumab vs', 'sorafenib')
    """
    lines: list[str] = []
    line = ""
    pending = [word for word in _SPACE.split(text) if word][::-1]
    while pending:
        word = pending.pop()
        joined = f"{line} {word}" if line else word
        if text_width(joined, size, bold=bold) <= width:
            line = joined
        elif line:
            lines.append(line)
            line = ""
            pending.append(word)
        else:
            head, tail = _break_word(word, width, size, bold)
            lines.append(head)
            pending.extend([tail] if tail else [])
    if line or not lines:
        lines.append(line)
    if max_lines is not None and len(lines) > max_lines:
        rest = " ".join(lines[max_lines - 1 :])
        lines = [*lines[: max_lines - 1], shorten(rest, width, size, bold=bold, middle=middle)]
    return tuple(lines)


def _break_word(word: str, width: float, size: float, bold: bool) -> tuple[str, str]:
    """Return the longest head of `word` that fits, never empty, and what is left of it."""
    cut = 1
    while cut < len(word) and text_width(word[: cut + 1], size, bold=bold) <= width:
        cut += 1
    if cut < len(word):
        seam = max(word.rfind("-", 0, cut), word.rfind("/", 0, cut)) + 1
        cut = seam if seam > cut // 2 else cut
    return word[:cut], word[cut:]
