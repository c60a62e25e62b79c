# Reference values beyond those of sensitivity_*.json: several moderators, guarded tests, and case deletion
# under Knapp-Hartung. Models without intercept are left out: this metafor centres the estimates before it
# takes residuals, which is right only beside an intercept.
# Run in this folder: Rscript metafor_sensitivity.R    writes metafor_sensitivity.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
set.seed(20170902)

simulate <- function(k, tau2) {
  vi <- exp(runif(k, log(0.005), log(0.1)))
  x <- cbind(dose = round(rnorm(k, 10, 3), 2), year = sample(2005:2020, k, replace = TRUE), blind = rep_len(0:1, k))
  list(yi = c(-0.3 + 0.05 * x[, 1] + 0.2 * x[, 3] + rnorm(k, 0, sqrt(vi + tau2))), vi = vi, x = x)
}
cases <- list(few = simulate(7, 0.05), twelve = simulate(12, 0.02), thirty = simulate(30, 0.2))

# Fisher scoring stops on the absolute change of tau2; where rounding keeps it from the tightest threshold the
# next one is taken.
tight <- function(...) {
  for (threshold in c(1e-15, 1e-14, 1e-13)) {
    f <- tryCatch(suppressWarnings(rma(..., control = list(threshold = threshold, maxiter = 20000, tol = 1e-15))),
                  error = function(e) NULL)
    if (!is.null(f)) return(f)
  }
  stop("no convergence")
}

number <- function(x) if (is.null(x) || all(is.na(x))) NULL else c(x)
regression <- function(case, method, test, columns) {
  x <- case$x[, columns, drop = FALSE]
  f <- tight(case$yi, case$vi, mods = x, method = method, test = test)
  new <- rbind(colMeans(x), c(12, 2015, 1)[columns])
  p <- predict(f, newmods = new)
  list(method = method, test = test, columns = I(columns - 1), beta = c(f$beta), se = f$se,
       ci_lower = f$ci.lb, ci_upper = f$ci.ub, statistic = f$zval, p_value = f$pval, vcov = f$vb, qm = f$QM,
       qm_df = f$QMdf, qm_p = f$QMp, qe = f$QE, qe_p = f$QEp, tau2 = f$tau2, i2 = f$I2 / 100, h2 = f$H2,
       r2 = number(if (is.null(f$R2)) NULL else f$R2 / 100), new = new, pred = p$pred, pred_se = p$se,
       pred_ci_lower = p$ci.lb, pred_ci_upper = p$ci.ub, pi_lower = number(p$pi.lb), pi_upper = number(p$pi.ub))
}

diagnostics <- function(case, method, test) {
  f <- tight(case$yi, case$vi, method = method, test = test)
  d <- influence(f)
  c(list(method = method, test = test, flag = d$is.infl, dfbs = d$dfbs[[1]]),
    unclass(d$inf)[c("rstudent", "dffits", "cook.d", "cov.r", "tau2.del", "QE.del", "hat")])
}

out <- lapply(cases, function(case) {
  fits <- list()
  for (method in c("REML", "ML", "DL", "HE", "HS", "SJ", "PM", "EE"))
    for (test in c("z", "knha", "adhoc"))
      fits <- c(fits, list(regression(case, method, test, 1:3)))
  fits <- c(fits, list(regression(case, "DL", "z", 1), regression(case, "REML", "z", 2)))
  deleted <- list()
  for (method in c("REML", "DL", "PM"))
    for (test in c("z", "knha", "adhoc")) deleted <- c(deleted, list(diagnostics(case, method, test)))
  list(input = case, regression = fits, influence = deleted)
})
software <- list(R = R.version.string, metafor = as.character(packageVersion("metafor")))
write(toJSON(list(software = software, cases = out), digits = 15, auto_unbox = TRUE, null = "null"),
      "metafor_sensitivity.json")
