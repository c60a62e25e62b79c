"""Statistics of meta-analysis: arrays in, frozen results out.

Nothing here knows of RDF, files or figures. Import the family that is needed:

- `hcckb.pooling.effects`: printed numbers to log ratios and standard errors
- `hcckb.pooling.continuous`, `hcckb.pooling.rates`, `hcckb.pooling.medians`, `hcckb.pooling.hazard`: from means,
  events in person-time, medians and log-rank totals to effects
- `hcckb.pooling.conversions`: one measure as another
- `hcckb.pooling.tau2_intervals`: Q-profile, generalised-Q and profile-likelihood intervals of tau2
- `hcckb.pooling.heterogeneity`: Q, tau2, I2, H2 and the interval of tau2
- `hcckb.pooling.pairwise`: common-effect and random-effects pooling
- `hcckb.pooling.counts`, `hcckb.pooling.raw`, `hcckb.pooling.proportions`: two-by-two tables and single-arm shares
- `hcckb.pooling.network`: network meta-analysis
- `hcckb.pooling.influence`, `hcckb.pooling.regression`, `hcckb.pooling.trimfill`: sensitivity and moderators
- `hcckb.pooling.rules`: published rules that choose the model from the data
- `hcckb.pooling.bias`, `hcckb.pooling.bias_counts`: tests for small-study effects, from estimates and from 2x2 tables
- `hcckb.pooling.pet_peese`, `hcckb.pooling.limit`, `hcckb.pooling.selection_model`: estimates adjusted for them
- `hcckb.pooling.failsafe`, `hcckb.pooling.evalue`: how much it takes to undo a result
"""
