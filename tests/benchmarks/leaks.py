"""Leaks: how many test photos are frames of a recording that was also learned from, and what is joined without reason.

python -m tests.benchmarks.leaks [PHOTOS.zip]

Recordings are made from photos: the view of a hand-held camera drifts, turns and zooms, the light changes, and there is
noise. The report may say of a class that its figure may be too good ("said"), or that only few recordings were tested
("few"). PHOTOS.zip is a zip of class folders of photos that show different things; the default is of scikit-image.
"""

from __future__ import annotations

import hashlib
import io
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.limits import Limits
from tests.benchmarks.duplicates import PLAIN, tiles
from vm_worker.evaluation.advice import FRAMES_MOST, PLAIN_SHARE
from vm_worker.intake import near_duplicates
from vm_worker.intake.dataset import Part
from vm_worker.intake.groups import Groups, PhotoDigests, group
from vm_worker.intake.images import read_square
from vm_worker.intake.split import SplitRows, divide

SIDE = 224
CLASSES = 2
SIZES = ((30, 5), (15, 10), (5, 30), (5, 100), (3, 30), (2, 30))  # recordings of a class, frames of each
NAMES = {
    "numbered by a camera": "IMG_{number:04}.jpg",
    "frames of a video": "video_frame_{number:05}.jpg",
    "named after recordings": "clip{recording}_frame{frame:03}.jpg",
    "without an order": "{digest}.jpg",
}


@dataclass(frozen=True)
class Motion:
    """How much changes from one frame to the next."""

    step: float  # standard deviation of the view's acceleration, in widths
    turn: float  # degrees
    light: float  # share


MOTIONS: Mapping[str, Motion] = {
    "on a stand, moved slowly": Motion(0.006, 0.4, 0.01),
    "hand-held": Motion(0.015, 0.8, 0.02),
    "hand-held, in a hurry": Motion(0.03, 2.0, 0.03),
}


@dataclass(frozen=True)
class Frame:
    """A frame of a recording."""

    label: int
    recording: int
    number: int  # in its recording
    data: bytes


def film(scene: Image.Image, frames: int, motion: Motion, random: np.random.Generator) -> list[bytes]:
    """Film a photo; return the frames as JPEG files."""
    scene, found = scene.convert("RGB").resize((2 * SIDE, 2 * SIDE)), []
    place, speed, angle, zoom, light = np.zeros(2), np.zeros(2), 0.0, 1.3, 1.0
    for _ in range(frames):
        speed = 0.7 * speed + random.normal(0, motion.step, 2)
        place = np.clip(place + speed, -0.12, 0.12)
        angle = float(np.clip(angle + random.normal(0, motion.turn), -12, 12))
        zoom = float(np.clip(zoom + random.normal(0, 0.004), 1.25, 1.6))
        light = float(np.clip(light + random.normal(0, motion.light), 0.75, 1.25))
        x, y = (SIDE + 1.6 * SIDE * place).tolist()
        half = SIDE / zoom
        turned = scene.rotate(angle, Image.Resampling.BILINEAR, center=(x, y))
        view = turned.crop((round(x - half), round(y - half), round(x + half), round(y + half))).resize((SIDE, SIDE))
        noisy = np.asarray(view, np.float32) * light + random.normal(0, 4, (SIDE, SIDE, 3))
        out = io.BytesIO()
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=int(random.integers(80, 93)))
        found.append(out.getvalue())
    return found


def recorded(scenes: Sequence[Image.Image], size: tuple[int, int], motion: Motion) -> list[Frame]:
    """Make a set of recordings of these scenes."""
    random, (recordings, frames) = np.random.default_rng(0), size
    return [
        Frame(label, recording, number, data)
        for label in range(CLASSES)
        for recording in range(recordings)
        for number, data in enumerate(film(scenes[label * recordings + recording], frames, motion, random))
    ]


def seen(frames: Sequence[Frame], name: str) -> list[PhotoDigests]:
    """Return what intake knows of the frames under such names."""
    found, counts = [], Counter[int]()
    for frame in frames:
        digest = hashlib.sha256(frame.data).hexdigest()
        counts[frame.label] += 1
        told = {"recording": frame.recording, "frame": frame.number, "number": counts[frame.label], "digest": digest}
        path = f"{frame.label}/{name.format(**told)}"
        found.append(PhotoDigests(frame.label, digest, digest, _grey(frame.data), path))
    return found


def _grey(data: bytes) -> bytes:
    return near_duplicates.thumbnail(read_square(io.BytesIO(data), SIDE)).tobytes()


def leaks(frames: Sequence[Frame], photos: Sequence[PhotoDigests]) -> str:
    """Split the frames; return how many test photos are of a recording that was learned from, and what is said."""
    groups = group(photos)
    strata = tuple(map(str, range(CLASSES)))
    rows = SplitRows(strata, photos, groups.numbers, groups.exact, [None] * len(photos))
    parts = divide(rows, 0, Limits()).parts
    learned = {(one.label, one.recording) for one, part in zip(frames, parts, strict=True) if part == Part.TRAIN}
    tested = [(one.label, one.recording) for one, part in zip(frames, parts, strict=True) if part == Part.TEST]
    return f"{sum(one in learned for one in tested)}/{len(tested)} {_said(groups, parts == Part.TEST)}"


def _said(groups: Groups, test: NDArray[np.bool_]) -> str:
    doubts = {label for label, count in groups.plain.items() if count >= PLAIN_SHARE * len(test) / CLASSES}
    told = len(doubts | groups.undivided.keys())
    if told:
        return "said" if told == CLASSES else "said of one"
    tested = len(np.unique(groups.numbers[test])) if groups.recordings() else int(test.sum())
    return "few" if tested * FRAMES_MOST < test.sum() else ""


def main() -> None:
    """Print the tables."""
    scenes = _scenes(sys.argv[1]) if len(sys.argv) > 1 else tiles(200, np.random.default_rng(0))
    for title, motion in MOTIONS.items():
        print(f"\n{title}: test photos whose recording was learned from, of all test photos; what the report says")
        print(f"{'recordings x frames':<24}" + "".join(f"{name:>24}" for name in NAMES))
        for size in SIZES:
            frames = recorded(scenes, size, motion)
            row = [leaks(frames, seen(frames, name)) for name in NAMES.values()]
            print(f"{size[0]:>10} x {size[1]:<11}" + "".join(f"{cell:>24}" for cell in row), flush=True)
    print(f"\n{'photos of different things':<28}{'photos':>8}{'in groups':>11}{'largest':>9}{'seconds':>9}")
    sets = {
        "one after the other": scenes[:300],
        **{name: make(np.random.default_rng(0)) for name, make in PLAIN.items()},
    }
    for title, pictures in sets.items():
        files = [_png(picture) for picture in pictures]
        photos = seen([Frame(0, number, 0, data) for number, data in enumerate(files)], NAMES["numbered by a camera"])
        started = time.process_time()
        groups = group(photos)
        seconds, sizes = time.process_time() - started, np.bincount(groups.numbers)
        print(f"{title:<28}{len(photos):>8}{sizes[sizes > 1].sum():>11}{sizes.max():>9}{seconds:>9.2f}")


def _scenes(path: str) -> list[Image.Image]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith((".jpg", ".png")))
        chosen = np.random.default_rng(0).permutation(len(names))[:300]
        return [Image.open(io.BytesIO(archive.read(names[row]))).convert("RGB") for row in chosen]


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    main()
