# Networks with studies of two to four arms, computed from contrasts by rma.mv and matrix algebra: fits at fixed
# tau2, moments and REML, detached designs, net heat of two-arm designs, additive components (connected or not).
# Run in this folder: Rscript metafor_network.R    writes metafor_network.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
set.seed(20200305)

# Studies as sets of arms; contrasts against the first arm carry the covariance v_first.
simulate <- function(designs, labels, tau2) {
  truth <- rnorm(length(labels), 0, 0.4)
  rows <- list(); all <- list()
  for (s in seq_along(designs)) {
    arms <- designs[[s]]; v <- round(exp(runif(length(arms), log(0.005), log(0.08))), 5)
    y <- round(truth[arms] + rnorm(length(arms), 0, sqrt(v + tau2 / 2)), 4)
    p <- length(arms)
    for (i in 2:p) rows[[length(rows) + 1]] <- list(study = s, t1 = arms[i], t2 = arms[1], y = y[i] - y[1],
                                                    v = v[i] + v[1], shared = v[1])
    for (i in 1:(p - 1)) for (j in (i + 1):p)
      all[[length(all) + 1]] <- data.frame(study = s, t1 = arms[i], t2 = arms[j], y = y[i] - y[j], se = sqrt(v[i] + v[j]))
  }
  basic <- do.call(rbind, lapply(rows, as.data.frame))
  V <- outer(basic$study, basic$study, "==") * basic$shared
  diag(V) <- basic$v
  list(labels = labels, basic = basic, V = V, all = do.call(rbind, all))
}
design_key <- function(case) {
  per <- tapply(seq_len(nrow(case$basic)), case$basic$study, function(i)
    paste(sort(unique(c(case$basic$t1[i], case$basic$t2[i]))), collapse = ":"))
  as.vector(per[as.character(case$basic$study)])
}
edges <- function(case) { n <- length(case$labels); diag(n)[case$basic$t1, ] - diag(n)[case$basic$t2, ] }
half <- function(case) { D <- outer(case$basic$study, case$basic$study, "==") * 0.5; diag(D) <- 1; D }

gls <- function(y, X, V) {
  q <- qr(X); X <- X[, q$pivot[seq_len(q$rank)], drop = FALSE]
  W <- solve(V); A <- solve(t(X) %*% W %*% X); b <- A %*% t(X) %*% W %*% y; r <- y - X %*% b
  list(q = c(t(r) %*% W %*% r), df = length(y) - q$rank, r = c(r), fitted = c(X %*% b), W = W,
       P = W - W %*% X %*% A %*% t(X) %*% W)
}
moments <- function(y, X, V, D) {
  f <- gls(y, X, V); max(0, (f$q - f$df) / sum(diag(f$P %*% D)))
}
interaction <- function(case, X, which) {
  own <- design_key(case) == which
  cbind(X, edges(case) * own)
}
fit <- function(case, C, tau2) {
  X <- edges(case) %*% C
  M <- case$V + tau2 * half(case)
  f <- rma.mv(case$basic$y, M, mods = X, intercept = FALSE, test = "z")
  list(beta = c(f$beta), vb = f$vb)
}
describe <- function(case) {
  n <- length(case$labels); E <- edges(case); X <- E[, -1]; y <- case$basic$y; V <- case$V; key <- design_key(case)
  full <- gls(y, X, V)
  inter <- do.call(cbind, c(list(X), lapply(unique(key), function(d) E * (key == d))))
  within <- gls(y, inter, V)
  tau2 <- moments(y, X, V, half(case)); tau2w <- if (within$df > 0) moments(y, inter, V, half(case)) else 0
  detached <- lapply(unique(key), function(d) {
    f <- gls(y, interaction(case, X, d), V)
    list(design = d, q = f$q - within$q, df = f$df - within$df)
  })
  between <- function(t) {
    M <- V + t * half(case); a <- gls(y, X, M); b <- gls(y, inter, M); a$q - b$q
  }
  reml <- rma.mv(y, V, mods = X, intercept = FALSE, random = ~ factor(seq_along(y)) | study, struct = "CS",
                 rho = 0.5, data = transform(case$basic, y = y), control = list(reltol = 1e-14))
  at <- fit(case, diag(n)[, -1], tau2)
  # net heat of designs: Q of design d in the network and where design e has its own effects
  quad <- function(f, d) { i <- key == d; r <- (within$fitted - f$fitted)[i]; Vd <- V[i, i]
                           c(t(r) %*% solve(Vd) %*% r) }
  heat <- sapply(unique(key), function(e) { g <- gls(y, interaction(case, X, e), V)
    sapply(unique(key), function(d) quad(full, d) - quad(g, d)) })
  list(q = full$q, df = full$df, q_within = within$q, df_within = within$df, tau2 = tau2, tau2_within = tau2w,
       interaction = between(tau2w), detached = detached, reml = reml$tau2, beta = at$beta, vb = at$vb,
       heat = list(designs = unique(key), values = unname(heat)))
}
additive <- function(case, C) {
  E <- edges(case); X <- E %*% C; y <- case$basic$y
  f <- gls(y, X, case$V); standard <- gls(y, E, case$V); tau2 <- moments(y, X, case$V, half(case))
  at <- function(t) { g <- fit(case, C, t); list(beta = g$beta, vb = g$vb) }
  list(q = f$q, df = f$df, q_standard = standard$q, df_standard = standard$df, tau2 = tau2, common = at(0), random = at(tau2))
}

loops <- simulate(list(c(1, 2), c(1, 2), c(1, 2), c(1, 3), c(1, 3), c(2, 3), c(2, 4), c(1, 2, 4), c(1, 2, 4), c(3, 4, 5, 1),
                       c(4, 5), c(5, 6), c(5, 6), c(6, 7)), LETTERS[1:7], 0.04)
combos <- c("placebo", "A", "B", "C", "A + B", "A + C", "A + B + C")
joined <- simulate(list(c(1, 2), c(1, 2), c(1, 3), c(1, 4), c(2, 5), c(3, 5), c(1, 6), c(4, 6), c(5, 7), c(1, 5, 6), c(2, 7)),
                   combos, 0.03)
split <- simulate(list(c(1, 2), c(1, 2), c(1, 3), c(5, 7), c(5, 7), c(6, 7), c(6, 4), c(4, 6, 7)), combos, 0.02)
C <- t(sapply(combos, function(x) as.numeric(c("A", "B", "C") %in% strsplit(x, " + ", fixed = TRUE)[[1]])))
input <- function(case) list(labels = case$labels, study = case$all$study, t1 = case$all$t1 - 1, t2 = case$all$t2 - 1,
                             y = case$all$y, se = case$all$se)
out <- list(software = list(R = R.version.string, metafor = as.character(packageVersion("metafor"))),
            network = c(list(input = input(loops)), describe(loops)),
            connected = c(list(input = input(joined)), additive(joined, C)),
            disconnected = c(list(input = input(split)), additive(split, C)))
write(toJSON(out, digits = 15, auto_unbox = TRUE), "metafor_network.json")
