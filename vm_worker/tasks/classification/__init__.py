"""Telling kinds of photos apart: a folder of photos for each kind."""
