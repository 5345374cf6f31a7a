"""Pretrained and small networks: a catalogue of them, their weights, and how Keras builds them."""
