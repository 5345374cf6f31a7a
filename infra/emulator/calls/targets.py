"""Which object a request means."""

from __future__ import annotations

from typing import Any

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.resources.rows import Target


def target(call: Call) -> Target:
    """The object that the path names, of the generation that the query names. Raises ApiError."""
    return Target(call.names["bucket"], call.names["object"], generation(call.request.params.get("generation")))


def generation(value: Any) -> int | None:
    """A generation as a request writes it; None for none. Raises ApiError."""
    if value in (None, ""):
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ApiError(INVALID, "Invalid value for generation.")
    return int(text)
