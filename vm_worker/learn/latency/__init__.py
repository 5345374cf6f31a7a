"""The latency of a network: the time for one photo on this machine, as a TFLite model."""
