"""The stages of an attempt, which its child process runs in order: one module for each stage, and shared modules.

A stage is a function from a `StageContext` to an `Output`, which holds a typed result and files. An attempt adopts the
result of a stage that an earlier attempt has committed. Caches (decoded photos, features) are not kept; they are made
again.
"""
