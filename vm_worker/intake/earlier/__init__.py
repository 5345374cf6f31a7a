"""The photos that an earlier model has seen, and how a job that continues from it is split."""
