# Reference values for GOSH and Baujat coordinates: metafor's gosh() and baujat(), converged.
# Run in this folder: Rscript metafor_gosh.R    writes metafor_gosh.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
pdf(NULL)
cases <- list()
for (name in c("generic_bcg_rr", "generic_hcc_second_line_os")) {
  input <- fromJSON(paste0(name, ".json"))$input
  k <- min(8, length(input$yi))
  cases[[name]] <- list(yi = input$yi[1:k], vi = input$vi[1:k])
}
cases$outlier <- list(yi = c(0, 0.05, -0.04, 0.02, 3, 0.1), vi = c(0.01, 0.012, 0.02, 0.015, 0.01, 0.3))

tight <- function(case, method) {
  control <- list(threshold = 1e-13, maxiter = 10000, tol = 1e-14, tau2.max = 1e4)
  if (method == "PM") control <- control[c("tol", "tau2.max")]
  if (method %in% c("EE", "DL")) control <- list()
  rma(case$yi, case$vi, method = method, control = control)
}

# metafor's gosh() drops the control of a fit on its own way for single studies, so each subset is fitted here.
subsets <- function(case, method) {
  g <- if (method %in% c("EE", "DL")) gosh(tight(case, method), progbar = FALSE)
  k <- length(case$yi)
  code <- 1:(2^k - 1)
  rows <- lapply(code, function(n) {
    held <- bitwAnd(n, 2^(0:(k - 1))) > 0
    f <- tight(list(yi = case$yi[held], vi = case$vi[held]), method)
    c(f$beta, f$I2 / 100, f$tau2)
  })
  m <- do.call(rbind, rows)
  if (!is.null(g)) {
    id <- as.vector(g$incl %*% 2^(0:(k - 1)))
    stopifnot(max(abs(g$res$estimate[order(id)] - m[, 1])) < 1e-12, max(abs(g$res$I2[order(id)] / 100 - m[, 2])) < 1e-12)
  }
  list(estimate = m[, 1], i2 = m[, 2], tau2 = m[, 3])
}
coordinates <- function(case, method) {
  b <- baujat(tight(case, method))
  list(contribution = b$x, influence = b$y)
}
one <- function(case) list(input = case,
  gosh = sapply(c("EE", "DL", "REML", "PM"), function(m) subsets(case, m), simplify = FALSE),
  baujat = sapply(c("EE", "DL", "REML"), function(m) coordinates(case, m), simplify = FALSE))
software <- list(R = paste(R.version$major, R.version$minor, sep = "."), metafor = as.character(packageVersion("metafor")))
writeLines(toJSON(list(software = software, script = "metafor_gosh.R", cases = lapply(cases, one)),
                  digits = I(15), auto_unbox = TRUE), "metafor_gosh.json")
