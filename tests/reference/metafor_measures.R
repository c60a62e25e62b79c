# Reference values for measures of means and rates, corrections, variances: metafor's escalc, and base R where it has none.
# Run in this folder: Rscript metafor_measures.R    writes metafor_measures.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})

means <- list(m1 = c(5.4, 12.1, -3.2, 101, 0.5, 7), s1 = c(2, 4.4, 1.1, 0, 0.2, 3),
              n1 = c(30, 12, 2, 250, 5000, 110), m2 = c(4.6, 15.9, -2.9, 99, 0.47, 7), s2 = c(2.2, 3.1, 2.4, 7, 0.3, 3),
              n2 = c(32, 14, 3, 260, 5100, 95))
escalc_means <- function(measure) with(means, {
  if (measure == "ROM") { keep <- m1 > 0 & m2 > 0 } else keep <- rep(TRUE, length(m1))
  e <- escalc(measure, m1i = m1[keep], sd1i = s1[keep], n1i = n1[keep], m2i = m2[keep], sd2i = s2[keep], n2i = n2[keep])
  list(yi = c(e$yi), vi = e$vi)
})

rates <- list(x1 = c(12, 0, 5, 1, 0, 400), t1 = c(101.5, 45, 7.25, 3000, 12, 51800),
              x2 = c(9, 2, 0, 3, 0, 610), t2 = c(99, 44, 9.5, 2900, 14, 53000))
escalc_single <- function(measure) with(rates, {
  e <- escalc(measure, xi = x1, ti = t1); list(yi = c(e$yi), vi = e$vi)
})
escalc_two <- function(measure) with(rates, {
  e <- escalc(measure, x1i = x1, t1i = t1, x2i = x2, t2i = t2, drop00 = measure == "IRR")
  list(yi = c(e$yi)[!is.na(e$yi)], vi = e$vi[!is.na(e$yi)])
})
pooled_ft <- with(rates, {
  f <- rma(measure = "IRFT", xi = x1, ti = t1, method = "DL")
  hm <- 1 / mean(1 / t1)
  list(estimate = c(f$beta), back = sapply(c(f$beta, f$ci.lb, f$ci.ub), transf.iirft, ti = hm))
})

counts <- list(a = c(0, 4, 3, 0, 12), n1 = c(60, 123, 20, 30, 40), c = c(2, 11, 0, 0, 9), n2 = c(120, 139, 35, 15, 41))
opposite <- function(measure) with(counts, {
  zero <- a == 0 | c == 0 | a == n1 | c == n2
  k1 <- ifelse(zero, n1 / (n1 + n2), 0); k2 <- ifelse(zero, n2 / (n1 + n2), 0)
  e <- escalc(measure, ai = a + k1, bi = n1 - a + k1, ci = c + k2, di = n2 - c + k2, to = "none")
  list(yi = c(e$yi), vi = e$vi)
})
all_corrected <- function(measure, add) with(counts, {
  e <- escalc(measure, ai = a, n1i = n1, ci = c, n2i = n2, add = add, to = "all")
  list(yi = c(e$yi), vi = e$vi)
})

# Quantile estimation by base R: least squares of the quantile functions from many starts.
quartiles <- list(q1 = c(2.0, 1.6, 2.6, 0.9, 3.2, 5, 9.1), m = c(6.1, 5.2, 3.1, 2.8, 4.5, 7.9, 10.0),
                  q3 = c(10.2, 13.0, 8.3, 8.2, 9.9, 11.8, 11.1), n = c(100, 92, 221, 81, 42, 60, 200))
fit <- function(q, quantile_of, density_of, starts) {
  best <- NULL
  for (s in starts) {
    f <- function(t) sum((quantile_of(c(0.25, 0.5, 0.75), exp(t[1]), exp(t[2])) - q)^2)
    o <- suppressWarnings(optim(log(s), f, method = "Nelder-Mead", control = list(reltol = 1e-16, maxit = 20000)))
    for (i in 1:5) o <- suppressWarnings(optim(o$par, f, method = "Nelder-Mead", control = list(reltol = 1e-16, maxit = 20000)))
    if (is.null(best) || o$value < best$value) best <- o
  }
  list(misfit = best$value, density = density_of(q[2], exp(best$par[1]), exp(best$par[2])))
}
families <- list(
  normal = list(qnorm, dnorm, function(q) list(c(mean(q), (q[3] - q[1]) / 1.35))),
  `log-normal` = list(function(p, a, b) qlnorm(p, log(a), b), function(x, a, b) dlnorm(x, log(a), b),
                      function(q) list(c(q[2], log(q[3] / q[1]) / 1.35))),
  gamma = list(function(p, a, b) qgamma(p, a, scale = b), function(x, a, b) dgamma(x, a, scale = b),
               function(q) list(c(1, q[2]), c(4, q[2] / 4), c(50, q[2] / 50))),
  weibull = list(function(p, a, b) qweibull(p, a, b), function(x, a, b) dweibull(x, a, b),
                 function(q) list(c(1, q[2]), c(3, q[2]), c(9, q[2]))))
quantile_estimation <- lapply(seq_along(quartiles$m), function(i) {
  q <- c(quartiles$q1[i], quartiles$m[i], quartiles$q3[i])
  fits <- lapply(families, function(f) fit(q, f[[1]], f[[2]], f[[3]](q)))
  name <- names(fits)[which.min(sapply(fits, function(f) f$misfit))]
  list(distribution = name, variance = 1 / (4 * quartiles$n[i] * fits[[name]]$density^2))
})

mh_rd <- with(counts, {
  N <- n1 + n2; b <- n1 - a; d <- n2 - c
  sqrt(sum((a * b * n2^3 + c * d * n1^3) / (n1 * n2 * N^2))) / sum(n1 * n2 / N)
})
measures <- function(f, ...) function(names) setNames(lapply(names, f, ...), names)
write_json(list(
  software = list(R = as.character(getRversion()), metafor = as.character(packageVersion("metafor"))),
  means = c(list(input = means), measures(escalc_means)(c("MD", "SMD", "ROM"))),
  rates = c(list(input = rates), measures(escalc_single)(c("IR", "IRLN", "IRS", "IRFT")),
            measures(escalc_two)(c("IRR", "IRD", "IRSD")), list(pooled_ft = pooled_ft)),
  counts = list(input = counts, opposite = measures(opposite)(c("OR", "RR", "RD")),
                all = measures(all_corrected, 0.25)(c("OR", "RR", "RD")), mh_rd_1985_se = mh_rd),
  quartiles = list(input = quartiles, output = quantile_estimation)),
  "metafor_measures.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
