"""1,000, 5,000 and 20,000 photos of 500 pixels in 20 classes: time and peak memory of intake, selection and tuning.

    MODELMAIL_BENCH_IMAGES=1000,5000 pytest tests/benchmarks/scale.py -o python_files='*.py' -m "" -s

Each size runs in a process of its own, with one network (MODELMAIL_BENCH_NETWORK; MobileNetV3Small), at random weights
where it has no others: what is measured is how time and memory grow, not what is learnt. Memory is that of the process
and of all that it starts, together: what is shared counts once (PSS), looked at five times a second. Tuning takes the
time that it is given (MODELMAIL_BENCH_TUNING, seconds), so that its memory alone is of interest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil
import pytest

CLASSES, SIDE = 20, 500
KEY = os.environ.get("MODELMAIL_BENCH_NETWORK", "mobilenet_v3_small")
TUNING = float(os.environ.get("MODELMAIL_BENCH_TUNING", "300"))
DIFFERENT = 400  # noise patterns; every photo mixes two of them, so that no two are alike
IMAGES = "1000,5000,20000"
MEMORY = 3e9  # bytes, at the largest size
STAGES = ("intake", "select", "tune")
LOOKS = 5  # a second, at the memory


@pytest.mark.timeout(7200)
def test_time_and_memory_grow_with_the_photos(tmp_path: Path) -> None:
    print(f"\n{KEY}\n{'images':>8}" + "".join(f"{f'{stage}, s':>11}" for stage in STAGES), end="")
    print(f"{'ms an image':>13}" + "".join(f"{f'{stage}, MB':>12}" for stage in STAGES) + "  trials", flush=True)
    for count in map(int, os.environ.get("MODELMAIL_BENCH_IMAGES", IMAGES).split(",")):
        folder = tmp_path / str(count)
        folder.mkdir()
        photos = _photos(folder / "photos.zip", count)
        seconds, peaks, tried = _watched([sys.executable, "-m", "tests.benchmarks.scale", str(photos), str(folder)])
        each = (seconds["intake"] + seconds["select"]) / count * 1000
        print(f"{count:>8}" + "".join(f"{seconds[stage]:>11.1f}" for stage in STAGES), end="")
        print(f"{each:>13.1f}" + "".join(f"{peaks[stage] / 1e6:>12.0f}" for stage in STAGES) + f"  {tried}", flush=True)
        assert max(peaks.values()) < MEMORY
        photos.unlink()


def _watched(command: list[str]) -> tuple[dict[str, float], dict[str, int], str]:
    """Seconds and peak memory of each stage, and what was tried."""
    peaks: dict[str, int] = defaultdict(int)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        stage, over = ["start"], threading.Event()
        watching = threading.Thread(target=_watch, args=(psutil.Process(process.pid), stage, peaks, over))
        watching.start()
        seconds: dict[str, float] = {}
        tried = ""
        for line in process.stdout:
            told = json.loads(line) if line.startswith("{") else {}
            stage[0] = told.get("begins", stage[0])
            seconds |= told.get("seconds", {})
            tried = told.get("tried", tried)
        over.set()
        watching.join()
    assert process.returncode == 0
    return seconds, peaks, tried


def _watch(process: psutil.Process, stage: list[str], peaks: dict[str, int], over: threading.Event) -> None:
    while not over.wait(1 / LOOKS):
        peaks[stage[0]] = max(peaks[stage[0]], _memory(process))


def _memory(process: psutil.Process) -> int:
    """Bytes of the process and all that it started."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except psutil.Error:
        pass  # one has just ended
    return total


def _measure(photos: Path, folder: Path) -> None:
    """All stages, in this process and those that it starts."""
    from jobs.limits import Limits
    from jobs.options import Options
    from vm_worker.intake.take_in import IntakeRequest
    from vm_worker.learn.budget import Budget
    from vm_worker.learn.networks import build
    from vm_worker.learn.networks.catalogue import CATALOGUE
    from vm_worker.learn.networks.weights import KERAS_H5, WeightFile, find
    from vm_worker.learn.select.selection import SelectionRequest, select
    from vm_worker.learn.tune.tuning import TuneRequest, tune
    from vm_worker.learn.tune.tuning_inputs import SelectedNetwork
    from vm_worker.tasks.uploads import take_in

    began = _begun("intake")
    request = IntakeRequest(photos, folder / "cache", (CATALOGUE[KEY].size,), 0, Limits(), 2)
    dataset = take_in(request, lambda part, text: None)
    _ended("intake", began)

    weight = find((KEY,), os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)[0].get(KEY)
    if weight is None:
        weight = WeightFile(KEY, folder / f"{KEY}.weights.h5", KERAS_H5)
        build.extractor(KEY, None).save_weights(weight.path)
    options = Options(candidates=(KEY,))
    began = _begun("select")
    found = select(SelectionRequest(dataset, {KEY: weight}, options, Budget.of(7000), folder), lambda event: None)
    _ended("select", began)

    began = _begun("tune")
    chosen = SelectedNetwork(weight, found.head)
    asked = TuneRequest(dataset, chosen, options, Budget.of(TUNING), folder, found.images_per_second)
    tuned = tune(asked, lambda event: None)
    _ended("tune", began)
    rows = [f"{row.kind} {row.parameters} {row.state}" for row in tuned.trials]
    print(json.dumps({"tried": "; ".join(rows)}), flush=True)


def _begun(stage: str) -> float:
    print(json.dumps({"begins": stage}), flush=True)
    return time.monotonic()


def _ended(stage: str, began: float) -> None:
    print(json.dumps({"seconds": {stage: time.monotonic() - began}}), flush=True)


def _photos(path: Path, count: int) -> Path:
    """Noise of two patterns under a shade of the class: no two are alike, and a JPEG takes a millisecond."""
    from PIL import Image

    random = np.random.default_rng(0)
    patterns = random.integers(0, 100, (DIFFERENT, SIDE // 10, SIDE // 10, 3)).astype(np.uint8)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            label = number % CLASSES
            one, other = patterns[random.integers(DIFFERENT, size=2)]
            mixed = one + np.roll(other, int(random.integers(50)), 1) // 2 + np.uint8(5 * label)
            picture = Image.fromarray(mixed).resize((SIDE, SIDE), Image.Resampling.NEAREST)
            with archive.open(f"{label:02d}/{number}.jpg", "w") as file:
                picture.save(file, "JPEG", quality=80)
    return path


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), Path(sys.argv[2]))
