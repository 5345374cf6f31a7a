"""The model as it is delivered: one output, which holds scores and distances, and the file with its settings.

All readers of the formats take a model with one output. Distances are divided by FAR, so that both parts lie in 0..1
and share one scale in integer models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Predict, Settings

SETTINGS = "detection.json"  # public: what turns the model's output into boxes
FAR = 16.0  # cells; distances are delivered as shares of it
OUTPUT = "detections"


@dataclass(frozen=True)
class DeliveredSettings(AsJson):
    """The file beside the model: how photos become its input, and its output boxes."""

    classes: tuple[str, ...]
    settings: Settings
    far: float = FAR
    certainty: Certainty = field(default_factory=Certainty)  # how sure counts are
    counted_by: Decoding | None = None  # the threshold and overlap for which that is known; None: those of `settings`

    @property
    def sure(self) -> Certainty:
        """How sure counts are; nothing is known where somebody has changed the threshold since."""
        return self.certainty if self.counted_by in (None, self.settings.decoding) else Certainty()

    def write(self, path: Path) -> None:
        """Write the file."""
        path.write_text(json.dumps(self.to_json(), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> DeliveredSettings:
        """Read the file. Raises OSError, and ValueError for another one."""
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (ExceptionGroup, TypeError) as error:  # cattrs collects all that is wrong in an object
            raise ValueError(f"{path.name} holds no settings of a detector") from error


def with_one_output(model: Any) -> Any:
    """Return a detector (keras.Model with scores, distances, maybe masks) with one output (None, points, numbers)."""
    import keras

    scores, distances, *masks = model.outputs
    near = keras.layers.Rescaling(1 / FAR, name="distances_as_shares")(distances)
    joined = keras.layers.Concatenate(axis=-1, name=OUTPUT, dtype="float32")([scores, near, *masks])
    return keras.Model(model.input, joined, name="detector")


def divided(output: Floats, far: float = FAR, mask: int = 0) -> tuple[Floats, Floats]:
    """Return scores (m, points, classes) and distances (m, points, 4) in cells of an output of the delivered model.

    With masks of `mask` cells a side: scores, and sides with masks (m, points, 4 + mask * mask).
    """
    classes = output.shape[-1] - 4 - mask * mask
    scale = np.ones(4 + mask * mask, np.float32)
    scale[:4] = far
    return output[..., :classes], output[..., classes:] * scale


def by_keras(model: Any, mask: int = 0, batch: int = 8) -> Predict:
    """Return the function that runs a delivered Keras model. Batches have two shapes, so that it is traced twice."""

    def predict(pictures: Floats) -> tuple[Floats, Floats]:
        padded = np.zeros((1 if len(pictures) == 1 else batch, *pictures.shape[1:]), np.float32)
        padded[: len(pictures)] = pictures
        answers = np.asarray(model.predict_on_batch(padded), np.float32)[: len(pictures)]
        return divided(answers, mask=mask)

    return predict
