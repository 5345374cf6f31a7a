"""How right heads on features of every depth are, against logistic regression on EfficientNet-Lite0's last features.

    python -m tests.benchmarks.accuracy folder --photos 600
    python -m tests.benchmarks.accuracy one.zip --minutes 2 4 8 --peers --fastai-python other/bin/python

`folder` holds zips with a folder of photos for each class (a split inside is not kept). Of each, at most so many photos
are drawn. Five outer folds judge every photo once, by what was learnt from the others; strengths, columns and forms are
chosen on those others alone. One row a set: the accuracy of the regression, in % of the photos, and what each head is
better by, in points, with its paired standard error. The last row is the mean of the sets, with their spread.
`--minutes` runs whole jobs on the folds in place of heads; that takes five times as many minutes a set. A job learns
from tested photos that are too like one of the others, so these judge nobody. `--peers` runs other programs after each
for as many minutes, where they are installed (`peers.py`), and prints what they took; fastai is run by the interpreter
that `--fastai-python` names. `--folds 1` judges a fifth alone, `--part 2` the third of the folds alone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from jobs.limits import Limits
from tests.benchmarks import fastai_process
from tests.benchmarks.job import run
from tests.benchmarks.peers import Fold, Found, found_by_peers
from tests.benchmarks.photos import Photos, drawn
from vm_worker.intake.dataset import Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.arrays import Flags, Halves, Rows
from vm_worker.learn.features import engines, extraction, openvino
from vm_worker.learn.heads import head_validation, linear
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.networks import build, depth
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import find
from vm_worker.tasks.uploads import take_in

LITE0, LITE2 = "efficientnet_lite0", "efficientnet_lite2"
FOLDS, EPOCHS = 5, 40
SMALL = 32  # pixels a side of pictures that nobody looks at
STRENGTHS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)  # scikit-learn's C
KINDS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
Others = Callable[[Photos, Fold, int], Iterable[Found]]  # by the minutes that a job was given
Answers = Mapping[str, Flags]  # by method: (n,) whether each photo was right


def main() -> None:
    """Print one row for each set, then the mean."""
    options = _arguments()
    sources = [found for path in options.sets for found in (sorted(path.glob("*.zip")) if path.is_dir() else [path])]
    gains: dict[str, list[float]] = {}
    for source in sources:
        photos = drawn(source, options.photos)
        folds = dict(enumerate(outer(photos.labels)[: options.folds]))
        if options.part is not None:
            folds = {options.part: folds[options.part]}
        judged = np.concatenate([tested for _, tested in folds.values()])
        if options.minutes:
            right, judged = by_jobs(photos, options.minutes, folds, _others(options))
        else:
            right = by_heads(photos, tuple(folds.values()))
        right = {name: answers[judged] for name, answers in right.items()}
        base = right["LR"]
        print(f"{photos.name:<20}{len(base):>6}  LR {100 * base.mean():.1f}", end="", flush=True)
        for name, answers in right.items():
            gain = 100 * (answers.astype(float) - base)
            gains.setdefault(name, []).append(float(gain.mean()))
            if name != "LR":
                print(f"   {name} {gain.mean():+.2f} +- {gain.std() / np.sqrt(len(gain)):.2f}", end="")
        print(flush=True)
    for name, values in gains.items():
        error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
        print(f"mean of {len(values)} sets: {name} {np.mean(values):+.2f} +- {error:.2f}, worst {min(values):+.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--minutes", type=int, nargs="*", default=[])
    parser.add_argument("--folds", type=int, default=FOLDS, choices=range(1, FOLDS + 1))
    parser.add_argument("--part", type=int, choices=range(FOLDS))
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--fastai-python", type=Path)
    options = parser.parse_args()
    if options.part is not None and options.part >= options.folds:
        parser.error("--part names none of the --folds")
    if options.peers and not options.minutes:
        parser.error("--peers needs --minutes: it runs other programs for as many minutes as jobs")
    if options.fastai_python and not options.peers:
        parser.error("--fastai-python needs --peers")
    if options.fastai_python:
        try:
            fastai_process.check(options.fastai_python)
        except fastai_process.FastaiFailed as error:
            parser.error(str(error))
    return options


def _others(options: argparse.Namespace) -> Others:
    """Return what runs the other programs; without `--peers` there are none."""
    if options.peers:
        return partial(found_by_peers, fastai=options.fastai_python)
    return lambda photos, fold, minutes: ()


def outer(labels: Rows) -> list[Fold]:
    """Return the outer folds: rows to learn from, rows to test on."""
    cut = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(np.zeros(len(labels)), labels)
    return [(learnt.astype(np.int64), tested.astype(np.int64)) for learnt, tested in cut]


def by_heads(photos: Photos, folds: Sequence[Fold]) -> Answers:
    """Judge each photo by the regression, by the heads of two networks, and by the mean of these."""
    names = {"Lite0": (LITE0, 224), "Lite0 at 288": (LITE0, 288), "Lite2": (LITE2, 260)}
    found = {name: features(photos, *network) for name, network in names.items()}
    right: dict[str, Flags] = {"LR": np.zeros(len(photos.labels), bool)}
    for learnt, tested in folds:
        truth = photos.labels[tested]
        right["LR"][tested] = _regression(found["Lite0"][:, :1280], photos.labels, learnt, tested) == truth
        logits = {name: _logits(values, photos, learnt, tested) for name, values in found.items()}
        logits["pair"] = np.mean([logits["Lite0 at 288"], logits["Lite2"]], axis=0, dtype=np.float32)
        for name, values in logits.items():
            right.setdefault(name, np.zeros(len(photos.labels), bool))[tested] = values.argmax(1) == truth
    return right


def features(photos: Photos, key: str, size: int) -> Halves:
    """Send the photos through a network: (n, columns of all depths)."""
    found, _ = find((key,), os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    model = depth.deepened(build.extractor(key, found[key], (size, size)))
    with tempfile.TemporaryDirectory() as folder:
        pixels, plain = photos.squares(size), engines.by_keras(model)
        fast = openvino.available()
        network = openvino.Network(model, Path(folder)) if fast else None
        engine = engines.compiled(network, openvino.precisions()[0], plain) if network else plain
        rows = np.arange(len(pixels), dtype=np.int64)
        return extraction.in_memory(engine, extraction.Source(pixels, rows)).astype(np.float16)


def _logits(values: Halves, photos: Photos, learnt: Rows, tested: Rows) -> NDArray[np.float32]:
    """Learn a head as selection does, on these rows, and return its logits of the tested ones."""
    order = np.random.default_rng(0).permutation(learnt)
    table = FeatureTable(values[order], photos.labels[order], np.arange(len(order)), len(order) * 3 // 4, 1280)
    settings = HeadSettings(len(photos.classes), EPOCHS, 0)
    head = head_validation.refit(table, settings, head_validation.validate(table, settings))
    return head.logits(values[tested])


def _regression(values: Halves, labels: Rows, learnt: Rows, tested: Rows) -> Rows:
    """Return the answers of logistic regression, C chosen on a quarter of the rows, then fitted on all."""
    order = np.random.default_rng(0).permutation(learnt)
    train, validation = np.split(order, [len(order) * 3 // 4])
    mean, scale = linear.standardisation(values[learnt].astype(np.float32))
    x = (values.astype(np.float32) - mean) / scale

    def loss(c: float) -> float:
        fit = LogisticRegression(C=c, max_iter=300).fit(x[train], labels[train])
        likely = fit.predict_proba(x[validation])
        places = np.searchsorted(fit.classes_, labels[validation])
        places = np.minimum(places, likely.shape[1] - 1)
        return float(-np.log(np.maximum(likely[np.arange(len(validation)), places], 1e-9)).mean())

    best = min(STRENGTHS, key=loss)
    return np.asarray(LogisticRegression(C=best, max_iter=300).fit(x[learnt], labels[learnt]).predict(x[tested]))


def by_jobs(photos: Photos, minutes: Sequence[int], folds: Mapping[int, Fold], others: Others) -> tuple[Answers, Rows]:
    """Judge photos by whole jobs on the other folds, beside the regression, and by `others`.

    Also return the rows (m,) that are judged: of the tested ones those that a job does not learn from.
    """
    values = features(photos, LITE0, CATALOGUE[LITE0].size)[:, :1280]
    right: dict[str, Flags] = {"LR": np.zeros(len(photos.labels), bool)}
    judged = [_apart(photos, *fold) for fold in folds.values()]

    def note(name: str, tested: Rows, answers: Flags) -> None:
        right.setdefault(name, np.zeros(len(photos.labels), bool))[tested] = answers

    for number, (learnt, tested) in folds.items():
        note("LR", tested, _regression(values, photos.labels, learnt, tested) == photos.labels[tested])
        for allowed in minutes:
            note(f"job of {allowed} min", tested, _by_job(photos, learnt, tested, allowed, number))
            for found in others(photos, (learnt, tested), allowed):
                print(f"    {found.name}, {allowed} min: {found.seconds:.0f} s, {found.trained}", flush=True)
                note(f"{found.name}, {allowed} min", tested, found.answers == photos.labels[tested])
    return right, np.concatenate(judged)


def _apart(photos: Photos, learnt: Rows, tested: Rows) -> Rows:
    """Return the tested rows (m,) that a job leaves in its test part."""
    with tempfile.TemporaryDirectory() as folder:
        source = _split(photos, learnt, tested, Path(folder) / "photos.zip")
        request = IntakeRequest(source, Path(folder) / "cache", (SMALL,), 0, Limits(), 2)
        dataset = take_in(request, lambda done, text: None)
        names = (PurePosixPath(dataset.names[row]) for row in dataset.rows(Part.TEST))
        return np.array([int(name.stem) for name in names if name.parts[0] == "test"], np.int64)


def _by_job(photos: Photos, learnt: Rows, tested: Rows, minutes: int, seed: int) -> Flags:
    """Run a job, and return (m,) whether what it delivers is right for each tested photo, learnt or not."""
    files = ("model.h5", "labels.txt")
    with tempfile.TemporaryDirectory() as folder:
        source = _split(photos, learnt, tested, Path(folder) / "photos.zip")
        waited, report = run(
            source, {"minutes": minutes, "seed": seed, "exports": ["h5", "keras"]}, Path(folder), files
        )
        answers = _answers(photos, tested, *(Path(folder) / name for name in files))
    right, test = answers == photos.labels[tested], report["test"]
    told = f"its own test: {100 * test['accuracy']:.1f} % of {test['images']}"
    print(
        f"    job of {minutes} min: {waited:.0f} s, {report['winner']['title']}, {100 * right.mean():.1f} %, {told}",
        flush=True,
    )
    return np.asarray(right)


def _answers(photos: Photos, tested: Rows, model: Path, labels: Path) -> Rows:
    """Ask a delivered model about these photos: (m,) numbers of classes."""
    network, names = keras.models.load_model(model, compile=False), labels.read_text().split("\n")
    numbers = np.array([photos.classes.index(name) for name in names if name], np.int64)
    pixels = photos.squares(network.input_shape[1])[tested].astype(np.float32)
    return np.asarray(numbers[network.predict(pixels, verbose=0).argmax(1)])


def _split(photos: Photos, learnt: Rows, tested: Rows, target: Path) -> Path:
    """Write a zip with a split of its own."""
    order = np.random.default_rng(0).permutation(learnt)
    parts: Sequence[tuple[str, Rows]] = [
        ("test", tested),
        *zip(("train", "val"), np.split(order, [len(order) * 3 // 4]), strict=True),
    ]
    with zipfile.ZipFile(target, "w") as out:
        for part, rows in parts:
            for row in rows:
                name, data = photos.files[row]
                label = photos.classes[photos.labels[row]]
                out.writestr(f"{part}/{label}/{row}{PurePosixPath(name).suffix}", data)
    return target


if __name__ == "__main__":
    main()
