"""How long a network takes for one photo on this machine, as a TFLite model."""
