"""A network whose maps of low resolution are of every kind that the rule on depths knows."""

from __future__ import annotations

import keras
from keras import layers

from vm_worker.learn.networks.catalogue import POOL

SIZE = 64
WIDTHS = {"features": 5, "inside": 4, "sum": 4, "wide": 6}  # of each depth, in their order


def extractor(size: int = SIZE, seed: int = 0) -> keras.Model:
    """Raw RGB (None, size, size, 3) -> features (None, 5), at random weights, the same each time."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3), name="image")
    large = layers.Conv2D(3, 3, strides=8, padding="same", activation="relu", name="large")(
        layers.Rescaling(1 / 255)(image)
    )
    inside = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="inside")(large)  # 4 x 4
    linear = layers.Conv2D(4, 1, name="linear")(inside)
    total = layers.Add(name="sum")([inside, linear])
    wide = layers.ReLU(6.0, name="wide")(layers.Conv2D(6, 1, name="before")(total))
    one = layers.Activation("sigmoid", name="one place")(layers.GlobalAveragePooling2D(keepdims=True)(wide))
    maps = layers.Conv2D(5, 2, strides=2, name="narrow")(layers.Multiply()([wide, one]))
    last = layers.ReLU(name="top")(maps)  # 2 x 2
    return keras.Model(image, layers.GlobalAveragePooling2D(name=POOL)(last), name="deep")
