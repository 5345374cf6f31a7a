"""Other programs on the same photos in the same minutes: the Keras guide's recipe, and fastai.

Each is run where it is installed with pretrained weights; elsewhere a sentence says what is missing. MODELMAIL_WEIGHTS
names a folder with `xception.weights.h5`, which the Keras guide takes; fastai takes torchvision's weights of ResNet-18
from torch's own cache.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.benchmarks.photos import Photos
from vm_worker.learn.arrays import Rows

GUIDE_SIDE, GUIDE_EPOCHS, GUIDE_TUNED, BATCH = 150, 20, 10, 32  # as in the guide "Transfer learning & fine-tuning"
FASTAI_SIDE, FASTAI_EPOCHS = 224, 20
RESNET = "resnet18-*.pth"


def found_by_peers(photos: Photos, learnt: Rows, tested: Rows, minutes: int) -> Iterator[tuple[str, Rows]]:
    """Yield each program's name and its answers (m,) for the tested rows."""
    weights = Path(os.environ.get("MODELMAIL_WEIGHTS", "")) / "xception.weights.h5"
    if weights.is_file():
        yield "Keras guide", keras_guide(photos, learnt, tested, 60.0 * minutes, weights)
    else:
        print("    the Keras guide is left out: MODELMAIL_WEIGHTS names no folder with xception.weights.h5", flush=True)
    cache = Path(os.environ.get("TORCH_HOME", Path.home() / ".cache" / "torch")) / "hub" / "checkpoints"
    if find_spec("fastai") is None:
        print("    fastai is left out: it is not installed", flush=True)
    elif not any(cache.glob(RESNET)):
        print(f"    fastai is left out: {cache} has no {RESNET}", flush=True)
    else:
        yield "fastai", by_fastai(photos, learnt, tested, 60.0 * minutes)


def keras_guide(photos: Photos, learnt: Rows, tested: Rows, seconds: float, weights: Path) -> Rows:
    """Follow keras.io's guide: Xception, 20 epochs with the base frozen, then 10 at a rate of 1e-5 with it unfrozen.

    Two thirds of the time are for the first part, at most; an epoch that has begun is trained to its end.
    """
    end = time.monotonic() + seconds
    pixels, labels = photos.squares(GUIDE_SIDE).astype(np.float32), photos.labels
    base = keras.applications.Xception(weights=None, input_shape=(GUIDE_SIDE, GUIDE_SIDE, 3), include_top=False)
    base.load_weights(str(weights))
    base.trainable = False
    image = keras.Input((GUIDE_SIDE, GUIDE_SIDE, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(image))
    x = base(layers.Rescaling(1 / 127.5, offset=-1)(x), training=False)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Dense(len(photos.classes), activation="softmax")(x))
    for trainable, rate, epochs, share in ((False, 1e-3, GUIDE_EPOCHS, 2 / 3), (True, 1e-5, GUIDE_TUNED, 1.0)):
        base.trainable = trainable
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        until = time.monotonic() + share * (end - time.monotonic())
        for _ in range(epochs):
            if time.monotonic() < until:
                model.fit(pixels[learnt], labels[learnt], BATCH, verbose=0)
    return np.asarray(model.predict(pixels[tested], BATCH, verbose=0).argmax(1), np.int64)


def by_fastai(photos: Photos, learnt: Rows, tested: Rows, seconds: float) -> Rows:
    """Follow fastai's first lesson: `vision_learner` with ResNet-18, and as many epochs as the time allows."""
    fastai: Any = import_module("fastai.vision.all")

    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{row}{Path(photos.files[row][0]).suffix}" for row in learnt]
        for path, row in zip(paths, learnt, strict=True):
            path.write_bytes(photos.files[row][1])
        names = [photos.classes[photos.labels[row]] for row in learnt]
        options = {"valid_pct": 0.2, "seed": 0, "item_tfms": fastai.Resize(FASTAI_SIDE, method="squish"), "bs": BATCH}
        loaders = fastai.ImageDataLoaders.from_lists(
            folder, paths, names, batch_tfms=fastai.aug_transforms(), num_workers=0, **options
        )
        learner = fastai.vision_learner(loaders, fastai.resnet18, metrics=fastai.accuracy)
        began = time.monotonic()
        with learner.no_bar(), learner.no_logging():
            learner.fine_tune(1)
            one = (time.monotonic() - began) / 2  # `fine_tune` begins with an epoch of the head alone
            more = min(FASTAI_EPOCHS, int((end - time.monotonic()) / max(one, 1e-6)) - 1)
            if more > 0:
                learner.fine_tune(more)
        pixels = photos.squares(FASTAI_SIDE)
        answers = [str(learner.predict(fastai.PILImage.create(pixels[row]))[0]) for row in tested]
    return np.array([photos.classes.index(answer) for answer in answers], np.int64)
