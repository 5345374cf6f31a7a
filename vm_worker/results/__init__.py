"""Results that the stages commit: frozen rows and figures that become JSON in a manifest, and are read back."""
