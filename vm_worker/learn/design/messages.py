"""Messages between the search for a network and the process that trains: a task and its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson, only_if_known
from vm_worker.intake.dataset import Part
from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Flags, Rows
from vm_worker.learn.labels import LabelledPhotos

ROWS = "rows.npz"
ENDED, GIVEN_UP, LATE = "ended", "given_up", "out_of_time"  # states of a result


@dataclass(frozen=True)
class Training(AsJson):
    """One training of a network. `halves` 0: on the job's own parts; k: judged again, on the k-th other halves."""

    architecture: str
    epochs: int
    halves: int = 0


@dataclass(frozen=True)
class DesignInputs(AsJson):
    """The files and settings of one job's search."""

    pixels: Path  # .npy (n, s, s, 3) uint8
    folder: Path  # of rows and weights
    side: int
    classes: int  # number of classes
    mirror: bool  # whether pictures may be mirrored
    seed: int
    epoch_steps: int  # of an epoch at least
    epoch_most: int  # steps of an epoch at most
    balanced: bool = False  # whether the balanced accuracy counts

    def parts(self, halves: int) -> Halves:
        """Return the photos to learn from and to judge by."""
        with np.load(self.folder / ROWS) as data:
            whole = Halves(data["train"], data["validation"])
            return whole if halves == 0 else whole.other(data["labels"], data["groups"], self.seed + halves)

    def labels(self) -> Rows:
        """Return the labels of all photos, test photos included, which no task reads otherwise."""
        with np.load(self.folder / ROWS) as data:
            return np.asarray(data["labels"])


@dataclass(frozen=True)
class Halves:
    """Rows of the dataset to learn from, and to judge by."""

    train: Rows
    judged: Rows

    def other(self, labels: Rows, groups: Rows, seed: int) -> Halves:
        """Return another division of the same photos. Copies stay together, and classes keep their shares."""
        whole, random = np.concatenate([self.train, self.judged]), np.random.default_rng(seed)
        share = len(self.judged) / len(whole)
        judged = np.zeros(len(whole), bool)
        for label in np.unique(labels[whole]):
            of_class = labels[whole] == label
            wanted, count = round(share * int(of_class.sum())), 0
            for group in random.permutation(np.unique(groups[whole][of_class])):
                if count >= wanted:
                    break
                rows = groups[whole] == group
                judged |= rows
                count += int(rows.sum())
        return Halves(np.sort(whole[~judged]), np.sort(whole[judged]))


def write_inputs(dataset: LabelledPhotos, given: DesignInputs) -> None:
    """Write the rows for trainings to read."""
    given.folder.mkdir(parents=True, exist_ok=True)
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    np.savez(
        given.folder / ROWS, train=train, validation=validation, labels=dataset.truth.labels, groups=dataset.groups
    )


@dataclass(frozen=True)
class NetworkTask(AsJson):
    """The task to train a network, continued where `start` is there, and to judge it."""

    inputs: DesignInputs
    training: Training
    seconds: float  # the time that the task may take
    key: str
    weights: Path | None = None  # the file that they are written to; None: they are not needed
    start: Path | None = None  # weights to continue from
    begun: int = 0  # epochs that they have been trained for

    def message(self) -> JsonObject:
        """Return the task as JSON."""
        return self.to_json()


@dataclass(frozen=True)
class NetworkResult(AsJson):
    """The result of a training. The parent adds who suggested it and commits it."""

    state: str
    score: float  # after the last epoch, 0..1
    chance: float  # the score of guessing
    curve: tuple[float, ...]  # the score after each epoch of this task
    epoch_seconds: float
    seconds: float
    right: str = ""  # which of the judged photos it got right, as hexadecimal bits; of trainings on other halves alone
    kind: str | None = only_if_known()  # who suggested it
    training: Training | None = only_if_known()


def packed(right: Flags) -> str:
    """Return flags as hexadecimal bits."""
    return np.packbits(right).tobytes().hex()


def unpacked(bits: str, count: int) -> Flags:
    """Return the flags that `packed` wrote."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8))[:count].astype(bool)


def chance(labels: Rows, balanced: bool) -> float:
    """Return the score of a model that always names the most common class."""
    guessed = labels == np.bincount(labels).argmax()
    return imbalance.score(guessed, labels, balanced)
