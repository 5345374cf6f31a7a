"""Which pictures are parts of one photograph, or versions of it, as far as their names tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from vm_worker.intake.names import suffix

LONGEST = 255  # characters of a file's name in most systems; to search longer ones takes quadratic time
_VERSION = re.compile(r"\.rf\.[0-9a-f]+$")  # Roboflow's versions of one picture differ there
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # Label Studio puts such a number before each name
_OLD_SUFFIX = re.compile(r"[_.](?:jpe?g|png|bmp|tiff?|webp)$", re.I)
_NUMBER = re.compile(r"^(?P<photograph>.*\d.*?)[-_ .]+(?:\d+|x\d+|y\d+)(?:[-_ .]+(?:\d+|x\d+|y\d+))?$", re.I)
# Frames of videos: seals_video2_frame000120. The name of the video needs no digit.
_FRAME = re.compile(r"^(?P<photograph>.*[^\W_].*?)[-_ .]+(?:frames?|frm)[-_ .]?\d+$", re.I)
# Phones and drones name photos by the time: IMG_20240501_103022, PXL_20240501_103022123, 20240501_103022(1).
_STAMP = re.compile(r"(?:^|.*\D)(?:19|20)\d{6}[-_ T.]?\d{6,9}(?:[-_~ .(]{1,2}\d{1,4}\)?)?")


def photographs(names: Sequence[str]) -> tuple[str, ...]:
    """Return a key for each picture (a path in the upload) that is equal for pictures of one photograph.

    Tiles and frames have names like 12HS0263-105: what stands before the last number, and has a digit itself, names the
    photograph. A word alone, as in IMG_0001, names a camera; a day before a time, as in IMG_20240501_103022, names no
    photograph. What stands before "frame" and a number names a video. Where all pictures would be one, the names tell
    nothing.
    """
    stems = _without_numbers([_stem(name) for name in names])
    keys = [_photograph(stem) for stem in stems]
    if len(set(keys)) == 1 and len(keys) > 1:
        return tuple(stems)
    return tuple(keys)


def _without_numbers(stems: Sequence[str]) -> Sequence[str]:
    """Return the names without the number before each; eight digits alone may be a day."""
    numbers = [found[0] for stem in stems if (found := _UPLOADED.match(stem))]
    if len(numbers) < len(stems) or not any(set(number) & set("abcdef") for number in numbers):
        return stems
    return [stem[len(numbers[0]) :] for stem in stems]


def _photograph(stem: str) -> str:
    if len(stem) > LONGEST:
        return stem
    found = None if _STAMP.fullmatch(stem) else _FRAME.match(stem) or _NUMBER.match(stem)
    return found["photograph"] if found else stem


def shared(keys: Sequence[str]) -> int:
    """Count the photographs with more than one picture."""
    return sum(count > 1 for count in Counter(keys).values())


def _stem(name: str) -> str:
    base = name.rpartition("/")[2]
    stem = base.rpartition(".")[0] if suffix(base) else base
    return _OLD_SUFFIX.sub("", _VERSION.sub("", stem))
