"""The JSON API of Cloud Storage: one handler for each path and method."""
