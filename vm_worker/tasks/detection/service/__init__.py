"""The service of a detector: boxes and counts by REST and SOAP. It needs NumPy, Pillow and LiteRT alone."""
