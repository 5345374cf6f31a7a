"""Read the object that a request names, and its generation."""

from __future__ import annotations

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.rows import Target
from jobs.json_values import Json


def target(call: Call) -> Target:
    """Get the object that the path names, with the generation that the query names. Raises ApiError."""
    return Target(call.names["bucket"], call.names["object"], generation(call.request.params.get("generation")))


def generation(value: Json) -> int | None:
    """Read a generation; None if the value is empty. Raises ApiError."""
    if value in (None, ""):
        return None
    number = whole_number(str(value))
    if number is None:
        raise ApiError(INVALID, "Invalid value for generation.")
    return number
