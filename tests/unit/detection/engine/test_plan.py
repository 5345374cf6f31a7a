"""What is planned from labels and time."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.unit.detection.engine.toys import boxes
from vm_worker.tasks.detection.boxes import LabelledPhoto
from vm_worker.tasks.detection.engine.effort import INPUTS, LEAST, SHORTEST, STEPS, Effort, affordable, measured
from vm_worker.tasks.detection.engine.plan import cut_ones_labelled, planned
from vm_worker.tasks.detection.engine.sides import Sides
from vm_worker.tasks.detection.engine.tiling import Tiling


def _photos(size: int, width: int = 640, height: int = 480, count: int = 12) -> list[LabelledPhoto]:
    """Photos with one object of this size in the middle."""
    x, y = width / 2, height / 2
    one = boxes((x - size / 2, y - size / 2, x + size / 2, y + size / 2))
    return [LabelledPhoto(f"{index}.jpg", width, height, one) for index in range(count)]


@pytest.mark.parametrize(
    ("size", "width", "height", "sides", "tiled"),
    [
        (100, 640, 480, (256, 320), False),  # the photos' aspect, in whole cells
        (100, 480, 640, (320, 256), False),
        (45, 640, 480, (352, 448), False),  # small objects: more pixels
        (30, 640, 480, (480, 640), False),
        (60, 4000, 2250, (448, 448), True),  # smaller ones still: tiles
        (12, 350, 350, (640, 640), False),  # hardly larger than a tile would be
    ],
)
def test_the_input_suits_the_objects(size: int, width: int, height: int, sides: tuple[int, int], tiled: bool) -> None:
    plan = planned("tiny", _photos(size, width, height))
    assert ((plan.height, plan.width), bool(plan.tiling.side)) == (sides, tiled)


def test_the_input_is_square_where_some_photos_stand() -> None:
    mixed = [*_photos(100), *_photos(100, 480, 640, count=4)]
    assert planned("tiny", mixed).sides == Sides(320, 320)
    assert planned("tiny", [*_photos(100), *_photos(100, 480, 640, count=1)]).sides == Sides(256, 320)


def test_few_photos_are_seen_in_more_views_and_epochs() -> None:
    few, many = planned("tiny", _photos(100, count=10)), planned("tiny", _photos(100, count=2000))
    assert (few.views, many.views) == (12, 2)
    assert few.recipe.epochs > many.recipe.epochs == 4


def test_photos_with_many_objects_need_fewer_steps() -> None:
    crowd = boxes(*[(10.0 * n, 10, 10.0 * n + 60, 70) for n in range(30)])
    crowded = [replace(one, boxes=crowd) for one in _photos(60, count=200)]
    some, many = planned("tiny", _photos(60, count=200)).recipe, planned("tiny", crowded).recipe
    assert 8 * many.steps(200) * many.epochs < 8 * 0.7 * some.steps(200) * some.epochs


def test_photos_without_objects_can_be_planned() -> None:
    plan = planned("tiny", [LabelledPhoto("a.jpg", 640, 480, boxes())])
    assert plan.sides == Sides(256, 320) and plan.tiling == Tiling() and plan.cut_ones


def test_the_plan_survives_json() -> None:
    plan = planned("tiny", _photos(60, 4000, 2250))
    assert type(plan).from_json(plan.to_json()) == plan
    assert type(plan.settings).from_json(plan.settings.to_json()) == plan.settings


def test_whether_cut_objects_are_labelled_is_seen_at_the_edges() -> None:
    random = np.random.default_rng(0)
    whole, cut = list[LabelledPhoto](), list[LabelledPhoto]()
    for index in range(40):
        left, top = random.uniform(-25, 475, (2, 12))
        every = np.stack([left, top, left + 50, top + 50], 1)
        inside = every[((every >= 0) & (every <= 500)).all(axis=1)]
        clipped = np.clip(every, 0, 500)
        for found, rows in ((whole, inside), (cut, clipped)):
            found.append(LabelledPhoto(f"{index}.jpg", 500, 500, boxes(*map(tuple, rows.tolist()))))
    assert cut_ones_labelled(cut) and not cut_ones_labelled(whole)
    assert cut_ones_labelled(whole[:2])  # too few to tell


def test_little_time_allows_little() -> None:
    plenty, little, none = affordable(3600, 0.05), affordable(150, 0.05), affordable(0, 0.05)
    assert plenty == Effort()
    assert LEAST <= little.steps < STEPS and little.inputs == INPUTS[:1]
    assert (none.steps, none.rows, none.inputs) == (SHORTEST, 1, INPUTS[:1])  # what time there is, is used


def test_few_photos_are_learnt_from_for_as_long_as_the_time_lasts() -> None:
    """Four rounds of their two views were eight steps, after which a detector knows nothing."""
    nuts = [LabelledPhoto(f"{index}.jpg", 640, 480, boxes((0, 0, 90, 90))) for index in range(14)]
    plan = planned("tiny", nuts, affordable(0, 0.05))
    assert plan.views == 2
    assert plan.recipe.epochs * plan.recipe.steps(28) >= 180


def test_a_network_is_timed() -> None:
    def base(sides: Sides) -> keras.Model:
        image = keras.Input((sides.height, sides.width, 3))
        return keras.Model(image, keras.layers.AveragePooling2D(32)(image))

    assert 0 < measured(base, 1) < 5
