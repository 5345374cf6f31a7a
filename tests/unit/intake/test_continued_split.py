"""How a job that continues is split: no photo that was learnt from is judged or tested on, and old tests stay tests."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.unit.intake.test_seen import CLASSES, LIMITS, digests, earlier, scene, sent, split
from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.seen import Side
from vm_worker.intake.earlier.use import Use
from vm_worker.intake.groups import PhotoDigests, group
from vm_worker.intake.split import SplitRows, divide


def copy(picture: Image.Image, label: int, random: np.random.Generator) -> PhotoDigests:
    """The same photo, renamed, resized and recompressed."""
    share = random.uniform(0.5, 1.2)
    size = (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
    return digests(picture.resize(size), label, int(random.integers(40, 96)))


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
