"""What is made of the replies of the decoding processes: which photos are used, what is refused, and what is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.decoder import DecodeTask, Reply, Target
from vm_worker.intake.earlier.seen import SeenPhotos
from vm_worker.intake.earlier.use import Use
from vm_worker.intake.examine import Examined, Opened, examine, open_photos
from vm_worker.intake.extents import Extent, Shape
from vm_worker.intake.pool import Decoders
from vm_worker.intake.split import Split, SplitRows
from vm_worker.intake.survey import Photo, Survey
from vm_worker.learn.labels import ClassLabels
from vm_worker.tasks.classification.class_folders import ClassFolders

LIMITS = replace(Limits(), class_images_warn=0)
NOWHERE = Extent("nowhere", 0, 0, 0)
BROKEN, NO_PICTURE = Reply(reason="is damaged"), Reply(reason="is not a picture", is_picture=False)


def listing(cats: int, dogs: int, certain: bool = True) -> Survey:
    names = [f"{name}/{number}.jpg" for name, count in (("cats", cats), ("dogs", dogs)) for number in range(count)]
    photos = tuple(Photo(name, name.partition("/")[0], None, certain, NOWHERE) for name in names)
    return Survey(("cats", "dogs"), photos, (Skipped("a.txt", "is not a photo"),), ("An odd folder.",), False)


def good(number: int, peak: int = 0, thumbnail: bytes = b"") -> Reply:
    """The reply about a photo that is like no other."""
    return Reply(None, True, f"{number:064x}", f"{number:032x}", thumbnail, peak, Shape(40, 30))


def opened(survey: Survey, odd: dict[int, Reply] | None = None) -> Opened[Survey]:
    return Opened(survey, tuple((odd or {}).get(number) or good(number) for number in range(len(survey.photos))))


def examined(given: Opened[Survey], before: SeenPhotos | None = None) -> Examined[ClassLabels]:
    return examine(given, ClassFolders(), 0, LIMITS, before)


class Told(Decoders):
    """Decoding processes whose replies are given, of which each takes some seconds of the clock."""

    def __init__(self, replies: Sequence[Reply], clock: list[float], seconds: float = 0) -> None:
        super().__init__(1)
        self._replies, self._clock, self._seconds = replies, clock, seconds
        self.asked: list[Sequence[DecodeTask]] = []

    def run(self, tasks: Sequence[DecodeTask]) -> Iterator[tuple[int, Reply]]:
        self.asked.append(tasks)
        for index in reversed(range(len(tasks))):
            self._clock[0] += self._seconds
            yield index, self._replies[index]


def opening(replies: Sequence[Reply], seconds: float = 0) -> tuple[Opened[Survey], Told, list[tuple[float, str]]]:
    clock, heard = [100.0], list[tuple[float, str]]()
    pool = Told(replies, clock, seconds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: clock[0])
        places = [lambda index, size=size: Target(f"{size}", index, size) for size in (16, 24)]
        limits = replace(LIMITS, intake_minutes=2, image_pixels=99)
        found = open_photos(listing(len(replies), 0), pool, places, limits, lambda *said: heard.append(said))
    return found, pool, heard


def test_each_photo_is_decoded_to_its_place() -> None:
    replies = [good(0), BROKEN, good(2)]
    found, pool, heard = opening(replies)
    assert (found.replies, found.grey_white) == (tuple(replies), 65535)
    ((first, second, _),) = pool.asked
    assert first == DecodeTask(NOWHERE, (Target("16", 0, 16), Target("24", 0, 24)), 99, 65535)
    assert second.targets == (Target("16", 1, 16), Target("24", 1, 24))
    assert heard == [(1 / 3, "1 of 3 photos read"), (2 / 3, "2 of 3 photos read"), (1.0, "3 of 3 photos read")]


@pytest.mark.parametrize(("count", "step"), [(100, 1), (199, 1), (200, 2), (1_050, 10)])
def test_progress_is_told_a_hundred_times(count: int, step: int) -> None:
    _, _, heard = opening([good(0)] * count)
    told = [*range(step, count, step), count]
    assert heard == [(done / count, f"{done:,} of {count:,} photos read") for done in told]


def test_photos_may_take_so_many_minutes() -> None:
    assert len(opening([good(0)] * 4, seconds=30)[2]) == 4
    with pytest.raises(UserError, match=r"^Reading the photos takes more than 2 minutes\.$") as caught:
        opening([good(0)] * 4, seconds=30.25)
    assert caught.value.code == "too_large_zip"


def test_dark_pictures_of_sixteen_bits_are_decoded_again() -> None:
    found, pool, heard = opening([good(0), good(1, 4000), BROKEN, good(3, 9)])
    assert found.grey_white == 4095
    again = pool.asked[1]
    assert [task.grey_white for task in again] == [4095, 4095]
    assert [task.targets for task in again] == [pool.asked[0][index].targets for index in (1, 3)]
    assert [reply.content for reply in found.replies] == [good(0).content, good(0).content, "", good(1, 4000).content]
    assert [fraction for fraction, _ in heard] == [0.25, 0.5, 0.75, 1.0, 0.5, 1.0]
    assert len(opening([good(0), good(1, 60_000)])[1].asked) == 1


def test_which_photos_are_used_broken_or_skipped() -> None:
    survey = listing(3, 2)
    doubtful = replace(survey, photos=tuple(replace(photo, certain=photo.stratum == "dogs") for photo in survey.photos))
    found = opened(doubtful, {0: NO_PICTURE, 1: BROKEN, 4: NO_PICTURE})
    assert found.usable() == [2, 3]
    assert found.broken() == [1, 4]  # a README is no broken photo
    assert found.skipped() == (
        Skipped("cats/1.jpg", "is damaged"),
        Skipped("dogs/1.jpg", "is not a picture"),
        Skipped("cats/0.jpg", "is not a picture"),
        Skipped("a.txt", "is not a photo"),
    )
    assert found.counts() == {"cats": 1, "dogs": 1}
    assert opened(listing(0, 1)).counts() == {"cats": 0, "dogs": 1}


@pytest.mark.parametrize(("count", "more"), [(1, ""), (5, ""), (6, "; and 1 more"), (24, "; and 19 more")])
def test_a_set_without_any_photo_names_five(count: int, more: str) -> None:
    with pytest.raises(UserError) as caught:
        examined(opened(listing(count, 0), dict.fromkeys(range(count), NO_PICTURE)))
    names = "; ".join(f'"cats/{number}.jpg" is not a picture' for number in range(min(count, 5)))
    assert caught.value.code == "no_images"
    assert caught.value.message == f"None of the photos could be read: {names}{more}."


def test_a_fifth_may_be_broken_and_no_more() -> None:
    assert len(examined(opened(listing(20, 20), dict.fromkeys(range(8), BROKEN))).kept) == 32
    long = replace(listing(20, 20).photos[0], name="cats/" + "x" * 99)
    survey = replace(listing(20, 20), photos=(long, *listing(20, 20).photos[1:]))
    with pytest.raises(UserError) as caught:
        examined(opened(survey, dict.fromkeys(range(9), BROKEN)))
    assert caught.value.code == "too_many_broken"
    assert caught.value.message.startswith("9 of 40 photos could not be read: ")
    assert caught.value.message.endswith('"cats/4.jpg" is damaged; and 4 more.')
    assert caught.value.file == long.name[:80]


def test_what_is_not_known_to_be_a_photo_does_not_count_as_broken() -> None:
    survey = listing(40, 20, certain=False)
    assert len(examined(opened(survey, dict.fromkeys(range(20), NO_PICTURE))).kept) == 40


def test_rows_are_those_of_usable_photos() -> None:
    copy = replace(good(13), pixels="ff" * 16)
    found = examined(opened(listing(13, 12), {0: BROKEN, 24: copy}))
    assert found.kept == tuple(range(1, 25))
    assert found.truth.labels.tolist() == [0] * 12 + [1] * 12
    assert found.groups.tolist() == [*range(12), *range(12, 23), 12]
    assert found.warnings == ("An odd folder.",)
    assert (found.duplicates.photos, found.duplicates.exact_groups, found.duplicates.tested) == (1, 1, None)
    assert len(found.seen) == 24 and (found.seen.sides == np.where(found.split.parts == Part.TEST, 1, 2)).all()
    assert found.earlier is None


def test_dark_pictures_are_told() -> None:
    dark = {number: good(number, 1000) for number in (0, 1)}
    for count, text in ((1, "1 picture"), (2, "2 pictures")):
        given = replace(opened(listing(12, 12), dict(list(dark.items())[:count])), grey_white=1023)
        assert examined(given).warnings[1:] == (f"{text} of 16 bits hold only 10: 1023 was taken for white.",)
    assert examined(opened(listing(12, 12), dark)).warnings == ("An odd folder.",)


def _frames(first: int, count: int) -> dict[int, Reply]:
    """A recording: photos of one second each."""
    return {number: replace(good(number), taken=first * 1000.0 + number) for number in range(first, first + count)}


def test_recordings_are_told_and_each_is_on_one_side() -> None:
    one = examined(opened(listing(40, 12), _frames(0, 11)))
    assert one.warnings[1:] == (
        "The photos show 1 recording, such as a video or a burst; each is on one side of the split.",
    )
    assert len(set(one.split.parts[:11].tolist())) == 1
    tested = np.unique(one.groups[one.split.parts == Part.TEST])
    assert one.duplicates.tested == len(tested) > 3
    two = examined(opened(listing(60, 12), _frames(0, 11) | _frames(20, 12)))
    assert "show 2 recordings, such as" in two.warnings[1]
    assert examined(opened(listing(40, 12), _frames(0, 10))).warnings == ("An odd folder.",)


def test_recordings_that_are_learned_from_and_tested_are_told_before_anything_is_trained() -> None:
    few = examined(opened(listing(22, 12), _frames(0, 11) | _frames(11, 11)))
    assert few.duplicates.undivided == (("cats", 11),)
    assert few.warnings[1:] == (
        '11 photos of "cats" look like frames of too few recordings to be kept on one side of the split: the test '
        "figure will be too good. Send photos of at least 3 recordings of each class.",
        "The photos show 1 recording, such as a video or a burst, besides; each of these is on one side.",
    )
    both = examined(opened(listing(11, 11), _frames(0, 11) | _frames(11, 11)))
    assert [sentence[:30] for sentence in both.warnings[1:]] == ['22 photos of "cats", "dogs" lo']


def test_photos_that_look_alike_are_told() -> None:
    flat = {number: good(number, thumbnail=bytes([90 + number % 3] * 1024)) for number in range(12)}
    found = examined(opened(listing(40, 12), flat))
    assert found.duplicates.plain == (("cats", 12),)
    assert found.warnings[1:] == (
        '12 photos of "cats" look so alike, as before a plain background, that only exact copies could be kept on one '
        "side of the split.",
    )
    more = {40 + number: replace(good(40 + number), thumbnail=reply.thumbnail) for number, reply in flat.items()}
    both = examined(opened(listing(40, 40), flat | more))
    assert both.warnings[1].startswith('24 photos of "cats", "dogs" look so alike')


@dataclass(frozen=True)
class _Divided(Survey):
    """A survey that divides its photos itself."""

    def divide(self, kept: Sequence[int], rows: SplitRows, seed: int) -> Split:
        parts = np.array([index % 3 for index in kept], np.uint8)
        return Split(parts, (f"Divided {len(rows.photos)} by seed {seed}.",))


def test_a_survey_may_divide_its_photos_itself() -> None:
    survey = _Divided(**vars(listing(12, 12)))
    found = examine(opened(survey, {0: BROKEN}), ClassFolders(), 7, LIMITS)
    assert found.split.parts.tolist() == [index % 3 for index in range(1, 24)]
    assert found.warnings == ("An odd folder.", "Divided 23 by seed 7.")


def test_what_an_earlier_model_knows_is_noted() -> None:
    known = examined(opened(listing(40, 40))).seen
    again = examined(opened(listing(80, 80), {number: good(1000 + number) for number in range(40, 120)}), known)
    assert again.earlier is not None and again.earlier.use is again.split.use
    assert again.earlier.places.tolist() == [*range(40), *[-1] * 80, *[-1] * 40]
    assert (again.earlier.sides[:40] == known.sides[:40]).all() and not again.earlier.sides[40:].any()
    assert again.split.use in (Use.CONTINUES, Use.SAME_TEST)
    assert (again.split.parts[:40][known.sides[:40] == 1] == Part.TEST).all()
