"""Pooled results for figures, built by hand (no engine, no knowledge base), and a reader of figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree as ET

from hcckb.plots.lettering import text_width
from hcckb.results import ModelSummary, PooledResult, PooledRow

SEVEN: tuple[dict[str, Any], ...] = (
    {
        "study": "BRISK-PS",
        "year": 2013,
        "value": (0.89, 0.69, 1.15),
        "experimental": "brivanib",
        "n": (263, 132),
    },
    {
        "study": "REACH",
        "year": 2015,
        "value": (0.87, 0.72, 1.05),
        "experimental": "ramucirumab",
        "n": (283, 282),
    },
    {
        "study": "Kang 2015",
        "year": 2015,
        "value": (0.91, 0.65, 1.27),
        "experimental": "axitinib",
        "n": (134, 68),
    },
    {
        "study": "RESORCE",
        "year": 2017,
        "value": (0.63, 0.50, 0.79),
        "experimental": "regorafenib",
        "n": (379, 194),
    },
    {
        "study": "CELESTIAL",
        "year": 2018,
        "value": (0.76, 0.63, 0.92),
        "experimental": "cabozantinib",
        "n": (470, 237),
    },
    {
        "study": "REACH-2",
        "year": 2019,
        "value": (0.71, 0.531, 0.949),
        "experimental": "ramucirumab",
        "n": (197, 95),
    },
    {
        "study": "AHELP",
        "year": 2021,
        "value": (0.785, 0.617, 0.998),
        "experimental": "apatinib",
        "n": (261, 132),
    },
)


def pooled(studies: Sequence[dict[str, Any]], *, scale: str = "log", **changes: Any) -> PooledResult:
    """Pool `studies` by DerSimonian and Laird, enough for a figure."""
    forward, back = (math.log, math.exp) if scale == "log" else (float, float)
    z = 1.959964
    y = [forward(s["value"][0]) for s in studies]
    se = [s.get("se") or (forward(s["value"][2]) - forward(s["value"][1])) / (2 * z) for s in studies]
    k, w = len(y), [1 / e**2 for e in se]
    common = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    q = sum(a * (b - common) ** 2 for a, b in zip(w, y, strict=True))
    c = sum(w) - sum(a * a for a in w) / sum(w)
    tau2 = max(0.0, (q - (k - 1)) / c) if k > 1 else 0.0
    v = [1 / (e**2 + tau2) for e in se]
    mean, error = sum(a * b for a, b in zip(v, y, strict=True)) / sum(v), 1 / math.sqrt(sum(v))
    spread = 2.5 * math.sqrt(tau2 + error**2)
    rows = tuple(_row(s, a, b, u / sum(v)) for s, a, b, u in zip(studies, y, se, v, strict=True))
    sizes = [n for row in rows for n in (row.n_experimental, row.n_comparator)]
    values: dict[str, Any] = {
        "measure": "hazard-ratio" if scale == "log" else "risk-difference",
        "endpoint": "overall-survival",
        "scale": scale, "model": "random", "tau2_method": "DL", "ci_method": "wald", "level": 0.95,
        "k": k, "n": None if None in sizes else sum(sizes),
        "estimate": back(mean), "ci_lower": back(mean - z * error), "ci_upper": back(mean + z * error),
        "prediction_lower": back(mean - spread) if k > 2 else None,
        "prediction_upper": back(mean + spread) if k > 2 else None,
        "analysis_estimate": mean, "se": error, "statistic": mean / error,
        "p_value": math.erfc(abs(mean / error) / math.sqrt(2)),
        "tau2": tau2, "tau2_lower": 0.0 if k > 1 else None, "tau2_upper": 4 * tau2 + 0.05 if k > 1 else None,
        "i2": max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0, "h2": q / max(1, k - 1), "q": q, "df": k - 1,
        "q_p_value": 0.22, "rows": rows,
        "beside": (_summary("Common effect, inverse variance", "common", None, back, common, 1 / math.sqrt(sum(w))),
                   _summary("Random effects, DL, Hartung-Knapp", "random", "DL", back, mean, 1.3 * error)),
        "title": "Second-line targeted therapy vs placebo: overall survival",
        "provenance": MappingProxyType({"kb_version": "0.1.0", "query": "second-line-placebo-vegfr",
                                        "data_cutoff": "2021-05-01", "software": "hcckb",
                                        "software_version": "0.1.0"}),
    }  # fmt: skip
    return PooledResult(**{**values, **changes})


def _row(study: dict[str, Any], y: float, se: float, weight: float) -> PooledRow:
    value, lower, upper = study["value"]
    n = study.get("n", (None, None))
    return PooledRow(
        study=study["study"], year=study.get("year"), value=value, ci_lower=lower, ci_upper=upper,
        ci_level=study.get("ci_level", 0.95), analysis_value=y, se=se, weight=weight,
        experimental=study.get("experimental", ""), comparator=study.get("comparator", "placebo"),
        n_experimental=n[0], n_comparator=n[1], source="S000", locator="Table 2",
        as_printed=f"{value} ({lower}-{upper})", estimate_iri=f"kb:{study['study']}",
        resolution="kb:resolution-x" if study.get("resolution") else None,
        resolution_reason=study.get("resolution"),
    )  # fmt: skip


def _summary(
    label: str, model: str, tau2_method: str | None, back: Callable[[float], float], mean: float, se: float
) -> ModelSummary:
    return ModelSummary(
        label=label, model=model, tau2_method=tau2_method, ci_method="wald", estimate=back(mean),
        ci_lower=back(mean - 1.96 * se), ci_upper=back(mean + 1.96 * se), p_value=0.01, tau2=0.0,
    )  # fmt: skip


SVG = "{http://www.w3.org/2000/svg}"


class Drawing:
    """A parsed figure, with what tests ask of it."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)
        self.width, self.height = (float(self.root.attrib[key]) for key in ("width", "height"))

    def named(self, name: str) -> list[ET.Element]:
        """Elements by class, in drawing order."""
        return [e for e in self.root.iter() if name in e.get("class", "").split()]

    def texts(self, name: str = "") -> list[str]:
        """The text of all text elements, or of those of one class."""
        return [e.text or "" for e in self.root.iter(f"{SVG}text") if not name or e.get("class") == name]

    def spans(self, name: str = "") -> list[tuple[str, float, float, float]]:
        """Lines of text, of one class if named, with where each starts, ends and stands (none that is upright)."""
        out = []
        for e in self.root.iter(f"{SVG}text"):
            if "transform" in e.attrib or (name and e.get("class") != name):
                continue
            width = text_width(e.text or "", float(e.attrib["font-size"]), bold=e.get("font-weight") == "bold")
            x = float(e.attrib["x"]) - width * {"middle": 0.5, "end": 1.0}.get(e.get("text-anchor", ""), 0.0)
            out.append((e.text or "", x, x + width, float(e.attrib["y"])))
        return out

    def overflowing(self) -> list[str]:
        """Texts that leave the figure."""
        return [
            text
            for text, start, end, y in self.spans()
            if start < -0.01 or end > self.width + 0.01 or not 8 <= y <= self.height - 3
        ]
