"""What to try next: algorithms that know plain values alone, nothing of training."""
