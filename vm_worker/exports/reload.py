"""A program that runs alone in a clean process: it loads model files and predicts on the test images.

    python -I reload.py REQUEST.json

It imports nothing of this project, so a file that it loads can be loaded by anybody's tools. REQUEST.json holds:

    {"reader": "tensorflow" | "litert" | "onnx", "images": "x.npy", "batch": n}

The file x.npy is (n, size, size, 3) uint8. The program reads lines {"model": path, "answer": path, "rows": [m rows of
images]}. It saves the model's (m, classes) float32 probabilities as .npy, and answers each line with {"error"}, empty
after a success. TensorFlow is imported before the first line is there.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Say = Callable[[Pixels], Any]  # (batch, size, size, 3) of 0..255 -> (batch, classes)


def main() -> None:
    """Predict with each model that the parent names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    images, reader = np.load(request["images"], mmap_mode="r"), request["reader"]
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told:
        os.dup2(2, 1)  # messages that libraries print go to stderr, and do not mix with the answers
        if reader == "tensorflow":
            _import_keras()  # it takes seconds, in which the asker may still be making the file
        for line in sys.stdin:
            asked, error = json.loads(line), ""
            try:
                say, batch = _READERS[reader](asked["model"], request["batch"])
                np.save(asked["answer"], _predict(say, images, np.asarray(asked["rows"]), batch))
            except Exception as raised:  # any error of a file is the result of that file
                error = f"{type(raised).__name__}: {raised}"[:500]
            print(json.dumps({"error": error}), file=told, flush=True)
    os._exit(0)  # skip the ordinary exit, in which TensorFlow takes two seconds


def _predict(say: Say, images: NDArray[np.uint8], rows: NDArray[np.int64], batch: int) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(rows), batch):
        chosen = rows[start : start + batch]
        # All batches have one shape, so that TensorFlow traces once.
        pixels = np.zeros((batch, *images.shape[1:]), np.float32)
        pixels[: len(chosen)] = images[chosen]
        parts.append(np.asarray(say(pixels), np.float32)[: len(chosen)])
    return np.concatenate(parts)


def _import_keras() -> Any:
    # Keras and TensorFlow import these where they find them, for seconds, and need none of them. With None in their
    # place Python finds none, which its types do not know.
    sys.modules.update(dict.fromkeys(("jax", "matplotlib", "pandas", "sklearn")))  # type: ignore[arg-type]
    import keras

    return keras


def _tensorflow(path: str, batch: int) -> tuple[Say, int]:
    if path.endswith(".zip"):
        return _savedmodel(path), batch
    return _import_keras().models.load_model(path, compile=False).predict_on_batch, batch


def _savedmodel(path: str) -> Say:
    import tensorflow as tf

    folder = tempfile.mkdtemp(dir=os.path.dirname(path))
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    model = tf.saved_model.load(os.path.join(folder, "model"))
    serve = model.signatures["serving_default"]

    def say(pixels: Pixels) -> Any:
        (answer,) = serve(tf.constant(pixels)).values()
        return answer

    say.model = model  # type: ignore[attr-defined]  # its variables live as long as it does
    return say


def _litert(path: str, batch: int) -> tuple[Say, int]:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(path, num_threads=os.cpu_count())
    network.allocate_tensors()
    (given,), (said,) = network.get_input_details(), network.get_output_details()

    def say(pixels: Pixels) -> Any:
        network.set_tensor(given["index"], pixels)
        network.invoke()
        return network.get_tensor(said["index"])

    return say, int(given["shape"][0])


def _onnx(path: str, batch: int) -> tuple[Say, int]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return lambda pixels: session.run(None, {given.name: pixels})[0], batch


_READERS = {"tensorflow": _tensorflow, "litert": _litert, "onnx": _onnx}


if __name__ == "__main__":
    main()
