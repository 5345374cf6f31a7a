"""A bounded mutation run, by `make mutants`: small faults are put into the code, one at a time, and tests must fail."""
