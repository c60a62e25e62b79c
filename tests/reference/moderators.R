# Reference values for subgroups, coding, permutation tests, cluster-robust variance, Kenward-Roger and
# three-level models: metafor and clubSandwich at tight tolerance, base R where neither has the method.
# Run in this folder: Rscript moderators.R    writes moderators.json
suppressPackageStartupMessages({library(metafor); library(clubSandwich); library(jsonlite)})

tight <- list(threshold = 1e-14, maxiter = 20000)
num <- function(x) as.numeric(x)

# ---- data: BCG trials with their moderators (latitude, year, allocation) --------------------------------
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
yi <- num(bcg$yi); vi <- num(bcg$vi)
ablat <- num(bcg$ablat); year <- num(bcg$year); alloc <- as.character(bcg$alloc)
data_bcg <- list(yi = yi, vi = vi, ablat = ablat, year = year, alloc = alloc, study = paste0("t", bcg$trial))

# Fisher scoring stops short of tight thresholds on some sets: tau2 is found by bisection of the REML score.
reml <- function(y, v, X) {
  score <- function(t) {
    W <- diag(1 / (v + t)); P <- W - W %*% X %*% solve(t(X) %*% W %*% X, t(X) %*% W)
    as.numeric(t(y) %*% P %*% P %*% y) - sum(diag(P))
  }
  if (score(0) <= 0) return(0)
  hi <- 1; while (score(hi) > 0) hi <- 4 * hi
  uniroot(score, c(0, hi), tol = 1e-16, maxiter = 10000)$root
}

summary_of <- function(f) list(estimate = num(f$beta), se = num(f$se), ci_lower = num(f$ci.lb), ci_upper = num(f$ci.ub),
  statistic = num(f$zval), p_value = num(f$pval), tau2 = num(f$tau2), q = num(f$QE))

# ---- subgroups --------------------------------------------------------------------------------------------
separate <- function(method, test) {
  names <- unique(alloc)
  each <- lapply(names, function(g) {
    i <- alloc == g
    t2 <- if (method == "EE") 0 else if (method == "REML") reml(yi[i], vi[i], matrix(1, sum(i))) else NULL
    if (method == "EE") rma(yi[i], vi[i], method = "EE")
    else if (is.null(t2)) rma(yi[i], vi[i], method = method, test = test)
    else rma(yi[i], vi[i], tau2 = t2, test = test)
  })
  est <- sapply(each, function(f) num(f$beta)); se <- sapply(each, function(f) num(f$se))
  between <- rma(est, se^2, mods = ~ factor(names), method = "FE")
  # Welch's F by its definition (Welch 1951)
  k <- sapply(each, function(f) f$k); u <- 1 / se^2; G <- length(k)
  H <- sum((1 - u / sum(u))^2 / (k - 1))
  F <- num(between$QM) / (G - 1) / (1 + 2 * (G - 2) * H / (G^2 - 1)); df2 <- (G^2 - 1) / (3 * H)
  list(names = names, groups = lapply(each, summary_of), q_between = num(between$QM), q_between_p = num(between$QMp),
       welch = c(F, df2, pf(F, G - 1, df2, lower.tail = FALSE)), q_within = sum(sapply(each, function(f) num(f$QE))))
}
common <- function(test) {
  f <- alloc; X <- model.matrix(~ factor(f, levels = unique(f)) - 1)
  t2 <- reml(yi, vi, X)
  cells <- rma(yi, vi, mods = X, intercept = FALSE, tau2 = t2, test = test)
  contrast <- rma(yi, vi, mods = ~ factor(f), tau2 = t2, test = test)
  list(cells = summary_of(cells), qm = num(contrast$QM), qm_p = num(contrast$QMp), qe = num(contrast$QE))
}
subgroups <- list(separate_REML_z = separate("REML", "z"), separate_REML_knha = separate("REML", "knha"),
                  separate_DL_z = separate("DL", "z"), separate_EE = separate("EE", "z"),
                  common_z = common("z"), common_knha = common("knha"))

# ---- coding: categories, chosen reference, interactions, VIF, term tests ----------------------------------
coded <- function(formula) {
  X <- model.matrix(formula, bcg); t2 <- reml(yi, vi, X)
  f <- rma(yi, vi, mods = X, intercept = FALSE, tau2 = t2, test = "knha")
  list(beta = num(f$beta), se = num(f$se), tau2 = t2)
}
bcg$alloc <- factor(bcg$alloc)
two <- rma(yi, vi, mods = ~ ablat + year + alloc, data = bcg, tau2 = reml(yi, vi, model.matrix(~ ablat + year + alloc, bcg)))
gvif <- function(f, idx) {               # Fox & Monette 1992 on the coefficients' correlation, without intercept
  R <- cov2cor(vcov(f))[-1, -1]; idx <- idx - 1
  det(R[idx, idx, drop = FALSE]) * det(R[-idx, -idx, drop = FALSE]) / det(R)
}
coding <- list(
  treatment = coded(~ alloc + ablat),
  reference_random = coded(~ relevel(alloc, ref = "random") + ablat),
  interaction = coded(~ alloc + ablat + alloc:ablat),
  none = coded(~ alloc + ablat - 1),
  vif = num(sapply(vif(two)$vif, function(e) e$vif)), gvif_alloc = gvif(two, 4:5),
  alloc_test = {a <- anova(two, btt = 4:5); c(num(a$QM), num(a$QMp))})

# ---- permutation: exact over all arrangements, each with its own REML fit -----------------------------------
six <- list(yi = yi[c(1, 3, 5, 7, 9, 11)], vi = vi[c(1, 3, 5, 7, 9, 11)], x = ablat[c(1, 3, 5, 7, 9, 11)],
            z = c(0, 0, 1, 1, 1, 0))
perm <- function(X, test, method = "REML") {
  f <- rma(six$yi, six$vi, mods = X, method = method, test = test, control = list(maxiter = 10000))
  p <- permutest(f, exact = TRUE, progbar = FALSE)
  list(p_value = num(p$pval), qm_p = num(p$QMp))
}
signs <- function(test) num(permutest(rma(yi[1:8], vi[1:8], method = "DL", test = test), exact = TRUE, progbar = FALSE)$pval)
permutation <- list(data = six, one_z = perm(six$x, "z"), one_knha = perm(six$x, "knha"),
                    group = perm(six$z, "z"), two_DL = perm(cbind(six$x, six$z), "knha", "DL"),
                    signs_z = signs("z"), signs_knha = signs("knha"))

# ---- cluster-robust -----------------------------------------------------------------------------------------
robust_uni <- function(formula, cluster) {
  X <- model.matrix(formula, bcg); t2 <- reml(yi, vi, X)
  f <- rma(yi, vi, mods = X, intercept = FALSE, tau2 = t2)
  out <- lapply(c(CR0 = "CR0", CR1 = "CR1", CR2 = "CR2"), function(type) {
    V <- vcovCR(f, type = type, cluster = cluster)
    t <- coef_test(f, vcov = V, cluster = cluster, test = "Satterthwaite")
    h <- Wald_test(f, constraints = constrain_zero(seq_len(ncol(X))), vcov = V, cluster = cluster, test = "HTZ")
    list(beta = num(t$beta), se = num(t$SE), df = num(t$df), p_value = num(t$p_Satt), vcov = unclass(as.matrix(V))[, , drop = FALSE],
         f = num(h$Fstat), df2 = num(h$df_denom), p_joint = num(h$p_val))
  })
  c(out, list(tau2 = t2, design = unname(X)))
}
groups <- rep(c("a", "b", "c", "d", "e", "f"), length.out = 13)
robust_cases <- list(
  cluster = groups,
  slope = robust_uni(~ ablat, groups), own = robust_uni(~ ablat + I(year - 1960), data_bcg$study),
  mean = robust_uni(~ 1, groups))

# ---- Kenward-Roger by its definition, derivatives of the covariance by matrices ------------------------------
kr <- function(y, v, X, observed) {
  t2 <- reml(y, v, X); S <- diag(v + t2); Si <- solve(S); D <- diag(length(y))
  Phi <- solve(t(X) %*% Si %*% X)
  dSi <- -Si %*% D %*% Si
  P <- t(X) %*% dSi %*% X; Q <- t(X) %*% dSi %*% S %*% dSi %*% X
  R <- Si - Si %*% X %*% Phi %*% t(X) %*% Si
  info <- if (!observed) 0.5 * sum(diag(R %*% R)) else {
    ll <- function(t) {                        # minus the restricted log likelihood, curvature by differences
      W <- diag(1 / (v + t)); A <- t(X) %*% W %*% X; b <- solve(A, t(X) %*% W %*% y); r <- y - X %*% b
      0.5 * (sum(log(v + t)) + determinant(A)$modulus + t(r) %*% W %*% r)
    }
    RRR <- R %*% R %*% R
    as.numeric(t(y) %*% RRR %*% y) - 0.5 * sum(diag(R %*% R))
  }
  w <- 1 / info
  A <- Phi + 2 * Phi %*% (w * (Q - P %*% Phi %*% P)) %*% Phi
  df <- sapply(seq_len(ncol(X)), function(i) {
    l <- numeric(ncol(X)); l[i] <- 1
    Th <- l %*% solve(t(l) %*% Phi %*% l) %*% t(l)
    A1 <- w * sum(diag(Th %*% Phi %*% P %*% Phi))^2; A2 <- w * sum(diag(Th %*% Phi %*% P %*% Phi %*% Th %*% Phi %*% P %*% Phi))
    B <- (A1 + 6 * A2) / 2; g <- (2 * A1 - 5 * A2) / (3 * A2); den <- 3 + 2 * (1 - g)
    c1 <- g / den; c2 <- (1 - g) / den; c3 <- (3 - g) / den
    E <- 1 / (1 - A2); V <- 2 * (1 + c1 * B) / ((1 - c2 * B)^2 * (1 - c3 * B)); rho <- V / (2 * E^2)
    m <- 4 + 3 / (rho - 1); lambda <- m / (E * (m - 2))
    stopifnot(abs(lambda - 1) < 1e-8); m
  })
  b <- Phi %*% t(X) %*% Si %*% y; se <- sqrt(diag(A))
  list(tau2 = t2, tau2_variance = w, beta = num(b), se = num(se), df = df, p_value = 2 * pt(-abs(num(b) / se), df), vcov = A)
}
one <- matrix(1, 13)
slope <- cbind(1, ablat - mean(ablat))
kenward <- list(mean_expected = kr(yi, vi, one, FALSE), mean_observed = kr(yi, vi, one, TRUE),
                slope_expected = kr(yi, vi, slope, FALSE), slope_observed = kr(yi, vi, slope, TRUE),
                boundary = kr(c(0.10, 0.11, 0.105, 0.098), c(0.02, 0.03, 0.05, 0.01), matrix(1, 4), FALSE))

# ---- three levels -----------------------------------------------------------------------------------------
school <- dat.konstantopoulos2011
school_data <- list(yi = num(school$yi), vi = num(school$vi), cluster = paste0("d", school$district), year = num(school$year))
fine <- list(rel.tol = 1e-11)
# rma.mv's optimisers stop short: its components are polished by Fisher scoring on the score, then held.
polish <- function(y, V, study, X, method, s) {
  G <- list(1 * outer(study, study, "=="), diag(length(y)))
  for (i in 1:500) {
    Si <- solve(V + s[1] * G[[1]] + s[2] * G[[2]])
    P <- Si - Si %*% X %*% solve(t(X) %*% Si %*% X, t(X) %*% Si); T <- if (method == "REML") P else Si
    g <- sapply(G, function(g) 0.5 * (as.numeric(t(y) %*% P %*% g %*% P %*% y) - sum(diag(T %*% g))))
    H <- outer(1:2, 1:2, Vectorize(function(a, b) 0.5 * sum(diag(T %*% G[[a]] %*% T %*% G[[b]]))))
    free <- s > 1e-7 | g > 0
    s[!free] <- 0
    if (!any(free)) break
    step <- solve(H[free, free, drop = FALSE], g[free])
    s[free] <- pmax(0, s[free] + step)
    if (max(abs(step)) < 1e-15) break
  }
  s
}
three <- function(y, V, study, mods = NULL, method = "REML", profile = TRUE, ...) {
  d <- data.frame(y = num(y), study = study, id = seq_along(y))
  X <- if (is.null(mods)) matrix(1, length(y)) else cbind(1, mods)
  first <- rma.mv(y, V, mods = X, intercept = FALSE, random = ~ 1 | study/id, data = d, method = method, control = fine)
  Vm <- if (is.matrix(V)) V else diag(V)
  s <- polish(num(y), Vm, study, X, method, first$sigma2)
  f <- rma.mv(y, V, mods = X, intercept = FALSE, random = ~ 1 | study/id, data = d, method = method, sigma2 = s, ...)
  out <- list(beta = num(f$beta), se = num(f$se), sigma2 = s, loglik = num(logLik(f)), qe = num(f$QE), qe_p = num(f$QEp),
              p_value = num(f$pval), ci_lower = num(f$ci.lb), ci_upper = num(f$ci.ub), df = num(f$ddf))
  W <- solve(Vm); P <- W - W %*% X %*% solve(t(X) %*% W %*% X) %*% t(X) %*% W
  out$i2 <- s / (sum(s) + (f$k - f$p) / sum(diag(P)))
  if (profile) {
    free <- rma.mv(y, V, mods = X, intercept = FALSE, random = ~ 1 | study/id, data = d, method = method, control = fine)
    ci <- suppressWarnings(confint(free, control = list(tol = 1e-10)))
    out$profile <- lapply(1:2, function(i) num(ci[[i]]$random[1, 1:3]))
  }
  V2 <- vcovCR(f, type = "CR2", cluster = d$study); t <- coef_test(f, vcov = V2, test = "Satterthwaite")
  out$CR2 <- list(se = num(t$SE), df = num(t$df))
  out
}
rho <- function(v, cluster, r) outer(seq_along(v), seq_along(v), function(i, j)
  ifelse(i == j, v[i], ifelse(cluster[i] == cluster[j], r * sqrt(v[i] * v[j]), 0)))
V6 <- rho(school_data$vi, school_data$cluster, 0.6)
mv <- list(
  data = school_data,
  reml = three(school_data$yi, school_data$vi, school_data$cluster),
  ml = three(school_data$yi, school_data$vi, school_data$cluster, method = "ML", profile = FALSE),
  t = three(school_data$yi, school_data$vi, school_data$cluster, profile = FALSE, test = "t", dfs = "contain"),
  year = three(school_data$yi, school_data$vi, school_data$cluster, mods = cbind(year = school_data$year - 1989), profile = FALSE,
               test = "t", dfs = "contain"),
  correlated = three(school_data$yi, V6, school_data$cluster),
  bcg = three(yi, vi, groups),
  bcg_ml = three(yi, rho(vi, groups, 0.5), groups, method = "ML"))

# ---- generalised least squares of contrasts that share a comparator (Gleser & Olkin) -------------------------
shared <- list(events = c(12, 15, 20), n = c(100, 98, 101))          # two active arms, then the shared control
a <- shared$events; s <- shared$n
or <- log(a[1:2] / (s[1:2] - a[1:2])) - log(a[3] / (s[3] - a[3]))
Vor <- diag(1 / a[1:2] + 1 / (s[1:2] - a[1:2])) + (1 / a[3] + 1 / (s[3] - a[3]))
yy <- c(or, -0.4); VV <- rbind(cbind(Vor, 0), c(0, 0, 0.09))
f <- rma.mv(yy, VV)
gls <- list(events = a, n = s, yi = yy, V = VV, beta = num(f$beta), se = num(f$se), qe = num(f$QE), loglik = num(logLik(f)))

out <- list(
  software = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                  clubSandwich = as.character(packageVersion("clubSandwich"))),
  bcg = data_bcg, subgroups = subgroups, coding = coding, permutation = permutation, robust = robust_cases,
  kenward_roger = kenward, three_level = mv, gls = gls)
write(toJSON(out, digits = I(17), auto_unbox = TRUE, pretty = TRUE, matrix = "rowmajor"), "moderators.json")
