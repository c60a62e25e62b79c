"""No finding for consistent data: trials are made up, computed, rounded, written, and audited."""

from __future__ import annotations

import math

import numpy as np
import pyoxigraph as ox
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from hcckb.audit import audit
from hcckb.audit.correlations import correlation_p
from hcckb.audit.crosstabs import forms
from hcckb.audit.interval import exactly
from hcckb.pooling.pairwise import pool
from hcckb.store import Store
from hcckb.terms import EV, KB, TERM

Z95 = float(ndtri(0.975))
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HEAD = f"""@prefix ev: <{EV}> . @prefix kb: <{KB}> . @prefix term: <{TERM}> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
kb:source-x a ev:Source ; ev:key "X" . kb:source-y a ev:Source ; ev:key "Y" .
kb:trial a ev:RandomisedTrial ; rdfs:label "Trial" .
"""


def store(*statements: str) -> Store:
    text = HEAD + "".join(statements)
    return Store(()).part(ox.parse(text, format=ox.RdfFormat.TURTLE))


def arms(n1: int, n0: int, study: str = "trial") -> str:
    return "".join(
        f"kb:{study}-{arm} a ev:Arm ; ev:ofStudy kb:{study} ; ev:randomised {n} .\n"
        for arm, n in (("a", n1), ("b", n0))
    )


def estimate(name: str, effect: tuple[float, float], decimals: int, source: str = "x", sides: int = 0) -> str:
    log_hr, se = effect
    value, low, high = (math.exp(log_hr + k * Z95 * se) for k in (0, -1, 1))
    digits = [f"{x:.{decimals}f}" for x in (value, low, high)]
    z = abs(log_hr) / se
    p = f"{(sides or 2) * float(ndtr(-z)):.4f}"
    told = f'ev:pOperator "=" ; ev:pValue {p} ;' if float(p) > 0 else 'ev:pOperator "<" ; ev:pValue 0.0001 ;'
    told += f" ev:pSides {sides} ;" if sides else ""
    return (
        f"kb:{name} a ev:Estimate ; ev:ofStudy kb:trial ; ev:experimental kb:trial-a ; ev:comparator kb:trial-b ;"
        f" ev:endpoint term:overall-survival ; ev:population term:intention-to-treat ; ev:measure term:hazard-ratio ;"
        f" ev:analysis term:primary ; ev:value {digits[0]} ; ev:ciLower {digits[1]} ; ev:ciUpper {digits[2]} ;"
        f" ev:ciLevel 0.95 ; {told} ev:source kb:source-{source} ;"
        f' ev:asPrinted "{digits[0]} ({digits[1]}-{digits[2]}) {p}" .\n'
    )


SIZES = st.integers(40, 400)
SHARES = st.floats(0.3, 1.0)
RATIOS = st.integers(-900, 900).map(lambda i: i / 1000)


@RELAXED
@given(st.tuples(SIZES, SIZES), SHARES, RATIOS, st.tuples(st.integers(2, 4), st.integers(2, 4)), st.integers(0, 2))
def test_one_ratio_printed_twice_with_its_p_value(sizes, share, log_hr, decimals, sides):
    (n1, n0), (first, second) = sizes, decimals
    se = math.sqrt((1 / n1 + 1 / n0) / share)
    text = estimate("one", (log_hr, se), first, "x", sides) + estimate("two", (log_hr, se), second, "y", sides)
    assert audit(store(arms(n1, n0), text)) == ()


@RELAXED
@given(SIZES, st.data(), st.integers(0, 2))
def test_responders_and_percentages(n, data, decimals):
    complete = data.draw(st.integers(0, n // 4))
    partial = data.draw(st.integers(0, n // 2))
    stable = data.draw(st.integers(0, n - complete - partial))
    counts = {
        "complete-response": complete,
        "partial-response": partial,
        "objective-response": complete + partial,
        "stable-disease": stable,
        "disease-control": complete + partial + stable,
    }
    text = "".join(
        f"kb:{endpoint} a ev:ArmResult ; ev:ofStudy kb:trial ; ev:arm kb:trial-a ; ev:endpoint term:{endpoint} ;"
        f" ev:measure term:proportion ; ev:population term:intention-to-treat ; ev:analysis term:primary ;"
        f" ev:proportion {k / n:.{decimals + 2}f} ; ev:events {k} ; ev:n {n} ; ev:source kb:source-x ;"
        f' ev:asPrinted "{k}/{n} ({100 * k / n:.{decimals}f}%)" .\n'
        for endpoint, k in counts.items()
    )
    found = [f for f in audit(store(arms(n, n), text)) if not _half(counts, n, decimals)]
    assert found == []


def _half(counts: dict[str, int], n: int, decimals: int) -> bool:
    """Python rounds k / n and 100 k / n apart where the true percentage ends in an exact half."""
    return any(
        f"{k / n:.{decimals + 2}f}" != f"{float(f'{100 * k / n:.{decimals}f}') / 100:.{decimals + 2}f}"
        for k in counts.values()
    )


@RELAXED
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=4), st.integers(2, 4))
def test_a_table_with_its_chi_squared_test(rows, decimals):
    p = f"{forms(np.array(rows, dtype=float))[PEARSON]:.{decimals}f}"
    operator, p = ("=", p) if float(p) > 0 else ("<", f"{10**-decimals:.{decimals}f}")
    sizes = [sum(r[g] for r in rows) for g in (0, 1)]
    test = f'ev:pOperator "{operator}" ; ev:pValue {p} ; ev:asPrinted "{p}"'
    text = f"kb:table a ev:CrossTable ; ev:ofStudy kb:trial ; {test} .\n"
    for i, row in enumerate(rows):
        for arm, k, n in (*zip(("trial-a", "trial-b"), row, sizes, strict=True), ("", sum(row), sum(sizes))):
            place, percent = f"ev:arm kb:{arm} ;" if arm else "", f"{100 * k / n:.1f}"
            text += (
                f"kb:cell-{i}-{arm or 'total'} a ev:CrossTableCell ; ev:ofCrossTable kb:table ; {place}"
                f' ev:category "{i}" ; ev:count {k} ; ev:groupSize {n} ; ev:percent {percent} ;'
                f' ev:asPrinted "{k} ({percent})" .\n'
            )
    assert audit(store(arms(*sizes), text)) == ()


PEARSON = "Pearson's chi-squared"


@RELAXED
@given(st.floats(-0.97, 0.97), st.integers(5, 200), st.integers(2, 3), st.integers(2, 4))
def test_a_correlation_with_its_p_value(r, n, first, second):
    p = correlation_p(exactly(r), n).low
    operator, figure = ("=", f"{p:.{second}f}")
    if float(figure) == 0.0:
        operator, figure = "<", f"{10**-second:.{second}f}"
    text = (
        f"kb:pair a ev:Association ; ev:ofStudy kb:trial ; ev:x term:age ; ev:y term:overall-survival ; ev:n {n} ;"
        f' ev:correlation {r:.{first}f} ; ev:pOperator "{operator}" ; ev:pValue {figure} ;'
        f' ev:asPrinted "{r:.{first}f} {figure}" .\n'
    )
    assert audit(store(text)) == ()


@RELAXED
@given(st.lists(st.tuples(RATIOS, st.floats(0.08, 0.3)), min_size=3, max_size=5), st.integers(2, 3))
def test_a_pool_of_printed_inputs(trials, decimals):
    text, names = "", []
    for i, (log_hr, se) in enumerate(trials):
        text += arms(2000, 2000, f"trial{i}") + f"kb:trial{i} a ev:RandomisedTrial .\n"
        text += estimate(f"in-{i}", (log_hr, se), 3).replace("kb:trial", f"kb:trial{i}")
        names.append(f"kb:in-{i}")
    fitted = pool([y for y, _ in trials], [s**2 for _, s in trials], model="random", tau2="DL", ci="wald")
    value, low, high = (f"{math.exp(x):.{decimals}f}" for x in (fitted.estimate, fitted.ci_lower, fitted.ci_upper))
    text += (
        f"kb:pool a ev:Synthesis ; ev:input {', '.join(names)} .\n"
        f"kb:pooled a ev:SynthesisResult ; ev:ofSynthesis kb:pool ; ev:endpoint term:overall-survival ;"
        f" ev:statistic term:pooled-hazard-ratio ; ev:value {value} ; ev:ciLower {low} ; ev:ciUpper {high} ;"
        f' ev:ciLevel 0.95 ; ev:asPrinted "{value} ({low}-{high})" .\n'
    )
    assert audit(store(text)) == ()
