"""Fine-tuning of the selected network: the trials, the search over them, the last training."""
