"""The canvas writes well-formed, accessible and reproducible SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from hcckb.plots.svg import Canvas, number


def _canvas() -> Canvas:
    canvas = Canvas("Forest plot: A & B", "Two < three.")
    with canvas.group("row", tooltip='0.63 "as printed"', link="https://doi.org/10.1000/a?b=1&c=2"):
        canvas.rect(1, 2, 3, 4, fill="#FFFFFF", radius=1)
        canvas.line(0, 0, 10.12345, 10, dashes="2 2")
        canvas.circle(5, 5, 2)
        canvas.path("M 0 0 L 1 1")
        canvas.polygon([(0, 0), (1, 0), (0.5, 1)], name="arrow")
        canvas.text(1, 9, "AFP ≥ 400 & <b>", anchor="end", bold=True, halo=True)
    return canvas


def test_a_figure_is_an_image_with_title_and_description(parse):
    root = parse(_canvas().to_svg(100, 50)).root
    assert root.attrib["role"] == "img"
    assert root.attrib["viewBox"] == "0 0 100 50"
    assert [child.text for child in root[:2]] == ["Forest plot: A & B", "Two < three."]


def test_markup_in_names_is_text(parse):
    assert parse(_canvas().to_svg(100, 50)).texts() == ["AFP ≥ 400 & <b>"]


def test_groups_carry_tooltip_and_link(parse):
    drawing = parse(_canvas().to_svg(100, 50))
    (group,) = drawing.named("row")
    assert group[0].text == '0.63 "as printed"'
    (link,) = [e for e in drawing.root.iter() if e.tag.endswith("}a")]
    assert link.attrib["href"] == "https://doi.org/10.1000/a?b=1&c=2"


def test_a_link_with_script_is_left_out():
    canvas = Canvas("t", "d")
    with canvas.group(link="javascript:alert(1)"):
        canvas.circle(1, 1, 1)
    assert "javascript" not in canvas.to_svg(10, 10)


def test_equal_calls_give_equal_bytes():
    assert _canvas().to_svg(100, 50) == _canvas().to_svg(100, 50)


def test_coordinates_have_at_most_three_decimals():
    assert [number(v) for v in (1.0, 10.12345, -0.0001, 1e-9, 1200.5)] == ["1", "10.123", "0", "0", "1200.5"]


@given(st.text(st.characters(), max_size=40))
def test_any_text_makes_well_formed_xml(text: str):
    canvas = Canvas(text, text)
    with canvas.group("g", tooltip=text, link="https://example.org/" + text):
        canvas.text(0, 0, text)
        canvas.upright_text(0, 0, text, size=10)
    ET.fromstring(canvas.to_svg(10, 10).encode("utf-8"))
