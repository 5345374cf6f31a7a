"""The base class of the smaller parts of a record: values with one JSON key for each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Self


class Flat:
    """The base class of a frozen dataclass of plain values, which a record or an answer holds as a JSON object.

    A tuple is a list in JSON, and a list becomes a tuple again.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def to_json(self) -> dict[str, Any]:
        """Return each field under its own name."""
        values = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the JSON of any version: unknown keys are left out, missing ones get their defaults.

        Raises TypeError when a field without a default is missing.
        """
        given = ((one.name, data[one.name]) for one in fields(cls) if one.name in data)
        known: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given}
        return cls(**known)
