"""The front door: HTTP in, signed links and status out."""
