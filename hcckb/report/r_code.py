"""R code and a table that recompute a pooled result elsewhere."""

from __future__ import annotations

from hcckb.records import to_csv
from hcckb.results import PooledResult
from hcckb.usertable.effects import LOG_MEASURES

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
_OF_CELLS = {"mantel-haenszel": {"odds-ratio": "OR", "risk-ratio": "RR", "risk-difference": "RD"}, "peto": {}}
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
    log = result.scale == "log"
    lines = [
        "# Recomputes the pooled result with metafor (https://www.metafor-project.org).",
        "library(metafor)",
        f'dat <- read.csv("{file}")',
        *(_cells(result) if result.model in _OF_CELLS else [*_effects(result), *_fit(result)]),
        "print(res, digits = 6)",
        f"print(predict(res{', transf = exp' if log else ''}), digits = 6)",
        *(_kenward_roger(result.level) if result.ci_method == "kenward-roger" else []),
        *([f"print(confint({_interval_fit(result)}), digits = 6)"] if result.tau2_interval else []),
        f"forest(res{', atransf = exp' if log else ''})",
    ]
    return "\n".join(lines) + "\n"


def _kenward_roger(level: float) -> list[str]:
    """Lines of R that compute the interval."""
    upper = (1 + level) / 2
    ends = f"res$beta[1] + c(-1, 1) * qt({upper:g}, df) * se"
    return [*_KENWARD_ROGER, f"print(c(estimate = res$beta[1], se = se, df = df, ci = {ends}), digits = 7)"]


def _effects(result: PooledResult) -> list[str]:
    """Take printed ratios to logs; other measures are in the table as they are pooled."""
    if result.scale != "log" or not all(row.ci_level for row in result.rows) or result.measure not in LOG_MEASURES:
        return []
    return [
        "dat$yi <- log(dat$value)",
        "dat$sei <- (log(dat$ci_upper) - log(dat$ci_lower)) / (2 * qnorm((1 + dat$ci_level) / 2))",
    ]


def _fit(result: PooledResult) -> list[str]:
    """Fit the model; the two steps of DL2 are two fits."""
    method = "EE" if result.model == "common" else str(result.tau2_method)
    chosen, before = f'method = "{method}"', []
    if method == "DL2":
        chosen = "tau2 = second$tau2"
        before = [
            'first <- rma(yi, sei = sei, data = dat, method = "DL")',
            'second <- rma(yi, sei = sei, data = dat, method = "GENQ", weights = 1 / (dat$sei^2 + first$tau2))',
        ]
    iterated = ", control = list(threshold = 1e-12, maxiter = 10000)" if method in ("REML", "ML", "EB", "PM") else ""
    return [
        *before,
        f'res <- rma(yi, sei = sei, data = dat, slab = study, {chosen}, test = "{_TEST[result.ci_method]}",',
        f"           level = {100 * result.level:g}{iterated})",
    ]


def _interval_fit(result: PooledResult) -> str:
    """Name the fit whose interval of tau2 is asked for, and its kind."""
    level = f", level = {100 * result.level:g}"
    if result.tau2_interval == "generalised-q":
        return f'rma(yi, sei = sei, data = dat, method = "GENQ", weights = 1 / dat$sei^2{level})'
    if result.tau2_interval == "profile-likelihood":
        method = "ML" if result.tau2_method == "ML" else "REML"
        return f'rma(yi, sei = sei, data = dat, method = "{method}"{level}), type = "PL"'
    if result.tau2_method == "DL2" or result.model == "common":
        return f'rma(yi, sei = sei, data = dat, method = "DL"{level})'
    return "res"


def _cells(result: PooledResult) -> list[str]:
    """Read the counts from what was printed, and pool them."""
    measure = "" if result.model == "peto" else f'measure = "{_OF_CELLS[result.model][result.measure]}", '
    function = "rma.peto" if result.model == "peto" else "rma.mh"
    return [
        'cells <- do.call(rbind, lapply(regmatches(dat$as_printed, gregexpr("[0-9]+", dat$as_printed)), as.numeric))',
        f"res <- {function}({measure}ai = cells[, 1], n1i = cells[, 2], ci = cells[, 3], n2i = cells[, 4],",
        f"           slab = dat$study, level = {100 * result.level:g})",
    ]
