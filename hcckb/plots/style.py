"""Sizes and colours that all figures share.

The colours are those of Okabe and Ito, which readers with colour blindness tell apart. Lengths are in SVG
user units (CSS pixels, 96 to the inch).

Source of the palette: Okabe & Ito 2008, "Color Universal Design"; Wong 2011, Nat Methods 8:441,
doi:10.1038/nmeth.1618.
"""

from __future__ import annotations

FONT_FAMILY = "Liberation Sans, Arial, Helvetica, sans-serif"

TITLE_SIZE = 15.0
TEXT_SIZE = 12.0
SMALL_SIZE = 10.5
LINE_HEIGHT = 1.25
"""Distance between baselines, as a multiple of the font size."""
ASCENT = 0.73
"""Height of capitals above the baseline with a little air, as a multiple of the font size."""
MARGIN = 20.0

BLACK = "#000000"
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"

WHITE = "#FFFFFF"
INK = "#1A1A1A"
MUTED = "#595959"
RULE = "#8C8C8C"
FAINT = "#D0D0D0"

HAIRLINE = 0.75
STROKE = 1.2
DASHES = "5 3"
DOTS = "1.5 2.5"

SQUARE = BLUE
POOLED = VERMILION
BESIDE = "#F3C9A8"
PREDICTION = GREEN
CONTOUR_010 = "#B9C6D2"
CONTOUR_005 = "#D5DDE5"
CONTOUR_001 = "#ECF0F4"
"""Shades of the funnel's significance regions: 0.05 < p <= 0.10, 0.01 < p <= 0.05, p <= 0.01."""
