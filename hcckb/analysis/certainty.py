"""GRADE: the numbers that inform each domain, computed; the ratings, a person's; the certainty, their sum."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hcckb.analysis.scales import null_of
from hcckb.errors import DataError, PoolingError, TableError, UnknownNameError
from hcckb.pooling.absolute import events_needed, participants_needed
from hcckb.pooling.bias import begg, egger
from hcckb.results import PooledResult

DOMAINS = ("risk_of_bias", "inconsistency", "indirectness", "imprecision", "publication_bias")
DOWN = {"not serious": 0, "serious": 1, "very serious": 2}
UP = ("large_effect", "dose_response", "opposing_confounding")
LEVELS = ("very low", "low", "moderate", "high")
FEW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """A person's rating of one domain and its reason."""

    rating: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """One number that informs a domain: what it is, and the number in words."""

    domain: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """The certainty of a body of evidence as a person rated it.

    `certainty` is one of :data:`LEVELS`, or "not rated" while a domain has no rating; `domains` hold the ratings that
    were entered, `information` what was computed for each domain.
    """

    certainty: str
    start: str
    rater: str
    domains: Mapping[str, Rating]
    information: tuple[Information, ...]
    upgrades: Mapping[str, Rating] = field(default_factory=dict)


def certainty(result: PooledResult, ratings: Mapping[str, Any] | None = None) -> Certainty:
    """Join a person's ratings with the numbers that inform them.

    Parameters
    ----------
    result : PooledResult
        The pooled body of evidence.
    ratings : mapping, optional
        As `read_ratings` gives; nothing is rated when absent, and nothing is ever rated from the numbers.

    Raises
    ------
    UnknownNameError
        If a domain or a rating does not exist.
    DataError
        If a rating has no reason.

    Notes
    -----
    Randomised trials start high, each level of concern takes one level off, each upgrade adds one, within very low to
    high.

    Source: Guyatt et al. 2011, J Clin Epidemiol 64:383-394, doi:10.1016/j.jclinepi.2010.04.026.
    """
    given = dict(ratings or {})
    start, rater = str(given.pop("start", "high")), str(given.pop("rater", ""))
    if start not in LEVELS:
        raise UnknownNameError(start, "level of certainty", LEVELS, ", ".join(LEVELS))
    rated = {name: _rating(name, value) for name, value in given.items()}
    domains = {n: rated[n] for n in DOMAINS if n in rated}
    upgrades = {n: rated[n] for n in UP if n in rated}
    down = sum(DOWN[r.rating] for r in domains.values())
    up = sum(1 for r in upgrades.values() if r.rating == "yes")
    level = LEVELS[min(max(LEVELS.index(start) - down + up, 0), len(LEVELS) - 1)]
    return Certainty(
        certainty=level if len(domains) == len(DOMAINS) else "not rated",
        start=start,
        rater=rater,
        domains=domains,
        information=_information(result),
        upgrades=upgrades,
    )


def read_ratings(path: str | Path) -> dict[str, Any]:
    """Read ratings from a TOML file.

    Parameters
    ----------
    path : str or Path
        `start`, `rater`, and one table for each domain with `rating` and `reason`; `template` writes one to fill in.

    Raises
    ------
    DataError
        If the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Name a TOML file; --template writes one.") from None
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{path}: is not TOML ({error}). --template writes a file to fill in.") from None


def template(result: PooledResult) -> str:
    """Write a TOML file to fill in: every domain, unrated, with what was computed for it as comments."""
    lines = [
        f"# GRADE ratings of: {result.title} (k = {result.k})",
        f"# rating: {', '.join(DOWN)}. A reason is needed. Delete nothing, rate every domain.",
        'start = "high"  # randomised trials; "low" for observational studies',
        'rater = ""',
    ]
    found = _information(result)
    for domain in DOMAINS:
        lines += ["", *(f"# {i.text}" for i in found if i.domain == domain), f"[{domain}]"]
        lines += ['rating = ""', 'reason = ""']
    lines += ["", f"# Upgrades, seldom used with randomised trials: [{'], ['.join(UP)}], rating yes or no."]
    return "\n".join(lines) + "\n"


def _rating(name: str, value: Any) -> Rating:
    known = (*DOMAINS, *UP)
    if name not in known:
        raise UnknownNameError(name, "domain of certainty", known, ", ".join(known))
    allowed = tuple(DOWN) if name in DOMAINS else ("yes", "no")
    rating, reason = (str(value.get(k, "")) if isinstance(value, Mapping) else "" for k in ("rating", "reason"))
    if rating not in allowed:
        raise UnknownNameError(rating, f"rating of {name}", allowed, ", ".join(allowed))
    if not reason.strip():
        raise DataError(f"{name}: the rating {rating!r} has no reason. Say why in its `reason`.")
    return Rating(rating=rating, reason=reason)


def _information(result: PooledResult) -> tuple[Information, ...]:
    found = [
        ("risk_of_bias", f"{len(result.rows)} estimates; masking and conduct are to be judged from the reports"),
        *(("inconsistency", text) for text in _inconsistency(result)),
        ("indirectness", f"question: {result.title}; see the rows' lines, populations and comparators"),
        *(("imprecision", text) for text in _imprecision(result)),
        *(("publication_bias", text) for text in _publication(result)),
    ]
    return tuple(Information(domain=d, text=t) for d, t in found)


def _inconsistency(result: PooledResult) -> list[str]:
    if result.k < 2:
        return ["a single estimate"]
    texts = [f"I2 {100 * result.i2:.0f} %, tau2 {result.tau2:.4f}, Q = {result.q:.2f} (p = {result.q_p_value:.3f})"]
    if result.prediction_lower is not None and result.prediction_upper is not None:
        holds = _holds(result, result.prediction_lower, result.prediction_upper)
        texts.append(f"prediction interval {result.prediction_lower:.2f} to {result.prediction_upper:.2f}{holds}")
    return texts


def _holds(result: PooledResult, lower: float, upper: float) -> str:
    """Say whether an interval holds no effect; nothing for single arms, which have no such value."""
    null = null_of(result)
    if null is None:
        return ""
    return f" {'holds' if lower <= null <= upper else 'excludes'} no effect"


def _imprecision(result: PooledResult) -> list[str]:
    holds = _holds(result, result.ci_lower, result.ci_upper)
    texts = [f"{100 * result.level:g} % interval {result.ci_lower:.2f} to {result.ci_upper:.2f}{holds}"]
    if result.measure == "hazard-ratio":
        needed = events_needed(0.75)
        at_least = sum(4.0 / row.se**2 for row in result.rows)
        texts.append(
            f"optimal information size for a hazard ratio of 0.75: {needed:.0f} events; the intervals imply about "
            f"{at_least:.0f} (4 / se2)"
        )
    elif result.measure in ("risk-ratio", "odds-ratio") and result.n:
        needed = participants_needed(0.3, 0.3 * 0.75)
        texts.append(
            f"optimal information size for a relative risk reduction of 25 % at a risk of 30 %: {needed:.0f} "
            f"participants; there are {result.n}"
        )
    return texts


def _publication(result: PooledResult) -> list[str]:
    if result.k < 3:
        return ["too few estimates for a test of asymmetry"]
    y, v = (np.array([getattr(r, c) for r in result.rows]) for c in ("analysis_value", "se"))
    texts = []
    try:
        texts.append(f"Egger p = {egger(y, v**2).p_value:.3f}, Begg p = {begg(y, v**2).p_value:.3f}")
    except PoolingError as error:
        texts.append(f"no test of asymmetry: {error}")
    if result.k < FEW:
        texts.append(f"{result.k} estimates: below {FEW} such tests tell little")
    return texts
