"""The model of a service that names the class of a photo."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from vm_worker.exports.service.runtime.pool import Pool, not_ours
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.images import BadImage, read_square

__all__ = ["GREY_16_MAX", "BadImage", "Engine", "Prediction"]


@dataclass(frozen=True)
class Prediction:
    """The answer of the model for one photo."""

    label: str
    probability: float  # probability of the named class, 0..1
    probabilities: tuple[float, ...]  # probability of each label, in the order of the labels


class Engine(Pool):
    """A classifier. Its input is a square, its output has a probability for each label.

    `grey_white` is the value that is white in a grey picture of 16 bits. Raises ValueError for a model with other
    inputs or another number of labels.
    """

    def __init__(
        self, model: bytes, labels: Sequence[str], threads: int | None = None, grey_white: int = GREY_16_MAX
    ) -> None:
        super().__init__(model, labels, threads)
        self._grey_white = grey_white
        network = self._wide
        if network.shape[1] != network.shape[2] or network.answers[-1] != len(self.labels):
            raise not_ours(network)

    def predict(self, data: bytes) -> Prediction:
        """Return the answer for the bytes of a photo. Raises BadImage."""
        return self.submit(data).result()

    def submit(self, data: bytes) -> Future[Prediction]:
        """Return a future with the answer for the bytes of a photo; it may raise BadImage.

        Raises BadImage at once for bytes that do not begin like a photo, so that they do not wait for others.
        """
        return self._queued(self._predict, data)

    def _predict(self, data: bytes) -> Prediction:
        square = read_square(io.BytesIO(data), self.size, self._grey_white)
        with self._interpreter() as one:
            answer = one.run(square)
        best = int(answer.argmax())
        return Prediction(self.labels[best], float(answer[best]), tuple(answer.tolist()))
