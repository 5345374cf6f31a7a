"""Judgement of a model's answers: scores, calibration, suspects, the learning curve and Grad-CAM."""
