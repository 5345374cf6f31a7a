"""The files and settings that all trials of one job share, as plain values that any process can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.options import Options
from vm_worker.as_json import AsJson
from vm_worker.intake.dataset import Part
from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.weights import WeightFile

ROWS = "rows.npz"
HEAD = "selected.npz"
BAR = "bar.npy"
UNSEEN = "unseen.npz"
SHARE = 0.5  # of a trial in the mean with the selected head of all depths that is delivered


@dataclass(frozen=True)
class TuningInputs(AsJson):
    """The files and settings of one job's tuning."""

    weight: WeightFile
    pixels: Path  # .npy (n, s, s, 3) uint8
    folder: Path  # of rows, head, activations and trained weights
    classes: int  # number of classes
    epochs: int  # of the schedule that the selected head was trained by
    mirror: bool  # whether views may be mirrored
    seed: int
    balanced: bool = False  # whether the balanced accuracy counts, as classes are unequal
    share: float = 1.0  # of a trial in the logits that are delivered

    @property
    def joins(self) -> bool:
        """Whether what is delivered is a mean of a trial and what is selected."""
        return self.share < 1

    def rows(self) -> TuningRows:
        """Read the rows of the training and validation photos, and their labels."""
        with np.load(self.folder / ROWS) as data:
            return TuningRows(data["train"], data["validation"], data["labels"])

    def head(self) -> Head:
        """Read the selected head, trained on train+validation."""
        return Head.load(self.folder / HEAD)

    def unseen(self) -> Head | None:
        """Read the head of all depths that trials start from, trained on the training photos; None: there is none."""
        path = self.folder / UNSEEN
        return Head.load(path) if path.exists() else None

    def bar(self) -> Floats | None:
        """Read the probabilities of the validation photos by a head in the selected form; None: there are none."""
        path = self.folder / BAR
        return np.load(path) if path.exists() else None


@dataclass(frozen=True)
class TuningRows:
    """Rows of the array of pixels, and their labels."""

    train: Rows
    validation: Rows
    labels: Rows  # of the training rows, then of the validation rows


@dataclass(frozen=True)
class SelectedNetwork:
    """The network and head that selection chose."""

    weight: WeightFile
    head: Head  # trained on train+validation
    bar: Floats | None = None  # (m, k): probabilities of the validation photos by such a head that had not seen them
    score: float | None = None  # validation score, as selection found it
    unseen: Head | None = None  # a head of all depths as `head`, trained on the training photos alone
    paired: bool = False  # whether the bar is that of a pair with another network


def write_inputs(dataset: LabelledPhotos, chosen: SelectedNetwork, options: Options, folder: Path) -> TuningInputs:
    """Write rows and head into the folder for trials to read. Raises KeyError where no pixels of its size exist."""
    folder.mkdir(parents=True, exist_ok=True)
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    labels = dataset.truth.labels[np.concatenate([train, validation])]
    np.savez(folder / ROWS, train=train, validation=validation, labels=labels)
    chosen.head.save(folder / HEAD)
    if chosen.bar is not None:
        np.save(folder / BAR, chosen.bar)
    share = 1.0
    if chosen.unseen is not None:
        chosen.unseen.save(folder / UNSEEN)
        share = SHARE / 2 if chosen.paired else SHARE
    return TuningInputs(
        weight=chosen.weight,
        pixels=dataset.images[catalogue.find(chosen.weight.key).size],
        folder=folder,
        classes=len(dataset.truth.classes),
        epochs=options.epochs,
        mirror=options.mirror,
        seed=options.seed,
        balanced=imbalance.unequal(np.bincount(dataset.truth.labels)),
        share=share,
    )
