"""Text is measured with the metrics of the font, and lines never exceed their width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcckb.plots.lettering import capitalised, one_line, shorten, text_width, unbroken, wrap


@pytest.mark.parametrize(
    ("text", "regular", "bold"),
    [("A", 1366, 1479), ("i", 455, 569), ("0", 1139, 1139), (" ", 569, 569), ("–", 1139, 1139), ("−", 1196, 1196)],
)
def test_widths_are_those_of_arial(text: str, regular: int, bold: int):
    assert text_width(text, 2048) == regular
    assert text_width(text, 2048, bold=True) == bold


@pytest.mark.parametrize("character", "²τμµχ≥≤–−†‡§¶·×é")
def test_every_sign_that_figures_use_has_its_own_width(character: str):
    assert 0 < text_width(character, 1) < 0.99


def test_unknown_characters_take_one_em():
    assert text_width("肝", 12) == 12


@given(st.text(max_size=120), st.floats(30, 300), st.booleans())
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: float, bold: bool):
    lines = wrap(text, width, 12, bold=bold)
    assert lines
    assert all(text_width(line, 12, bold=bold) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.text(max_size=120), st.floats(30, 300), st.integers(1, 3))
def test_wrapping_keeps_to_the_number_of_lines(text: str, width: float, most: int):
    lines = wrap(text, width, 12, max_lines=most)
    assert len(lines) <= most
    assert all(text_width(line, 12) <= width for line in lines)


@given(st.text(max_size=60), st.floats(20, 200))
def test_shortened_text_fits_and_says_that_it_was_cut(text: str, width: float):
    short = shorten(text, width, 12)
    assert text_width(short, 12) <= width
    assert short == text or short.endswith("…")


def test_a_long_word_breaks_behind_its_hyphen():
    assert wrap("placebo-controlled", 80, 12) == ("placebo-", "controlled")


def test_unbroken_names_stay_on_one_line():
    assert wrap(f"REACH, {unbroken('ADI-PEG 20')}", 70, 12) == ("REACH,", "ADI-PEG\u00a020")


def test_capitals_spare_names_like_mtor():
    assert [capitalised(text) for text in ("first line", "mTOR", "")] == ["First line", "mTOR", ""]


def test_one_line_folds_line_breaks():
    assert one_line(" a\n b\t c ") == "a b c"


@given(st.text(max_size=60), st.floats(10, 300))
def test_a_text_cut_in_its_middle_fits_and_keeps_both_ends(text: str, width: float):
    short = shorten(text, width, 12, middle=True)
    assert text_width(short, 12) <= max(width, text_width("…", 12))
    if short != text:
        head, _, tail = short.partition("…") if "…" not in text else (short[:1], "", short[-1:])
        assert "…" in short
        assert text.startswith(head.rstrip("…"))
        assert text.endswith(tail.lstrip("…"))
