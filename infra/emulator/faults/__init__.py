"""Requests that fail on demand, and the other routes that only tests use."""
