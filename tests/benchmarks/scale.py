"""1,000, 5,000 and 20,000 photos of 500 pixels in 20 classes: time and peak memory of intake and selection.

    MODELMAIL_BENCH_IMAGES=1000,5000 pytest tests/benchmarks/scale.py -o python_files='*.py' -m "" -s

Each size runs in a process of its own, with MobileNetV3Small at random weights: what is measured is how time and
memory grow, not what is learnt. Memory is the peak of the process and, apart, of its largest decoding process.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

CLASSES, SIDE, KEY = 20, 500, "mobilenet_v3_small"
DIFFERENT = 400  # noise patterns; every photo mixes two of them, so that no two are alike
IMAGES = "1000,5000,20000"
MEMORY = 3e9  # bytes, at the largest size


@pytest.mark.timeout(7200)
def test_time_and_memory_grow_with_the_photos(tmp_path: Path) -> None:
    print(f"\n{'images':>8}{'intake, s':>11}{'select, s':>11}{'ms an image':>13}{'peak, MB':>10}{'decoders, MB':>14}")
    for count in map(int, os.environ.get("MODELMAIL_BENCH_IMAGES", IMAGES).split(",")):
        folder = tmp_path / str(count)
        folder.mkdir()
        photos = _photos(folder / "photos.zip", count)
        command = [sys.executable, "-m", "tests.benchmarks.scale", str(photos), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        row = json.loads(done.stdout.splitlines()[-1])
        each = (row["intake"] + row["select"]) / count * 1000
        print(
            f"{count:>8}{row['intake']:>11.1f}{row['select']:>11.1f}{each:>13.1f}"
            f"{row['peak'] / 1e6:>10.0f}{row['decoders'] / 1e6:>14.0f}",
            flush=True,
        )
        assert row["peak"] + row["decoders"] < MEMORY
        photos.unlink()


def measured(photos: Path, folder: Path) -> dict[str, float]:
    """Intake and selection, in this process."""
    from jobs.limits import Limits
    from jobs.options import Options
    from vm_worker.intake.cache import IntakeRequest, take_in
    from vm_worker.learn import networks
    from vm_worker.learn.backbones import CATALOGUE
    from vm_worker.learn.budget import Budget
    from vm_worker.learn.weights import KERAS_H5, WeightFile
    from vm_worker.selection import SelectRequest, select

    times = [time.monotonic()]
    request = IntakeRequest(photos, folder / "cache", (CATALOGUE[KEY].size,), 0, Limits(), 2)
    dataset = take_in(request, lambda part, text: None)
    times.append(time.monotonic())
    file = folder / f"{KEY}.weights.h5"
    networks.extractor(KEY, None).save_weights(file)
    weights = {KEY: WeightFile(KEY, file, KERAS_H5)}
    options = Options(candidates=(KEY,), trials=0, search="none")
    select(SelectRequest(dataset, weights, options, Budget.of(7000), folder), lambda event: None)
    times.append(time.monotonic())
    peaks = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    intake, selection = np.diff(times).tolist()
    return {"intake": intake, "select": selection, "peak": peaks[0], "decoders": peaks[1]}


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
    print(json.dumps(measured(Path(sys.argv[1]), Path(sys.argv[2]))))
