"""Spaces of networks: which choices a designer has, and the architecture that each point stands for."""
