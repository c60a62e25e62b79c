# Reference values for the mixed models of counts: metafor::rma.glmm (lme4::glmer) with many quadrature nodes, at tight
# tolerance, and for two random effects an own likelihood (product Gauss-Hermite, statmod) climbed by nlm.
# Run in this folder: Rscript glmm.R    writes glmm.json
suppressPackageStartupMessages({library(metafor); library(jsonlite); library(statmod); library(lme4)})

# lme4's inner iterations sometimes fail at a tight tolerance: the tightest that succeeds is taken and kept in the file.
tight <- function(tol) list(optimizer = "bobyqa", tolPwrss = tol, optCtrl = list(rhobeg = 0.02, rhoend = 1e-9, maxfun = 200000))
fit <- function(...) {
  for (tol in c(1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7)) {
    r <- try(suppressWarnings(rma.glmm(..., control = list(glmerCtrl = tight(tol), optCtrl = list(reltol = 1e-16, maxit = 100000),
      hessianCtrl = list(r = 8), intCtrl = list(rel.tol = 1e-12, subdivisions = 1000)))), silent = TRUE)
    if (!inherits(r, "try-error")) break
  }
  list(k = r$k, estimate = as.numeric(r$beta), se = r$se, tau2 = r$tau2, sigma2 = if (is.na(r$sigma2)) NULL else r$sigma2,
       log_likelihood = as.numeric(logLik(r)), inner_tolerance = tol)
}

# UM.RS with two integrals: binomial or Poisson rows, the effect coded +-1/2 (or 1/0), independent random effects.
two_integrals <- function(y, n, law, z = c(0.5, -0.5), start) {
  g <- gauss.quad(40, "hermite")
  nodes <- as.matrix(expand.grid(g$nodes, g$nodes)); logw <- log(outer(g$weights, g$weights)) + outer(g$nodes^2, g$nodes^2, "+")
  density <- if (law == "binomial") function(y, n, eta) dbinom(y, n, plogis(eta), log = TRUE) else
    function(y, n, eta) dpois(y, n * exp(eta), log = TRUE)
  curve <- if (law == "binomial") function(n, eta) n * dlogis(eta) else function(n, eta) n * exp(eta)
  mean <- if (law == "binomial") function(n, eta) n * plogis(eta) else function(n, eta) n * exp(eta)
  minus <- function(par) {
    mu <- par[1]; alpha <- par[2]; sigma <- par[3]; tau <- par[4]
    L <- cbind(sigma, tau * z)
    -sum(vapply(seq_len(nrow(y)), function(i) {
      u <- c(0, 0)
      for (step in 1:100) {
        eta <- alpha + mu * z + drop(L %*% u)
        H <- diag(2) + crossprod(L, curve(n[i, ], eta) * L)
        d <- solve(H, drop(crossprod(L, y[i, ] - mean(n[i, ], eta))) - u)
        u <- u + d / max(1, max(abs(d)))
        if (max(abs(d)) < 1e-13) break
      }
      R <- solve(chol(H))
      U <- u + sqrt(2) * R %*% t(nodes)
      E <- alpha + mu * z + L %*% U
      h <- density(y[i, 1], n[i, 1], E[1, ]) + density(y[i, 2], n[i, 2], E[2, ]) - colSums(U^2) / 2 + as.vector(logw)
      max(h) + log(sum(exp(h - max(h)))) - log(pi) + log(det(R))
    }, 0))
  }
  best <- start
  for (i in 1:4) best <- nlm(minus, best, gradtol = 1e-12, steptol = 1e-14, iterlim = 2000, stepmax = 1)$estimate
  H <- numDeriv::hessian(minus, best)
  list(estimate = best[1], alpha = best[2], sigma2 = best[3]^2, tau2 = best[4]^2, se = sqrt(solve(H)[1, 1]),
       log_likelihood = -minus(best))
}

tables <- list(
  bcg = with(dat.bcg, list(a = tpos, n1 = tpos + tneg, c = cpos, n2 = cpos + cneg)),
  nielweise2007 = with(dat.nielweise2007, list(a = ai, n1 = n1i, c = ci, n2 = n2i)),
  crins = list(a = c(14, 16, 3, 9, 4, 0), n1 = c(61, 28, 18, 54, 36, 50), c = c(15, 19, 8, 29, 11, 3), n2 = c(20, 28, 12, 54, 36, 34)),
  sparse = list(a = c(0, 0, 1, 3, 0, 2, 5), n1 = c(40, 25, 60, 110, 30, 75, 90), c = c(0, 2, 4, 3, 1, 9, 4), n2 = c(38, 25, 55, 105, 32, 70, 95)))
out <- list()
for (name in names(tables)) {
  t <- tables[[name]]
  one <- function(model, ...) fit(measure = "OR", ai = t$a, n1i = t$n1, ci = t$c, n2i = t$n2, model = model, ...)
  out[[name]] <- list(input = t, "um-fs" = one("UM.FS", nAGQ = 25), "um-fs-1" = one("UM.FS", nAGQ = 25, coding = 1),
    "cm-el" = one("CM.EL"), "cm-al" = one("CM.AL", nAGQ = 25), "um-rs-laplace" = one("UM.RS", nAGQ = 1, drop00 = FALSE))
  start <- with(out[[name]][["um-rs-laplace"]], c(estimate, qlogis(mean((t$a + t$c) / (t$n1 + t$n2))), sqrt(sigma2), max(sqrt(tau2), 0.3)))
  if (name %in% c("bcg", "crins"))
    out[[name]][["um-rs"]] <- two_integrals(cbind(t$a, t$c), cbind(t$n1, t$n2), "binomial", start = start)
}
pritz <- dat.pritz1997
small <- list(events = c(0, 3, 10, 1, 6, 0), n = c(12, 20, 25, 30, 18, 9))
proportions <- list(
  pritz1997 = c(list(input = list(events = pritz$xi, n = pritz$ni)), fit(measure = "PLO", xi = pritz$xi, ni = pritz$ni, nAGQ = 25)),
  small = c(list(input = small), fit(measure = "PLO", xi = small$events, ni = small$n, nAGQ = 25)))
h <- dat.hart1999
rates <- list(
  hart1999_control = c(list(input = list(events = h$x2i, time = h$t2i)), fit(measure = "IRLN", xi = h$x2i, ti = h$t2i, nAGQ = 25)),
  small = c(list(input = list(events = c(0, 3, 10, 1, 22), time = c(120, 200, 250, 90, 310))),
            fit(measure = "IRLN", xi = c(0, 3, 10, 1, 22), ti = c(120, 200, 250, 90, 310), nAGQ = 25)))
n8 <- dat.nielweise2008
pair <- list(x1 = n8$x1i, t1 = n8$t1i, x2 = n8$x2i, t2 = n8$t2i)
ratio <- function(model, ...) fit(measure = "IRR", x1i = pair$x1, t1i = pair$t1, x2i = pair$x2, t2i = pair$t2, model = model, ...)
rate_ratios <- list(nielweise2008 = list(input = pair, "um-fs" = ratio("UM.FS", nAGQ = 25), "cm-el" = ratio("CM.EL", nAGQ = 25),
  "um-rs" = two_integrals(cbind(pair$x1, pair$x2), cbind(pair$t1, pair$t2), "poisson", start = c(-0.5, -5, 1, 0.3))))
writeLines(toJSON(list(
  software = list(R = paste(R.version$major, R.version$minor, sep = "."), metafor = as.character(packageVersion("metafor")),
                  lme4 = as.character(packageVersion("lme4")), statmod = as.character(packageVersion("statmod"))),
  script = "glmm.R", note = paste("metafor with nAGQ = 25 (Laplace for um-rs-laplace); lme4 leaves the constants out of the log",
    "likelihood when nAGQ > 1; um-rs by the script's own two integrals with 40 x 40 nodes"),
  odds_ratios = out, proportions = proportions, rates = rates, rate_ratios = rate_ratios), digits = NA, auto_unbox = TRUE, null = "null"), "glmm.json")
