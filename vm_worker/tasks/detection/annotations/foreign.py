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
        "Supervisely's JSON": (re.compile(rb'"objects"\s*:\s*\['), re.compile(rb'"(?:classTitle|geometryType)"')),
        "VoTT's JSON": (re.compile(rb'"(?:assets|regions)"\s*:\s*[\[{]'), re.compile(rb'"boundingBox"')),
        "Datumaro's JSON": (re.compile(rb'"items"\s*:\s*\['), re.compile(rb'"categories"\s*:\s*\{')),
        "V7's JSON": (re.compile(rb'"(?:item|image)"\s*:\s*\{'), re.compile(rb'"annotations"\s*:\s*\[')),
        "Labelbox's JSON": (re.compile(rb'"(?:data_row|External ID|DataRow ID)"'),),
        "Ground Truth's manifest": (re.compile(rb'"source-ref"'),),
        "a list of found boxes in COCO's form, without photos and classes": (
            re.compile(rb"^\s*\["),
            re.compile(rb'"image_id"'),
            re.compile(rb'"bbox"'),
        ),
    },
    "xml": {
        "CVAT's own XML": (re.compile(rb"<annotations>"), re.compile(rb"<(?:image|track)\s")),
        "LabelMe's XML": (re.compile(rb"<annotation[\s>]"), re.compile(rb"<polygon>"), re.compile(rb"<pt>")),
    },
    "csv": {
        "a table": (re.compile(rb"\A[^\n]*\bxmin\b", re.I), re.compile(rb"\A[^\n]*\bymin\b", re.I)),
        "the VGG annotator's table": (re.compile(rb"\A[^\n]*\bregion_shape_attributes\b"),),
        "Label Studio's table": (re.compile(rb'""(?:rectangle|polygon|brush|ellipse|keypoint)labels""'),),
        "Vertex AI's table": (re.compile(rb"\A[^\n]*\bgs://"), re.compile(rb"\A[^\n]*,[\d.]+,[\d.]+,")),
    },
}
SUFFIXES = ("json", "ndjson", "jsonl", "manifest", "xml", "csv")  # of files that may be in such a format
# Formats whose files look like COCO's in their first bytes.
NOT_COCO = frozenset({"Datumaro's JSON", "V7's JSON"})
_LISTED = re.compile(rb"^\S[^\n]*\.(?:jpe?g|png|bmp)(?:[ \t]+\d+(?:,\d+){4})+[ \t]*\r?$", re.I | re.M)
_NUMBER = re.compile(rb"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
LINES = 3  # of a text that are looked at
NUMBERS_LEAST = 4  # of a box
WORDS_MOST = 2  # beside them: a class and perhaps a remark


def title(suffix: str, beginning: bytes) -> str:
    """Return the name of the format of a label file; empty where it is none that is known."""
    known = _SIGNS.get("json" if suffix in ("ndjson", "jsonl", "manifest") else suffix, {})
    return next((name for name, signs in known.items() if all(sign.search(beginning) for sign in signs)), "")


def lists_boxes(beginning: bytes) -> bool:
    """Return whether a text has a line a photo, with its name and boxes such as 12,30,40,60,0 behind."""
    return _LISTED.search(beginning) is not None


def holds_value(beginning: bytes, name: str) -> bool:
    """Return whether a text stands in a file as a whole value, such as the name of a class; parts of paths do not."""
    return (
        re.search(
            rb"(?:^|[\"'>,;\t\n])" + re.escape(name.encode(errors="replace")) + rb"(?:[\"'<,;\t\r\n]|$)", beginning
        )
        is not None
    )


def holds_numbers(beginning: bytes, lines: int = LINES) -> bool:
    """Return whether one of the first lines of a text holds the numbers of a box, and hardly anything else."""
    return any(map(_holds_numbers, beginning.splitlines()[:lines]))


def _holds_numbers(line: bytes) -> bool:
    words = [word.strip(b",;") for word in line.split()]
    words = words if len(words) > 1 else re.split(rb"[,;]", line.strip())
    numbers = sum(_NUMBER.fullmatch(word) is not None for word in words)
    return numbers >= NUMBERS_LEAST and len(words) - numbers <= WORDS_MOST
