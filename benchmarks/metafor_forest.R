# What `hcckb pool --plot` is timed against: load metafor, fit the same numbers, write a forest plot.
# Rscript metafor_forest.R DATA.csv FOREST.svg
arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages(library(metafor))
data <- read.csv(arguments[1])
fit <- rma(yi = yi, sei = sei, data = data, method = "REML", test = "knha", slab = data$study)
common <- rma(yi = yi, sei = sei, data = data, method = "FE")
dl <- rma(yi = yi, sei = sei, data = data, method = "DL")
print(fit)
print(predict(fit, transf = exp))
print(confint(fit))
svg(arguments[2], width = 9, height = 5)
forest(fit, atransf = exp, addpred = TRUE, header = TRUE)
invisible(dev.off())
