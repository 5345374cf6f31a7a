"""Other programs on the same photos in the same minutes: the Keras guide's recipe, and fastai's first lesson.

Each is run where it is installed with pretrained weights; elsewhere a sentence says what is missing. MODELMAIL_WEIGHTS
names a folder with `xception.weights.h5`, which the Keras guide takes. fastai is run by an interpreter of its own,
which has fastai, timm and torch, on the weights of modelmail's EfficientNet-Lite0; `fastai_peer.py` says what it does.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from tests.benchmarks import fastai_process
from tests.benchmarks.photos import Photos
from vm_worker.learn.arrays import Rows
from vm_worker.learn.networks.weights import find

GUIDE_SIDE, GUIDE_EPOCHS, GUIDE_TUNED, BATCH = 150, 20, 10, 32  # as in the guide "Transfer learning & fine-tuning"
LITE0 = "efficientnet_lite0"
Fold = tuple[Rows, Rows]  # rows to learn from, rows to test on


@dataclass(frozen=True)
class Found:
    """What another program answered for the tested rows (m,), in how many seconds, and what it trained."""

    name: str
    answers: Rows
    seconds: float
    trained: str


def found_by_peers(photos: Photos, fold: Fold, minutes: int, fastai: Path | None) -> Iterator[Found]:
    """Yield each program's answers for the tested rows of a fold. `fastai` is an interpreter that has it."""
    weights = Path(os.environ.get("MODELMAIL_WEIGHTS", "")) / "xception.weights.h5"
    if weights.is_file():
        yield keras_guide(photos, fold, 60.0 * minutes, weights)
    else:
        print("    the Keras guide is left out: MODELMAIL_WEIGHTS names no folder with xception.weights.h5", flush=True)
    if fastai is None:
        print("    fastai is left out: --fastai-python names no interpreter that has it", flush=True)
    else:
        yield by_fastai(photos, fold, 60.0 * minutes, fastai)


def keras_guide(photos: Photos, fold: Fold, seconds: float, weights: Path) -> Found:
    """Follow keras.io's guide: Xception, 20 epochs with the base frozen, then 10 at a rate of 1e-5 with it unfrozen.

    Two thirds of the time are for the first part, at most. Both end in the middle of an epoch where their time is up.
    Time is kept for the answers: that of training with the base frozen for so many photos, and of its first batch,
    which builds the graph. The second part is left out where it would have less than thrice the time of that batch.
    TensorFlow is loaded already; its import is not counted.
    """
    began = time.monotonic()
    learnt, tested = fold
    pixels, labels = photos.squares(GUIDE_SIDE).astype(np.float32), photos.labels
    data = (pixels[learnt], labels[learnt])
    base = keras.applications.Xception(weights=None, input_shape=(GUIDE_SIDE, GUIDE_SIDE, 3), include_top=False)
    base.load_weights(str(weights))
    base.trainable = False
    model = _guide_model(base, len(photos.classes))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    now = time.monotonic()
    head = fit(model, data, GUIDE_EPOCHS, now + 2 / 3 * (began + seconds - now))
    until = began + seconds - head.first - head.each * math.ceil(len(tested) / BATCH)
    trained = f"{head.epochs:.1f} epochs of the head"
    if until - time.monotonic() > 3 * head.first:
        base.trainable = True
        model.compile(keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
        trained += f", {fit(model, data, GUIDE_TUNED, until).epochs:.1f} of all layers"
    answers = np.asarray(model.predict(pixels[tested], BATCH, verbose=0).argmax(1), np.int64)
    return Found("Keras guide", answers, time.monotonic() - began, trained)


def _guide_model(base: Any, classes: int) -> Any:
    """Put the guide's head on a base: (n, 150, 150, 3) of 0 to 255 -> (n, classes) probabilities."""
    image = keras.Input((GUIDE_SIDE, GUIDE_SIDE, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(image))
    x = base(layers.Rescaling(1 / 127.5, offset=-1)(x), training=False)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))


@dataclass(frozen=True)
class Fitted:
    """What was trained, and how long batches took."""

    epochs: float
    first: float  # seconds until the first batch ended
    each: float  # seconds of a later batch, in the mean; the first one's where there was no other


def fit(model: Any, data: tuple[NDArray[np.float32], Rows], epochs: int, until: float) -> Fitted:
    """Train so many epochs. No batch begins that would end after `until` if it took as long as the last.

    The first one builds the graph: it always runs, and says nothing of the second.
    """
    ends = [time.monotonic()]

    def note(batch: int, logs: Any) -> None:
        ends.append(time.monotonic())
        likely = ends[-1] - ends[-2] if len(ends) > 2 else 0.0
        if ends[-1] + likely > until:
            model.stop_training = True

    model.fit(*data, BATCH, epochs, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=note)])
    took = np.diff(ends)
    first, later = float(took[0]), took[1:]
    return Fitted(len(took) / math.ceil(len(data[1]) / BATCH), first, float(later.mean()) if later.size else first)


def by_fastai(photos: Photos, fold: Fold, seconds: float, python: Path) -> Found:
    """Let fastai learn and answer, by its interpreter. Writing the photos as files is not counted; all else is."""
    weights, missing = find((LITE0,), "", download=False)
    if missing:
        raise fastai_process.FastaiFailed(f"fastai needs EfficientNet-Lite0: {missing[LITE0]}. Run make dev.")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        learnt, tested = fastai_process.written(photos, *fold, work / "photos")
        request = fastai_process.Request(str(work / "photos"), learnt, tested, str(weights[LITE0].path), seconds)
        began = time.monotonic()
        found = fastai_process.learnt_by_fastai(python, request, work)
    trained = f"an epoch of the head, {found.epochs} of all layers" + (", cut off" if found.cut_off else "")
    return Found("fastai", found.answers, time.monotonic() - began, trained)
