"""The engine of detection: an anchor-free head with a feature pyramid on a frozen network, and its training."""
