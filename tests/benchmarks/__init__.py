"""Measurements, printed as tables; run by hand or by `make bench`."""
