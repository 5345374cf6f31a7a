"""Buckets, objects and upload sessions on disk, and the searches over them."""
