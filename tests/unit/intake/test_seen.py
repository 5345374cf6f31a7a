"""What an earlier model has seen is known again under other names, sizes and compressions, by digests."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.limits import Limits
from vm_worker.intake import near_duplicates
from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.seen import UNKNOWN, SeenPhotos, Side
from vm_worker.intake.groups import PhotoDigests, group
from vm_worker.intake.images import read_measured
from vm_worker.intake.split import Split, SplitRows, divide

LIMITS = Limits()
CLASSES = ("cats", "dogs")


def scene(number: int, plain: bool = False) -> Image.Image:
    """A picture of some shapes, unlike those of other numbers; `plain`: one thing on white."""
    random = np.random.default_rng(number)
    if plain:
        grey = np.full((12, 12, 3), 250)
        grey[2:10, 2:10] = random.integers(0, 255, (8, 8, 3))
        return Image.fromarray(grey.astype(np.uint8)).resize((160, 120), Image.Resampling.BICUBIC)
    return Image.fromarray(random.integers(0, 255, (6, 8, 3)).astype(np.uint8)).resize((160, 120))


def digests(picture: Image.Image, label: int, quality: int = 92) -> PhotoDigests:
    """A photo as intake knows it."""
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    (square,), _ = read_measured(file.getvalue(), (224,), LIMITS.image_pixels, 65535)
    pixels = hashlib.blake2b(square.tobytes(), digest_size=16).hexdigest()
    grey = near_duplicates.thumbnail(square).tobytes()
    content = hashlib.sha256(file.getvalue()).hexdigest()
    # A name that tells of no order, as neighbours that look alike are taken for frames.
    return PhotoDigests(label, content, pixels, grey, f"{CLASSES[label]}/{content[:9]}.jpg")


@cache
def sent(number: int, plain: bool = False) -> PhotoDigests:
    """The photo of this number, as it was sent first; each takes some milliseconds."""
    return digests(scene(number, plain), number % 2)


def split(photos: list[PhotoDigests], before: SeenPhotos | None, seed: int = 0) -> tuple[Split, SplitRows]:
    groups = group(photos)
    seen = None if before is None else before.known(photos)[0]
    rows = SplitRows(CLASSES, photos, groups.numbers, groups.exact, [None] * len(photos), seen)
    return divide(rows, seed, LIMITS), rows


def earlier(numbers: range, plain: bool = False) -> tuple[list[PhotoDigests], SeenPhotos]:
    photos = [sent(number, plain) for number in numbers]
    made, _ = split(photos, None)
    return photos, SeenPhotos.of(photos, made.parts == Part.TEST)


def test_digests_survive_a_file_and_join_those_of_ancestors(tmp_path: Path) -> None:
    photos, seen = earlier(range(40))
    seen.save(tmp_path / "seen.npz")
    again = SeenPhotos.load(tmp_path / "seen.npz")
    assert all((getattr(again, name) == value).all() for name, value in vars(seen).items())
    own = SeenPhotos.of(photos[:10], np.ones(10, bool))
    joined = own.joined(seen)
    assert len(joined) == 40
    assert (joined.sides[:10] == np.maximum(own.sides, seen.sides[:10])).all()
    assert (joined.right == UNKNOWN).all()
    assert (joined.known(photos)[0] == seen.sides).all()


def test_a_photo_without_a_thumbnail_is_known_by_its_bytes_alone() -> None:
    photos, _ = earlier(range(12))
    bare = [PhotoDigests(0, photo.content, photo.pixels) for photo in photos]
    seen = SeenPhotos.of(bare, np.zeros(12, bool))
    other = digests(scene(3), 1, 60)
    assert seen.known([photos[3], other])[0].tolist() == [Side.LEARNT, Side.NEW]


def changed(seen: SeenPhotos, bits: int = 0, grey: float = 0, copies: int = 1) -> SeenPhotos:
    """The digests of other files that are like these, but for so many bits of the hash and steps of grey."""
    rows = np.arange(copies * len(seen)) % len(seen)
    more = np.asarray(np.floor(grey) + (np.arange(64) < round(grey % 1 * 64)), np.uint8).reshape(8, 8)
    return replace(
        seen,
        content=np.random.default_rng(1).integers(0, 256, (len(rows), 32), dtype=np.uint8),
        pixels=np.random.default_rng(2).integers(0, 256, (len(rows), 16), dtype=np.uint8),
        codes=seen.codes[rows] ^ np.uint64((1 << bits) - 1),
        grey=np.where(seen.grey[rows] < 128, seen.grey[rows] + more, seen.grey[rows] - more).astype(np.uint8),
        plain=seen.plain[rows],
        sides=seen.sides[rows],
        right=seen.right[rows],
    )


def learnt(*numbers: int) -> tuple[list[PhotoDigests], SeenPhotos]:
    photos = [sent(number) for number in numbers]
    return photos, SeenPhotos.of(photos, np.zeros(len(photos), bool))


@pytest.mark.parametrize(
    ("bits", "grey", "known"),
    [
        (0, 0, True), (8, 7, True), (9, 7, False), (8, 7 + 1 / 64, False),  # a near copy
        (9, 2.5, True), (16, 2.5, True), (17, 2.5, False), (16, 2.5 + 1 / 64, False), (17, 0, False),  # the same
    ],
)  # fmt: skip
def test_a_copy_is_known_by_hash_and_grey_values(bits: int, grey: float, known: bool) -> None:
    photos, seen = learnt(0)
    sides, places = changed(seen, bits, grey).known(photos)
    assert (sides.tolist(), places.tolist()) == (([2], [0]) if known else ([0], [-1]))


@pytest.mark.parametrize(
    ("near", "others", "known"),
    [(10, 0, True), (11, 0, False), (11, 208, False), (11, 209, True), (20, 380, True), (21, 398, False)],
)
def test_where_many_are_near_only_the_same_counts(near: int, others: int, known: bool) -> None:
    """More than ten, or than a twentieth of all that were seen."""
    (photo, _), seen = learnt(0, 1)
    first, other = (
        replace(seen, **{name: value[row : row + 1] for name, value in vars(seen).items()}) for row in (0, 1)
    )
    rows = [changed(first, 0, 6, near), *([changed(other, copies=others)] if others else [])]
    both = SeenPhotos(**{name: np.concatenate([getattr(row, name) for row in rows]) for name in vars(seen)})
    assert (both.known([photo])[0].tolist() == [Side.LEARNT]) is known
    assert changed(first, 9, 2, near).known([photo])[0].tolist() == [Side.LEARNT]


def test_the_row_of_a_photo_is_that_of_its_file_before_that_of_a_near_copy() -> None:
    photos, seen = learnt(0, 1, 2)
    rows = [changed(seen), seen, changed(seen, 3)]
    every = SeenPhotos(**{name: np.concatenate([getattr(row, name) for row in rows]) for name in vars(seen)})
    assert every.known(photos[1:])[1].tolist() == [4, 5]
    sides = np.array([1, 1, 1, 1, 1, 1, 1, 2, 1], np.uint8)
    told, places = replace(every, sides=sides).known(photos)
    assert told.tolist() == [Side.TESTED, Side.LEARNT, Side.TESTED]  # learnt, if any of them was
    assert places.tolist() == [3, 7, 5]
    again = SeenPhotos.of([PhotoDigests(0, "ab" * 32, photos[1].pixels)], np.ones(1, bool)).known(photos)
    assert (again[0].tolist(), again[1].tolist()) == ([0, 1, 0], [-1, 0, -1])  # by its pixels alone


def test_photos_beyond_a_block_are_known_too() -> None:
    (photo, other), seen = learnt(0, 1)
    bare = replace(other, thumbnail=b"")
    photos = [*[replace(other, content="00" * 32, pixels="00" * 16)] * 256, photo]
    photos.append(replace(bare, content="11" * 32, pixels="11" * 16))
    sides, places = changed(seen).known(photos)
    assert sides.tolist() == [2] * 257 + [0] and places.tolist() == [1] * 256 + [0, -1]


def test_photos_without_thumbnails_are_not_like_each_other() -> None:
    bare = [PhotoDigests(0, f"{row:064x}", f"{row:032x}") for row in range(4)]
    seen = SeenPhotos.of(bare[:2], np.array([True, False]))
    black = PhotoDigests(0, "ff" * 32, "ff" * 16, bytes(1024))
    assert seen.known([*bare, black])[0].tolist() == [Side.TESTED, Side.LEARNT, 0, 0, 0]
    assert SeenPhotos.of([black], np.zeros(1, bool)).known(bare)[0].tolist() == [0] * 4


def test_what_is_kept_in_files_stays_as_it_is() -> None:
    assert [(side.name, side.value) for side in Side] == [("NEW", 0), ("TESTED", 1), ("LEARNT", 2)]
    _, seen = learnt(0, 1)
    kept = SeenPhotos.of([sent(0), sent(1)], np.array([True, False]))
    assert kept.sides.tolist() == [1, 2] and kept.right.tolist() == [-1, -1]
    shapes = {name: (value.shape, value.dtype.name) for name, value in vars(seen).items()}
    assert shapes == {
        "content": ((2, 32), "uint8"), "pixels": ((2, 16), "uint8"), "codes": ((2,), "uint64"),
        "grey": ((2, 8, 8), "uint8"), "plain": ((2,), "bool"), "sides": ((2,), "uint8"), "right": ((2,), "int8"),
    }  # fmt: skip


def test_an_ancestors_answers_are_not_this_models() -> None:
    _, first = learnt(0, 1, 2)
    _, own = learnt(2, 3)
    first, own = (replace(seen, right=np.array(right, np.int8)) for seen, right in ((first, [1, 0, 1]), (own, [0, 1])))
    joined = own.joined(replace(first, sides=np.array([1, 2, 1], np.uint8)))
    assert joined.right.tolist() == [0, 1, -1, -1]
    assert joined.sides.tolist() == [2, 2, 1, 2]
    assert (joined.content == np.concatenate([own.content, first.content[:2]])).all()
    assert (joined.codes == np.concatenate([own.codes, first.codes[:2]])).all()


def test_a_file_of_digests_holds_numbers_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "seen.npz", content=np.array([{"any": "object"}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        SeenPhotos.load(tmp_path / "seen.npz")
