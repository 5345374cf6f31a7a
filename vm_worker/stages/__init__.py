"""The stages of an attempt, which its child process runs in order: one module for each, and what they share.

A stage is a function from a `StageContext` to an `Output`: a typed result and files. What an earlier attempt has
committed is adopted; caches (decoded photos, features) are simply made again.
"""
