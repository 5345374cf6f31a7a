"""What a model's answers are worth: scores, calibration, doubtful photos, and where it looked."""
