"""Tables of counts pooled from their cells: Mantel-Haenszel and Peto."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hcckb.candidates import EvidenceRow
from hcckb.errors import PoolingError, UsageError
from hcckb.pooling.counts import two_arms
from hcckb.pooling.pairwise import Pooled
from hcckb.pooling.raw import mantel_haenszel, peto
from hcckb.usertable import CountsRow

CELL_MODELS = {
    "mantel-haenszel": ("odds-ratio", "risk-ratio", "risk-difference"),
    "peto": ("peto-odds-ratio",),
}


def pool_cells(rows: Sequence[EvidenceRow], model: str, level: float) -> Pooled:
    """Pool the cells of 2x2 tables under a common effect.

    Parameters
    ----------
    rows : sequence of EvidenceRow
        Rows of one measure, made from counts.
    model : {"mantel-haenszel", "peto"}
        How.
    level : float
        Level of the interval, in (0, 1).

    Returns
    -------
    Pooled
        With tau2 = 0 and no interval of it; I2 and H2 from Q.

    Raises
    ------
    UsageError
        If the rows have no counts, or the measure is none that the model pools.
    PoolingError
        As `hcckb.pooling.raw.mantel_haenszel` and `hcckb.pooling.raw.peto`.
    """
    measure, known = rows[0].measure, CELL_MODELS[model]
    if measure not in known:
        raise UsageError(f"--model {model} pools counts of {', '.join(known)}, not of {measure}. Give that --measure.")
    tables = [r for r in rows if isinstance(r, CountsRow)]
    if len(tables) < len(rows):
        raise UsageError(
            f"--model {model} needs events and participants of both arms: --data FILE.csv with columns of counts."
        )
    counts = two_arms(
        [r.events_experimental for r in tables],
        [r.n_experimental or 0 for r in tables],
        [r.events_comparator for r in tables],
        [r.n_comparator or 0 for r in tables],
        labels=[r.study for r in tables],
    )
    found = peto(counts, level=level) if model == "peto" else mantel_haenszel(counts, measure, level=level)
    if not math.isfinite(found.se):
        raise PoolingError(f"the {measure} of these tables has no standard error. Pool risk differences instead.")
    return Pooled(
        model=model,
        tau2_method=None,
        ci_method="wald",
        level=level,
        k=found.k,
        estimate=found.estimate,
        se=found.se,
        ci_lower=found.ci_lower,
        ci_upper=found.ci_upper,
        statistic=found.statistic,
        df_ci=math.inf,
        p_value=found.p_value,
        prediction_lower=None,
        prediction_upper=None,
        tau2=0.0,
        tau2_lower=None,
        tau2_upper=None,
        q=found.q,
        df=found.df,
        q_p_value=found.q_p_value,
        i2=found.i2,
        h2=found.h2 if found.df > 0 else 1.0,
        weights=found.weights,
    )
