"""Linear heads on features: their training, and their validation on folds."""
