"""A small SVG canvas: shapes, text, groups with tooltips and links; equal calls give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hcckb.plots import style
from hcckb.plots.lettering import wrap

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_REPLACEMENT = "�"
_LINKS = ("https://", "http://", "/", "#")


def escaped(text: str) -> str:
    """Return `text` as XML character data or attribute value.

    Characters that XML 1.0 does not allow become U+FFFD, line breaks and tabs become spaces.

    Examples
    --------
    >>> escaped("AFP < 400 & MET+")
    'AFP &lt; 400 &amp; MET+'
    """
    return "".join(_escaped_character(character) for character in text)


def _escaped_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character in "\t\n\r":
        return " "
    code = ord(character)
    if code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF):
        return _REPLACEMENT
    return character


def number(value: float) -> str:
    """Write a coordinate with at most three decimals and no trailing zeros.

    Examples
    --------
    >>> number(12.50), number(-0.0001), number(3)
    ('12.5', '0', '3')
    """
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Canvas:
    """Collects SVG elements in drawing order.

    Parameters
    ----------
    title : str
        What the figure is; screen readers announce it.
    description : str
        What the figure shows, in a sentence or two.

    Notes
    -----
    The size is given when the text is written, since the height often follows from what was drawn.
    `name` becomes the element's `class`, by which style sheets, scripts and tests find it.
    """

    def __init__(self, title: str, description: str) -> None:
        self._title, self._description = title, description
        self._elements: list[str] = []

    def line(  # noqa: PLR0913 - two points and how to draw between them
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        stroke: str = style.INK,
        width: float = style.HAIRLINE,
        dashes: str = "",
        name: str = "",
    ) -> None:
        """Draw a straight line from (x1, y1) to (x2, y2)."""
        self._add("line", name, x1=x1, y1=y1, x2=x2, y2=y2, **_stroke(stroke, width, dashes))

    def rect(  # noqa: PLR0913 - a corner, a size and how to fill them
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        stroke: str = "none",
        stroke_width: float = style.HAIRLINE,
        radius: float = 0.0,
        name: str = "",
    ) -> None:
        """Draw a rectangle whose upper left corner is (x, y)."""
        extra: dict[str, float | str] = {"rx": radius} if radius else {}
        paint = _paint(fill, stroke, stroke_width)
        self._add("rect", name, x=x, y=y, width=width, height=height, **extra, **paint)

    def circle(  # noqa: PLR0913 - a place, a size and how to fill it
        self,
        x: float,
        y: float,
        radius: float,
        *,
        fill: str = style.INK,
        stroke: str = "none",
        opacity: float = 1.0,
        name: str = "",
    ) -> None:
        """Draw a circle around (x, y); `opacity` is that of its fill."""
        extra: dict[str, float | str] = {"fill-opacity": opacity} if opacity < 1 else {}
        self._add("circle", name, cx=x, cy=y, r=radius, **_paint(fill, stroke, style.HAIRLINE), **extra)

    def polygon(
        self,
        points: Sequence[tuple[float, float]],
        *,
        fill: str = style.INK,
        stroke: str = "none",
        name: str = "",
    ) -> None:
        """Draw a closed polygon through `points`."""
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self._add("polygon", name, points=corners, **_paint(fill, stroke, style.HAIRLINE))

    def path(
        self,
        commands: str,
        *,
        fill: str = "none",
        stroke: str = style.INK,
        width: float = style.HAIRLINE,
        dashes: str = "",
        name: str = "",
    ) -> None:
        """Draw a path given by SVG path commands."""
        extra: dict[str, float | str] = {"stroke-dasharray": dashes} if dashes else {}
        self._add("path", name, d=commands, **_paint(fill, stroke, width), **extra)

    def curve(
        self,
        points: Sequence[tuple[float, float]],
        *,
        stroke: str = style.INK,
        width: float = style.HAIRLINE,
        dashes: str = "",
        name: str = "",
    ) -> None:
        """Draw straight lines from each of `points` to the next."""
        commands = "M" + "L".join(f"{number(x)},{number(y)}" for x, y in points)
        self.path(commands, stroke=stroke, width=width, dashes=dashes, name=name)

    def text(  # noqa: PLR0913 - a place, a text and how to set it
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = style.TEXT_SIZE,
        anchor: str = "start",
        bold: bool = False,
        fill: str = style.INK,
        halo: bool = False,
        name: str = "",
    ) -> None:
        """Set one line of text with its baseline at `y`; `anchor` is start, middle or end.

        A halo sets it off from lines behind it.
        """
        if not text:
            return
        attributes: dict[str, float | str] = {"x": x, "y": y, "font-size": size, "fill": fill}
        if anchor != "start":
            attributes["text-anchor"] = anchor
        if bold:
            attributes["font-weight"] = "bold"
        if halo:
            attributes |= {"stroke": style.WHITE, "stroke-width": 2.5, "stroke-opacity": 0.75}
            attributes |= {"stroke-linejoin": "round", "paint-order": "stroke"}
        self._elements.append(f"<text{_attributes(name, attributes)}>{escaped(text)}</text>")

    def upright_text(self, x: float, y: float, text: str, *, size: float, fill: str = style.INK) -> None:
        """Set one line of text that reads upwards, its middle at (x, y)."""
        attributes: dict[str, float | str] = {
            "transform": f"translate({number(x)} {number(y)}) rotate(-90)",
            "font-size": size,
            "fill": fill,
            "text-anchor": "middle",
        }
        self._elements.append(f"<text{_attributes('upright', attributes)}>{escaped(text)}</text>")

    @contextmanager
    def group(self, name: str = "", *, tooltip: str = "", link: str = "") -> Iterator[None]:
        """Group what is drawn inside the `with` block, under a tooltip and inside a link if given.

        A link that is neither http(s) nor relative (`/path`, `#anchor`) is left out: names in a figure may
        come from a user's file, and a figure must not carry script.
        """
        link = link if link.startswith(_LINKS) else ""
        if link:
            self._elements.append(f'<a href="{escaped(link)}" target="_blank" rel="noopener">')
        self._elements.append(f"<g{_attributes(name, {})}>")
        if tooltip:
            self._elements.append(f"<title>{escaped(tooltip)}</title>")
        yield
        self._elements.append("</g>")
        if link:
            self._elements.append("</a>")

    def hit_area(self, x: float, y: float, width: float, height: float) -> None:
        """Make a rectangle answer the pointer without being seen, so that a tooltip covers a whole row."""
        self._add("rect", "", x=x, y=y, width=width, height=height, fill="#FFFFFF", **{"fill-opacity": 0.0})

    def to_svg(self, width: float, height: float) -> str:
        """Return the figure as an SVG document of `width` by `height` user units, on white."""
        w, h = number(width), number(height)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{w}" height="{h}" '
            f'viewBox="0 0 {w} {h}" font-family="{style.FONT_FAMILY}">'
        )
        lines = [
            head,
            f"<title>{escaped(self._title)}</title>",
            f"<desc>{escaped(self._description)}</desc>",
            f'<rect width="{w}" height="{h}" fill="{style.WHITE}"/>',
            *self._elements,
            "</svg>",
            "",
        ]
        return "\n".join(lines)

    def _add(self, tag: str, name: str, **attributes: float | str) -> None:
        self._elements.append(f"<{tag}{_attributes(name, attributes)}/>")


def draw_title(canvas: Canvas, title: str, width: float) -> float:
    """Set the heading of a figure `width` wide, wrapped; return where the figure proper begins."""
    y = style.MARGIN + style.TITLE_SIZE * style.ASCENT
    for line in wrap(title, width - 2 * style.MARGIN, style.TITLE_SIZE, bold=True):
        canvas.text(style.MARGIN, y, line, size=style.TITLE_SIZE, bold=True, name="title")
        y += style.TITLE_SIZE * style.LINE_HEIGHT
    return y + 4


def _attributes(name: str, attributes: dict[str, float | str]) -> str:
    named = {"class": name, **attributes} if name else attributes
    return "".join(
        f' {key}="{escaped(value) if isinstance(value, str) else number(value)}"' for key, value in named.items()
    )


def _stroke(stroke: str, width: float, dashes: str) -> dict[str, float | str]:
    attributes: dict[str, float | str] = {"stroke": stroke, "stroke-width": width}
    return {**attributes, "stroke-dasharray": dashes} if dashes else attributes


def _paint(fill: str, stroke: str, width: float) -> dict[str, float | str]:
    attributes: dict[str, float | str] = {"fill": fill}
    return attributes if stroke == "none" else {**attributes, "stroke": stroke, "stroke-width": width}
