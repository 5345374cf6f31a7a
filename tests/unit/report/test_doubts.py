"""Which photos a person should look at, and the sheet of small pictures of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import matplotlib.image
import numpy as np
import pytest

from jobs.render import render
from vm_worker.evaluation import doubts, unsure
from vm_worker.evaluation.gallery import Judged
from vm_worker.results.candidates import SuspectRow

CLASSES = ("cat", "dog")


def world(said: list[float], labels: list[int], groups: list[int] | None = None, side: int = 8) -> tuple[Judged, Any]:
    """Photos in a row: two for training, the others for the test; `said` is the probability of "dog"."""
    count = len(said)
    names = tuple(f"{CLASSES[label]}/{row}.jpg" for row, label in enumerate([0, 1, *labels]))
    truth = SimpleNamespace(classes=CLASSES, labels=np.array([0, 1, *labels]))
    near = groups or list(range(count + 2))
    dataset = SimpleNamespace(names=names, truth=truth, groups=np.array(near))
    pixels = np.stack([np.full((side, side, 3), 10 * row % 256, np.uint8) for row in range(count + 2)])
    shares = np.array([[1 - one, one] for one in said], np.float32)
    rows = np.arange(2, count + 2)
    return Judged(pixels, rows, np.array(labels), shares, CLASSES, names[2:]), cast(Any, dataset)


def test_each_photo_is_shown_once_with_all_its_reasons() -> None:
    # Of the test: a sure mistake, which is a copy of the first training photo in another folder; a right answer.
    judged, dataset = world([0.05, 0.9], [1, 1], groups=[0, 1, 0, 2])
    suspect = SuspectRow(name="cat/0.jpg", says="dog", probability=0.93, label="cat")
    found = doubts.chosen(judged, dataset, [suspect, SuspectRow("gone.jpg", "dog", 0.9, label="cat")])
    assert {row: [one.kind for one in why] for row, why in found.items()} == {
        0: ["doubtful"],
        2: ["copy", "unsure", "mistake", "sure"],
        3: ["unsure"],
    }
    assert [one.says for one in found[2]] == ["cat"] * 4


def test_no_more_than_the_sheet_holds_are_shown() -> None:
    judged, dataset = world([0.9] * 300, [0] * 300)
    assert len(doubts.chosen(judged, dataset, [])) == doubts.MOST


@pytest.mark.parametrize(("side", "shown"), [(8, 8), (200, 100)])
def test_the_sheet_has_the_photos_in_their_order(tmp_path: Path, side: int, shown: int) -> None:
    judged, dataset = world([0.5 + row / 100 for row in range(12)], [0] * 12, side=side)
    path = tmp_path / doubts.SHEET
    sheet = doubts.draw(path, judged, dataset, doubts.chosen(judged, dataset, []))
    assert sheet is not None and (sheet.side, sheet.columns, len(sheet.rows)) == (shown, 10, 12)
    pixels = matplotlib.image.imread(path)
    assert pixels.shape == (2 * shown, 10 * shown, 3)
    for place, row in enumerate(sheet.rows):
        number = int(row.name.split("/")[1].split(".")[0])
        middle = pixels[place // 10 * shown + shown // 2, place % 10 * shown + shown // 2]
        assert abs(int(middle[0]) - 10 * number) < 12, row


def test_without_doubts_there_is_no_sheet(tmp_path: Path) -> None:
    judged, dataset = world([], [])
    assert doubts.draw(tmp_path / doubts.SHEET, judged, dataset, {}) is None
    assert list(tmp_path.iterdir()) == []


def test_photos_are_counted_by_class_and_probability() -> None:
    judged, _ = world([0.905, 0.285, 1.0, 0.605], [1, 1, 1, 0])
    cats, dogs = unsure.by_class(judged.probabilities, judged.labels)
    assert (sum(cats.right), cats.wrong[60], sum(cats.wrong)) == (0, 1, 1)
    assert (dogs.right[90], dogs.right[100], dogs.wrong[71], len(dogs.right)) == (1, 1, 1, 101)


@pytest.mark.parametrize(
    ("wrong", "listed", "said"),
    [
        (1, 1, ("names each", "all mistakes (1)")),
        (3, 3, ("names each", ">mistakes (1 of 3)")),
        (3000, 2000, ("the surest 2,000", ">mistakes (1 of 3,000)")),
    ],
)
def test_the_page_says_where_not_every_mistake_is_shown(wrong: int, listed: int, said: tuple[str, str]) -> None:
    row = {"name": "cat/1.jpg", "says": "dog", "probability": 0.9, "kinds": ["mistake"], "class": "cat"}
    test = SimpleNamespace(images=9000, correct=9000 - wrong, mistakes=[None] * listed)
    report = SimpleNamespace(
        doubts=SimpleNamespace(rows=[row], columns=1, side=8), test=test, dataset=SimpleNamespace(classes=CLASSES)
    )
    page = render("report/doubts.html", report=report, pictures={doubts.SHEET: "data:,"})
    assert all(part in page for part in said)
