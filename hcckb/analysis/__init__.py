"""Evidence table and method in, frozen result out: where data meet statistics, one module per question."""
