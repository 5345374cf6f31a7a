"""A delivered classifier of any format: Keras, TFLite, ONNX, SavedModel, and the one in a service.pyz.

Keras files are loaded in safe mode, without objects of others. A SavedModel and a service.pyz are programs, and are
opened only where the user trusts them.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.local.environment import hush_tensorflow
from jobs.tasks import TASKS
from vm_worker.exports import files
from vm_worker.exports.service.runtime.bundle import PLAIN, Bundle, from_zip

Squares = NDArray[np.float32]  # (n, size, size, 3) RGB of 0..255
Say = Callable[[Squares], Any]  # -> (n, classes) probabilities
FORMATS = "model.h5, model.keras, model.tflite, model.onnx, model.savedmodel.zip or service.pyz"
PROGRAMS = (".zip", ".pyz")
_NOT_THERE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)  # of a file that is no whole zip
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
    """Open a model; its `labels.txt` lies beside it, or in it. Raises CannotOpenError, and so does the network."""
    reader = _READERS.get(path.suffix)
    if why := absent(path):
        raise CannotOpenError(why)
    if reader is None:
        raise CannotOpenError(f"{path} is no model. Give {FORMATS}.")
    if path.suffix in PROGRAMS and not trust:
        raise CannotOpenError(
            f"{path} is a program, which may do anything. Add --trust if you know who made it, or give model.h5."
        )
    if any(path.with_name(row.settings).is_file() for row in TASKS.values() if row.settings):
        raise CannotOpenError(f"{path} finds objects: modelmail predict alone asks such a model.")
    labels = _labels(path)
    try:
        size, say = reader(path)
    except CannotOpenError:
        raise
    except Exception as error:  # each library has errors of its own
        reason = f"it is damaged, or was made by another version of its library ({short(str(error))})"
        raise CannotOpenError(f"{path} cannot be read: {reason}.") from error
    return Network(size, labels, _checked(path, len(labels), say))


def absent(path: Path) -> str:
    """Return a sentence on a path at which there is no file; empty where there is one."""
    if path.is_dir():
        return f"{path} is a folder. Give a model in it, such as {path / files.H5}."
    return "" if path.is_file() else f"There is no {path}."


def _checked(path: Path, classes: int, say: Say) -> Say:
    """Return the same function, which raises CannotOpenError for answers that are none of that many classes."""

    def said(squares: Squares) -> Any:
        try:
            answers = np.asarray(say(squares), np.float32)
        except Exception as error:  # each library has errors of its own
            raise CannotOpenError(
                f"{path} does not answer photos as a delivered model ({short(str(error))})."
            ) from error
        if answers.shape != (len(squares), classes):
            given = answers.size // len(squares)
            raise CannotOpenError(f"{path} gives {given} answers, and there are {classes} class names.")
        if not np.isfinite(answers).all():
            raise CannotOpenError(f"{path} is damaged: what it answers is no number.")
        return answers

    return said


def _labels(path: Path) -> tuple[str, ...]:
    """Return the class names. Raises CannotOpenError where there are none."""
    beside = path.with_name(files.LABELS)
    if path.suffix == ".pyz":
        return _bundle(path).labels
    try:
        if beside.is_file():
            text = beside.read_text(encoding="utf-8-sig")
        else:
            with zipfile.ZipFile(path) as inside:  # a TFLite file has them behind the network
                text = inside.read(files.LABELS).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CannotOpenError(f"{beside} is not in UTF-8.") from error
    except (*_NOT_THERE, KeyError) as error:
        raise CannotOpenError(f"There is no {beside}.") from error
    return tuple(text.removesuffix("\n").split("\n"))


def _bundle(path: Path) -> Bundle:
    """Return what is in a service.pyz. Raises CannotOpenError where that is no classifier."""
    try:
        bundle = from_zip(path)
    except (*_NOT_THERE, ValueError) as error:
        raise CannotOpenError(f"{path} cannot be read: it holds no model.") from error
    if bundle.task != PLAIN:
        raise CannotOpenError(f"{path} finds objects: modelmail serve starts it.")
    return bundle


def _keras(path: Path) -> tuple[int, Say]:
    hush_tensorflow()
    model = files.load(path)
    return int(model.input_shape[1]), model.predict_on_batch


def _tflite(path: Path) -> tuple[int, Say]:
    return _interpreted(path.read_bytes())


def _service(path: Path) -> tuple[int, Say]:
    return _interpreted(_bundle(path).model)


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


def short(reason: str) -> str:
    """Return the beginning of a library's message."""
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
