"""The JSON of an architecture. Objects keep their keys in order, and what is no JSON is refused with what to write."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from vm_worker.designs.words import ArchitectureError, quoted

MARK = "\ufeff"  # which some editors write before a text
INTEGER = 20  # digits of a whole number that are kept exactly: no architecture has such numbers


@dataclass(frozen=True)
class Pairs:
    """A JSON object with its keys in their order; a key may come twice."""

    pairs: list[tuple[str, Any]] = field(default_factory=list)


def decoded(data: bytes) -> str:
    """Return the text of a file: UTF-8, or the UTF-16 that editors of Windows write."""
    return data.decode(json.detect_encoding(data), "replace")


def loaded(text: str) -> object:
    """Return the values of a JSON text, its objects as Pairs. Raises ArchitectureError."""
    text = text.removeprefix(MARK)
    try:
        return json.loads(text, object_pairs_hook=Pairs, strict=False, parse_int=_whole)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise ArchitectureError(f"{at}: this is no JSON ({error.msg}){_remedy(text, error)}") from None
    except RecursionError:
        raise ArchitectureError("the lists lie too deep in each other") from None


def shown(value: object) -> str:
    """Return a value as a message repeats it: in quotes, printable, and not too long."""
    return quoted(written(value))


def written(value: object) -> str:
    """Return a value of `loaded` as JSON. Of a key that comes twice the last one is left."""
    return json.dumps(value, default=lambda pairs: dict(pairs.pairs))


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= INTEGER else float(text)  # int() refuses thousands of digits


def _remedy(text: str, error: json.JSONDecodeError) -> str:
    """Say what to write instead, where the place of the error tells it."""
    before, after = text[: error.pos].rstrip()[-1:], text[error.pos :].lstrip()[:1]
    if "trailing comma" in error.msg or (before == "," and after in ("]", "}")):
        return "; leave out the comma before the bracket"
    if after in ("'", "\u2018", "\u2019", "\u201c", "\u201d"):
        return '; write straight double quotes, as in "SOFTMAX"'
    if not after or error.msg.startswith("Unterminated"):
        return "; a bracket or a quote is not closed"
    if error.msg == "Extra data":
        return "; leave out what comes after the last bracket"
    return "; a comma, or the quote before it, is missing" if "',' delimiter" in error.msg else ""
