"""Near copies: how long finding them takes, how many are found, and how often different pictures are taken for copies.

python -m pytest tests/benchmarks/duplicates.py -o python_files='*.py' -m "" -s
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance
from sklearn.datasets import load_digits

from vm_worker.intake import near_duplicates
from vm_worker.intake.groups import PhotoDigests, group
from vm_worker.intake.images import read_square

SIDE = 224
PHOTOGRAPHS = ("astronaut", "cat", "coffee", "rocket", "camera", "moon", "page", "coins", "horse", "text")
Pictures = Sequence[Image.Image]


def tiles(count: int, random: np.random.Generator) -> list[Image.Image]:
    """Pieces of photographs that overlap by less than a half."""
    found = []
    for name in PHOTOGRAPHS:
        whole = Image.fromarray(np.asarray(getattr(skimage.data, name)()).astype(np.uint8)).convert("RGB")
        width, height = whole.size
        side = min(width, height) // 2
        for left in range(0, width - side + 1, side // 2 + 1):
            for top in range(0, height - side + 1, side // 2 + 1):
                found.append(whole.crop((left, top, left + side, top + side)).resize((400, 400)))
    return [found[index] for index in random.permutation(len(found))[:count]]


def _jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        return Image.open(out)

    return change


def _cropped(share: float) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        edge = round(image.width * share / 2)
        return image.crop((edge, edge, image.width - edge, image.height - edge))

    return change


COPIES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 75": _jpeg(75),
    "JPEG, quality 20": _jpeg(20),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "a tenth of the size": lambda image: image.resize((image.width // 10, image.height // 10)),
    "2 % cropped": _cropped(0.02),
    "5 % cropped": _cropped(0.05),
    "3 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.03),
    "10 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "5 % more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.05),
    "no colour": lambda image: image.convert("L"),
}


def _textures(random: np.random.Generator) -> Pictures:
    found = []
    for name in ("brick", "grass", "gravel"):
        whole = Image.fromarray(getattr(skimage.data, name)())
        for _ in range(100):
            left, top = random.integers(0, 512 - 96, 2).tolist()
            found.append(whole.crop((left, top, left + 96, top + 96)))
    return found


def _digits(digit: int) -> Pictures:
    found = load_digits()
    return [Image.fromarray((image * 15.9).astype(np.uint8)) for image in found.images[found.target == digit]]


def _noise(random: np.random.Generator) -> Pictures:
    """A grey wall, lit alike in every picture, with a sensor's noise."""
    light = 150 + 30 * np.hypot(*np.meshgrid(np.linspace(-1, 1, 224), np.linspace(-1, 1, 224)))
    return [
        Image.fromarray(np.clip(light + random.normal(0, 4, (224, 224)), 0, 255).astype(np.uint8)) for _ in range(300)
    ]


def _objects(random: np.random.Generator, size: int) -> Pictures:
    """One dark thing of about so many pixels somewhere before a white wall."""
    found = []
    for _ in range(300):
        image = Image.new("RGB", (224, 224), (238, 238, 240))
        left, top = random.integers(0, 224 - size, 2).tolist()
        width, height = (size * random.uniform(0.5, 1, 2)).tolist()
        ImageDraw.Draw(image).ellipse((left, top, left + width, top + height), fill=(90, 60, 40))
        found.append(image)
    return found


def _centred(random: np.random.Generator) -> Pictures:
    """A thing in the middle before a white wall, its size and colour different each time."""
    found = []
    for _ in range(300):
        image = Image.new("RGB", (224, 224), (238, 238, 240))
        half, colour = random.integers(30, 90, 2).tolist(), tuple(random.integers(0, 200, 3).tolist())
        box = (112 - half[0], 112 - half[1], 112 + half[0], 112 + half[1])
        ImageDraw.Draw(image).ellipse(box, fill=colour)
        found.append(image)
    return found


# Photos of different things, which must not be taken for copies, nor for one recording.
PLAIN: Mapping[str, Callable[[np.random.Generator], Pictures]] = {
    "textures": _textures,
    "things, centred": _centred,
    "things, 80 pixels": lambda random: _objects(random, 80),
    "things, 20 pixels": lambda random: _objects(random, 20),
    "an empty wall": _noise,
    **{f"digits, all {digit}": lambda random, digit=digit: _digits(digit) for digit in (0, 1, 7)},  # type: ignore[misc]
}


def _grey(pictures: Pictures) -> NDArray[np.uint8]:
    def one(image: Image.Image) -> NDArray[np.uint8]:
        out = io.BytesIO()
        image.convert("RGB").save(out, "PNG")
        out.seek(0)
        return near_duplicates.thumbnail(read_square(out, SIDE))

    return np.stack([one(image) for image in pictures])


def _seen(label: int, grey: NDArray[np.uint8]) -> list[PhotoDigests]:
    names = [hashlib.sha256(f"{label}/{row}".encode()).hexdigest() for row in range(len(grey))]  # in no order
    return [PhotoDigests(label, name, name, picture.tobytes()) for name, picture in zip(names, grey, strict=True)]


def test_copies_that_are_found() -> None:
    originals = tiles(100, np.random.default_rng(0))
    grey = _grey(originals)
    print(f"\n{'copy':<24}{'found':>8}  of {len(originals)} pictures")
    for name, change in COPIES.items():
        both = np.concatenate([grey, _grey([change(image) for image in originals])])
        numbers = near_duplicates.communities(both)
        found = np.mean(numbers[: len(grey)] == numbers[len(grey) :])
        print(f"{name:<24}{found:>8.0%}")
        if "quality 75" in name or "half" in name:
            assert found > 0.9


def test_different_pictures_taken_for_copies() -> None:
    random = np.random.default_rng(0)
    sets: dict[str, Pictures] = {
        "photographs": tiles(200, random),
        **{name: make(random) for name, make in PLAIN.items()},
    }
    head = f"{'set':<20}{'pictures':>9}{'pairs linked':>14}{'in groups':>11}{'largest':>9}"
    print(f"\n{head}{'kept together':>15}{'largest':>9}")
    for name, pictures in sets.items():
        grey = _grey(pictures)
        numbers = near_duplicates.communities(grey)
        sizes = np.bincount(numbers)
        kept = np.bincount(group(_seen(0, grey)).numbers)
        linked = _linked(grey)
        together = f"{int(kept[kept > 1].sum())} of {len(grey)}"
        counts = f"{len(grey):>9}{linked:>14.2%}{sizes[sizes > 1].sum():>11}{sizes.max():>9}"
        print(f"{name:<20}{counts}{together:>15}{kept.max():>9}")
        # Drawn things of one shape and shade are as alike as frames of a recording. So few together leave each part of
        # the split its photos.
        assert kept.max() <= len(grey) // 4


def _linked(grey: NDArray[np.uint8]) -> float:
    """The share of all pairs that either measure alone would not part."""
    codes = near_duplicates.hashes(grey)
    close = np.bitwise_count(codes[:, None] ^ codes[None, :]) <= near_duplicates.HASH_BITS
    apart = np.abs(grey[:, None].astype(np.int16) - grey[None, :]).mean(axis=(2, 3))
    return float(
        np.triu(close & (apart <= near_duplicates.MEAN_DIFFERENCE), 1).sum() / (len(grey) * (len(grey) - 1) / 2)
    )


@pytest.mark.parametrize(("photos", "classes"), [(20_000, 20), (20_000, 2), (50_000, 2)])
def test_the_time_it_takes(photos: int, classes: int) -> None:
    """Smooth random pictures; and, the worst case, pictures that are all of one layout."""
    random = np.random.default_rng(0)
    rough = random.integers(0, 256, (photos, 4, 4)).astype(np.uint8)
    different = rough.repeat(8, axis=1).repeat(8, axis=2)
    ramp = np.linspace(0, 100, near_duplicates.SIDE)[None, None, :] + random.uniform(0, 150, (photos, 1, 1))
    alike = np.clip(ramp + random.normal(0, 3, (photos, near_duplicates.SIDE, near_duplicates.SIDE)), 0, 255).astype(
        np.uint8
    )
    print()
    for name, grey in (("different pictures", different), ("one layout, brighter and darker", alike)):
        seen = [photo for label in range(classes) for photo in _seen(label, grey[label::classes])]
        started = time.monotonic()
        group(seen)
        print(f"{photos:,} photos in {classes:>2} classes, {name:<32}{time.monotonic() - started:>7.1f} s")
