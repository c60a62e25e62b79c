"""R code and a table that recompute a pooled result elsewhere."""

from __future__ import annotations

from hcckb.records import to_csv
from hcckb.results import PooledResult

COLUMNS = (
    "study",
    "year",
    "experimental",
    "comparator",
    "n_experimental",
    "n_comparator",
    "value",
    "ci_lower",
    "ci_upper",
    "ci_level",
    "yi",
    "sei",
    "source",
    "locator",
    "as_printed",
)
_TEST = {"wald": "z", "hksj": "knha", "hksj-guarded": "adhoc", "kenward-roger": "z"}
_KENWARD_ROGER = (
    "# metafor has no Kenward-Roger interval: from its tau2, on the analysis scale.",
    "w <- 1 / (dat$sei^2 + res$tau2); s <- c(sum(w), sum(w^2), sum(w^3))",
    "omega <- 2 / (s[2] - 2 * s[3] / s[1] + (s[2] / s[1])^2)",
    "se <- sqrt(1 / s[1] + 2 * omega * (s[3] - s[2]^2 / s[1]) / s[1]^2)",
    "df <- 2 * s[1]^2 / (omega * s[2]^2)",
)


def data_csv(result: PooledResult) -> str:
    """Give the pooled rows as CSV: as printed, and on the analysis scale (`yi`, `sei`) in full precision."""
    rows = []
    for row in result.rows:
        printed = {c: getattr(row, c) for c in COLUMNS if c not in ("yi", "sei")}
        rows.append({**printed, "yi": row.analysis_value, "sei": row.se})
    return to_csv(rows, COLUMNS).replace("\r\n", "\n")


def metafor_code(result: PooledResult, file: str = "data.csv") -> str:
    """Give R code for metafor that recomputes a pooled result from `data_csv`.

    Ratios are taken from the printed values and limits, so that nothing of this program is in the result but the choice
    of rows; other measures from `yi` and `sei`.
    """
    ratio = result.scale == "log" and all(row.ci_level for row in result.rows)
    effects = (
        [
            "dat$yi <- log(dat$value)",
            "dat$sei <- (log(dat$ci_upper) - log(dat$ci_lower)) / (2 * qnorm((1 + dat$ci_level) / 2))",
        ]
        if ratio
        else []
    )
    method = "EE" if result.model == "common" else str(result.tau2_method)
    iterated = ", control = list(threshold = 1e-12, maxiter = 10000)" if method in ("REML", "ML", "EB", "PM") else ""
    transform = ", transf = exp" if result.scale == "log" else ""
    lines = [
        "# Recomputes the pooled result with metafor (https://www.metafor-project.org).",
        "library(metafor)",
        f'dat <- read.csv("{file}")',
        *effects,
        f'res <- rma(yi, sei = sei, data = dat, slab = study, method = "{method}", test = "{_TEST[result.ci_method]}",',
        f"           level = {100 * result.level:g}{iterated})",
        "print(res, digits = 6)",
        f"print(predict(res{transform}), digits = 6)",
        *(_kenward_roger(result.level) if result.ci_method == "kenward-roger" else []),
        *(["print(confint(res), digits = 6)"] if result.k > 1 and result.model == "random" else []),
        f"forest(res{', atransf = exp' if result.scale == 'log' else ''})",
    ]
    return "\n".join(lines) + "\n"


def _kenward_roger(level: float) -> list[str]:
    """Lines of R that compute the interval."""
    upper = (1 + level) / 2
    ends = f"res$beta[1] + c(-1, 1) * qt({upper:g}, df) * se"
    return [*_KENWARD_ROGER, f"print(c(estimate = res$beta[1], se = se, df = df, ci = {ends}), digits = 7)"]
