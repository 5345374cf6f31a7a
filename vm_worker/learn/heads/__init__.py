"""Linear heads on features: how they are trained, and how they are validated on folds."""
