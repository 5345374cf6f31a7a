"""The export stage: every format made, proved on the test photos and timed; what each step takes, and the memory.

    python -m tests.benchmarks.exports [--network efficientnet_lite0] [--photos 325] [--turns 1]

The photos are crops of scikit-image's; the model has the network's weights, or random ones where it has none here,
and a head of six classes. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import skimage.data

from tests.unit.exports.proofs import proof_of
from vm_worker.exports import delivery, files, formats
from vm_worker.exports.clean import BATCH
from vm_worker.learn.networks import build, weights
from vm_worker.learn.networks.catalogue import CATALOGUE

CLASSES = ("a", "b", "c", "d", "e", "f")
TRAINED = 3  # training photos for each test photo
LOOK_SECONDS = 1.0  # each look stops the others for a moment
MB = 1e6


def main() -> None:
    """Print a table of the formats and the whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--photos", type=int, default=325)
    parser.add_argument("--turns", type=int, default=1)
    given = parser.parse_args()
    for _ in range(given.turns):
        with tempfile.TemporaryDirectory() as folder:
            _turn(given.network, given.photos, Path(folder))


def _turn(network: str, photos: int, folder: Path) -> None:
    order = _order(network, photos, folder)
    began = time.perf_counter()
    with Memory() as memory:
        rows = delivery.deliver(order)
    taken = time.perf_counter() - began
    print(f"{'file':<24}{'state':<10}{'made in s':>10}{'MB':>8}{'agreement':>11}{'one ms':>9}{'all ms':>9}  note")
    for row in rows:
        one, every = (row.latency.one.median, row.latency.all.median) if row.latency else (float("nan"), float("nan"))
        size, same = (row.bytes or 0) / MB, row.agreement
        print(f"{row.name:<24}{row.state:<10}{row.seconds:>10.1f}{size:>8.1f}", end="")
        print(f"{'' if same is None else f'{same:.3f}':>11}{one:>9.1f}{every:>9.1f}  {row.note}")
    quoted = formats.seconds(order.formats, order.pace)
    print(f"{network}, {photos} photos: {taken:.1f} s in all, {quoted:.0f} s quoted; ", end="")
    print(f"{memory.most / MB:.0f} MB at most", flush=True)


def _order(network: str, photos: int, folder: Path) -> delivery.Order:
    import keras

    keras.utils.set_random_seed(0)
    found, _ = weights.find([network], "", False)
    extractor = build.extractor(network, found.get(network))
    model = keras.Model(extractor.input, keras.layers.Dense(len(CLASSES), activation="softmax")(extractor.output))
    files.save(model, folder / files.H5)
    images = _crops((1 + TRAINED) * photos, CATALOGUE[network].size)
    np.save(folder / "images.npy", images)
    rows = np.arange(photos)
    whole = len(rows) // BATCH * BATCH
    model.predict_on_batch(images[:BATCH].astype(np.float32))  # so that tracing does not count
    began = time.perf_counter()
    said = [model.predict_on_batch(images[start : start + BATCH].astype(np.float32)) for start in rows[:whole:BATCH]]
    pace = formats.Pace(whole / (time.perf_counter() - began), CATALOGUE[network].gflops, photos)
    expected = np.concatenate([*said, model.predict_on_batch(images[whole:photos].astype(np.float32))])
    scratch = folder / "scratch"
    scratch.mkdir()
    proof = proof_of(folder / "images.npy", rows, expected.argmax(1), expected, scratch, 600.0)
    train = np.arange(photos, len(images))
    wanted = tuple(formats.wanted(list(formats.FORMATS)))
    return delivery.Order(folder, wanted, proof, train, CLASSES, {}, pace, 600.0, lambda fraction, message: None)


def _crops(number: int, size: int) -> np.ndarray:
    """(number, size, size, 3) uint8, seeded."""
    source = (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea(), skimage.data.rocket())
    rng = np.random.default_rng(0)
    crops = np.empty((number, size, size, 3), np.uint8)
    for place in range(number):
        picture = np.pad(source[place % len(source)], ((0, size), (0, size), (0, 0)), "reflect")
        top, left = (int(rng.integers(side - size)) for side in picture.shape[:2])
        crops[place] = picture[top : top + size, left : left + size]
    return crops


class Memory:
    """The most that the processes below this one held together, less what two of them share (PSS)."""

    def __enter__(self) -> Memory:
        self.most, self._end = 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            held = 0
            for child in psutil.Process().children(recursive=True):
                try:
                    held += child.memory_full_info().pss
                except psutil.Error:  # it has ended meanwhile
                    continue
            self.most = max(self.most, held)


if __name__ == "__main__":
    main()
