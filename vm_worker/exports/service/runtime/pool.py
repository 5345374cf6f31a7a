"""A TFLite model that answers for photos, as many at a time as there are cores. Any number of threads may use it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.images import check_beginning, decoding_work

Answer = TypeVar("Answer")


class Pool:
    """A model with its labels. It has one input (1, height, width, 3) float32, raw RGB 0..255, and one output.

    It works on as many photos at the same time as there are cores; the others wait in order. A single photo uses all
    cores. Each kind of model has a subclass, whose method `submit` says what the answer for a photo is.

    Raises ValueError for a model with another input.
    """

    def __init__(self, model: bytes, labels: Sequence[str], threads: int | None = None) -> None:
        self.labels = tuple(labels)
        self.threads = threads or os.cpu_count() or 1
        self._model = model  # the interpreters read the model from this memory
        self._wide = Interpreter(model, self.threads)
        self._alone, self._lock = threading.Lock(), threading.Lock()
        self._present = 0  # number of photos that are worked on or wait
        self._own = threading.local()
        self._workers = ThreadPoolExecutor(self.threads, "photos")

    @property
    def size(self) -> int:
        """The longer side of the model's input, in pixels."""
        return max(self._wide.shape[1:3])

    def submit(self, data: bytes) -> Future[Any]:
        """Return a future with the answer for the bytes of a photo; it may raise BadImage.

        Raises BadImage at once for bytes that do not begin like a photo, so that they do not wait for others.
        """
        raise NotImplementedError

    def drawn(self, data: bytes) -> Future[bytes] | None:
        """Return a future with the photo as JPEG on which the answer is drawn; None where this kind draws nothing."""
        return None

    def work(self, data: bytes) -> float:
        """Estimate the work to decode a photo, in pixels, by its head alone."""
        return decoding_work(data)

    def _queued(self, answer: Callable[[bytes], Answer], data: bytes) -> Future[Answer]:
        check_beginning(data)
        self._count(1)
        future = self._workers.submit(answer, data)
        future.add_done_callback(lambda _: self._count(-1))
        return future

    def _count(self, change: int) -> None:
        with self._lock:
            self._present += change

    @contextmanager
    def _interpreter(self) -> Iterator[Interpreter]:
        if self._present <= 1 and self._alone.acquire(blocking=False):
            try:
                yield self._wide
            finally:
                self._alone.release()
        else:
            if not hasattr(self._own, "narrow"):  # each thread makes its interpreters when it first needs them
                self._own.narrow = Interpreter(self._model, 1)
            yield self._own.narrow


class Interpreter:
    """An interpreter of LiteRT. It keeps the places of its tensors, as LiteRT computes them anew at each call."""

    def __init__(self, model: bytes, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter as Wrapped

        self._wrapped = Wrapped(model_content=model, num_threads=threads)
        self._wrapped.allocate_tensors()
        (self._given,), (self._said,) = self._wrapped.get_input_details(), self._wrapped.get_output_details()
        self.shape = [int(side) for side in self._given["shape"]]  # of the input
        self.answers = [int(side) for side in self._said["shape"]]  # shape of the output
        if len(self.shape) != 4 or self.shape[3] != 3 or self._given["dtype"] is not np.float32:
            raise not_ours(self)

    def run(self, picture: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on one picture (height, width, 3) of 0..255; return its output without the first axis."""
        # Converted to float32 directly in the memory of the model's input.
        self._wrapped.tensor(self._given["index"])()[0] = picture
        self._wrapped.invoke()
        answer: NDArray[np.float32] = self._wrapped.get_tensor(self._said["index"])[0]
        return answer


def not_ours(network: Interpreter) -> ValueError:
    """Return the error for a model of another kind."""
    return ValueError(f"not a model of this service: it takes {network.shape} and gives {network.answers}")
