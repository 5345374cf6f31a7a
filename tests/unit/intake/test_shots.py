"""What names and clocks say of recordings: the order of numbers, seconds between photos, and words of films."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.intake.test_recordings import photo
from vm_worker.intake.recordings.camera_clock import taken_at
from vm_worker.intake.recordings.shots import Shot, at_once, named_recordings, neighbours

MORNING = datetime(2026, 1, 31, 14, 15, 2, tzinfo=UTC).timestamp()


def shots(*names: str) -> list[Shot]:
    return [Shot(name) for name in names]


@pytest.mark.parametrize(("seconds", "together"), [(0.0, True), (2.0, True), (2.01, False), (3.0, False)])
def test_two_seconds_are_one_burst(seconds: float, together: bool) -> None:
    assert list(at_once([Shot("a", 5.0), Shot("b", 5.0 + seconds)])) == ([(0, 1)] if together else [])


def test_the_camera_is_believed_before_the_name() -> None:
    named = Shot("IMG_20260131_141502.jpg")
    assert list(at_once([named, Shot("b", MORNING + 1)])) == [(0, 1)]
    assert list(at_once([Shot(named.name, 0.0), Shot("b", MORNING + 1)])) == []


def test_a_second_of_thirty_photos_is_believed_and_others_beside_a_false_one() -> None:
    still = [Shot(str(row), 7.0 + row / 100) for row in range(31)]
    assert len(list(at_once(still[:30]))) == 29
    assert list(at_once([*still, Shot("a", 8.0), Shot("b", 9.0)])) == [(31, 32)]


@pytest.mark.parametrize(
    "name",
    [
        "20260131141502.jpg", "IMG_20260131_141502_1.jpg", "2026-01-31 14.15.02.jpg", "2026.01.31T14:15:02.jpg",
        "Screenshot 2026-01-31 at 14.15.02.png", "2026_01_31__14h15m02.jpg", "cats/20260131-141502.jpg",
    ],
)  # fmt: skip
def test_times_are_read_from_names(name: str) -> None:
    assert list(at_once([Shot(name), Shot("b", MORNING + 2)])) == [(0, 1)]


@pytest.mark.parametrize(
    "name", ["18260131141502.jpg", "20260131 at at 141502.jpg", "20260131141502/a.jpg", "20260131_146102.jpg"]
)
def test_other_digits_are_no_times(name: str) -> None:
    assert list(at_once([Shot(name), Shot("b", MORNING)])) == []


def test_photos_are_neighbours_of_the_next_two() -> None:
    found = list(neighbours(shots("c/IMG_10.jpg", "c/IMG_2.jpg", "c/IMG_7.jpg", "c/IMG_1.jpg", "c/x.jpg", "c/b1.jpg")))
    assert found == [(3, 1, False), (1, 2, False), (2, 0, False), (3, 2, False), (1, 0, False)]


def test_the_last_number_of_a_name_counts() -> None:
    assert list(neighbours(shots("c/2_b1.jpg", "c/2_b2.jpg", "c/3_b1.jpg"))) == [(0, 1, False)]
    assert list(neighbours(shots("c/1a.jpg", "c/2a.jpg", "c/3b.jpg"))) == [(0, 1, False)]
    assert list(neighbours(shots("c/a.1.jpg", "c/a.2.jpg"))) == [(0, 1, False)]
    assert list(neighbours(shots("c/1", "c/2"))) == [(0, 1, False)]


@pytest.mark.parametrize(("digits", "found"), [(18, True), (19, False)])
def test_a_number_of_nineteen_digits_is_none(digits: int, found: bool) -> None:
    names = ("c/" + "1" * digits + ".jpg", "c/" + "2" * digits + ".jpg")
    assert bool(list(neighbours(shots(*names)))) is found


@pytest.mark.parametrize(
    ("names", "spoken"),
    [
        (("c/frame1.jpg", "c/frame2.jpg"), True),
        (("c/Video_1.jpg", "c/Video_2.jpg"), True),
        (("c/mov1.jpg", "c/mov2.jpg"), True),
        (("c/film1.jpg", "c/film2.jpg"), False),
        (("c/removal1.jpg", "c/removal2.jpg"), False),
        (("clips/a1.jpg", "clips/a2.jpg"), False),  # the class of all
        (("c/clip7/1.jpg", "c/clip7/2.jpg", "c/dog/1.jpg"), True),
    ],
)
def test_names_may_speak_of_a_recording(names: tuple[str, ...], spoken: bool) -> None:
    assert list(neighbours(shots(*names))) == [(0, 1, spoken)]


def test_two_recordings_that_are_named_need_two_photos_each() -> None:
    names = ["c/clip1_1.jpg", "c/clip1_2.jpg", "c/clip1_4.jpg", "c/clip2_1.jpg"]
    assert list(named_recordings(shots(*names))) == []
    assert list(named_recordings(shots(*names, "c/clip2_9.jpg"))) == [(0, 1), (1, 2), (3, 4)]
    assert not list(named_recordings([])) and not list(neighbours([]))


@pytest.mark.parametrize(
    ("taken", "part", "seconds"),
    [
        ("2026:01:31 14:15:02", "", 0.0),
        ("2026:01:31 14:15:02.99", "", 0.0),  # nineteen characters count
        ("2026:01:31 14:15:02", "5", 0.5),
        ("2026:01:31 14:15:02", " 25 ", 0.25),
        ("2026:01:31 14:15:02", "1234567", 0.123456),
        ("2026:01:31 14:15:02", "x", 0.0),
        ("2026:01:31 14:15:02", "-5", 0.0),
    ],
)
def test_the_cameras_clock_has_fractions(taken: str, part: str, seconds: float) -> None:
    assert taken_at(photo(taken, part=part)) == pytest.approx(MORNING + seconds, abs=3e-7)
