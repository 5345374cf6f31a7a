"""The storage behind an installation: its buckets, and the links that clients reach them by."""
