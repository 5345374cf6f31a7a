"""The detector behind a service: a TFLite model, with tiles and suppression around it in NumPy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from jobs.limits import Limits
from vm_worker.exports.service.runtime.bundle import Bundle
from vm_worker.exports.service.runtime.pool import Pool, not_ours
from vm_worker.intake.arrays import Pixels
from vm_worker.intake.images import JPEG_SHARE, BadImage, decoding_work, read_upright
from vm_worker.tasks.detection import delivered, marks
from vm_worker.tasks.detection.boxes import Detections, Floats
from vm_worker.tasks.detection.engine.certainty import Bounds, Certainty
from vm_worker.tasks.detection.engine.detect import Settings, candidates, merged
from vm_worker.tasks.detection.engine.sides import levels

TILES = 500  # of a photo: some seconds of a core
ALONE = Limits.image_pixels * JPEG_SHARE  # work of a photo from which it has the memory to itself


@dataclass(frozen=True, eq=False)
class Found:
    """The answer for one photo."""

    width: int  # pixels of the photo turned upright
    height: int
    boxes: Detections  # those that count, the most certain first
    bounds: Bounds  # between which the numbers of objects should lie
    best: tuple[float, ...]  # the greatest score of each class, of boxes that do not count, too: 0..1


class Detector(Pool):
    """A detector with its settings. Raises ValueError for a model or for settings of another kind."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        super().__init__(bundle.model, bundle.labels, threads)
        try:
            self._known = delivered.DeliveredSettings.from_json(json.loads(bundle.settings))
        except ExceptionGroup as error:  # cattrs collects all that is wrong
            raise ValueError(f"{delivered.SETTINGS} holds no settings of a detector") from error
        self._large = threading.Lock()
        settings, network = self.settings, self._wide
        right = network.shape[1:3] == [settings.height, settings.width] and self._known.classes == self.labels
        if not right or network.answers[-1] != len(self.labels) + 4 + settings.mask**2:
            raise not_ours(network)
        if settings.rois and network.answers[-2] != settings.rois:
            raise not_ours(network)
        if not settings.rois:
            levels(settings.sides, network.answers[-2])  # raises ValueError for points of another network

    @property
    def settings(self) -> Settings:
        """The settings that turn the model's output into boxes."""
        return self._known.settings

    @property
    def certainty(self) -> Certainty:
        """How sure its counts are."""
        return self._known.sure

    def submit(self, data: bytes) -> Future[Found]:
        """Return a future with the boxes of a photo; it may raise BadImage. Raises BadImage as `Pool.submit` does."""
        return self._queued(lambda given: self._found(given)[1], data)

    def drawn(self, data: bytes) -> Future[bytes]:
        """Return a future with the photo as JPEG, with its boxes; it may raise BadImage, as `submit` does."""
        return self._queued(self._drawn, data)

    def work(self, data: bytes) -> float:
        """Estimate the work to decode a photo, in pixels: each photo is decoded at its full size."""
        return decoding_work(data) / JPEG_SHARE if data.startswith(b"\xff\xd8") else decoding_work(data)

    def _drawn(self, data: bytes) -> bytes:
        pixels, found = self._found(data)
        return marks.annotated(pixels, found.boxes)

    def _found(self, data: bytes) -> tuple[Pixels, Found]:
        with self._memory(data):
            pixels = read_upright(data)
            height, width = pixels.shape[:2]
            tiles = len(self.settings.tiling.frames(width, height))
            if tiles > TILES:
                raise BadImage(f"would be cut into {tiles:,} tiles, and {TILES} are allowed; send it in parts")
            every = merged(candidates(self._outputs, pixels, self.settings), self.settings)
        counted = every.above(self.settings.decoding.threshold)
        best = [float(every.scores[every.classes == kind].max(initial=0.0)) for kind in range(len(self.labels))]
        bounds = self.certainty.photo(counted.counts(len(self.labels)))
        return pixels, Found(width, height, counted, bounds, tuple(best))

    def _outputs(self, pictures: Floats) -> tuple[Floats, Floats]:
        with self._interpreter() as network:
            answers = np.stack([network.run(picture) for picture in pictures])
        return delivered.divided(answers, self._known.far, self.settings.mask)

    @contextmanager
    def _memory(self, data: bytes) -> Iterator[None]:
        """Let only one very large photo be decoded at a time."""
        if decoding_work(data) < ALONE:
            yield
        else:
            with self._large:
                yield
