"""Verification of signed requests: service-account keys, V4 and V2 signatures."""
