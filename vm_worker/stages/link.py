"""The way from an attempt's child process to its parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jobs.json_values import JsonObject


class Link(Protocol):
    """The child's end of the way: events go to the parent as JSON objects."""

    def send(self, event: JsonObject) -> None:
        """Tell the parent something."""
        ...

    def commit(self, event: JsonObject) -> JsonObject:
        """Offer a stage or a trial; the answer is `{"go": ...}` or `{"adopt": result}`."""
        ...


def adopted(answer: JsonObject, own: JsonObject) -> JsonObject:
    """The result that counts: what another attempt committed before, if the parent says so, else our own."""
    earlier = answer.get("adopt")
    return earlier if isinstance(earlier, Mapping) else own
