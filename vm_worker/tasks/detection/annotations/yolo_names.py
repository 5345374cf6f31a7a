"""The names of the classes of YOLO labels: data.yaml as a list or a dictionary, obj.names, classes.txt.

Of YAML only the key `names` is read, by these few lines: a whole reader would follow references, which grow without
bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from jobs.limits import MIB
from vm_worker.tasks.detection.annotations.label_files import LabelFile, class_name

LARGEST = MIB  # bytes of a file of names
PLAIN = frozenset({"obj.names", "classes.txt", "predefined_classes.txt", "_darknet.labels"})
KEY = re.compile(r"""^["']?names["']?\s*:(?P<rest>.*)$""", re.M)
_POINTS = re.compile(r"^kpt_shape[ \t]*:[\s\[-]*(?P<number>\d{1,4})[\s,-]+(?P<values>[23])\b", re.M)
_NUMBERED = re.compile(r"\s*(?P<number>\d{1,9})\s*:\s*(?P<value>\S.*)", re.S)
_BULLET = re.compile(r"\s*-\s+(?P<value>\S.*)")


def is_plain(name: str) -> bool:
    """Return whether a file has one name of a class a line, by its own name."""
    return name.casefold() in PLAIN or name.casefold().endswith(".names")


def read(file: LabelFile) -> dict[int, str]:
    """Return the names by their numbers; none where the file holds none. Raises UserError `labels_unreadable`."""
    if file.extent.size > LARGEST:
        return {}
    text = file.text()
    if is_plain(file.parts[-1]):
        lines = [line.strip() for line in text.splitlines()]
        return _cleaned(enumerate(_without_end(lines)))
    return _cleaned(_from_yaml(text).items())


def points(file: LabelFile) -> int:
    """Return how many numbers each line has for the points of a pose; 0 where the file says nothing of poses."""
    found = _POINTS.search(file.text()) if file.extent.size <= LARGEST and not is_plain(file.parts[-1]) else None
    return int(found["number"]) * int(found["values"]) if found else 0


def _without_end(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines without the empty ones at the end."""
    last = max((number for number, line in enumerate(lines) if line), default=-1)
    return lines[: last + 1]


def _cleaned(pairs: Iterable[tuple[int, str]]) -> dict[int, str]:
    return {number: class_name(name) for number, name in pairs}


def _from_yaml(text: str) -> dict[int, str]:
    found = KEY.search(text)
    if found is None:
        return {}
    rest = text[found.start("rest") :].lstrip(" \t")
    return _numbered(_inline(rest) if rest.startswith(("[", "{")) else _block(text[found.end() :]))


def _numbered(items: Iterable[str]) -> dict[int, str]:
    """Return items such as "a" or "0: a" by their numbers, or else by their places."""
    names: dict[int, str] = {}
    for item in items:
        found = _NUMBERED.fullmatch(item)
        names[int(found["number"]) if found else len(names)] = _unquoted(found["value"] if found else item)
    return names


def _inline(text: str) -> Iterator[str]:
    """Yield the items of [a, b] or {0: a, 1: b}, over one line or more."""
    item: list[str] = []
    quote = ""
    comment = False
    for character in text[1:]:
        comment = character != "\n" and (comment or (character == "#" and not quote and not "".join(item).strip()))
        if comment:
            continue
        if character in ",]}" and not quote:
            if "".join(item).strip():
                yield "".join(item)
            if character != ",":
                return
            item = []
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and "".join(item[-2:]).strip() in ("", ":"):
            quote = character
        item.append(character)


def _block(text: str) -> Iterator[str]:
    """Yield the items of a list or dictionary with one item a line."""
    for line in text.splitlines():
        plain = line.split(" #")[0].rstrip()
        if not plain or plain.lstrip().startswith("#"):
            continue
        bullet = _BULLET.fullmatch(plain)
        if bullet:
            yield bullet["value"]
        elif plain[0].isspace() and _NUMBERED.fullmatch(plain):
            yield plain
        else:
            return


def _unquoted(value: str) -> str:
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    return text
