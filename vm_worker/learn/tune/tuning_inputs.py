"""What all trials of one job have in common: where weights, photos and head lie. Plain values, for any process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.options import Options
from vm_worker.as_json import AsJson
from vm_worker.intake.dataset import Part
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile

ROWS = "rows.npz"
HEAD = "selected.npz"


@dataclass(frozen=True)
class TuningInputs(AsJson):
    """The files and settings of one job's tuning."""

    weight: WeightFile
    pixels: Path  # .npy (n, s, s, 3) uint8
    folder: Path  # of rows, head, activations and trained weights
    classes: int
    epochs: int  # of the schedule that the selected head was trained by
    mirror: bool
    seed: int

    def rows(self) -> TuningRows:
        """Labels and rows of the photos to learn from."""
        with np.load(self.folder / ROWS) as data:
            return TuningRows(data["train"], data["validation"], data["labels"])

    def head(self) -> Head:
        """The selected head, trained on train+validation."""
        return Head.load(self.folder / HEAD)


@dataclass(frozen=True)
class TuningRows:
    """Rows of the pixel map, and their labels: those of training first."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    labels: NDArray[np.int64]  # of train, then validation


@dataclass(frozen=True)
class SelectedNetwork:
    """The network that selection chose."""

    weight: WeightFile
    head: Head  # trained on train+validation


def write_inputs(dataset: LabelledPhotos, chosen: SelectedNetwork, options: Options, folder: Path) -> TuningInputs:
    """Write what trials need into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    labels = dataset.truth.labels[np.concatenate([train, validation])]
    np.savez(folder / ROWS, train=train, validation=validation, labels=labels)
    chosen.head.save(folder / HEAD)
    return TuningInputs(
        weight=chosen.weight,
        pixels=dataset.images[CATALOGUE[chosen.weight.key].size],
        folder=folder,
        classes=len(dataset.truth.classes),
        epochs=options.epochs,
        mirror=options.mirror,
        seed=options.seed,
    )
