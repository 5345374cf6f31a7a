"""How sure counts are is told of photos, of sums and of classes, with what validation alone had promised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.unit.detection.test_sentences import figures, judged
from vm_worker.tasks.detection import measuring, sureness
from vm_worker.tasks.detection.engine.bounds import Interval
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.scores import counts
from vm_worker.tasks.detection.results import Covered, SureCount

NAMES = [str(number) for number in range(600)]


def numbers(photos: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos with seals, and with a pup in one of forty; counts are off by two or so."""
    random = np.random.default_rng(seed)
    labelled = np.stack([random.poisson(20, photos), random.random(photos) < 1 / 40], axis=1).astype(np.int64)
    off = np.stack([random.normal(0, 2, photos).round(), np.zeros(photos)], axis=1).astype(np.int64)
    return labelled, np.maximum(labelled + off, 0)


def test_what_validation_promised_is_held_against_the_test_photos() -> None:
    known = Certainty.of(*numbers(40, seed=1), NAMES[:40])
    told = measuring.covered(*numbers(560, seed=2), known)
    assert told is not None and told.photos == 560 and 0.86 < told.inside / told.photos < 0.97
    assert told.together is not None and told.together.low <= told.labelled <= told.together.high
    some = replace(figures(judged()), covered=told, sure=(SureCount("", 3, Interval(2, 4, 0.9), 36, None),))
    (_, held, few) = sureness.paragraphs(some)
    assert (
        few.startswith("Too few to say")
        and f"for 90 test photos in 100, and held for {told.inside} of 560." in held
        and held.endswith("is inside.")
    )
    outside = replace(told, labelled=told.labelled * 2)
    assert sureness.paragraphs(replace(some, covered=outside))[1].endswith("which is outside.")
    assert measuring.covered(*numbers(20, seed=2), Certainty.of(*numbers(9, seed=1), NAMES[:9])) is None
    nothing = figures(judged())
    assert sureness.paragraphs(nothing) == [] == sureness.columns(nothing)
    assert sureness.rows(nothing) == []
    every = replace(some, covered=None, sure=(SureCount("", 3, Interval(2, 4, 0.9), 36, Interval(30, 40, 0.9)),))
    assert len(sureness.paragraphs(every)) == 1 and sureness.columns(every) == ["counted", "in a photo", "in 12 photos"]


def test_each_class_has_a_row_and_rare_ones_are_too_few_to_say() -> None:
    labelled, counted = numbers(60, seed=3)
    sure = measuring.sure(counted, ("seal", "pup"), Certainty.of(labelled, counted, NAMES[:60]))
    rows = sureness.rows(replace(figures(judged(), ("seal", "pup")), sure=sure))
    assert [row[0] for row in rows] == ["objects", "seal", "pup"]
    usual, total = int(np.median(counted[:, 0])), int(counted[:, 0].sum())
    photo, together = sure[1].photo, sure[1].together
    assert photo is not None and usual - 8 < photo.low < usual < photo.high < usual + 8
    assert together is not None and together.high - together.low < 60 * 2  # single errors cancel each other out
    assert rows[1][1:] == [f"{usual} ({photo.low} to {photo.high})", f"{total} ({together.low} to {together.high})"]
    assert rows[2][1].endswith("(too few to say)") and rows[2][2].endswith("(too few to say)")
    (alone,) = measuring.sure(counted[:, :1], ("seal",), Certainty())
    assert alone == SureCount("", usual, None, int(counted[:, 0].sum()), None)


def test_bounds_are_told_in_words() -> None:
    assert sureness.between(Interval(3, 3, 0.9)) == "3" and sureness.between(Interval(3, 5, 0.9)) == "3 to 5"
    assert sureness._held(Covered(10, 9, 0.82, 30)) == [
        "By the validation photos alone, that was promised for 82 test photos in 100, and held for 9 of 10."
    ]


def test_objects_are_counted_by_class_above_the_threshold() -> None:
    labelled, counted = counts(judged(2, missed=1, edge=2), 2, 0.7)
    assert labelled.tolist() == [[3, 0], [3, 0]] and counted.tolist() == [[2, 0], [2, 0]]
    assert counts(judged(1, edge=2), 1, 0.5)[1].tolist() == [[5]]
