"""Transfers of contents: uploads, downloads, and copies from one object to another."""
