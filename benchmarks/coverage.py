"""How often the 95 % intervals hold the true value: simulated sets of studies, a table, and limits that must hold.

    make coverage

Normal estimates with known variances, of equal studies (0.04) and of unequal ones (0.01 to 0.16, evenly on the
log scale), around a true mean of -0.25. Each line is one number of studies and one between-study variance. The
intervals: of the mean, by three estimators of tau2 and three methods; of tau2, by Q-profile; of the effect of a new
study (prediction, REML). Exit code 1 when a share leaves its limits.

Why these limits. With equal variances Hartung and Knapp's interval is Student's t of a sample mean, so 95 % is exact
at any k and tau2: 94 to 96 %. The Q-profile is exact for tau2 > 0, and holds 97.5 % at tau2 = 0, where its upper end
alone can miss. Wald's takes tau2 for known and must come out too short at tau2 = 0.1; the guarded interval holds
whenever Hartung and Knapp's does. No theory gives the share of Hartung and Knapp's interval for unequal studies, nor
that of the prediction interval: their limits guard what simulation found. Both are too short in places, and the
table says where: Hartung and Knapp's for few very unequal studies, the prediction interval where tau2 is small and
often estimated as 0 (as IntHout et al. 2014, doi:10.1186/1471-2288-14-25, and Partlett & Riley 2017,
doi:10.1002/sim.7140, have it).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hcckb.pooling.pairwise import pool_many

SETS, SEED = 10_000, 20240501
MEAN = -0.25
STUDIES, TAU2 = (3, 5, 10, 20), (0.0, 0.02, 0.1)
SIZES = ("equal", "unequal")
ESTIMATORS, INTERVALS = ("REML", "DL", "PM"), ("wald", "hksj", "hksj-guarded")
COLUMNS = (*(f"{interval} {tau2}" for interval in INTERVALS for tau2 in ESTIMATORS), "tau2", "prediction")


@dataclass(frozen=True, slots=True)
class Cell:
    """The shares of simulated sets whose interval held the truth, by column."""

    sizes: str
    k: int
    tau2: float
    sets: int
    coverage: dict[str, float]


def cell(sizes: str, k: int, tau2: float, sets: int, rng: np.random.Generator) -> Cell:
    """Simulate one cell."""
    within = np.full(k, 0.04) if sizes == "equal" else np.geomspace(0.01, 0.16, k)
    variance = np.broadcast_to(within, (sets, k))
    estimate = rng.normal(MEAN, np.sqrt(variance + tau2))
    new = rng.normal(MEAN, np.sqrt(tau2), sets)
    found: dict[str, float] = {}
    for method in ESTIMATORS:
        for ci in INTERVALS:
            many = pool_many(estimate, variance, tau2=method, ci=ci)
            found[f"{ci} {method}"] = _share(many.ci_lower, MEAN, many.ci_upper)
            if (method, ci) == ("REML", "hksj"):
                found["tau2"] = _share(many.tau2_lower, tau2, many.tau2_upper)
                found["prediction"] = _share(many.prediction_lower, new, many.prediction_upper)
    return Cell(sizes, k, tau2, sets, {column: found[column] for column in COLUMNS})


def _share(lower: np.ndarray, truth: float | np.ndarray, upper: np.ndarray) -> float:
    return float(((lower <= truth) & (truth <= upper)).mean())


def limits(of: Cell) -> Iterator[tuple[str, float, float]]:
    """Give the columns of a cell that have limits, with the lowest and the highest share they may have."""
    for method in ESTIMATORS:
        if of.sizes == "equal":
            yield f"hksj {method}", 0.94, 0.96
        elif of.k >= 5:
            yield f"hksj {method}", 0.915, 0.97
        yield f"hksj-guarded {method}", of.coverage[f"hksj {method}"], 1.0
        if of.tau2 == 0.1:
            yield f"wald {method}", 0.0, {3: 0.91, 5: 0.925, 10: 0.94, 20: 0.945}[of.k]
    low, high = (0.94, 0.96) if of.tau2 > 0 else (0.965, 0.985)
    yield "tau2", low, high
    if of.k >= 10:
        yield "prediction", 0.90 if of.tau2 == 0.1 else 0.84, 1.0


def failures(cells: Sequence[Cell]) -> list[str]:
    """Say which shares leave their limits."""
    return [
        f"{c.sizes} studies, k = {c.k}, tau2 = {c.tau2}, {column}: {100 * c.coverage[column]:.2f} % "
        f"is not within {100 * low:.1f} to {100 * high:.1f} %"
        for c in cells
        for column, low, high in limits(c)
        if not low <= c.coverage[column] <= high
    ]


def table(cells: Sequence[Cell]) -> str:
    """Write the shares, in percent, as a Markdown table."""
    head = ["studies", "k", "tau2", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for c in cells:
        shares = " | ".join(f"{100 * share:.1f}" for share in c.coverage.values())
        lines.append(f"| {c.sizes} | {c.k} | {c.tau2:g} | {shares} |")
    return "\n".join(lines)


def main() -> int:
    """Simulate all cells, print the table and what leaves its limits."""
    rng = np.random.default_rng(SEED)
    cells = [cell(sizes, k, tau2, SETS, rng) for sizes in SIZES for k in STUDIES for tau2 in TAU2]
    print(f"{SETS:,} sets each, seed {SEED}; Monte Carlo error at 95 %: {100 * (0.95 * 0.05 / SETS) ** 0.5:.2f}\n")
    print(table(cells))
    left = failures(cells)
    print("\n".join(["", *left]) if left else "\nAll within their limits.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
