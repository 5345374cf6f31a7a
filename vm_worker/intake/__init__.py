"""Intake: turn an untrusted zip or folder of photos into decoded pixels, labels and a split, without keras."""
