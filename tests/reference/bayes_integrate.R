# Reference values for the Bayesian normal-normal model: base R's integrate and uniroot, no Bayesian package.
# Run in this folder: Rscript bayes_integrate.R    writes bayes_integrate.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})

half_normal <- function(s) function(t) 2 * dnorm(t, 0, s)
half_cauchy <- function(s) function(t) 2 * dcauchy(t, 0, s)
exponential <- function(s) function(t) dexp(t, 1 / s)
uniform <- function(b) function(t) dunif(t, 0, b)
log_normal <- function(m, s) function(t) dlnorm(t^2, m, s) * 2 * t
log_t <- function(m, s, df) function(t) dt((log(t^2) - m) / s, df) / s * 2 / t
flat <- function() function(t) rep(1, length(t))
make <- list("half-normal" = half_normal, "half-cauchy" = half_cauchy, exponential = exponential,
             uniform = uniform, "log-normal" = log_normal, "log-t" = log_t, flat = flat)

solve_case <- function(y, v, prior, parameters, mu_prior) {
  density <- do.call(make[[prior]], as.list(parameters))
  p0 <- if (is.null(mu_prior)) 0 else mu_prior[2]^-2
  m0 <- if (is.null(mu_prior)) 0 else mu_prior[1]
  one <- function(t, what) {
    w <- 1 / (v + t^2); P <- sum(w) + p0; m <- (sum(w * y) + p0 * m0) / P
    if (what == "m") return(m)
    if (what == "V") return(1 / P)
    L <- sum(dnorm(y, m, sqrt(v + t^2), log = TRUE)) +
      (if (p0 > 0) dnorm(m, m0, p0^-0.5, log = TRUE) else 0) + 0.5 * log(2 * pi / P)
    L
  }
  at <- function(t, what) vapply(t, one, 0, what = what)
  top <- max(at(sqrt(mean(v)) * 10^seq(-4, 2, 0.05), "L"))
  g <- function(t) exp(at(t, "L") - top) * density(t)
  end <- if (prior == "uniform") parameters[1] else Inf
  scale <- sqrt(mean(v))
  breaks <- c(0, scale * 10^seq(-6, 6, 0.125))
  breaks <- if (is.finite(end)) c(breaks[breaks < end], end) else breaks
  total <- function(f, upto = end) {
    b <- if (is.finite(upto)) c(breaks[breaks < upto], upto) else c(breaks, Inf)
    sum(vapply(seq_along(b)[-1], function(i)
      integrate(f, b[i - 1], b[i], rel.tol = 1e-11, abs.tol = 0, subdivisions = 2000, stop.on.error = FALSE)$value, 0))
  }
  # A log-t prior has mass far below the first piece, where the likelihood is constant.
  low <- if (prior == "log-t") breaks[2] else 0
  if (low > 0) breaks <- breaks[-1]
  below <- if (low > 0) pt((log(low^2) - parameters[1]) / parameters[2], parameters[3]) * exp(at(low, "L") - top) else 0
  Z <- total(g) + below
  E <- function(f) (total(function(t) f(t) * g(t)) + f(low) * below) / Z
  root <- function(f, lower, upper) uniroot(f, c(lower, upper), tol = 1e-13 * abs(upper - lower), extendInt = "upX")$root
  mixed <- function(mean, sd) {
    cdf <- function(x) E(function(t) pnorm((x - mean(t)) / sd(t)))
    mu <- E(mean)
    list(mean = mu, sd = sqrt(E(function(t) sd(t)^2 + (mean(t) - mu)^2)), median = root(function(x) cdf(x) - 0.5, mu - scale, mu + scale),
         ci_lower = root(function(x) cdf(x) - 0.025, mu - 4 * scale, mu), ci_upper = root(function(x) cdf(x) - 0.975, mu, mu + 4 * scale),
         below_zero = cdf(0))
  }
  tau_cdf <- function(t) (total(g, t) + below) / Z
  m <- function(t) at(t, "m"); V <- function(t) at(t, "V")
  finite <- !(prior %in% c("half-cauchy", "flat", "log-t")) || length(y) > 5
  tau_mean <- E(function(t) t)
  b <- function(t) v[1] / (v[1] + t^2)
  tau <- list(mean = tau_mean, sd = sqrt(E(function(t) (t - tau_mean)^2)), median = root(function(x) tau_cdf(x) - 0.5, scale * 1e-3, scale * 3),
              ci_lower = root(function(x) tau_cdf(x) - 0.025, scale * 1e-5, scale), ci_upper = root(function(x) tau_cdf(x) - 0.975, scale * 1e-2, min(end, scale * 9)))
  list(input = list(yi = y, vi = v, prior = prior, parameters = parameters, mu_prior = mu_prior),
       tau = tau, mu = mixed(m, function(t) sqrt(V(t))), new = mixed(m, function(t) sqrt(V(t) + t^2)),
       study1 = mixed(function(t) (1 - b(t)) * y[1] + b(t) * m(t), function(t) sqrt(b(t) * t^2 + b(t)^2 * V(t))),
       log_integral = log(Z) + top, moments = finite)
}

crins <- escalc("OR", ai = c(14, 16, 3, 9, 4, 0), n1i = c(61, 28, 18, 54, 36, 50), ci = c(15, 19, 8, 29, 11, 3), n2i = c(20, 28, 12, 54, 36, 34))
schools <- list(y = c(28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16), v = c(14.9, 10.2, 16.3, 11, 9.4, 11.4, 10.4, 17.6)^2)
bcg <- escalc("OR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
hcc <- fromJSON("generic_hcc_second_line_os.json")$input
y <- as.numeric(crins$yi); v <- as.numeric(crins$vi)
cases <- list(
  schools = solve_case(schools$y, schools$v, "half-cauchy", 25, c(0, 50)),
  crins_half_normal = solve_case(y, v, "half-normal", 0.5, c(0, 4)),
  crins_flat_mu = solve_case(y, v, "half-normal", 1, NULL),
  crins_uniform = solve_case(y, v, "uniform", 0.8, NULL),
  crins_flat = solve_case(y, v, "flat", numeric(0), NULL),
  crins_exponential = solve_case(y, v, "exponential", 0.4, c(-0.5, 1)),
  crins_turner = solve_case(y, v, "log-normal", c(-3.95, 1.34), c(0, 4)),
  crins_log_t = solve_case(y, v, "log-t", c(-3.44, 2.59, 5), c(0, 4)),
  bcg = solve_case(as.numeric(bcg$yi), as.numeric(bcg$vi), "half-normal", 0.5, c(0, 2)),
  hcc_os = solve_case(hcc$yi, hcc$vi, "half-normal", 0.5, NULL),
  two = solve_case(c(-0.5, 0.2), c(0.04, 0.09), "half-normal", 0.5, NULL))
out <- list(software = list(R = paste(R.version$major, R.version$minor, sep = ".")), script = "bayes_integrate.R",
            note = "stats::integrate at rel.tol 1e-11 in each of 96 pieces, stats::uniroot at 1e-13; metafor::escalc for the inputs only",
            cases = cases)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, null = "null"), "bayes_integrate.json")
