"""What networks run on: the main processor or a GPU, and by how many processes at a time."""

from __future__ import annotations

import os

import keras


def tensorflow_on_cpu() -> bool:
    """Return whether Keras computes by TensorFlow, on the main processor."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def processes(most: int) -> int:
    """Return how many processes may train at a time, `most` at most: one a core, and one alone on a GPU or by JAX.

    The first process on a GPU takes all its memory. JAX does not take a share of the cores.
    """
    return min(most, os.cpu_count() or 1) if tensorflow_on_cpu() else 1
