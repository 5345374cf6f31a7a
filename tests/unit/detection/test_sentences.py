"""What is said of a detector, for good ones and bad ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.detection.engine.toys import boxes, detections
from vm_worker.results.evaluated import ModelFigures
from vm_worker.results.trials import SearchSummary, TrialRow, Tuned
from vm_worker.tasks.detection import measuring, sentences
from vm_worker.tasks.detection.engine.scores import Judged, score
from vm_worker.tasks.detection.results import CountedPhoto, DetectionFigures, SizeBucket, Spread

MODEL = ModelFigures((), 1, 1, 0, "raw", 1)


def judged(photos: int = 12, missed: int = 0, edge: int = 0) -> list[Judged]:
    """Photos with three objects each, of which some are missed, and marks at the edge."""
    found = [(10.0 * n, 40.0, 10.0 * n + 8, 48.0, 0.9) for n in range(1, 4 - missed)]
    found += [(0.0, 10.0 * n, 8.0, 10.0 * n + 8, 0.6) for n in range(edge)]
    labels = boxes(*[(10.0 * n, 40.0, 10.0 * n + 8, 48.0) for n in range(1, 4)])
    return [Judged(100, 100, labels, detections(*found)) for _ in range(photos)]


def figures(photos: list[Judged], classes: tuple[str, ...] = ("seal",)) -> DetectionFigures:
    names = [f"{number}.jpg" for number in range(len(photos))]
    rows = measuring.counted(names, photos, 0.5)
    return DetectionFigures(
        model=MODEL,
        classes=classes,
        images=len(photos),
        scores=score(photos, len(classes), 0.5),
        photos=tuple(rows),
        sizes=tuple(measuring.sizes(photos, 0.5)),
        curve=tuple(measuring.curve(photos)),
        threshold=0.5,
        overlap=0.5,
        height=320,
        width=320,
        tile=0,
        spread=measuring.spread(rows),
        pictures=(),
    )


def test_the_headline_is_the_papers() -> None:
    assert sentences.headline(figures(judged())) == "Found 36 of 36 seals, missed 0, no mark without a label"
    told = sentences.headline(figures(judged(missed=1, edge=2), ("seal", "pup")))
    assert told == "Found 24 of 36 objects, missed 12, 24 marks without a label (24 at an image's edge)"


def test_counts_are_told_with_their_error_and_bias() -> None:
    exact = sentences.counting(figures(judged()))
    assert exact[0].endswith("is off by 0.00 on average, as often too high as too low.")
    assert exact[1] == "Of new photos like these, nine counts in ten should be exact."
    few = sentences.counting(figures(judged(missed=1)))
    assert few[0].endswith("is off by 1.00 on average, and 1.00 too low in the mean.")
    many = sentences.counting(figures(judged(edge=2)))
    assert many[1].startswith("Without the 24 marks at an image's edge")
    assert "nine counts in ten should be 2 too many." in many[2]


def test_little_is_said_from_few_photos() -> None:
    few = figures(judged(3, missed=2))
    assert few.spread is None and few.sizes == ()
    assert "nothing is said" in sentences.counting(few)[-1]
    cautions = sentences.cautions(few)
    assert cautions[0] == "Only 3 photos were kept for the test."
    assert cautions[1].startswith("seal: only 9 boxes in the test photos")
    assert cautions[2].startswith("It misses more than half")
    assert sentences.class_rows(few)[0][-2:] == ["too few to say", "too few to say"]


def test_a_detector_is_good_enough_where_its_counts_beat_a_guess() -> None:
    assert sentences.good_enough(figures(judged())) and sentences.cautions(figures(judged())) == []
    many = figures(judged(edge=7))  # three of ten marks are right
    assert not sentences.good_enough(many)
    assert sentences.cautions(many) == ["Most of what it marks has no label: its counts are no use yet."]
    assert not sentences.good_enough(figures(judged(missed=2)))
    # Every photo has three objects, and a count of two for each is off by more than a guess.
    one = figures(judged(missed=1))
    assert not sentences.good_enough(one)
    assert sentences.cautions(one)[-1] == (
        "A count of 3 for every photo would be off by 0.00 on average: its own counts, off by 1.00, are no better."
    )
    nothing = figures([Judged(100, 100, boxes(), detections()) for _ in range(12)])
    assert sentences.good_enough(nothing)


def test_advice_names_the_sizes_that_are_missed() -> None:
    weak = replace(figures(judged(edge=1)), sizes=(SizeBucket(4, 8, 30, 10), SizeBucket(8, 16, 30, 30)))
    steps = sentences.next_steps(weak)
    assert steps[0].startswith("Look at the sheet of marks") and "Objects of 4 to 8 pixels across" in steps[1]
    assert sentences.size_rows(weak.sizes)[0] == ["4 to 8 pixels across", "30", "10", "33 %"]
    assert len(sentences.next_steps(figures(judged()))) == 2


def test_a_short_training_is_told_where_its_counts_are_no_use() -> None:
    bad, good = figures(judged(missed=2)), figures(judged())
    short = sentences.hardly_trained(bad, tuned(replace(trial(1, 9.0), parameters={"epochs": 4, "steps_an_epoch": 2})))
    assert short == "there was time for 8 training steps, and some hundreds are usual"
    assert sentences.hardly_trained(bad, tuned(trial(1, 9.0))) == ""  # 159 steps
    few = replace(trial(1, 0.1), parameters={"epochs": 1, "steps_an_epoch": 1})
    assert sentences.hardly_trained(good, tuned(few)) == ""
    assert sentences.next_steps(bad)[-1] == "Label more photos, and send them all: its counts are no use yet."
    assert not any("Count a folder" in step for step in sentences.next_steps(bad))


def test_sizes_and_the_curve_are_measured() -> None:
    known = figures(judged(missed=1))
    assert sum(row.labelled for row in known.sizes) == 36 and sum(row.found for row in known.sizes) == 24
    at = {place.threshold: place for place in known.curve}
    assert at[0.5].precision == 1.0 and at[0.5].recall == pytest.approx(2 / 3)
    assert at[0.95].precision is None and at[0.95].recall == 0.0


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("deer", "deer"),
        ("seal", "seals"),
        ("box", "boxes"),
        ("berry", "berries"),
        ("boy", "boys"),
        ("Rehe", "Rehes"),
        ("鹿", "鹿"),
        ("cars", "cars"),
    ],
)
def test_classes_have_a_plural(one: str, many: str) -> None:
    assert sentences.plural(one) == many


def test_the_largest_errors_come_first() -> None:
    rows = measuring.counted(["a", "b"], [judged(1)[0], judged(1, missed=2)[0]], 0.5)
    assert rows == [CountedPhoto("b", 3, 1, 1), CountedPhoto("a", 3, 3, 3)] and rows[0].error == -2


def test_the_spread_of_a_new_count_holds_nine_of_ten_photos() -> None:
    random = np.random.default_rng(0)
    photos = [CountedPhoto(str(n), 10, 10 + int(error), 10) for n, error in enumerate(random.integers(-5, 6, 200))]
    assert measuring.spread(photos) == Spread(-5, 5) and measuring.spread(photos[:9]) is None


def trial(number: int, rmse: float | None, state: str = "not_better", note: str = "") -> TrialRow:
    genes = {"epochs": 3, "steps_an_epoch": 53, "learning_rate": 0.0058}
    chosen = {**genes, "threshold": 0.86, "f1": 0.9} if rmse is not None else genes
    kind = "rule" if number == 1 else "genetic"
    return TrialRow(number, kind, chosen, state=state, note=note, validation_score=rmse, metric="count_rmse")


def tuned(*trials: TrialRow, algorithm: str = "genetic", outcome: str = "") -> Tuned:
    return Tuned(True, trials, (), None, None, SearchSummary(algorithm, len(trials), outcome), 1.0, "count_rmse")


def test_the_winner_is_told_in_the_words_of_the_paper() -> None:
    found = figures(judged(missed=1))
    one = tuned(trial(1, 1.0, "kept"), algorithm="none", outcome="none fitted the time that was left")
    genes = "(3 epochs of 53 steps, learning rate 0.0058, threshold 0.86)"
    right = f"{genes} finds 24 of 36 seals in the test photos, and nothing that has no label."
    assert sentences.winner(found, one) == f"The training {right}"
    assert sentences.search(one) == ["No other training was tried: none fitted the time that was left."]
    ended = "not solvable within these settings; best mean squared error 0.1000"
    two = tuned(trial(2, 0.5, "kept"), trial(1, 1.0), trial(3, None, "skipped", "late"), outcome=ended)
    assert sentences.winner(found, two) == f"The best of 2 trainings {right}"
    assert f"The genetic search ended: {ended} (of the count" in sentences.search(two)[0]
    assert sentences.trial_rows(two.trials) == [
        ["1, by rule", "3", "53", "0.0058", "0.86", "1.00", "0.900", ""],
        ["2, genetic", "3", "53", "0.0058", "0.86", "0.50", "0.900", "taken"],
        ["3, genetic", "3", "53", "0.0058", "-", "-", "-", ""],
    ]
    assert "and marks 24 more that have no label." in sentences.winner(figures(judged(missed=1, edge=2)), two)
    assert sentences.search(tuned(trial(1, 1.0, "kept"), outcome="late"))[0].endswith("The genetic search ended: late.")
    upper = replace(two.trials[0], parameters={**two.trials[0].parameters, "upper_part": True})
    assert sentences.winner(found, tuned(upper)).endswith(" The upper part of its network was trained, too.")
    assert sentences.search(Tuned(False, two.trials, (), None, None)) == []


def test_what_no_training_solves_is_told() -> None:
    bad = [replace(one, parameters={**one.parameters, "usable": False}) for one in (trial(1, 5.2, "kept"), trial(2, 6))]
    (told,) = sentences.not_solvable(tuned(*bad))
    assert told.startswith("Not solvable with these photos and settings: none of 2 trainings counts the validation")
    assert told.endswith("The best F1 there is 0.9, and the counts are off by 5.2 (RMSE).")
    assert not sentences.solvable(tuned(*bad)) and sentences.solvable(tuned(bad[0], trial(2, 6.0)))
    assert sentences.not_solvable(tuned(trial(1, 5.2), bad[1])) == []
