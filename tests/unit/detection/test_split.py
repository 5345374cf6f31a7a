"""Photos are divided by photograph, by the number of boxes, and equally on every machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vm_worker.intake.dataset import Part
from vm_worker.tasks.detection.photographs import photographs
from vm_worker.tasks.detection.split import Divided, divide


def divided(names: list[str], boxes: list[int] | None = None, given: list[Part | None] | None = None) -> Divided:
    count = len(names)
    return Divided(
        names=names,
        contents=[f"content {name}" for name in names],
        groups=list(range(count)),
        boxes=boxes or [number % 7 for number in range(count)],
        given=given or [None] * count,
    )


def tiles(photograph: str, count: int) -> list[str]:
    return [f"train/{photograph}-{number}_png.rf.{number:032x}.jpg" for number in range(count)]


def test_names_tell_photographs_from_cameras() -> None:
    names = [
        "a/12HS0263-105_png.rf.c2bb.jpg",
        "b/12HS0263-21.jpg",
        "IMG_0001.jpg",
        "IMG_0002.jpg",
        "DJI_0762-00003.jpg",
    ]
    assert photographs(names) == ("12HS0263", "12HS0263", "IMG_0001", "IMG_0002", "DJI_0762")
    assert photographs(["flight1_001.jpg", "flight1_002.jpg"]) == ("flight1_001", "flight1_002")  # all would be one


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_20240501_103022.jpg", "IMG_20240501_103155.jpg", "IMG_20240502_090000.jpg"),
        ("PXL_20240501_103022123.jpg", "PXL_20240501_103155001~2.jpg"),
        ("20240501_103022.jpg", "20240501_103022(1).jpg"),
        ("DJI_20240501103022_0001.jpg", "DJI_20240501103155_0002.jpg"),
    ],
)
def test_photos_of_one_day_are_not_parts_of_one_photograph(names: tuple[str, ...]) -> None:
    assert photographs(names) == tuple(name[: -len(".jpg")] for name in names)


def test_the_numbers_that_label_studio_adds_do_not_hide_photographs() -> None:
    names = ("1a2b3c4d-12HS0263-105.jpg", "99ffee00-12HS0263-21.jpg", "12345678-DJI_0762-3.jpg")
    assert photographs(names) == ("12HS0263", "12HS0263", "DJI_0762")
    assert photographs(("20240501-001.jpg", "20240501-002.jpg", "20240502-001.jpg")) == (
        "20240501",
        "20240501",
        "20240502",
    )


def test_tiles_of_a_photograph_stay_together() -> None:
    names = [tile for number in range(13) for tile in tiles(f"12HS{number:04d}", 5 + number)]
    rows = divided(names)
    split = divide(rows, seed=3)
    keys = photographs(names)
    for key in set(keys):
        assert len({int(part) for part, one in zip(split.parts, keys, strict=True) if one == key}) == 1
    shares = [float(np.mean(split.parts == part)) for part in Part]
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.06)
    assert "13 photographs; each photograph was kept in one part" in split.warnings[0]


def test_each_part_gets_its_share_of_photos_with_many_boxes() -> None:
    boxes = [number // 10 for number in range(100)]
    parts = divide(divided([f"p{'x' * number}.jpg" for number in range(100)], boxes), seed=1).parts
    means = [np.mean([box for box, part in zip(boxes, parts, strict=True) if part == one]) for one in Part]
    np.testing.assert_allclose(means, 4.5, atol=0.3)


def test_the_seed_and_the_contents_decide_and_not_the_order() -> None:
    rows = divided([f"p{'x' * number}.jpg" for number in range(40)])
    first = divide(rows, seed=1)
    np.testing.assert_array_equal(first.parts, divide(rows, seed=1).parts)
    assert (first.parts != divide(rows, seed=2).parts).any()


def test_copies_stay_together() -> None:
    rows = replace(divided([f"p{'x' * number}.jpg" for number in range(30)]), groups=[n // 2 for n in range(30)])
    parts = divide(rows, seed=0).parts
    np.testing.assert_array_equal(parts[::2], parts[1::2])


def test_few_photographs_are_divided_and_it_is_said() -> None:
    split = divide(divided([*tiles("A1", 10), *tiles("B2", 10)]), seed=0)
    assert set(split.parts.tolist()) == {0, 1, 2}
    assert split.warnings[0].startswith("Too few photographs")


def test_ready_made_parts_are_kept() -> None:
    given = [Part(number % 3) for number in range(30)]
    split = divide(divided([f"p{'x' * number}.jpg" for number in range(30)], given=list(given)), seed=0)
    assert split.parts.tolist() == [int(part) for part in given] and split.warnings == ()


def test_a_validation_part_of_one_photograph_is_cut_anew() -> None:
    train = [tile for number in range(8) for tile in tiles(f"C{number}", 6)]
    names = [*train, *tiles("V9", 6), *tiles("T1", 4), *tiles("T2", 4)]
    given = [Part.TRAIN] * len(train) + [Part.VALIDATION] * 6 + [Part.TEST] * 8
    split = divide(divided(names, given=list(given)), seed=0)
    keys = np.array(photographs(names))
    assert len(set(keys[split.parts == Part.VALIDATION])) > 1
    assert set(keys[split.parts == Part.TEST]) == {"T1", "T2"}
    assert any('a single photograph, "V9"' in warning for warning in split.warnings)


def test_a_missing_part_is_cut_from_the_training_photos() -> None:
    given = [Part.TEST if number < 6 else Part.TRAIN for number in range(30)]
    split = divide(divided([f"p{'x' * number}.jpg" for number in range(30)], given=list(given)), seed=0)
    assert (split.parts[:6] == Part.TEST).all() and (split.parts == Part.VALIDATION).sum() >= 4
    assert any("validation part was cut" in warning for warning in split.warnings)


def test_copies_and_photographs_on_both_sides_are_told() -> None:
    names = [f"p{'x' * number}.jpg" for number in range(20)] + tiles("A1", 4)
    given = [Part(number % 3) for number in range(24)]
    rows = replace(divided(names, given=list(given)), groups=[0, 0, *range(2, 24)])
    split = divide(rows, seed=0)
    assert split.parts[:2].tolist() == [0, 0]
    assert any("had a copy in another part" in warning for warning in split.warnings)
    assert any('have pictures in train and in test, such as "A1"' in warning for warning in split.warnings)
