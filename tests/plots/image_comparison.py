"""Figures as pictures: rendered small, compared with stored ones within a tolerance."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from hcckb.plots.render import rendered

STORED = Path(__file__).parents[1] / "golden" / "figures"
PIXELS_PER_UNIT = 1.0
_RENDERED_PER_UNIT = 300 / 96
COLOURS = 256
STRONG = 40
MOST_MEAN, MOST_STRONG = 1.5, 0.0002
"""Mean absolute difference of a channel, of 255; share of pixels that differ by more than `STRONG`, both blurred."""


@dataclass(frozen=True)
class Difference:
    """How far two pictures differ."""

    mean: float
    strong: float

    @property
    def small(self) -> bool:
        return self.mean <= MOST_MEAN and self.strong <= MOST_STRONG


def picture(svg: str) -> Image.Image:
    """Render a figure with one pixel per user unit."""
    scale = PIXELS_PER_UNIT / _RENDERED_PER_UNIT
    head, bracket, body = svg.partition(">")
    head = re.sub(r'(?<= )(width|height)="([0-9.]+)"', lambda m: f'{m[1]}="{float(m[2]) * scale:g}"', head)
    with Image.open(io.BytesIO(rendered(head + bracket + body, "png"))) as image:
        return image.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> Difference:
    """Compare two pictures; slightly blurred, so that other antialiasing of the same shape counts for little."""
    if one.size != other.size:
        return Difference(255.0, 1.0)
    a, b = (np.asarray(image.convert("RGB").filter(ImageFilter.BoxBlur(1)), dtype=np.int16) for image in (one, other))
    apart = np.abs(a - b)
    return Difference(float(apart.mean()), float((apart.max(axis=2) > STRONG).mean()))


def assert_looks_as_stored(name: str, svg: str, folder: Path) -> None:
    """Compare a figure with tests/golden/figures/NAME.png; HCCKB_WRITE_GOLDEN=1 writes that instead.

    Where they differ, the new picture is left in `folder` to be looked at.
    """
    new, path = picture(svg), STORED / f"{name}.png"
    if os.environ.get("HCCKB_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        new.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    with Image.open(path) as stored:
        found = difference(new, stored)
        sizes = f"{new.size} against {stored.size} pixels"
    if found.small:
        return
    new.save(folder / f"{name}.png")
    raise AssertionError(
        f"{name} looks different: mean {found.mean:.3f} of 255, {100 * found.strong:.3f}% of the pixels clearly, "
        f"{sizes}; look at {folder / name}.png beside {path}. If it is right, rewrite it: HCCKB_WRITE_GOLDEN=1."
    )
