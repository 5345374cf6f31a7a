"""A detector that finds red and blue cells of 8 x 8 pixels, made without training; and photos for it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import keras
import numpy as np
from PIL import Image

from vm_worker.exports.service.runtime.bundle import Bundle
from vm_worker.tasks.detection.delivered import DeliveredSettings, with_one_output
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Settings
from vm_worker.tasks.detection.engine.tiling import Tiling

CELL = 8
SIDE = 64  # of the network's input
CLASSES = ("blue <&>", "red")
COLOURS = {"red": (255, 0, 0), "blue <&>": (0, 0, 255)}
SETTINGS = Settings(SIDE, SIDE, decoding=Decoding(threshold=0.6), strides=(CELL,))
TILED = Settings(SIDE, SIDE, Tiling(SIDE, CELL), Decoding(threshold=0.6), (CELL,))

Place = tuple[str, int, int]  # class, left and top in pixels


def model() -> Any:
    """The delivered model: each cell of one colour is an object as large as the cell."""
    image = keras.Input((SIDE, SIDE, 3))
    cells = keras.layers.Reshape((-1, 3))(keras.layers.AveragePooling2D(CELL)(image))
    colour = keras.layers.Dense(len(CLASSES), activation="sigmoid", name="scores")
    near = keras.layers.Dense(4, name="distances")
    detector = keras.Model(image, [colour(cells), near(cells)])
    # Red without blue, and blue without red: white, grey and black are neither.
    colour.set_weights([np.array([[-0.1, 0.1], [-0.1, -0.1], [0.1, -0.1]], np.float32), np.full(2, -15, np.float32)])
    near.set_weights([np.zeros((3, 4), np.float32), np.full(4, 0.5, np.float32)])
    return with_one_output(detector)


@cache
def tflite() -> bytes:
    """The model as TFLite."""
    import tensorflow as tf

    return bytes(tf.lite.TFLiteConverter.from_keras_model(model()).convert())


def bundle(settings: Settings = SETTINGS) -> Bundle:
    """The model as a service packs it."""
    # Of 19 photos with a blue and two red ones counted, the outer ones had a red one less and two more.
    labelled = np.array([[1, 1], *[[1, 2]] * 17, [1, 4]])
    certainty = Certainty.of(labelled, np.array([[1, 2]] * 19), [f"photograph {number}" for number in range(19)])
    known = DeliveredSettings(CLASSES, settings, certainty=certainty)
    about: Any = {"title": "Cells", "count_error": 0.5, "labelled": 20, "found": 19}
    return Bundle(tflite(), CLASSES, about, "detection", json.dumps(known.to_json()).encode())


def photo(places: Sequence[Place], width: int = SIDE, height: int = SIDE) -> bytes:
    """A grey photo with coloured cells, as PNG."""
    pixels = np.full((height, width, 3), 114, np.uint8)
    for kind, left, top in places:
        pixels[top : top + CELL, left : left + CELL] = COLOURS[kind]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
