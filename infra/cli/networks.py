"""A delivered classifier of any format: Keras, TFLite, ONNX, SavedModel, and the one in a service.pyz.

Keras files are loaded in safe mode, without objects of others. A SavedModel and a service.pyz are programs, and are
opened only where the user trusts them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.local.environment import hush_tensorflow
from vm_worker.exports import files
from vm_worker.exports.service.runtime.bundle import from_zip

Squares = NDArray[np.float32]  # (n, size, size, 3) RGB of 0..255
Say = Callable[[Squares], Any]  # -> (n, classes) probabilities
FORMATS = "model.h5, model.keras, model.tflite, model.onnx, model.savedmodel.zip or service.pyz"
PROGRAMS = (".zip", ".pyz")
REASON_LENGTH = 120  # characters of a library's message that are shown


class CannotOpenError(Exception):
    """A file that is no model, or cannot be read; the message is a sentence."""


@dataclass(frozen=True)
class Network:
    """A model that names the class of photos."""

    size: int  # side in pixels of its square input
    labels: tuple[str, ...]
    say: Say


def open_network(path: Path, trust: bool = False) -> Network:
    """Open a model; its `labels.txt` lies beside it, or in it. Raises CannotOpenError."""
    reader = _READERS.get(path.suffix)
    if not path.is_file():
        raise CannotOpenError(f"There is no {path}.")
    if reader is None:
        raise CannotOpenError(f"{path} is no model. Give {FORMATS}.")
    if path.suffix in PROGRAMS and not trust:
        raise CannotOpenError(
            f"{path} is a program, which may do anything. Add --trust if you know who made it, or give model.h5."
        )
    labels = _labels(path)
    try:
        size, say = reader(path)
    except CannotOpenError:
        raise
    except Exception as error:  # each library has errors of its own
        reason = f"it is damaged, or was made by another version of its library ({_short(str(error))})"
        raise CannotOpenError(f"{path} cannot be read: {reason}.") from error
    return Network(size, labels, say)


def _labels(path: Path) -> tuple[str, ...]:
    """Return the class names. Raises CannotOpenError where there are none."""
    beside = path.with_name(files.LABELS)
    try:
        if path.suffix == ".pyz":
            return from_zip(path).labels
        if beside.is_file():
            text = beside.read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(path) as inside:  # a TFLite file has them behind the network
                text = inside.read(files.LABELS).decode("utf-8")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CannotOpenError(f"There is no {beside}.") from error
    return tuple(text.removesuffix("\n").split("\n"))


def _keras(path: Path) -> tuple[int, Say]:
    hush_tensorflow()
    model = files.load(path)
    return int(model.input_shape[1]), model.predict_on_batch


def _tflite(path: Path) -> tuple[int, Say]:
    return _interpreted(path.read_bytes())


def _service(path: Path) -> tuple[int, Say]:
    return _interpreted(from_zip(path).model)


def _interpreted(model: bytes) -> tuple[int, Say]:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_content=model)
    network.allocate_tensors()
    (given,), (said,) = network.get_input_details(), network.get_output_details()

    def one(square: Squares) -> Any:
        network.set_tensor(given["index"], square[None])
        network.invoke()
        return network.get_tensor(said["index"])[0]

    return int(given["shape"][1]), lambda squares: np.stack([one(square) for square in squares])


def _onnx(path: Path) -> tuple[int, Say]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return int(given.shape[1]), lambda squares: session.run(None, {given.name: squares})[0]


def _savedmodel(path: Path) -> tuple[int, Say]:
    hush_tensorflow()
    return files.load_program(path)


def _short(reason: str) -> str:
    line = reason.strip().partition("\n")[0].rstrip(".")
    return line if len(line) <= REASON_LENGTH else f"{line[:REASON_LENGTH]}..."


_READERS: Mapping[str, Callable[[Path], tuple[int, Say]]] = {
    ".h5": _keras,
    ".keras": _keras,
    ".tflite": _tflite,
    ".onnx": _onnx,
    ".zip": _savedmodel,
    ".pyz": _service,
}
