# Reference values for DL2, generalised-Q and profile-likelihood intervals of tau2.
# Run in this folder: Rscript metafor_tau2.R    writes metafor_tau2.json
# metafor leaves the distribution of the generalised Q to CompQuadForm, which works to 1e-10; here it is Ruben's series
# (Ruben 1962, Ann Math Stat 33:542-570) to rounding, and the likelihood of metafor's fits is solved to rounding.
suppressPackageStartupMessages({library(metafor); library(jsonlite)})

known <- fromJSON("metafor_pairwise.json", simplifyVector = TRUE)$cases
names_used <- c("random_k2_tau2_0.2", "random_k3_tau2_0.01", "random_k4_tau2_0.2", "random_k6_tau2_0.2",
                "random_k10_tau2_0", "random_k20_tau2_0.01", "random_k40_tau2_0.2", "one_dominates", "homogeneous",
                "two_apart", "two_alike", "outlier", "near_boundary", "generic_bcg_rr", "generic_hcc_second_line_os",
                "generic_hcc_second_line_ttp", "equal_variances")
inputs <- lapply(known[names_used], function(case) case$input[c("yi", "vi")])

exceeds <- function(q, lambda) {
  beta <- min(lambda); n <- length(lambda)
  rest <- 1 - beta / lambda
  coefficients <- prod(sqrt(beta / lambda)); g <- numeric(0); total <- coefficients[1]
  j <- 0
  while (1 - total > 1e-15 && j < 4000) {
    j <- j + 1
    g[j] <- sum(rest^j)
    coefficients[j + 1] <- sum(g[j:1] * coefficients[1:j]) / (2 * j)
    total <- total + coefficients[j + 1]
  }
  sum(coefficients * pchisq(q / beta, n + 2 * (0:j), lower.tail = FALSE))
}

root <- function(f, unit) {
  if (f(0) >= 0) return(0)
  upper <- unit
  while (f(upper) < 0) upper <- 2 * upper
  uniroot(f, c(if (upper > unit) upper / 2 else 0, upper), tol = 1e-16, maxiter = 10000)$root
}

generalised_q <- function(case, a) {
  k <- length(a); P <- diag(a) - outer(a, a) / sum(a)
  q <- drop(t(case$yi) %*% P %*% case$yi)
  tail_at <- function(tau2) {
    S <- diag(sqrt(case$vi + tau2))
    exceeds(q, eigen(S %*% P %*% S, symmetric = TRUE, only.values = TRUE)$values[1:(k - 1)])
  }
  c(root(function(t) tail_at(t) - 0.025, min(case$vi)), root(function(t) tail_at(t) - 0.975, min(case$vi)))
}

profile <- function(case, method) {
  ll <- function(tau2) c(logLik(rma(case$yi, case$vi, tau2 = tau2, method = method)))
  best <- fit_tight(case, method)
  top <- ll(best)
  f <- function(tau2) 2 * (top - ll(tau2)) - qchisq(0.95, 1)
  lower <- if (f(0) <= 0) 0 else uniroot(f, c(0, best), tol = 1e-16, maxiter = 10000)$root
  upper <- max(2 * best, min(case$vi))
  while (f(upper) < 0) upper <- 2 * upper
  c(lower, uniroot(f, c(best, upper), tol = 1e-15, maxiter = 10000)$root)
}

fit_tight <- function(case, method) {
  unit <- median(case$vi)
  for (threshold in c(1e-15, 1e-14, 1e-13, 1e-12)) {
    f <- tryCatch(suppressWarnings(rma(case$yi / sqrt(unit), case$vi / unit, method = method,
                    control = list(threshold = threshold, maxiter = 20000))), error = function(e) NULL)
    if (!is.null(f)) return(f$tau2 * unit)
  }
  stop("no convergence")
}

two_step <- function(case) {
  first <- rma(case$yi, case$vi, method = "DL")$tau2
  rma(case$yi, case$vi, method = "GENQ", weights = 1 / (case$vi + first))$tau2
}

cases <- lapply(inputs, function(case) list(
  yi = case$yi, vi = case$vi, dl2 = two_step(case),
  generalised_q = generalised_q(case, 1 / case$vi),
  generalised_q_inverse_se = generalised_q(case, 1 / sqrt(case$vi)),
  profile_reml = profile(case, "REML"), profile_ml = profile(case, "ML")))
write_json(list(software = list(R = as.character(getRversion()), metafor = as.character(packageVersion("metafor"))), cases = cases),
           "metafor_tau2.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
