"""Buckets and objects as values: the fields that a client may set, and those that an answer shows."""
