"""Test accuracy of selection + tuning against logistic regression on EfficientNet-Lite0 features, same splits.

    python -m tests.benchmarks.accuracy photos.zip --each 40 --each 0 --seconds 300
    python -m tests.benchmarks.accuracy --digits --each 60

One row a set: the regression (C chosen on validation, then fitted on train and on train+validation), the
selected head, what is delivered after tuning, and the standard error of the test figure.
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
from sklearn.linear_model import LogisticRegression

from jobs.limits import Limits
from jobs.options import Options
from tests.benchmarks.shrunk import digits, shrunk
from vm_worker.intake.dataset import Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import engines, extraction
from vm_worker.learn.heads.linear import standardisation
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import assemble, build
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile, find
from vm_worker.learn.select.selection import SelectionRequest, select
from vm_worker.learn.tune import tuning
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork
from vm_worker.tasks.uploads import take_in

LITE0 = "efficientnet_lite0"
SELECT_SHARE = 0.4


@dataclass(frozen=True)
class Result:
    """One set's figures."""

    name: str
    images: int
    regression: tuple[float, float]  # on train, on train+validation
    head: float
    delivered: float
    error: float  # standard error of the regression's figure
    seconds: float
    note: str

    def __str__(self) -> str:
        figures = (*self.regression, self.head, self.delivered, self.error)
        return (
            f"{self.name:<22}{self.images:>6}"
            + "".join(f"{x:>9.3f}" for x in figures)
            + (f"{self.seconds:>8.0f}  {self.note}")
        )


HEADER = f"{'set':<22}{'images':>6}{'LR':>9}{'LR t+v':>9}{'head':>9}{'ours':>9}{'SE':>9}{'seconds':>8}"


def main() -> None:
    """Print one row for each set and size."""
    options = _arguments()
    print(HEADER, flush=True)
    for source in [*options.zips, *(["digits"] if options.digits else [])]:
        for each in options.each or [0]:
            for seed in options.seed or [0]:
                with tempfile.TemporaryDirectory() as folder:
                    print(_measured(source, each, seed, options, Path(folder)), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zips", nargs="*")
    parser.add_argument("--digits", action="store_true", help="scikit-learn's digits as pictures")
    parser.add_argument("--each", type=int, action="append", help="so many photos of each class; 0 = all")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--seconds", type=float, default=300, help="for selection and tuning")
    parser.add_argument("--candidates", default=LITE0)
    return parser.parse_args()


def _measured(source: str, each: int, seed: int, options: argparse.Namespace, folder: Path) -> Result:
    photos = digits(folder, each, seed) if source == "digits" else shrunk(Path(source), folder, each, seed)
    keys = tuple(options.candidates.split(","))
    sizes = tuple({CATALOGUE[key].size for key in (*keys, LITE0)})
    dataset = take_in(IntakeRequest(photos, folder / "cache", sizes, seed, Limits(), 2), lambda part, text: None)
    found, _ = find((*keys, LITE0), os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    regression = _regression(dataset, found[LITE0])
    started = time.monotonic()
    asked = Options(candidates=keys, seed=seed, mirror=source != "digits")
    weights = {key: found[key] for key in keys}
    chosen = select(
        SelectionRequest(dataset, weights, asked, Budget.of(options.seconds * SELECT_SHARE), folder), lambda event: None
    )
    weight = found[chosen.winner]
    left = Budget.of(options.seconds - (time.monotonic() - started))
    request = tuning.TuneRequest(
        dataset, SelectedNetwork(weight, chosen.head), asked, left, folder, chosen.images_per_second
    )
    tuned = tuning.tune(request, lambda event: None)
    seconds = time.monotonic() - started
    head, delivered = (
        _test(dataset, assemble.delivered(weight, chosen.head, path), CATALOGUE[weight.key].size)
        for path in (None, tuned.weights_path)
    )
    kept = next((f"{row.kind} {row.parameters}" for row in tuned.trials if row.state == "kept"), tuned.trials[0].state)
    note = f"{chosen.winner.removeprefix('efficientnet_')} {kept}"
    count = len(dataset.rows(Part.TEST))
    error = float(np.sqrt(regression[0] * (1 - regression[0]) / count))
    name = f"{Path(source).stem} {each or 'all'} s{seed}"
    return Result(name, len(dataset.names), regression, head, delivered, error, seconds, note)


def _regression(dataset: LabelledPhotos, weight: WeightFile) -> tuple[float, float]:
    model = build.extractor(LITE0, weight)
    rows = np.arange(len(dataset.names), dtype=np.int64)
    x = extraction.in_memory(engines.by_keras(model), extraction.Source(dataset.pixels(224), rows))
    train, validation, test = (dataset.rows(part) for part in Part)
    mean, scale = standardisation(x[train])
    x = (x - mean) / scale

    def score(c: float, learnt: NDArray[np.int64], judged: NDArray[np.int64]) -> float:
        fit = LogisticRegression(C=c, max_iter=300).fit(x[learnt], dataset.truth.labels[learnt])
        return float(fit.score(x[judged], dataset.truth.labels[judged]))

    best = max((1e-4, 1e-3, 1e-2, 1e-1, 1.0), key=lambda c: score(c, train, validation))
    return score(best, train, test), score(best, np.concatenate([train, validation]), test)


def _test(dataset: LabelledPhotos, model: object, size: int) -> float:
    rows = dataset.rows(Part.TEST)
    return float((predict(model, dataset.pixels(size), rows).argmax(1) == dataset.truth.labels[rows]).mean())


if __name__ == "__main__":
    main()
