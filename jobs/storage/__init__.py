"""The storage of an installation: its buckets, and the links by which clients use them."""
