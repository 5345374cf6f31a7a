"""Search algorithms that suggest what to try next. They handle plain values and know nothing of training."""
