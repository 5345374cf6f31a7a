"""The learning engine's own tests."""
