# The jobs of engine.py in metafor. Arguments: folder of the numbers, "full" or "part". Prints JSON, processor seconds.
suppressPackageStartupMessages(library(metafor))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]; full <- arguments[2] == "full"
numbers <- function(name) unname(as.matrix(read.csv(file.path(folder, paste0(name, ".csv")), header = FALSE)))
seconds <- function(expr) system.time(expr)[["user.self"]]
# Fisher scoring does not always converge at the defaults; a longer one is what a user would do next.
fit <- function(y, v) tryCatch(rma(y, v), error = function(e) rma(y, v, control = list(maxiter = 1000, stepadj = 0.5)))
many_y <- numbers("many_y"); many_v <- numbers("many_v")
invisible(fit(many_y[1, ], many_v[1, ]))
n <- if (full) nrow(many_y) else 300
reml <- seconds(for (i in seq_len(n)) fit(many_y[i, ], many_v[i, ])) / n
long <- fit(c(numbers("long_y")), c(numbers("long_v")))
loo <- seconds(leave1out(long))
y <- c(numbers("gosh_y")); v <- c(numbers("gosh_v"))
k <- if (full) length(y) else 10
subsets <- function(method, k) {
  used <- seconds(gosh(rma(y[1:k], v[1:k], method = method), progbar = FALSE))
  used * (2^length(y) - 1) / (2^k - 1)
}
common <- subsets("EE", length(y)); dl <- subsets("DL", length(y)); all_reml <- subsets("REML", k)
six_y <- c(numbers("six_y")); six_v <- c(numbers("six_v"))
three <- 3 * seconds(for (i in 1:60) fit(six_y, six_v)) / 60
cat(sprintf('{"reml_many": %.6f, "reml_one": %.6f, "leave_one_out": %.6f, "gosh_common": %.6f, "gosh_DL": %.6f, "gosh_REML": %.6f, "multiverse": %.6f}\n',
            reml * nrow(many_y), reml, loo, common, dl, all_reml, three))
