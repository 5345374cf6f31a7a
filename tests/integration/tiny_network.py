"""A network of two convolutions at 8 pixels, and its row: with it the stages of a job alone take time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vm_worker.learn.networks.catalogue import Backbone, Cut, Preprocessing

KEY = "mobilenet_v2"  # one that a job may name
ROW = Backbone(
    key=KEY,
    title="Tiny",
    application=f"{__name__}:tiny",
    size=8,
    features=16,
    parameters=1_424,
    gflops=1e-4,
    preprocessing=Preprocessing.PLUS_MINUS_ONE,
    cuts=(Cut("upper"), Cut("lower")),
    licence="none",
    attribution="Made for a test.",
)


def tiny(include_top: bool, weights: None, input_tensor: Any) -> Any:
    """The network from its input on, as keras.applications builds them; its weights are random."""
    import keras

    assert not include_top
    maps = keras.layers.Conv2D(8, 3, name="lower")(input_tensor)
    maps = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(maps))
    maps = keras.layers.Conv2D(16, 3, activation="relu", name="upper")(maps)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), maps)


def save_weights(folder: Path) -> Path:
    """Make a folder of weights with those of the tiny network: random, but the same each time."""
    import keras

    folder.mkdir()
    keras.utils.set_random_seed(0)
    network = tiny(include_top=False, weights=None, input_tensor=keras.Input((ROW.size, ROW.size, 3)))
    network.save_weights(folder / f"{KEY}.weights.h5")
    return folder
