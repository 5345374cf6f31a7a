"""Buckets and objects as values: what a client may set of them and what an answer shows of them."""
