"""Find the objects of a photo by a detector: frames, the network's outputs, boxes, one suppression.

It needs no Keras: any function from pictures to outputs will do, so that service, files and training share it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.intake.arrays import Pixels
from vm_worker.tasks.detection.boxes import Detections, Floats
from vm_worker.tasks.detection.engine.decode import Decoding, decoded, refined, suppressed
from vm_worker.tasks.detection.engine.expected_counts import ExpectedCounts
from vm_worker.tasks.detection.engine.frames import Frame, into_photo, picture
from vm_worker.tasks.detection.engine.sides import STRIDES, Sides
from vm_worker.tasks.detection.engine.tiling import INSIDE, Tiling, joined

BATCH = 8  # pictures that a network gets at a time

# Pictures (m, height, width, 3) float32 in 0..255 -> scores (m, points, classes), distances (m, points, 4) in cells.
# Of a network with a second stage: scores (m, rois, classes), sides and masks (m, rois, 4 + mask * mask).
Predict = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class Settings(AsJson):
    """All that turns a network's outputs into boxes; it is delivered with the model."""

    height: int  # pixels of the network's input
    width: int
    tiling: Tiling = field(default_factory=Tiling)
    decoding: Decoding = field(default_factory=Decoding)
    strides: tuple[int, ...] = STRIDES  # input pixels a cell, of the levels that give boxes
    rois: int = 0  # boxes that the second stage of a Mask R-CNN gives; 0: the network has none
    mask: int = 0  # cells along each side of its masks; 0: it gives none
    expected: ExpectedCounts | None = None  # how many boxes of a photo count; None: those that reach the threshold

    @property
    def sides(self) -> Sides:
        """The sides of the network's input."""
        return Sides(self.height, self.width)

    def with_decoding(self, decoding: Decoding) -> Settings:
        """Return the same settings with other thresholds."""
        return replace(self, decoding=decoding)

    def with_expected(self, expected: ExpectedCounts | None) -> Settings:
        """Return the same settings that count in another way."""
        return replace(self, expected=expected)


def detect(predict: Predict, photo: Pixels, settings: Settings) -> Detections:
    """Return the objects of a photo (h, w, 3) uint8 that reach the threshold, in its pixels, most certain first."""
    return counted(candidates(predict, photo, settings), settings)


def counted(raw: Detections, settings: Settings) -> Detections:
    """Return the boxes that count among a photo's candidates."""
    return merged(raw, settings).above(settings.decoding.threshold)


def merged(raw: Detections, settings: Settings) -> Detections:
    """Return a photo's candidates without doubles, those below the threshold included.

    Where counts are to be those that are expected, the scores are moved so that as many reach the threshold. Where
    somebody has set another threshold since, that one alone counts.
    """
    found = suppressed(raw, settings.decoding.overlap, INSIDE if settings.tiling.side else None)
    expected = settings.expected
    return expected.moved(found) if expected and expected.threshold == settings.decoding.threshold else found


def candidates(predict: Predict, photo: Pixels, settings: Settings) -> Detections:
    """Return all boxes of a photo from the lowest score on, doubles included."""
    height, width = photo.shape[:2]
    frames = settings.tiling.frames(width, height)
    parts = []
    for start in range(0, len(frames), BATCH):
        some = frames[start : start + BATCH]
        pictures = np.stack([picture(photo, frame, settings.sides) for frame in some])
        scores, distances = predict(pictures.astype(np.float32))
        parts += [
            part_of_photo((one, reach), frame, (width, height), settings)
            for one, reach, frame in zip(scores, distances, some, strict=True)
        ]
    return joined(parts)


def part_of_photo(
    outputs: tuple[Floats, Floats], frame: Frame, photo: tuple[int, int], settings: Settings
) -> Detections:
    """Return the boxes of one frame in pixels of its photo (width, height); `outputs` are its scores and distances."""
    found = found_in(outputs, settings)
    return settings.tiling.kept(into_photo(found, frame, settings.sides), frame, *photo)


def found_in(outputs: tuple[Floats, Floats], settings: Settings) -> Detections:
    """Return the boxes of one picture, in its pixels, doubles included."""
    if settings.rois:
        return refined(*outputs, settings.sides, settings.decoding.least, settings.mask)
    return decoded(*outputs, settings.sides, settings.decoding.least, settings.strides)
