"""Tables for a terminal: columns line up whatever the cells hold."""

from __future__ import annotations

from hcckb.text.tables import grid


def test_columns_are_as_wide_as_their_widest_cell_and_header_plus_two():
    assert grid([["REACH", None], ["A", 0.5]], ["study", "HR"]) == ("study    HR\n-------  ----\nREACH\nA        0.5")


def test_no_rows_leave_the_header():
    assert grid([], ["a", "b"]) == "a    b\n---  ---"


def test_a_cell_of_several_lines_takes_several_lines():
    assert grid([["a", "one\ntwo"], ["b", "three"]], ["x", "y"]).splitlines()[2:] == [
        "a    one",
        "     two",
        "b    three",
    ]


def test_wide_and_combining_characters_count_as_they_show():
    lines = grid([["\u65e5\u672c", "1"], ["e\u0301t\u00e9", "2"], ["tau", "3"]], ["a", "b"]).splitlines()
    assert lines[2:] == ["\u65e5\u672c  1", "e\u0301t\u00e9   2", "tau   3"]
