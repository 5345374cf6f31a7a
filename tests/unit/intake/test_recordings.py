"""Recordings: what names and clocks say, what pictures must say besides, and classes with too few of them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from sklearn.datasets import load_digits

from vm_worker.intake.groups import PhotoDigests, group
from vm_worker.intake.recordings import shots as recordings
from vm_worker.intake.recordings.camera_clock import taken_at
from vm_worker.intake.recordings.scenes import Scenes
from vm_worker.intake.recordings.shots import Shot

Grey = NDArray[np.uint8]
Links = list[tuple[int, int]]
LETTERS = str.maketrans("0123456789", "ghijklmnop")


def scene(seed: int) -> Grey:
    """A larger picture of soft blobs and sharp patches, of which the camera sees a part."""
    random = np.random.default_rng(seed)
    blobs = random.integers(40, 180, (8, 8)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    patches = random.integers(-35, 36, (32, 32)).repeat(2, axis=0).repeat(2, axis=1)
    return np.asarray(np.clip(blobs + patches, 0, 255), np.uint8)


def filmed(seed: int, frames: int) -> Grey:
    """Frames of a hand-held camera: the view drifts, the light changes, and there is noise."""
    random, whole = np.random.default_rng(1000 + seed), scene(seed)
    places = np.clip(16 + np.cumsum(random.integers(-1, 2, (frames, 2)), axis=0), 0, 32)
    views = np.stack([whole[top : top + 32, left : left + 32] for top, left in places.tolist()]).astype(float)
    light = random.uniform(0.85, 1.15, (frames, 1, 1))
    return np.asarray(np.clip(views * light + random.normal(0, 3, views.shape), 0, 255), np.uint8)


def photos(sessions: int, frames: int, name: str, label: int = 0) -> list[PhotoDigests]:
    """A class of so many recordings; `name` has the places {session}, {frame} and {number}."""
    found = []
    for session in range(sessions):
        for frame, picture in enumerate(filmed(100 * label + session, frames)):
            number = session * frames + frame
            path = f"{label}/" + name.format(session=session, frame=frame, number=number)
            digest = hashlib.sha256(picture.tobytes()).hexdigest()
            found.append(PhotoDigests(label, digest, digest, picture.tobytes(), path))
    return found


def whole(found: list[PhotoDigests], frames: int) -> bool:
    """Return whether each recording is one group of its own."""
    numbers = group(found).numbers.reshape(-1, frames)
    return bool((numbers == numbers[:, :1]).all()) and len(np.unique(numbers)) == len(numbers)


NUMBERED, FILM, CLIPS = "IMG_{number:04}.jpg", "video_frame_{number:05}.png", "clip{session}_frame{frame}.jpg"
SESSIONS = ((12, 5), (5, 30), (3, 40))  # recordings and frames of each
FEW = {(NUMBERED, SESSIONS[0]), (NUMBERED, SESSIONS[2]), (FILM, SESSIONS[0]), (CLIPS, SESSIONS[1])}


@pytest.mark.parametrize(
    ("name", "sessions", "frames"),
    [
        pytest.param(name, *both, marks=() if (name, both) in FEW else pytest.mark.slow)
        for name in (NUMBERED, FILM, CLIPS)
        for both in SESSIONS
    ],
)
def test_recordings_are_groups_of_their_own(name: str, sessions: int, frames: int) -> None:
    assert whole(photos(sessions, frames, name), frames)


def test_numbers_alone_join_nothing() -> None:
    """A camera numbers all of its photos."""
    different = [picture for seed in range(60) for picture in filmed(seed, 1)]
    found = [
        PhotoDigests(0, str(row), str(row), grey.tobytes(), f"cat/IMG_{row:04}.jpg")
        for row, grey in enumerate(different)
    ]
    assert len(np.unique(group(found).numbers)) == 60


def test_one_thing_after_the_other_before_the_same_background_is_no_recording() -> None:
    random, background = np.random.default_rng(3), filmed(7, 1)[0]
    found = []
    for row in range(60):
        grey = np.clip(background + random.normal(0, 2, (32, 32)), 0, 255)
        grey[10:22, 10:22] = random.integers(0, 256, (12, 12))
        found.append(PhotoDigests(0, str(row), str(row), grey.astype(np.uint8).tobytes(), f"part/IMG_{row:04}.jpg"))
    groups = group(found)
    assert np.bincount(groups.numbers).max() <= 10
    assert groups.undivided == {}


@pytest.mark.parametrize("sessions", [1, 2])
def test_too_few_recordings_are_divided_and_named(sessions: int) -> None:
    groups = group([*photos(sessions, 30, "clip{session}_{frame}.jpg"), *photos(5, 30, "IMG_{number:04}.jpg", label=1)])
    assert groups.undivided == {0: 30 if sessions == 2 else groups.undivided[0]} and groups.undivided[0] >= 30 - 5
    assert groups.recordings() == 5 + sessions - 1


def test_a_recording_that_only_hangs_together_is_doubtful() -> None:
    """Where the camera moves far and no name has a number, its frames are like drawings of one kind: that is said."""
    found = [replace(photo, name=f"0/{photo.content.translate(LETTERS)}.jpg") for photo in photos(4, 150, "{number}")]
    groups = group(found)
    assert groups.plain == {0: 148} and groups.undivided == {}
    assert group(photos(4, 150, "video_{number:04}.jpg")).plain == {}


def links(found: Iterable[tuple[int, int]]) -> Links:
    return sorted(found)


def test_photos_of_one_burst_belong_together_by_the_cameras_clock() -> None:
    shots = [Shot("a", 100.0), Shot("b", 101.5), Shot("c", 103.0), Shot("d", 109.0), Shot("e"), Shot("f", 110.0)]
    assert links(recordings.at_once(shots)) == [(0, 1), (1, 2), (3, 5)]


def test_a_clock_that_stands_still_says_nothing() -> None:
    assert links(recordings.at_once([Shot(str(row), 0.0) for row in range(31)])) == []
    assert len(links(recordings.at_once([Shot(str(row), 0.0) for row in range(30)]))) == 29


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("IMG_20260131_141502.jpg", "IMG_20260131_141504.jpg", True),
        ("IMG_20260131_141502.jpg", "IMG_20260131_141509.jpg", False),
        ("PXL_20260131_141559123.jpg", "PXL_20260131_141601001.jpg", True),
        ("Photo 2026-01-31 at 14.15.02.png", "Photo 2026-01-31 at 14.15.03.png", True),
        ("IMG_20269931_141502.jpg", "IMG_20269931_141502.jpg", False),  # no such month
        ("120260131141502.jpg", "120260131141502.jpg", False),  # some number
    ],
)
def test_times_in_names_count_too(one: str, other: str, together: bool) -> None:
    assert bool(links(recordings.at_once([Shot(f"cat/{one}"), Shot(f"cat/{other}")]))) is together


def test_names_of_several_recordings_need_no_pictures() -> None:
    names = ["dog/video1_frame_2.jpg", "dog/video2_frame_1.jpg", "dog/video1_frame_10.jpg", "dog/video2_frame_3.jpg"]
    assert links(recordings.named_recordings([Shot(name) for name in names])) == [(0, 2), (1, 3)]


@pytest.mark.parametrize(
    "names",
    [
        ["dog/video_frame_1.jpg", "dog/video_frame_2.jpg"],  # one name for all recordings
        ["dog/beagle_1.jpg", "dog/beagle_2.jpg", "dog/poodle_1.jpg", "dog/poodle_2.jpg"],  # kinds of dogs
        ["clip/red_1.jpg", "clip/red_2.jpg", "clip/blue_1.jpg", "clip/blue_2.jpg"],  # a class of paper clips
        ["dog/video1_frame_1.jpg", "dog/video2_frame_1.jpg"],  # a frame of each
    ],
)
def test_other_names_do(names: list[str]) -> None:
    assert links(recordings.named_recordings([Shot(name) for name in names])) == []


def test_folders_below_the_class_are_part_of_the_name() -> None:
    names = ["dog/session1/1.jpg", "dog/session1/2.jpg", "dog/session2/1.jpg", "dog/session2/2.jpg"]
    assert links(recordings.named_recordings([Shot(name) for name in names])) == [(0, 1), (2, 3)]
    assert [(one, other) for one, other, _ in recordings.neighbours([Shot(name) for name in names])] == [(0, 1), (2, 3)]


def test_scenes_are_found_again_where_the_camera_has_moved() -> None:
    frames, one, other = filmed(1, 20), np.arange(19), np.arange(1, 20)
    found = Scenes(frames).likeness(one, other)
    assert found.min() > 0.45
    different = Scenes(np.concatenate([filmed(seed, 1) for seed in range(20)])).likeness(one, other)
    assert different.max() < 0.45


def test_a_photo_alone_is_like_itself_and_few_are_compared_whole() -> None:
    scenes = Scenes(np.concatenate([filmed(1, 2), filmed(2, 2)]))
    assert scenes.share_alike(np.array([0]), 0.99) == 1.0
    assert scenes.share_alike(np.array([0, 1]), 0.45) == 1.0
    assert scenes.share_alike(np.array([0, 1, 2, 3]), 0.45) == 1 / 3  # two of the six pairs


def photo(taken: str | None, form: str = "JPEG", part: str = "") -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    if taken is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.SubsecTimeOriginal] = part
    Image.new("RGB", (8, 8)).save(out, form, exif=exif)
    return out.getvalue()


def test_the_cameras_clock_is_read() -> None:
    first, later = (taken_at(photo("2026:01:31 14:15:02", part=part)) for part in ("", "50"))
    assert first is not None and later == first + 0.5
    assert taken_at(photo("2026:01:31 14:15:03", "WEBP")) == first + 1


def test_the_clock_of_a_large_photo_is_read_without_a_word_of_its_size() -> None:
    data = photo("2026:01:31 14:15:02")
    start = data.index(b"\xff\xc0") + 5  # the frame's height and width, which Pillow warns of
    large = data[:start] + (12_000).to_bytes(2, "big") * 2 + data[start + 4 :]
    assert taken_at(large) == taken_at(data) is not None


@pytest.mark.parametrize(
    "data",
    [
        photo(None),
        photo("yesterday"),
        photo("0000:00:00 00:00:00"),
        photo("2026:01:31 14:15:02", "PNG"),
        b"",
        b"\xff\xd8\xff",
    ],
)
def test_a_photo_without_a_time_has_none(data: bytes) -> None:
    assert taken_at(data) is None


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("digit", [0, 1, 7])
def test_drawings_of_one_kind_are_no_recordings(digit: int, named: bool) -> None:
    """Each looks like some others, so that links between pairs would chain them up."""
    found = load_digits()
    drawn = (found.images[found.target == digit] * 15.9).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    told = []
    for number, picture in enumerate(drawn):
        digest = hashlib.sha256(picture.tobytes()).hexdigest()
        name = f"{digit}/{number:04}.png" if named else f"{digit}/{digest.translate(LETTERS)}.png"
        told.append(PhotoDigests(0, digest, digest, picture.tobytes(), name))
    groups = group(told)
    assert np.bincount(groups.numbers).max() <= 0.2 * len(told)
    assert groups.undivided == {} and groups.plain.keys() <= {0}
