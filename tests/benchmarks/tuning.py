"""The tuned winner against naive full fine-tuning of the same network: accuracy and seconds, side by side.

    python -m tests.benchmarks.tuning photos.zip --backbone efficientnet_lite0 --seeds 0 1 2 --minutes 3

Naive: a head trained on the frozen network, then every layer unfrozen (BatchNorm in inference mode), AdamW with
warm-up and cosine, label smoothing, flips, shifts and zoom made anew for each picture, 6 epochs over train, the
best epoch by validation. Tuned: what a job does after selection, in a third of the time that naive took, or in
`--minutes`. Both are judged on the same test photos.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from numpy.typing import NDArray

from jobs.limits import Limits
from jobs.options import Options
from tests.benchmarks.shrunk import digits, shrunk
from vm_worker.intake.dataset import Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import extraction
from vm_worker.learn.features.activations import ActivationCache, FrozenPart, LiveActivations
from vm_worker.learn.features.views import Viewing
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import assemble
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile, find
from vm_worker.learn.select.selection import SelectionRequest, select
from vm_worker.learn.tune import tuning
from vm_worker.learn.tune.recipe import Recipe
from vm_worker.learn.tune.tail_training import TailData, TailTraining
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork
from vm_worker.tasks.uploads import take_in

NAIVE = Recipe(cut="image", epochs=6, rate=3e-4, batch=32)
THIRD = 1 / 3


@dataclass(frozen=True)
class Material:
    """One seed's photos, and the head that both begin with."""

    dataset: LabelledPhotos
    chosen: SelectedNetwork
    speed: float  # images a second through the frozen network
    mirror: bool

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(n, s, s, 3)."""
        return self.dataset.pixels(CATALOGUE[self.chosen.weight.key].size)

    def test(self, tuned: Path | None) -> float:
        """Accuracy on the test photos."""
        model = assemble.delivered(self.chosen.weight, self.chosen.head, tuned)
        rows = self.dataset.rows(Part.TEST)
        return float((predict(model, self.pixels, rows).argmax(1) == self.dataset.truth.labels[rows]).mean())


def material(photos: Path, weight: WeightFile, seed: int, folder: Path) -> Material:
    """Decode and split, and select among one candidate, as a job does."""
    size = CATALOGUE[weight.key].size
    dataset = take_in(IntakeRequest(photos, folder / "cache", (size,), seed, Limits(), 2), lambda part, text: None)
    options = Options(candidates=(weight.key,), seed=seed)
    request = SelectionRequest(dataset, {weight.key: weight}, options, Budget.of(7200), folder)
    selection = select(request, lambda event: None)
    chosen = SelectedNetwork(weight, selection.head)
    return Material(dataset, chosen, selection.images_per_second, mirror=photos.name != "digits.zip")


def naive(found: Material, seed: int, folder: Path) -> tuple[float, float]:
    """Test accuracy and seconds."""
    started = time.monotonic()
    dataset, size = found.dataset, found.pixels.shape[1]
    train, judge = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    rows = np.concatenate([train, judge])
    part = FrozenPart(lambda images: images.reshape(len(images), -1), (size, size, 3))
    source = extraction.Source(found.pixels, rows)
    plain = ActivationCache(found.pixels[rows][None], np.zeros((1, len(rows), 1), np.float32))
    live = LiveActivations(plain, part, source, Viewing(2, found.mirror, seed))
    places = np.arange(len(rows))
    model = assemble.assemble(found.chosen.weight, found.chosen.head)
    data = TailData(
        live, dataset.truth.labels[rows], places[: len(train)], places[len(train) :], len(dataset.truth.classes), seed
    )
    TailTraining(model, data, NAIVE).run(Budget.of(7200), lambda number, epoch: None, lambda errors: False)
    path = folder / "naive.weights.h5"
    model.save_weights(str(path))
    seconds = time.monotonic() - started
    return found.test(path), seconds


def tuned(found: Material, seed: int, seconds: float, folder: Path) -> tuple[float, float]:
    """Test accuracy and seconds of what tuning delivers."""
    started = time.monotonic()
    request = tuning.TuneRequest(
        found.dataset, found.chosen, Options(seed=seed, mirror=found.mirror), Budget.of(seconds), folder, found.speed
    )
    outcome = tuning.tune(request, lambda event: None)
    spent = time.monotonic() - started
    return found.test(outcome.weights_path), spent


HEADER = f"\n{'set':<24}{'test':>6}{'head':>8}{'naive':>8}{'seconds':>9}{'tuned':>8}{'seconds':>9}{'of naive':>10}"


def compare(source: str, key: str, seed: int, minutes: float, each: int = 0) -> tuple[float, float]:
    """Prints one row; gives both accuracies."""
    found, _ = find((key,), os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = digits(folder, each, seed) if source == "digits" else shrunk(Path(source), folder, each, seed)
        one = material(photos, found[key], seed, folder)
        plain, long = naive(one, seed, folder)
        ours, short = tuned(one, seed, minutes * 60 or long * THIRD, folder)
        count, title = len(one.dataset.rows(Part.TEST)), f"{Path(source).stem} {each or 'all'} s{seed}"
        figures = f"{one.test(None):>8.3f}{plain:>8.3f}{long:>9.0f}{ours:>8.3f}{short:>9.0f}{short / long:>9.0%}"
        print(f"{title:<24}{count:>6}{figures}", flush=True)
    return plain, ours


def test_tuning() -> None:
    """Prints one row on few digits: figures of larger sets are too long for every run."""
    print(HEADER)
    plain, ours = compare("digits", "efficientnet_lite0", seed=0, minutes=0, each=20)
    assert min(plain, ours) > 0.5  # ten classes: both have learnt something


def main() -> None:
    """One row a seed, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", help="a zip, or `digits`")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--each", type=int, default=0, help="so many photos of each class; 0 = all")
    parser.add_argument("--minutes", type=float, default=0, help="for tuning; 0 = a third of what naive took")
    options = parser.parse_args()
    print(HEADER, flush=True)
    rows = [compare(options.photos, options.backbone, seed, options.minutes, options.each) for seed in options.seeds]
    print("means: naive {:.3f}, tuned {:.3f}".format(*np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
