"""How surely photos are known again that an earlier model has seen: as they are, and as degraded copies.

    python -m tests.benchmarks.reuploads ../shared/datasets/trashnet.zip ../shared/datasets/fruits3.zip

Of each zip, photos are copied at 40 to 130 % of their size and JPEG quality 30 to 95, under other names. A row says how
many of these are known, and how many of the other half of the photos are taken for one of the first half; before a
plain background, and of frames of one recording, some truly look the same.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from jobs.limits import Limits
from vm_worker.intake import near_duplicates
from vm_worker.intake.earlier.seen import SeenPhotos
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.groups import PhotoDigests
from vm_worker.intake.images import read_measured

SUFFIXES = (".jpg", ".jpeg", ".png")


def digests(data: bytes) -> PhotoDigests:
    """A photo as intake knows it."""
    (square,), _ = read_measured(data, (224,), Limits().image_pixels, GREY_16_MAX)
    pixels = hashlib.blake2b(square.tobytes(), digest_size=16).hexdigest()
    return PhotoDigests(0, hashlib.sha256(data).hexdigest(), pixels, near_duplicates.thumbnail(square).tobytes())


def degraded(data: bytes, random: np.random.Generator) -> bytes:
    """The photo, resized and recompressed."""
    picture, share, out = Image.open(BytesIO(data)).convert("RGB"), random.uniform(0.4, 1.3), BytesIO()
    size = max(16, int(picture.width * share)), max(16, int(picture.height * share))
    picture.resize(size).save(out, "JPEG", quality=int(random.integers(30, 96)))
    return out.getvalue()


def row(path: Path, most: int) -> str:
    """Measure one zip, with at most so many photos."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(SUFFIXES))
        chosen = [archive.read(name) for name in random.permutation(names)[:most].tolist()]
    old, copies = [digests(data) for data in chosen], [digests(degraded(data, random)) for data in chosen]
    known = (SeenPhotos.of(old, np.zeros(len(old), bool)).known(copies)[0] > 0).mean()
    half = len(old) // 2
    mistaken = (SeenPhotos.of(old[:half], np.zeros(half, bool)).known(old[half:])[0] > 0).mean()
    return f"{path.stem:20} {len(old):5} photos  copies known {known:7.2%}  others taken for known {mistaken:7.2%}"


def main() -> None:
    """Print a row for each zip."""
    parser = argparse.ArgumentParser()
    parser.add_argument("zips", type=Path, nargs="+")
    parser.add_argument("--most", type=int, default=600)
    given = parser.parse_args()
    for path in given.zips:
        print(row(path, given.most), flush=True)


if __name__ == "__main__":
    main()
