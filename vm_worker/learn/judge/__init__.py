"""Judgement of a model's answers: scores, calibration, doubtful photos, and the parts of a photo that it looked at."""
