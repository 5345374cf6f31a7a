"""The way from an attempt's child process to its parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Link(Protocol):
    """Events go to the parent as JSON objects."""

    def send(self, event: Mapping[str, Any]) -> None:
        """Tell the parent something."""
        ...

    def commit(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Offer a stage or a trial; the answer is `{"go": ...}` or `{"adopt": result}`."""
        ...
