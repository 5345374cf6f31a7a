"""Learning: choose a pretrained network, train heads on its features, fine-tune it, assemble one Keras model."""
