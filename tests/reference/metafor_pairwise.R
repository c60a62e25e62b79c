# Reference values for pairwise pooling: metafor at tight tolerance, on random and hard cases.
# Run in this folder: Rscript metafor_pairwise.R    writes metafor_pairwise.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
set.seed(20170901)

methods <- c("DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM")

simulate <- function(k, tau2, scale = 1, spread = 20) {
  vi <- scale * exp(runif(k, log(0.005), log(0.005 * spread)))
  list(yi = rnorm(k, -0.2 * sqrt(scale), sqrt(vi + tau2)), vi = vi)
}

cases <- list()
for (k in c(2, 3, 4, 6, 10, 20, 40))
  for (tau2 in c(0, 0.01, 0.2))
    cases[[sprintf("random_k%d_tau2_%g", k, tau2)]] <- simulate(k, tau2)
cases$tiny_variances <- simulate(8, 2e-10, scale = 1e-8)
cases$huge_variances <- simulate(8, 3e5, scale = 1e7)
cases$six_decades <- simulate(12, 0.05, scale = 0.01, spread = 1e6)
cases$one_dominates <- list(yi = c(-0.3, 0.4, 0.1, -1.2, 0.9), vi = c(1e-6, 0.3, 0.2, 0.4, 0.25))
cases$homogeneous <- list(yi = c(0.10, 0.11, 0.105, 0.098), vi = c(0.02, 0.03, 0.05, 0.01))
cases$two_apart <- list(yi = c(-1, 1), vi = c(0.01, 0.02))
cases$two_alike <- list(yi = c(-0.10, -0.11), vi = c(0.01, 0.02))
cases$outlier <- list(yi = c(0, 0.05, -0.04, 0.02, 3), vi = c(0.01, 0.012, 0.02, 0.015, 0.01))
cases$near_boundary <- list(yi = c(0.0, 0.2, 0.4), vi = c(0.0399, 0.0399, 0.0399))
for (name in c("generic_bcg_rr", "generic_hcc_second_line_os", "generic_hcc_second_line_ttp"))
  cases[[name]] <- fromJSON(paste0(name, ".json"))$input[c("yi", "vi")]
cases$equal_variances <- list(yi = c(0.1, 0.5, -0.2, 0.9, 0.3), vi = rep(0.04, 5))

# Fisher scoring stops on the absolute change of tau2, so it runs in units of the median variance; where
# rounding keeps it from the tightest threshold the next one is taken.
tight <- function(yi, vi, method, ...) {
  if (method == "PM")
    return(suppressWarnings(rma(yi, vi, method = method, ...,
             control = list(tol = 1e-15, maxiter = 100000, tau2.max = 1e9))))
  for (threshold in c(1e-15, 1e-14, 1e-13)) {
    f <- tryCatch(suppressWarnings(rma(yi, vi, method = method, ...,
                    control = list(threshold = threshold, maxiter = 20000))),
                  error = function(e) NULL)
    if (!is.null(f)) return(f)
  }
  stop("no convergence")
}

fit <- function(case, method, ...) {
  unit <- median(case$vi)
  tau2 <- tight(case$yi / sqrt(unit), case$vi / unit, method)$tau2 * unit
  suppressWarnings(rma(case$yi, case$vi, method = method, tau2 = tau2, ...))
}

numbers <- function(f) list(
  estimate = c(f$beta), se = f$se, ci_lower = f$ci.lb, ci_upper = f$ci.ub,
  statistic = f$zval, p_value = f$pval)

random <- function(case, method) {
  wald <- fit(case, method)
  # I2 and H2 by metafor need a fit that estimated tau2; their formula is applied to the tight one.
  w <- 1 / case$vi
  typical <- (length(w) - 1) / (sum(w) - sum(w^2) / sum(w))
  prediction <- predict(wald)
  t2 <- qt(0.975, length(w) - 2) * sqrt(wald$tau2 + wald$se^2)
  knha <- fit(case, method, test = "knha")
  list(tau2 = wald$tau2, i2 = wald$tau2 / (wald$tau2 + typical), h2 = 1 + wald$tau2 / typical,
       wald = numbers(wald), hksj = numbers(knha),
       guarded = numbers(fit(case, method, test = "adhoc")),
       prediction_metafor_wald = c(prediction$pi.lb, prediction$pi.ub),
       prediction_metafor_hksj = c(predict(knha)$pi.lb, predict(knha)$pi.ub),
       prediction_hts = if (length(w) > 2) c(wald$beta) + c(-t2, t2) else NULL,
       weights = unname(weights(wald)) / 100)
}

profile <- function(case) {
  unit <- median(case$vi)
  f <- rma(case$yi / sqrt(unit), case$vi / unit, method = "DL")
  ci <- tryCatch(suppressWarnings(confint(f, control = list(tol = 1e-15, maxiter = 100000, tau2.max = 1e7))),
                 error = function(e) NULL)
  if (is.null(ci)) return(NULL)
  c(ci$random["tau^2", c("ci.lb", "ci.ub")] * unit)
}

bias <- function(case) {
  lm_ <- regtest(case$yi, case$vi, model = "lm")
  unit <- median(case$vi)
  mixed <- function(method) {
    sei <- sqrt(case$vi / unit)
    r <- tight(case$yi / sqrt(unit), case$vi / unit, method, mods = sei)
    list(statistic = r$zval[2], p_value = r$pval[2], bias = r$beta[2], tau2 = r$tau2 * unit,
         limit = c(r$beta[1], r$ci.lb[1], r$ci.ub[1]) * sqrt(unit))
  }
  rank <- suppressWarnings(ranktest(case$yi, case$vi))
  list(classical = list(statistic = lm_$zval, p_value = lm_$pval, df = lm_$dfs,
                        limit = c(lm_$est, lm_$ci.lb, lm_$ci.ub)),
       common = tryCatch(mixed("FE"), error = function(e) NULL),
       DL = tryCatch(mixed("DL"), error = function(e) NULL),
       REML = tryCatch(mixed("REML"), error = function(e) NULL),
       rank = list(tau = unname(rank$tau), p_value = unname(rank$pval)))
}

one <- function(case) {
  common <- rma(case$yi, case$vi, method = "FE")
  ok <- length(case$yi) > 2 && length(unique(case$vi)) > 1
  list(input = case,
       common = c(numbers(common), list(q = common$QE, q_p_value = common$QEp, i2 = common$I2 / 100, h2 = common$H2)),
       random = sapply(methods, function(m) tryCatch(random(case, m), error = function(e) NULL), simplify = FALSE),
       tau2_interval = profile(case),
       bias = if (ok) bias(case) else NULL)
}

json <- function(x) toJSON(x, digits = I(17), auto_unbox = TRUE, null = "null", na = "null")
rows <- vapply(names(cases), function(name) paste0('"', name, '":', json(one(cases[[name]]))), "")
software <- json(list(R = paste(R.version$major, R.version$minor, sep = "."),
                      metafor = as.character(packageVersion("metafor"))))
note <- "tau2 converged to 1e-15 (1e-13 at worst) in units of the median variance"
writeLines(c(paste0('{"software":', software, ',"script":"metafor_pairwise.R",'),
             paste0('"note":"', note, '","cases":{'), paste(rows, collapse = ",\n"), "}}"),
           "metafor_pairwise.json")
