"""Published syntheses recomputed from the graph: each printed number beside ours, match or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hcckb.analysis.pool import pool
from hcckb.candidates import candidates
from hcckb.errors import UnknownNameError
from hcckb.evidence import EvidenceTable, version
from hcckb.pooling.bias import begg, egger
from hcckb.pooling.heterogeneity import heterogeneity
from hcckb.queries import named
from hcckb.reproduced import DIFFERS, OTHER_FORM, Reproduced, judged
from hcckb.results import PooledResult
from hcckb.retests import retests
from hcckb.store import Row, Store

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class _Printed:
    """A printed number with its operator and how many decimals stand in print."""

    text: str
    value: float
    operator: str
    decimals: int

    def fits(self, value: float) -> bool:
        """Whether a value rounds to what was printed, or lies below a printed bound."""
        if self.operator == "<":
            return value < self.value
        return bool(abs(value - self.value) <= 0.5 * 10**-self.decimals + 1e-12)


def reproduce(store: Store, synthesis: str | None = None) -> tuple[Reproduced, ...]:
    """Recompute the printed results of one published synthesis, or of all.

    Parameters
    ----------
    store : Store
        The knowledge base.
    synthesis : str, optional
        Its name, key of its source (S000), or local name.

    Raises
    ------
    UnknownNameError
        If there is no such synthesis.
    """
    query = named("synthesis-results")
    every = store.select(query.text, query.place).rows
    rows = [r for r in every if synthesis is None or _is(store, r, synthesis)]
    tests = [
        r
        for r in retests(store)
        if synthesis is None or synthesis.casefold() in (r.source.casefold(), r.synthesis.casefold())
    ]
    if not rows and not tests:
        labels = {store.label(_text(r, "synthesis")) for r in every} | {r.synthesis for r in retests(store)}
        raise UnknownNameError(synthesis or "", "synthesis", labels, "hcckb reproduce")
    pools: dict[tuple[str, str], PooledResult | None] = {}
    out: list[Reproduced] = []
    for row in rows:
        key = (_text(row, "synthesis"), _text(row, "endpoint"))
        if key not in pools:
            pools[key] = _pooled(inputs(store, *key), _text(row, "rule"))
        out += _compare(store, row, pools[key])
    return (*out, *tests)


def _pooled(table: EvidenceTable, rule: str) -> PooledResult | None:
    """Pool by the rule that the document states, by the common effect where it states none."""
    if not table.rows:
        return None
    return pool(table, model=f"rule:{rule}" if rule else "common")


def inputs(store: Store, synthesis: str, endpoint: str) -> EvidenceTable:
    """Give the estimates that a synthesis pooled for one endpoint, as its own document printed them.

    An empty `endpoint` (a result of the whole synthesis, such as its participants) takes the first one.
    """
    found = store.select(
        f"SELECT ?estimate ?endpoint WHERE {{ <{synthesis}> ev:input ?estimate . ?estimate ev:endpoint ?endpoint }}"
        " ORDER BY ?endpoint ?estimate"
    )
    endpoint = endpoint or (_text(found.rows[0], "endpoint") if found.rows else "")
    wanted = {_text(r, "estimate") for r in found}
    rows = tuple(
        c.row for c in candidates(store, as_printed=True) if c.row.estimate_iri in wanted and c.endpoint_iri == endpoint
    )
    name = store.label(synthesis)
    return EvidenceTable(rows, (), (), name, name, {}, version(store))


def _compare(store: Store, row: Row, result: PooledResult | None) -> Iterator[Reproduced]:
    statistic = _text(row, "statistic").rpartition("/")[2]
    parts = [("value", "", _text(row, "value"))]
    parts += [(limit, f" {limit.replace('ci_', '')} limit", _text(row, limit)) for limit in ("ci_lower", "ci_upper")]
    for part, suffix, text in parts:
        if not text:
            continue
        printed = _printed(row, float(text), statistic)
        forms = [] if result is None else list(_recomputed(statistic, part, result))
        name, value, verdict = judged(printed.fits, forms)
        yield Reproduced(
            store.label(_text(row, "synthesis")),
            store.label(_text(row, "endpoint")) or "all",
            store.label(_text(row, "statistic")) + suffix,
            f"{printed.operator if printed.operator != '=' else ''}{printed.text}",
            value,
            name,
            verdict,
            _text(row, "reason") if verdict in (OTHER_FORM, DIFFERS) else "",
            _text(row, "key"),
            _text(row, "locator"),
        )


def _recomputed(statistic: str, part: str, result: PooledResult) -> Iterator[tuple[str, float]]:
    """Give the standard form of a statistic first, then the other forms it may have been printed in."""
    if statistic == "pooled-hazard-ratio":
        name = {"value": "estimate"}.get(part, part)
        yield f"{result.model} effects, {result.tau2_method or 'inverse variance'}", getattr(result, name)
    elif statistic in ("begg-p-value", "egger-p-value"):
        yield from _bias(statistic, result)
    elif statistic == "cochran-q":
        yield "Cochran's Q", result.q
        yield "Cochran's Q of inputs typed in with four decimals", _typed_q(result)
    else:
        simple = {
            "pooled-p-value": ("Wald test, two-sided", result.p_value),
            "heterogeneity-p-value": ("chi-squared test of Q", result.q_p_value),
            "i-squared": ("(Q - df) / Q", max(0.0, (result.q - result.df) / result.q) if result.q else 0.0),
        }
        sizes = [n for r in result.rows for n in (r.n_experimental, r.n_comparator)]
        if None not in sizes:
            simple["participants"] = ("sum of randomised", float(sum(n or 0 for n in sizes)))
        if statistic in simple:
            yield simple[statistic]


def _typed_q(result: PooledResult) -> float:
    """Give Q when log ratios and standard errors, with 1.96 for the quantile, are typed in with four decimals."""
    estimate = np.round([r.analysis_value for r in result.rows], 4)
    widths = [np.log(r.ci_upper) - np.log(r.ci_lower) for r in result.rows]
    se = np.round(np.array(widths) / (2 * 1.96), 4)
    return heterogeneity(estimate, se**2, method="DL").q


def _bias(statistic: str, result: PooledResult) -> Iterator[tuple[str, float]]:
    """Give the two-sided standard test first, then the other forms in use."""
    estimate = [r.analysis_value for r in result.rows]
    variance = [r.se**2 for r in result.rows]
    if statistic == "begg-p-value":
        rank = begg(estimate, variance)
        yield "Begg, normal approximation, two-sided", rank.p_value
        yield "Begg, continuity correction, two-sided", rank.p_value_corrected
        yield "Begg, normal approximation, one-sided", rank.p_value_one_sided
        yield "Begg, continuity correction, one-sided", rank.p_value_corrected_one_sided
        if rank.p_value_exact is not None and rank.p_value_exact_one_sided is not None:
            yield "Begg, exact, two-sided", rank.p_value_exact
            yield "Begg, exact, one-sided", rank.p_value_exact_one_sided
        return
    for model, words in (
        ("multiplicative", "linear regression"),
        ("random", "mixed model"),
        ("common", "z test"),
    ):
        test = egger(estimate, variance, model=model)
        yield f"Egger, {words}, two-sided", test.p_value
        yield f"Egger, {words}, one-sided", test.p_value_one_sided


def _printed(row: Row, value: float, statistic: str) -> _Printed:
    """Find the number in the printed figures, so that its decimals are those of the page."""
    text = _text(row, "as_printed")
    for number in _NUMBER.findall(text):
        plain = float(number.replace(",", ""))
        decimals = len(number.partition(".")[2])
        if plain == value:
            return _Printed(number, value, _text(row, "operator") or "=", decimals)
        if statistic == "i-squared" and abs(plain - 100 * value) < 1e-9:
            return _Printed(f"{number}%", value, "=", decimals + 2)
    return _Printed(f"{value:g}", value, _text(row, "operator") or "=", 2)


def _is(store: Store, row: Row, asked: str) -> bool:
    iri = _text(row, "synthesis")
    names = {store.label(iri), iri.rpartition("/")[2], _text(row, "key"), _text(row, "rule")}
    return asked.casefold() in {n.casefold() for n in names}


def _text(row: Row, column: str) -> str:
    term = row[column]
    return "" if term is None else term.value
