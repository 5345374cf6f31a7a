"""Types of JSON values, for data that is passed on without being read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
else:
    Json = Any  # not a recursive type: libraries that read annotations at run time cannot resolve one
JsonObject = Mapping[str, Json]
