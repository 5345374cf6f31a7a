"""What an earlier model has seen: known again under other names, sizes and compressions, and never tested on."""

from __future__ import annotations

import hashlib
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
from vm_worker.intake.earlier.use import Use
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


def copy(picture: Image.Image, label: int, random: np.random.Generator) -> PhotoDigests:
    """The same photo, renamed, resized and recompressed."""
    share = random.uniform(0.5, 1.2)
    size = (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
    return digests(picture.resize(size), label, int(random.integers(40, 96)))


def split(photos: list[PhotoDigests], before: SeenPhotos | None, seed: int = 0) -> tuple[Split, SplitRows]:
    groups = group(photos)
    seen = None if before is None else before.known(photos)[0]
    rows = SplitRows(CLASSES, photos, groups.numbers, groups.exact, [None] * len(photos), seen)
    return divide(rows, seed, LIMITS), rows


def earlier(numbers: range, plain: bool = False) -> tuple[list[PhotoDigests], SeenPhotos]:
    photos = [sent(number, plain) for number in numbers]
    made, _ = split(photos, None)
    return photos, SeenPhotos.of(photos, made.parts == Part.TEST)


@pytest.mark.parametrize(
    ("plain", "uploads"),
    [
        (False, 100),
        pytest.param(False, 1000, marks=pytest.mark.slow),
        pytest.param(True, 1000, marks=pytest.mark.slow),
    ],
)
def test_no_photo_that_was_learnt_from_is_judged_or_tested_on(plain: bool, uploads: int) -> None:
    """Random uploads again: of a random part of the old photos, as they are or as copies, and of new ones."""
    photos, seen = earlier(range(60), plain)
    pictures = [scene(number, plain) for number in range(140)]
    random = np.random.default_rng(7)
    pool = [copy(pictures[number], number % 2, random) for number in [*range(60), *range(60)]]
    new = [sent(number, plain) for number in range(60, 140)]
    learnt = set(np.flatnonzero(seen.sides == Side.LEARNT).tolist())
    everything = [*photos, *pool, *new]
    of = [*range(60), *range(60), *range(60), *range(60, 140)]
    known, groups = seen.known(everything)[0], group(everything)
    used = 0
    for number in range(uploads):
        chosen = np.sort(random.choice(len(everything), int(random.integers(80, 200)), replace=False))
        rows = SplitRows(
            CLASSES, [everything[row] for row in chosen], groups.numbers[chosen], groups.exact[chosen],
            [None] * len(chosen), known[chosen],
        )  # fmt: skip
        made = divide(rows, number, LIMITS)
        if made.use is Use.CONTINUES:
            used += 1
            leaks = [row for row, part in zip(chosen, made.parts, strict=True) if part and of[row] in learnt]
            assert not leaks, [(everything[row].name, known[row]) for row in leaks]
    assert used > uploads / 2


def test_old_test_photos_stay_test_photos_under_other_names() -> None:
    _, seen = earlier(range(100))
    random = np.random.default_rng(1)
    again = [copy(scene(number), number % 2, random) for number in range(100)]
    new = [sent(number) for number in range(100, 200)]
    made, rows = split([*again, *new], seen)
    assert made.use is Use.CONTINUES
    tested = seen.sides == Side.TESTED
    assert (made.parts[:100][tested] == Part.TEST).all()
    assert (made.parts[:100][~tested] == Part.TRAIN).all()
    for label in range(2):
        own = made.parts[np.array([photo.stratum for photo in rows.photos]) == label]
        assert np.bincount(own).tolist() == [60, 20, 20]


@pytest.mark.parametrize(
    ("again", "new", "use"),
    [
        (range(100), range(100, 110), Use.SAME_TEST),  # too few new ones to compare two models on
        (range(100), range(0), Use.SAME_TEST),
        (range(0), range(100, 200), Use.CONTINUES),  # all are new
        (range(100), range(101, 201, 2), Use.SAME_TEST),  # new ones of one class alone
    ],
)
def test_too_little_new_is_told_and_leaves_an_honest_test(again: range, new: range, use: Use) -> None:
    photos, seen = earlier(range(100))
    more = [sent(number) for number in new]
    made, _ = split([*(photos[number] for number in again), *more], seen)
    assert made.use is use
    assert all((made.parts == part).any() for part in Part)
    if again:
        assert (made.parts[: len(again)][seen.sides == Side.TESTED] == Part.TEST).all()


def test_only_old_test_photos_leave_something_to_learn_from() -> None:
    photos, seen = earlier(range(100))
    made, _ = split([photo for photo, side in zip(photos, seen.sides, strict=True) if side == Side.TESTED], seen)
    assert made.use is Use.NOTHING
    assert (made.parts == Part.TRAIN).sum() >= 10


def test_a_ready_made_split_gives_way_where_it_would_test_on_what_was_learnt() -> None:
    photos, seen = earlier(range(100))
    new = [sent(number) for number in range(100, 200)]
    everything = [*photos, *new]
    groups = group(everything)
    given = [Part.TEST if number % 5 == 0 else Part.TRAIN for number in range(200)]
    rows = SplitRows(CLASSES, everything, groups.numbers, groups.exact, given, seen.known(everything)[0])
    made = divide(rows, 0, LIMITS)
    assert made.use is Use.CONTINUES
    assert (made.parts[:100][seen.sides == Side.LEARNT] == Part.TRAIN).all()
    assert (made.parts[:100][seen.sides == Side.TESTED] == Part.TEST).all()
    assert (made.parts[100:][np.arange(100) % 5 == 0] == Part.TEST).all()


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
