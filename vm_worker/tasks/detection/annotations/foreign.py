"""Recognise labels in formats that are not read here, so that a refusal can name them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Patterns that are all there in the first bytes. Each is searched for alone: one after another in one pattern would
# take quadratic time on hostile files.
_SIGNS: Mapping[str, Mapping[str, tuple[re.Pattern[bytes], ...]]] = {
    "json": {
        "Label Studio's own JSON": (re.compile(rb'"(?:rectangle|polygon|brush|ellipse|keypoint)labels"'),),
        "LabelMe's JSON": (re.compile(rb'"shapes"\s*:\s*\['), re.compile(rb'"(?:points|shape_type|imagePath)"')),
        "CreateML's JSON": (re.compile(rb'"coordinates"\s*:\s*\{'),),
        "the VGG annotator's JSON": (re.compile(rb'"(?:_via_img_metadata|shape_attributes)"'),),
    },
    "xml": {"CVAT's own XML": (re.compile(rb"<annotations>"), re.compile(rb"<image\s"))},
    "csv": {
        "a table": (re.compile(rb"\bxmin\b", re.I), re.compile(rb"\bymin\b", re.I)),
        "the VGG annotator's table": (re.compile(rb"\bregion_shape_attributes\b"),),
    },
}
_NUMBER = re.compile(rb"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
LINES = 3  # of a text that are looked at
NUMBERS_LEAST = 4  # of a box
WORDS_MOST = 2  # beside them: a class and perhaps a remark


def title(suffix: str, beginning: bytes) -> str:
    """Return the name of the format of a label file; empty where it is none that is known."""
    text = beginning.partition(b"\n")[0] if suffix == "csv" else beginning
    known = _SIGNS.get(suffix, {})
    return next((name for name, signs in known.items() if all(sign.search(text) for sign in signs)), "")


def holds_value(beginning: bytes, name: str) -> bool:
    """Return whether a text stands in a file as a whole value, such as the name of a class; parts of paths do not."""
    return (
        re.search(
            rb"(?:^|[\"'>,;\t\n])" + re.escape(name.encode(errors="replace")) + rb"(?:[\"'<,;\t\r\n]|$)", beginning
        )
        is not None
    )


def holds_numbers(beginning: bytes) -> bool:
    """Return whether one of the first lines of a text holds the numbers of a box, and hardly anything else."""
    return any(map(_holds_numbers, beginning.splitlines()[:LINES]))


def _holds_numbers(line: bytes) -> bool:
    words = [word.strip(b",;") for word in line.split()]
    words = words if len(words) > 1 else re.split(rb"[,;]", line.strip())
    numbers = sum(_NUMBER.fullmatch(word) is not None for word in words)
    return numbers >= NUMBERS_LEAST and len(words) - numbers <= WORDS_MOST
