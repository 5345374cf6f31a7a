"""fastai's first lesson on photos in a folder, within the seconds that it is given. It runs where fastai and timm are.

    python tests/benchmarks/fastai_peer.py request.json answers.json

1. `resize_images` makes each photo at most 400 pixels long, as the lesson does.
2. `ImageDataLoaders`: squares of 224 pixels, by `Resize` with "squish", `aug_transforms()`, batches of 32. None of the
   photos is held out: nothing is chosen by validation, so that all of them are learnt from.
3. `vision_learner` with timm's `tf_efficientnet_lite0`, and fastai's own head and normalisation. The weights are those
   of modelmail's EfficientNet-Lite0.
4. `fine_tune` with its defaults: an epoch of the head at a rate of 2e-3, then epochs of all layers in one cycle. There
   are as many as fit, by the seconds of a few batches that are trained first and forgotten, but at most 50. Where they
   take longer than that, the cycle is cut off. `lr_find` is left out: its 100 batches are much of a few minutes.
5. `get_preds` answers for the tested photos.

The seconds are counted from the start of the interpreter, imports and all. Arrays are float32, channels last.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

BEGAN = time.monotonic()  # the imports that take seconds come later
NETWORK, SIDE, LONGEST, BATCH, MOST_EPOCHS = "tf_efficientnet_lite0", 224, 400, 32, 50
PROBED, PROBED_SHARE = 4, 0.1  # batches trained to know their seconds, and the share of the time for them
FILLED = 0.95  # of the time that is left, so that seldom a cycle is cut off


def main(request: Path, answers: Path) -> None:
    """Read the request (`fastai_process.Request` as JSON), learn, and write the answers."""
    asked: Mapping[str, Any] = json.loads(request.read_text(encoding="utf-8"))
    found = learn_and_answer(asked, BEGAN + float(asked["seconds"]))
    answers.write_text(json.dumps(found), encoding="utf-8")


def learn_and_answer(asked: Mapping[str, Any], end: float) -> dict[str, Any]:
    """Return the class of each tested photo, how many epochs were planned, and whether they were cut off."""
    fastai: Any = import_module("fastai.vision.all")
    fastai.set_seed(0)
    folder = Path(asked["folder"])
    small = folder.with_name(folder.name + "_small")
    fastai.resize_images(folder, max_size=LONGEST, dest=small)
    learnt: Mapping[str, int] = asked["learnt"]
    tested = [small / name for name in asked["tested"]]
    weights = renamed(asked["weights"])
    files = [small / name for name in learnt]
    loaders = fastai.ImageDataLoaders.from_lists(
        small,
        files,
        list(learnt.values()),
        valid_pct=0.0,
        item_tfms=fastai.Resize(SIDE, method="squish"),
        batch_tfms=fastai.aug_transforms(),
        bs=min(BATCH, len(files)),  # a smaller last batch is dropped
        num_workers=0,
    )
    probe_until = time.monotonic() + PROBED_SHARE * float(asked["seconds"])
    batch = seconds_of_batch(fastai, learner_of(fastai, loaders, weights), probe_until)
    until = end - batch * -(-len(tested) // BATCH)  # as long as training on them would take
    epochs = epochs_that_fit(until - time.monotonic(), batch * len(loaders.train))
    learner = learner_of(fastai, loaders, weights)
    cut_off = fine_tune(fastai, learner, epochs, until)
    with learner.no_bar(), learner.no_logging():
        likely, _ = learner.get_preds(dl=loaders.test_dl(tested))
    classes = [int(loaders.vocab[place]) for place in likely.argmax(1)]
    return {"answers": classes, "epochs": epochs, "cut_off": cut_off}


def renamed(path: str) -> dict[str, Any]:
    """Return a checkpoint of EfficientNet-Lite0 by timm's names: both list their arrays in the same order."""
    torch, timm = import_module("torch"), import_module("timm")
    state = torch.load(path, map_location="cpu", weights_only=True)
    return dict(zip(timm.create_model(NETWORK).state_dict(), state.values(), strict=True))


def learner_of(fastai: Any, loaders: Any, weights: Mapping[str, Any]) -> Any:
    """Return an untrained learner."""
    learner = fastai.vision_learner(loaders, NETWORK, pretrained_cfg_overlay={"state_dict": dict(weights)})
    return learner.add_cb(fastai.ChannelsLast())


def seconds_of_batch(fastai: Any, learner: Any, until: float) -> float:
    """Train a few batches, all layers, and return the seconds of one. The learner is of no other use then.

    The first one, which is slower, is not counted. None begins after `until`, but for two.
    """
    ends: list[float] = []

    def note(callback: Any) -> None:
        ends.append(time.monotonic())
        if len(ends) == PROBED or (len(ends) > 1 and ends[-1] >= until):
            raise fastai.CancelFitException

    learner.unfreeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit(PROBED, 1e-6, cbs=fastai.Callback(after_batch=note))
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


def epochs_that_fit(seconds: float, epoch: float) -> int:
    """Return how many epochs of all layers fit beside one of the head, at least one."""
    return max(1, min(MOST_EPOCHS, int(FILLED * seconds / epoch) - 1))


def fine_tune(fastai: Any, learner: Any, epochs: int, until: float) -> bool:
    """Fine-tune by fastai's recipe; no batch begins after `until`. Return whether one had to be left out."""
    stopped = False

    def stop(callback: Any) -> None:
        nonlocal stopped
        if time.monotonic() >= until:
            stopped = True
            raise fastai.CancelFitException

    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs, cbs=fastai.Callback(before_batch=stop))
    return stopped


def _arguments(given: Sequence[str]) -> tuple[Path, Path]:
    request, answers = given
    return Path(request), Path(answers)


if __name__ == "__main__":
    main(*_arguments(sys.argv[1:]))
