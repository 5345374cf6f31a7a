"""The model of a service: it takes photos and returns probabilities. Any number of threads may use it."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.images import BadImage, check_beginning, read_square

__all__ = ["GREY_16_MAX", "BadImage", "Engine", "Prediction", "check_beginning"]


@dataclass(frozen=True)
class Prediction:
    """The answer of the model for one photo."""

    label: str
    probability: float  # probability of the named class, 0..1
    probabilities: tuple[float, ...]  # probability of each label, in the order of the labels


class Engine:
    """A TFLite model with its labels. It has one input (1, size, size, 3) float32, raw RGB 0..255.

    It works on as many photos at the same time as there are cores; the others wait in order. A single photo uses all
    cores. `grey_white` is the value that is white in a grey picture of 16 bits.

    Raises ValueError for a model with other inputs.
    """

    def __init__(
        self, model: bytes, labels: Sequence[str], threads: int | None = None, grey_white: int = GREY_16_MAX
    ) -> None:
        self.labels = tuple(labels)
        self._grey_white = grey_white
        self.threads = threads or os.cpu_count() or 1
        self._model = model  # the interpreters read the model from this memory
        self._wide = _Interpreter(model, self.threads)
        self.size = _checked_size(self._wide, len(self.labels))
        self._alone, self._lock = threading.Lock(), threading.Lock()
        self._present = 0  # number of photos that are worked on or wait
        self._own = threading.local()
        self._workers = ThreadPoolExecutor(self.threads, "photos")

    def predict(self, data: bytes) -> Prediction:
        """Return the answer for the bytes of a photo. Raises BadImage."""
        return self.submit(data).result()

    def submit(self, data: bytes) -> Future[Prediction]:
        """Return a future with the answer for the bytes of a photo; it may raise BadImage.

        Raises BadImage at once for bytes that do not begin like a photo, so that they do not wait for others.
        """
        check_beginning(data)
        self._count(1)
        answer = self._workers.submit(self._predict, data)
        answer.add_done_callback(lambda _: self._count(-1))
        return answer

    def _count(self, change: int) -> None:
        with self._lock:
            self._present += change

    def _predict(self, data: bytes) -> Prediction:
        square = read_square(io.BytesIO(data), self.size, self._grey_white)
        with self._interpreter() as one:
            answer = one.probabilities(square)
        best = int(answer.argmax())
        return Prediction(self.labels[best], float(answer[best]), tuple(answer.tolist()))

    @contextmanager
    def _interpreter(self) -> Iterator[_Interpreter]:
        if self._present <= 1 and self._alone.acquire(blocking=False):
            try:
                yield self._wide
            finally:
                self._alone.release()
        else:
            if not hasattr(self._own, "narrow"):  # each thread makes its interpreters when it first needs them
                self._own.narrow = _Interpreter(self._model, 1)
            yield self._own.narrow


class _Interpreter:
    """An interpreter of LiteRT. It keeps the places of its tensors, as LiteRT computes them anew at each call."""

    def __init__(self, model: bytes, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._wrapped = Interpreter(model_content=model, num_threads=threads)
        self._wrapped.allocate_tensors()
        (self.given,), (self.said,) = self._wrapped.get_input_details(), self._wrapped.get_output_details()

    def probabilities(self, square: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on one square (size, size, 3); return probabilities (classes,) float32."""
        # Converted to float32 directly in the memory of the model's input.
        self._wrapped.tensor(self.given["index"])()[0] = square
        self._wrapped.invoke()
        answer: NDArray[np.float32] = self._wrapped.get_tensor(self.said["index"])[0]
        return answer


def _checked_size(interpreter: _Interpreter, classes: int) -> int:
    given, said = interpreter.given, interpreter.said
    shape = [int(side) for side in given["shape"]]
    right = len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3 and given["dtype"] is np.float32
    if not right or int(said["shape"][-1]) != classes:
        raise ValueError(f"not a model of this service: it takes {shape} and gives {list(said['shape'])}")
    return shape[1]
