"""Runs alone, in a clean process: load model files, predict on the test images, write what they say.

    python -I reload.py REQUEST.json

It imports nothing of this project, so what it can load, a stranger's Keras can. The request:
{"images": "x.npy" (m, size, size, 3) uint8, "rows": [row of each test image], "batch": n,
"models": {name: path}, "out": "y.npz"}. The answer, `y.npz`, holds (m, classes) float32 probabilities
by name; a model that fails has its error's text instead.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def main() -> None:
    """Predict with each model of the request."""
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    import keras

    images = np.load(request["images"], mmap_mode="r")
    rows = np.asarray(request["rows"])
    answers: dict[str, Any] = {}
    for name, path in request["models"].items():
        try:
            model = keras.models.load_model(path, compile=False)
            answers[name] = _predict(model, images, rows, request["batch"])
        except Exception as error:  # whatever a file can raise is that file's result
            answers[name] = np.array(f"{type(error).__name__}: {error}"[:500])
    np.savez(request["out"], **answers)


def _predict(model: Any, images: NDArray[np.uint8], rows: NDArray[np.int64], batch: int) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(rows), batch):
        chosen = rows[start : start + batch]
        pixels = np.zeros((batch, *images.shape[1:]), np.float32)  # one shape, one trace
        pixels[: len(chosen)] = images[chosen]
        parts.append(np.asarray(model.predict_on_batch(pixels))[: len(chosen)])
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
