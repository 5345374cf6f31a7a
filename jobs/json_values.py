"""Types of values that JSON can hold, for what passes through without being looked into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
else:
    Json = Any  # libraries that read annotations at run time cannot follow a type that names itself
JsonObject = Mapping[str, Json]
