"""The network of Apeinans and Zukovs (2020) for pictures of 48 pixels: four convolutions and two dense layers."""

from __future__ import annotations

from typing import Any

KEY = "alexnet_48"
SIZE = 48  # pixels a side


def features(image: Any) -> Any:
    """Build the layers between raw RGB (None, 48, 48, 3) in 0..255 and the last layer's input (None, 512).

    The weights: 1,216, 64, 4,640, 128, 18,496, 73,856, 590,336, 262,656, and 513 for each class in the last layer.
    """
    from keras import layers  # a plan is read without Keras

    maps = layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(image)
    maps = layers.Conv2D(16, 5, padding="same", activation="relu", name="conv1")(maps)
    maps = layers.MaxPooling2D(name="pool1")(layers.BatchNormalization(name="norm1")(maps))
    maps = layers.Conv2D(32, 3, activation="relu", name="conv2")(maps)
    maps = layers.MaxPooling2D(name="pool2")(layers.BatchNormalization(name="norm2")(maps))
    maps = layers.Conv2D(64, 3, activation="relu", name="conv3")(maps)
    maps = layers.Conv2D(128, 3, activation="relu", name="conv4")(maps)
    flat = layers.Flatten(name="flat")(layers.MaxPooling2D(name="pool3")(maps))
    flat = layers.Dense(512, activation="relu", name="dense1")(flat)
    return layers.Dense(512, activation="relu", name="dense2")(flat)
