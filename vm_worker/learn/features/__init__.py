"""Send photos through a frozen network by the fastest engine: pooled features, and activations at a cut."""
