"""Rules about published syntheses: pooled numbers from their printed inputs, heterogeneity, flow of records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from hcckb.audit import copies, ratios
from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.finding import COSMETIC, DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.interval import Interval
from hcckb.audit.slots import grouped
from hcckb.pooling.bias import begg, egger
from hcckb.pooling.pairwise import pool_many
from hcckb.pooling.rules import RULES as MODEL_RULES
from hcckb.pooling.rules import resolve_rule

Array = NDArray[np.float64]
Statistic = Callable[[Array, Array], Array]
_SWEEPS = 12


@dataclass(frozen=True)
class Inputs:
    """The printed inputs of one pooled endpoint: rounding intervals, shape (k, 3) for value, lower and upper limit."""

    nodes: tuple[Node, ...]
    low: Array
    high: Array
    level: Array

    def effects(self, printed: Array) -> tuple[Array, Array]:
        """Turn printed ratios, shape (m, k, 3), into log ratios and variances, shape (m, k)."""
        logs = np.log(printed)
        se = (logs[..., 2] - logs[..., 1]) / (2.0 * ndtri((1.0 + self.level) / 2.0))
        return logs[..., 0], se**2

    @property
    def middle(self) -> Array:
        """The figures as printed, shape (k, 3)."""
        return (self.low + self.high) / 2.0


def inputs(book: Book, synthesis: Node) -> Mapping[str, Inputs]:
    """Collect the inputs of a synthesis by endpoint, as its own document printed them."""
    nodes = [n for n in (book.get(iri) for iri in synthesis.all("input")) if n is not None]
    found = {}
    for endpoint, group in grouped(sorted(nodes, key=lambda n: n.iri), lambda n: n.one("endpoint")).items():
        rows = {r.node.iri: r for r in ratios.ratios(book, *group)}
        own = [rows[n.iri] for n in group if n.iri in rows]
        if len(own) < 2 or len(own) < len(group):
            continue
        ends = np.array([[(f.interval.low, f.interval.high) for f in (r.value, r.lower, r.upper)] for r in own])
        level = np.array([r.level for r in own])
        found[endpoint] = Inputs(tuple(r.node for r in own), ends[..., 0], ends[..., 1], level)
    return found


def reach(statistic: Statistic, data: Inputs) -> Interval:
    """Give the least and greatest value of a statistic over the rounding intervals of its inputs.

    Each end is sought at the corners: from the corner that one step in each coordinate suggests, one coordinate is
    flipped at a time while that helps. Exact for statistics that are monotone in each input, close for others.
    """
    k = data.low.size

    def at(corners: NDArray[np.bool_]) -> Array:
        return statistic(*data.effects(np.where(corners.reshape(-1, *data.low.shape), data.high, data.low)))

    ends = []
    for sign in (-1.0, 1.0):
        steps = np.repeat(data.middle[None], 2 * k, axis=0).reshape(2 * k, k)
        flat_low, flat_high = data.low.ravel(), data.high.ravel()
        for i in range(k):
            steps[2 * i, i], steps[2 * i + 1, i] = flat_low[i], flat_high[i]
        slopes = sign * statistic(*data.effects(steps.reshape(2 * k, *data.low.shape)))
        corner = slopes[1::2] > slopes[0::2]
        best = float(sign * at(corner[None])[0])
        for _ in range(_SWEEPS):
            flips = np.repeat(corner[None], k, axis=0) ^ np.eye(k, dtype=bool)
            values = sign * at(flips)
            if float(values.max()) <= best + 1e-15:
                break
            best, corner = float(values.max()), flips[int(values.argmax())]
        ends.append(sign * best)
    return Interval(ends[0], ends[1])


def _pooled(model: str, tau2: str | None, part: str) -> Statistic:
    def statistic(y: Array, v: Array) -> Array:
        many = pool_many(y, v, model=model, tau2=tau2 or "DL", ci="wald")
        found: Array = np.asarray(getattr(many, part), dtype=float)
        return np.asarray(np.exp(found)) if part in ("estimate", "ci_lower", "ci_upper") else found

    return statistic


def _q(y: Array, v: Array) -> Array:
    w = 1.0 / v
    mean = (w * y).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)
    found: Array = (w * (y - mean) ** 2).sum(axis=1)
    return found


def _i2(y: Array, v: Array) -> Array:
    q = _q(y, v)
    found: Array = np.maximum(0.0, (q - (y.shape[1] - 1)) / q)
    return found


def _q_p(y: Array, v: Array) -> Array:
    found: Array = chdtrc(y.shape[1] - 1, _q(y, v))
    return found


def _each(function: Callable[[Array, Array], float]) -> Statistic:
    return lambda y, v: np.array([function(a, b) for a, b in zip(y, v, strict=True)])


def statistics(name: str, part: str, model: str, tau2: str | None) -> Mapping[str, Statistic]:
    """Give the forms in which a statistic may have been computed, the usual one first; none for an unknown name."""
    fitted = {"value": "estimate", "ciLower": "ci_lower", "ciUpper": "ci_upper"}[part]
    words = "common effect" if model == "common" else f"random effects, {tau2}"
    forms: dict[str, dict[str, Statistic]] = {
        "pooled-hazard-ratio": {words: _pooled(model, tau2, fitted)},
        "pooled-p-value": {f"{words}, Wald": _pooled(model, tau2, "p_value")},
        "cochran-q": {"Cochran's Q": _q},
        "heterogeneity-p-value": {"chi-squared test of Q": _q_p},
        "i-squared": {"(Q - df) / Q": _i2},
        "begg-p-value": {
            "two-sided": _each(lambda y, v: begg(y, v).p_value),
            "two-sided with continuity correction": _each(lambda y, v: begg(y, v).p_value_corrected),
            "one-sided": _each(lambda y, v: begg(y, v).p_value_one_sided),
            "one-sided with continuity correction": _each(lambda y, v: begg(y, v).p_value_corrected_one_sided),
        },
        "egger-p-value": {
            "linear regression, two-sided": _each(lambda y, v: egger(y, v, model="multiplicative").p_value),
            "linear regression, one-sided": _each(lambda y, v: egger(y, v, model="multiplicative").p_value_one_sided),
        },
    }
    return forms.get(name, {})


def _not_reproduced(book: Book) -> Iterator[Draft]:
    for synthesis in book.of("Synthesis"):
        pools = inputs(book, synthesis)
        done: dict[tuple[str, ...], Draft | None] = {}
        for result in book.of("SynthesisResult"):
            data = pools.get(result.one("endpoint"))
            if result.one("ofSynthesis") != synthesis.iri or data is None:
                continue
            for part in ("value", "ciLower", "ciUpper"):
                figure = result.figure(part)
                if figure is None:
                    continue
                key = (result.one("endpoint"), result.one("statistic"), part, str(figure))
                if key not in done:
                    done[key] = _recomputed(book, (synthesis, result), part, figure, data)
                draft = done[key]
                if draft is not None and draft.nodes[0] == result.iri:
                    yield draft


def _recomputed(book: Book, nodes: tuple[Node, Node], part: str, figure: Figure, data: Inputs) -> Draft | None:
    synthesis, result = nodes
    told = []
    for model, tau2 in _models(synthesis, data):
        for number, (form, statistic) in enumerate(statistics(result.term("statistic"), part, model, tau2).items()):
            found = reach(statistic, data)
            if found.meets(figure.interval):
                return _other_form(book, nodes, figure, form, data) if number else None
            told.append(f"{form} {found.low:.4g} to {found.high:.4g}")
    if not told:
        return None
    words = {"value": "", "ciLower": ", lower limit", "ciUpper": ", upper limit"}[part]
    text = (
        f"from {len(data.nodes)} printed inputs over their rounding: {'; '.join(dict.fromkeys(told))}; printed {figure}"
    )
    severity = DECIDES if result.term("statistic") == "pooled-hazard-ratio" else MISLEADS
    title = _name(book, synthesis, result) + words
    return Draft(severity, title, text, (str(figure),), (result.iri, *(n.iri for n in data.nodes)))


def _other_form(book: Book, nodes: tuple[Node, Node], figure: Figure, form: str, data: Inputs) -> Draft:
    text = f"only the form '{form}' gives the printed {figure}, the usual two-sided test does not"
    key = (nodes[1].iri, *(n.iri for n in data.nodes))
    return Draft(COSMETIC, _name(book, *nodes), text, (str(figure),), key)


def _models(synthesis: Node, data: Inputs) -> list[tuple[str, str | None]]:
    rule = synthesis.one("modelRule")
    if rule in MODEL_RULES:
        y, v = data.effects(data.middle[None])
        choice = resolve_rule(rule, y[0], v[0])
        return [(choice.model, choice.tau2)]
    return [("common", None), ("random", "DL")]


def _name(book: Book, synthesis: Node, result: Node) -> str:
    parts = (book.name(synthesis.iri), book.name(result.one("endpoint")), _statistic(book, result))
    return " ".join(p for p in parts if p)


def _statistic(book: Book, result: Node) -> str:
    node = book.get(result.one("statistic"))
    return node.one("prefLabel") if node is not None else result.term("statistic")


def _inner(book: Book) -> Iterator[Draft]:
    """Compare I2 and the p-value of heterogeneity with the printed Q."""
    for (iri, _), group in grouped(
        book.of("SynthesisResult"), lambda r: (r.one("ofSynthesis"), r.one("endpoint") + r.one("population"))
    ).items():
        by = {r.term("statistic"): r for r in group}
        synthesis, q = book.get(iri), by.get("cochran-q")
        if synthesis is None or q is None:
            continue
        figure = q.figure("value")
        data = inputs(book, synthesis).get(q.one("endpoint"))
        k = len(data.nodes) if data is not None else synthesis.count("studiesIncluded")
        if figure is None or k is None or k < 2:
            continue
        implied = _from_q(figure.interval, k - 1)
        for name, found in implied.items():
            printed = by[name].figure("value") if name in by else None
            if printed is not None and not found.meets(printed.interval):
                scale = 100.0 if name == "i-squared" else 1.0
                text = f"Q = {figure} on {k - 1} degrees of freedom gives {scale * found.low:.3g} to "
                text += f"{scale * found.high:.3g}"
                text += f"; printed {printed}"
                yield Draft(
                    MISLEADS, _name(book, synthesis, by[name]), text, (str(figure), str(printed)), (by[name].iri, q.iri)
                )


def _from_q(q: Interval, df: int) -> Mapping[str, Interval]:
    return {
        "i-squared": q.rising(lambda x: max(0.0, (x - df) / x)),
        "heterogeneity-p-value": q.falling(lambda x: float(chdtrc(df, max(x, 0.0)))),
    }


def _flow(book: Book) -> Iterator[Draft]:
    for node in book.of("Synthesis"):
        names = ("recordsIdentified", "recordsScreenedOut", "studiesExcluded", "studiesIncluded")
        counts = [node.count(n) for n in names]
        known = [c for c in counts if c is not None]
        if len(known) == 4 and known[0] - known[1] - known[2] != known[3]:
            text = f"{known[0]} - {known[1]} - {known[2]} = {known[0] - known[1] - known[2]}, {known[3]} included as "
            text += "printed"
            yield Draft(MISLEADS, f"{book.name(node.iri)}, flow", text, tuple(map(str, known)), (node.iri,))
        pooled = node.all("pools")
        if counts[3] is not None and len(pooled) > counts[3]:
            text = f"{len(pooled)} studies are named, {counts[3]} included as printed"
            yield Draft(MISLEADS, f"{book.name(node.iri)}, studies", text, (str(counts[3]),), (node.iri,))


def _participants(book: Book) -> Iterator[Draft]:
    for result in book.of("SynthesisResult"):
        if result.term("statistic") != "participants":
            continue
        synthesis, printed = book.get(result.one("ofSynthesis")), result.figure("value")
        if synthesis is None or printed is None or not synthesis.all("input"):
            continue
        estimates = [n for n in (book.get(i) for i in synthesis.all("input")) if n is not None]
        if any(n.term("population") != "intention-to-treat" for n in estimates):
            continue  # a subgroup is not as large as its arms
        arms = {n.one(role) for n in estimates for role in ("experimental", "comparator")}
        sizes = [book.nodes[a].count("randomised") for a in sorted(arms) if a in book.nodes]
        known = [s for s in sizes if s is not None]
        if len(known) == len(sizes) and sum(known) != printed.value:
            text = f"{' + '.join(map(str, known))} = {sum(known)}, printed {printed}"
            yield Draft(MISLEADS, _name(book, synthesis, result), text, (str(printed),), (result.iri, *sorted(arms)))


def _doubtful_inputs(book: Book) -> Iterator[Draft]:
    """Name pooled ratios that rest on an input with another endpoint's numbers, a wrong level or a broken interval."""
    sound = ("value-outside-interval", "interval-uneven", "interval-level", "more-events-than-patients")
    rules = [r for r in ratios.RULES if r.name in sound] + [r for r in copies.RULES if r.name == "endpoint-of-another"]
    doubts: dict[str, list[str]] = {}
    for rule in rules:
        for draft in rule.find(book):
            if draft.severity == DECIDES:
                doubts.setdefault(draft.nodes[0], []).append(f"{draft.title}: {rule.title[0].lower()}{rule.title[1:]}")
    for synthesis in book.of("Synthesis"):
        for endpoint, data in inputs(book, synthesis).items():
            bad = [n for n in data.nodes if n.iri in doubts]
            results = [r for r in book.of("SynthesisResult") if _is_pooled_of(r, synthesis, endpoint)]
            if not bad or not results:
                continue
            rest = np.array([n.iri not in doubts for n in data.nodes])
            y, v = data.effects(data.middle[None])
            model, tau2 = _models(synthesis, data)[0]
            tail = ""
            if rest.sum() > 1:
                other = pool_many(y[:, rest], v[:, rest], model=model, tau2=tau2 or "DL", ci="wald")
                low, mid, high = (math.exp(float(x[0])) for x in (other.ci_lower, other.estimate, other.ci_upper))
                tail = f". Without {'it' if len(bad) == 1 else 'them'}: {mid:.2f} ({low:.2f}-{high:.2f})"
            words = "; ".join(d for n in bad for d in dict.fromkeys(doubts[n.iri]))
            numbers = tuple(dict.fromkeys(f"{r.one('value')} ({r.one('ciLower')}-{r.one('ciUpper')})" for r in results))
            nodes = (*(r.iri for r in results), *(n.iri for n in bad))
            yield Draft(DECIDES, _name(book, synthesis, results[0]), f"{words}{tail}", numbers, nodes)


def _is_pooled_of(result: Node, synthesis: Node, endpoint: str) -> bool:
    own = result.one("ofSynthesis") == synthesis.iri and result.one("endpoint") == endpoint
    return own and result.term("statistic") == "pooled-hazard-ratio"


RULES = (
    Rule(
        "pool-not-reproduced",
        "A pooled number that its inputs do not give",
        "A pooled ratio, heterogeneity or bias statistic is out of reach of the printed inputs, whatever was "
        "rounded; or only "
        "a less usual form gives it.",
        "least and greatest value of the statistic over the corners of all rounding intervals; inverse variance or "
        "DerSimonian-Laird by the model rule of the synthesis",
        "Inputs that the synthesis took from elsewhere than its own table.",
        _not_reproduced,
    ),
    Rule(
        "heterogeneity-and-q",
        "I squared or P that Q does not give",
        "I squared and the p-value of heterogeneity, recomputed from the printed Q.",
        "I2 = (Q - df) / Q, P = 1 - F(Q; df), df = k - 1",
        "Q, I2 and P of different analyses under one heading.",
        _inner,
    ),
    Rule(
        "flow-of-records",
        "A flow of records that does not add up",
        "Records identified less those excluded are not the studies included, or more studies are named than counted.",
        "identified - screened out - excluded = included",
        "Reports and studies counted in one flow.",
        _flow,
    ),
    Rule(
        "participants-and-arms",
        "Participants that the arms do not give",
        "The participants of a synthesis are not the sum of the arms it pooled.",
        "N = sum of n_arm",
        "Patients analysed instead of randomised.",
        _participants,
    ),
    Rule(
        "doubtful-input",
        "A pooled result that rests on a doubtful input",
        "An input of a pooled ratio carries another endpoint's numbers, a wrong level or a broken interval; "
        "the finding "
        "gives the result without it.",
        "the same model over the remaining inputs",
        "As the rules that found the input.",
        _doubtful_inputs,
    ),
)
