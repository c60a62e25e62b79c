# Reference values of small-study effects: regressions by lm() and rma() from the formulas of the papers, limit
# meta-analysis by lm() on radial plots, selection models and fail-safe numbers by metafor.
# Run in this folder: Rscript small_study.R    writes small_study.json
suppressPackageStartupMessages({library(metafor); library(metadat); library(jsonlite)})
options(warn = 1)

# Moore, Tramer, Carroll, Wiffen & McQuay 1998, BMJ 316:333-338: topical NSAIDs in acute pain, 37 trials.
moore <- data.frame(
  ai = c(23, 69, 79, 35, 10, 23, 20, 35, 56, 28, 10, 44, 21, 17, 34, 25, 38, 85, 53, 16, 18, 6, 26, 41, 33, 30, 18, 22,
         18, 39, 30, 11, 44, 67, 24, 7, 21),
  n1i = c(30, 123, 102, 49, 15, 50, 32, 50, 84, 40, 23, 92, 50, 20, 42, 30, 60, 118, 64, 20, 30, 12, 32, 84, 46, 38,
          20, 26, 21, 51, 30, 13, 90, 83, 29, 10, 25),
  ci = c(10, 54, 45, 13, 2, 13, 9, 40, 33, 16, 3, 40, 19, 3, 11, 13, 27, 46, 52, 6, 5, 0, 13, 33, 13, 22, 13, 14, 13,
         9, 19, 0, 40, 38, 14, 1, 12),
  n2i = c(30, 116, 102, 42, 15, 50, 24, 50, 84, 40, 24, 89, 50, 20, 40, 30, 60, 113, 66, 20, 30, 12, 28, 84, 42, 36,
          22, 26, 22, 47, 30, 12, 89, 86, 27, 10, 25))
bcg <- with(dat.bcg, data.frame(ai = tpos, n1i = tpos + tneg, ci = cpos, n2i = cpos + cneg))
sparse <- data.frame(ai = c(0, 1, 4, 0, 12, 3), n1i = c(20, 35, 60, 15, 150, 41),
                     ci = c(2, 5, 9, 0, 30, 3), n2i = c(22, 33, 58, 15, 148, 40))

slope <- function(fit) {
  s <- summary(fit)$coefficients
  list(bias = s[2, 1], se = s[2, 2], statistic = s[2, 3], p_value = s[2, 4], intercept = s[1, 1])
}
from_counts <- function(d) {
  d <- d[!((d$ai == 0 & d$ci == 0) | (d$ai == d$n1i & d$ci == d$n2i)), ]
  d[] <- lapply(d, as.numeric)
  es <- escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = d)
  n <- d$n1i + d$n2i
  e <- d$ai + d$ci
  z <- d$ai - e * d$n1i / n
  v <- d$n1i * d$n2i * e * (n - e) / (n^2 * (n - 1))
  pooled <- 1 / (1 / e + 1 / (n - e))
  m <- 4 * d$n1i * d$n2i / n
  list(input = d, k = nrow(d),
       harbord = slope(lm(I(z / v) ~ I(1 / sqrt(v)), weights = v)),
       peters = slope(lm(es$yi ~ I(1 / n), weights = pooled)),
       macaskill = slope(lm(es$yi ~ n, weights = 1 / es$vi)),
       macaskill_pooled = slope(lm(es$yi ~ n, weights = pooled)),
       deeks = slope(lm(es$yi ~ I(1 / sqrt(m)), weights = m)))
}

intercept <- function(fit) {
  s <- summary(fit)$coefficients
  ci <- confint(fit)
  list(estimate = s[1, 1], se = s[1, 2], p_value = s[1, 4], ci_lower = ci[1, 1], ci_upper = ci[1, 2],
       slope = s[2, 1], slope_se = s[2, 2], slope_p_value = s[2, 4])
}
radial <- function(y, s) lm(I(y / s) ~ I(1 / s))
limit <- function(yi, vi) {
  f <- rma(yi, vi, method = "DL")
  t2 <- f$tau2
  g <- coef(radial(yi, sqrt(vi + t2)))
  shrunken <- g[[2]] + sqrt(t2 / (vi + t2)) * (yi - g[[2]])
  r <- suppressWarnings(summary(radial(shrunken, sqrt(vi))))
  x <- 1 / sqrt(vi)
  q_residual <- sum(resid(radial(yi, sqrt(vi)))^2)
  list(tau2 = t2, alpha = g[[1]], beta = g[[2]], beta0 = g[[2]] + sqrt(t2) * g[[1]],
       betalim = r$coefficients[2, 1], mulim = sum(shrunken / vi) / sum(1 / vi), g2 = 1 - r$r.squared,
       se_slope = 1 / (sd(x) * sqrt(length(x) - 1)), se_mulim = 1 / sqrt(sum(1 / vi)),
       q = f$QE, q_residual = q_residual, shrunken = shrunken)
}

# The optimiser is restarted where it stopped until the log likelihood no longer rises. A few optimisers are tried.
select <- function(yi, vi, alternative, steps, delta = NULL) {
  f <- rma(yi, vi, method = "ML", control = list(threshold = 1e-14, maxiter = 10000))
  best <- NULL
  for (opt in list(list(optimizer = "nlminb", rel.tol = 1e-15, x.tol = 1e-12, eval.max = 5000, iter.max = 5000),
                   list(optimizer = "BFGS", reltol = 1e-16, maxit = 5000),
                   list(optimizer = "Nelder-Mead", reltol = 1e-16, maxit = 20000))) {
    arguments <- list(f, type = "stepfun", alternative = alternative, steps = steps,
                      control = c(opt, list(delta.max = 1e4)))
    if (!is.null(delta)) arguments$delta <- delta
    s <- tryCatch(suppressWarnings(do.call(selmodel, arguments)), error = function(e) NULL)
    if (!is.null(s) && (is.null(best) || logLik(s) > logLik(best))) best <- s
  }
  if (is.null(best)) return(NULL)
  list(alternative = alternative, steps = I(steps), given = delta, estimate = c(best$beta), se = c(best$se),
       tau2 = best$tau2, weights = c(best$delta), weights_se = c(best$se.delta), log_likelihood = c(logLik(best)),
       lrt = best$LRT, lrt_p_value = best$LRTp)
}
tab <- data.frame(
  steps = c(0.005, 0.01, 0.05, 0.10, 0.25, 0.35, 0.50, 0.65, 0.75, 0.90, 0.95, 0.99, 0.995, 1),
  moderate_one_tailed = c(1, 0.99, 0.95, 0.80, 0.75, 0.65, 0.60, 0.55, 0.50, 0.50, 0.50, 0.50, 0.50, 0.50),
  severe_one_tailed = c(1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.40, 0.35, 0.30, 0.25, 0.10, 0.10, 0.10, 0.10),
  moderate_two_tailed = c(1, 0.99, 0.95, 0.90, 0.80, 0.75, 0.60, 0.60, 0.75, 0.80, 0.90, 0.95, 0.99, 1.00),
  severe_two_tailed = c(1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.25, 0.25, 0.50, 0.60, 0.75, 0.90, 0.99, 1.00))

safe <- function(yi, vi, ...) list(number = fsn(yi, vi, ...)$fsnum)
from_effects <- function(d, alternative, steps) {
  yi <- c(d$yi)
  vi <- c(d$vi)
  ts <- rma(yi, vi, mods = ~ sqrt(vi), method = "DL")
  k <- length(yi)
  t <- ts$zval[2]
  models <- lapply(steps, function(s) select(yi, vi, alternative, s))
  fixed <- lapply(names(tab)[-1], function(n) c(list(name = n), select(yi, vi, alternative, tab$steps, tab[[n]])))
  list(input = list(yi = yi, vi = vi), k = k,
       thompson_sharp = list(bias = ts$beta[2], se = ts$se[2], statistic = t, p_value = 2 * pt(-abs(t), k - 2),
                             tau2 = ts$tau2),
       pet = intercept(lm(yi ~ sqrt(vi), weights = 1 / vi)), peese = intercept(lm(yi ~ vi, weights = 1 / vi)),
       limit = limit(yi, vi), selection = models, fixed = fixed,
       fail_safe = list(Rosenthal = safe(yi, vi, type = "Rosenthal"), Orwin = safe(yi, vi, type = "Orwin"),
                        Orwin_target = c(safe(yi, vi, type = "Orwin", target = mean(yi) / 5), target = mean(yi) / 5),
                        Rosenberg = safe(yi, vi, type = "Rosenberg"),
                        Rosenthal_01 = safe(yi, vi, type = "Rosenthal", alpha = 0.01)))
}

moore_or <- escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = moore)
bcg_rr <- escalc("RR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = bcg)
set.seed(20251121)
vi <- exp(runif(60, log(0.005), log(0.2)))
yi <- rnorm(60, 0.25, sqrt(vi + 0.03))
kept <- pnorm(-yi / sqrt(vi)) < 0.025 | runif(60) < 0.4
simulated <- data.frame(yi = yi[kept], vi = vi[kept])

software <- list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                 metadat = as.character(packageVersion("metadat")))
out <- list(software = software,
            counts = list(moore1998 = from_counts(moore), bcg = from_counts(bcg), sparse = from_counts(sparse)),
            effects = list(
              moore1998 = from_effects(moore_or, "greater", list(0.025, c(0.025, 0.5))),
              bcg_rr = from_effects(bcg_rr, "less", list(0.025, c(0.025, 0.2))),
              hackshaw1998 = from_effects(dat.hackshaw1998, "greater", list(0.025, c(0.05, 0.5), c(0.05, 0.1, 0.5))),
              simulated = from_effects(simulated, "greater", list(0.025, c(0.025, 0.5)))))
write(toJSON(out, digits = 15, auto_unbox = TRUE, null = "null"), "small_study.json")
