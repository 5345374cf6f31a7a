"""Figures and plots that say how good a model is."""
