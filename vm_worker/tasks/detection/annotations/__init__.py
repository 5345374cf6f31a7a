"""The formats in which annotation tools export boxes: one reader each. Everything here reads untrusted files."""
