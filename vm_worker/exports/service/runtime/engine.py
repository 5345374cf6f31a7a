"""The model: photos in, probabilities out, from any number of threads."""

from __future__ import annotations

import io
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.images import BadImage, check_beginning, read_square

__all__ = ["BadImage", "Engine", "Prediction", "check_beginning"]


@dataclass(frozen=True)
class Prediction:
    """What the model says of one photo."""

    label: str
    probability: float  # 0..1
    probabilities: tuple[float, ...]  # of each label, in their order


class Engine:
    """A TFLite model of one float32 input, (1, size, size, 3) raw RGB 0..255, and its labels.

    A request that is alone gets every core; of several each gets one, and no more are worked on than there are cores.
    Raises ValueError for a model of another form.
    """

    def __init__(self, model: bytes, labels: Sequence[str], threads: int | None = None) -> None:
        self.labels = tuple(labels)
        self.threads = threads or os.cpu_count() or 1
        self._model = model  # the interpreters read it where it lies
        self._wide = _interpreter(model, self.threads)
        self.size = _checked_size(self._wide, len(self.labels))
        self._narrow: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._alone, self._lock = threading.Lock(), threading.Lock()
        self._slots = threading.BoundedSemaphore(self.threads)
        self._made = self._present = 0

    def predict(self, data: bytes) -> Prediction:
        """The answer for the bytes of a photo. Raises BadImage."""
        check_beginning(data)  # what is no photo does not wait for those that are
        with self._in_turn():
            square = read_square(io.BytesIO(data), self.size)
            answer = self.probabilities(square)
        best = int(answer.argmax())
        return Prediction(self.labels[best], float(answer[best]), tuple(float(value) for value in answer))

    def probabilities(self, square: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(classes,) float32 of one (size, size, 3) square."""
        with self._interpreter() as one:
            one.set_tensor(one.get_input_details()[0]["index"], square[None].astype(np.float32))
            one.invoke()
            answer: NDArray[np.float32] = one.get_tensor(one.get_output_details()[0]["index"])[0]
        return answer

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        with self._lock:
            self._present += 1
        try:
            with self._slots:
                yield
        finally:
            with self._lock:
                self._present -= 1

    @contextmanager
    def _interpreter(self) -> Iterator[Any]:
        if self._present <= 1 and self._alone.acquire(blocking=False):
            try:
                yield self._wide
            finally:
                self._alone.release()
        else:
            yield from self._shared()

    def _shared(self) -> Iterator[Any]:
        """One of as many single-core interpreters as there are cores, made when they are first needed."""
        with self._lock:
            make = self._narrow.empty() and self._made < self.threads
            self._made += make
        one = _interpreter(self._model, 1) if make else self._narrow.get()
        try:
            yield one
        finally:
            self._narrow.put(one)


def _interpreter(model: bytes, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    made = Interpreter(model_content=model, num_threads=threads)
    made.allocate_tensors()
    return made


def _checked_size(interpreter: Any, classes: int) -> int:
    (given,), (said,) = interpreter.get_input_details(), interpreter.get_output_details()
    shape = [int(side) for side in given["shape"]]
    right = len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3 and given["dtype"] is np.float32
    if not right or int(said["shape"][-1]) != classes:
        raise ValueError(f"not a model of this service: it takes {shape} and gives {list(said['shape'])}")
    return shape[1]
