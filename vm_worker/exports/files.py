"""Write the finished model as `.h5` and `.keras`, and the labels beside it."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vm_worker.results.evaluated import LayerRow, ModelFigures
from vm_worker.results.exported import FileRow

H5 = "model.h5"
KERAS = "model.keras"
LABELS = "labels.txt"

CONTENT_TYPES = {  # content type by the end of the file's name
    ".h5": "application/x-hdf5",
    ".keras": "application/zip",
    ".zip": "application/zip",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
}
BYTES = "application/octet-stream"


def save(model: Any, path: Path) -> None:
    """Write a Keras model in the format of the path's suffix, without its training state, for an older Keras, too.

    `model` is a `keras.Model` that takes (None, size, size, 3) float32 RGB 0..255.
    """
    from vm_worker.exports import older_keras

    model.save(path, include_optimizer=False) if path.suffix == ".h5" else model.save(path)
    older_keras.shorten(path)


def load(path: Path) -> Any:
    """Load the model from its file, for prediction only, and without any program that the file may hold."""
    import keras

    return keras.models.load_model(path, compile=False, safe_mode=True)


def load_program(path: Path) -> tuple[int, Callable[[Any], Any]]:
    """Load a zip with a SavedModel; return the side of its input, and a function from squares to probabilities.

    A SavedModel is a program: only one whose maker is known may be loaded.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="modelmail-") as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        model = tf.saved_model.load(str(Path(folder) / "model"))
    serve = model.signatures["serving_default"]
    (given,) = serve.structured_input_signature[1].values()

    def say(squares: Any, model: Any = model) -> Any:  # its variables live as long as it does
        (answer,) = serve(tf.constant(squares)).values()
        return answer.numpy()

    return int(given.shape[1]), say


def write_labels(classes: Sequence[str], path: Path) -> None:
    """Write one class a line, in the order of the model's outputs."""
    path.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")


def listed(path: Path) -> FileRow:
    """Return the row of a delivered file for the report."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRow(path.name, path.stat().st_size, digest)


def figures(model: Any, size: int, path: Path) -> ModelFigures:
    """Return the layers and the parameters of a model that takes photos of `size` pixels; `path` is its file."""
    return ModelFigures(
        layers=tuple(layer_rows(model)),
        **totals(model),
        input=f"raw RGB 0..255, {size} x {size}",
        bytes=path.stat().st_size,
    )


def layer_rows(model: Any) -> list[LayerRow]:
    """Return the rows of the model's summary, one for each layer; nested layers are listed one by one."""
    rows: list[LayerRow] = []
    for layer in model.layers:
        if getattr(layer, "layers", None):
            rows.extend(layer_rows(layer))
        else:
            rows.append(_row(layer))
    return rows


def totals(model: Any) -> dict[str, int]:
    """Return the numbers of all, trainable and other parameters, as Keras counts them in its summary."""
    trainable = sum(int(weight.size) if hasattr(weight, "size") else 0 for weight in _numpy(model.trainable_weights))
    everything = int(model.count_params())
    return {"total": everything, "trainable": trainable, "non_trainable": everything - trainable}


def _numpy(weights: Sequence[Any]) -> list[Any]:
    return [weight.numpy() if hasattr(weight, "numpy") else weight for weight in weights]


def _row(layer: Any) -> LayerRow:
    shape = getattr(getattr(layer, "output", None), "shape", None)
    return LayerRow(
        name=layer.name,
        type=type(layer).__name__,
        output_shape="" if shape is None else str(tuple(shape)),
        parameters=int(layer.count_params()),
    )
