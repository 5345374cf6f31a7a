"""Pretrained and small networks: what there is, their weights, and how they are built."""
