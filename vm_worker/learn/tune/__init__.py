"""Fine-tuning of the selected network: trials of recipes, the search over them, and the last training."""
