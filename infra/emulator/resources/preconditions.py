"""Conditions of a request on the generation, metageneration or etag of what is stored now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from infra.emulator.protocol.errors import INVALID, NOT_MODIFIED, PRECONDITION, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.reading import texts_in, whole
from jobs.json_values import JsonObject


class Versioned(Protocol):
    """A bucket or an object, with the values that conditions refer to."""

    @property
    def generation(self) -> int:
        """The generation, a number that changes when the content does."""
        ...

    @property
    def metageneration(self) -> int:
        """The metageneration, a number that starts at 1 and grows by 1 with each patch."""
        ...

    @property
    def etags(self) -> tuple[str, ...]:
        """The values that If-Match may name."""
        ...

    @property
    def updated(self) -> str:
        """The time of the last change, RFC 3339."""
        ...


@dataclass(frozen=True)
class Preconditions:
    """The conditions of a request. None and () mean no condition; generation 0 means: must not exist."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None
    etags: tuple[str, ...] = ()
    not_etags: tuple[str, ...] = ()
    modified_since: int | None = None  # seconds since 1970, as the dates of HTTP have no fractions
    unmodified_since: int | None = None

    def check(self, current: Versioned | None, *, reading: bool = False) -> None:
        """Check the conditions against what is stored. Raises ApiError 412, or 304 if a reader has it already."""
        if self == NONE:
            return
        if not self._match(current):
            raise ApiError(PRECONDITION)
        if self._unwanted(current) or (reading and self._unchanged(current)):
            raise ApiError(NOT_MODIFIED if reading else PRECONDITION)

    def to_json(self) -> JsonObject:
        """Write the conditions as JSON, for the session of an upload."""
        return {
            "generation": self.generation,
            "not_generation": self.not_generation,
            "metageneration": self.metageneration,
            "not_metageneration": self.not_metageneration,
            "etags": list(self.etags),
            "not_etags": list(self.not_etags),
            "unmodified_since": self.unmodified_since,
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> Preconditions:
        """Read what `to_json` wrote."""
        return cls(
            whole(stored.get("generation")),
            whole(stored.get("not_generation")),
            whole(stored.get("metageneration")),
            whole(stored.get("not_metageneration")),
            texts_in(stored.get("etags")),
            texts_in(stored.get("not_etags")),
            unmodified_since=whole(stored.get("unmodified_since")),
        )

    def _match(self, current: Versioned | None) -> bool:
        if self.generation is not None and self.generation != (current.generation if current else 0):
            return False
        if self.metageneration is not None and self.metageneration != (current.metageneration if current else None):
            return False
        if self.etags:
            return _named(self.etags, current)
        return current is None or self.unmodified_since is None or _seconds(current) <= self.unmodified_since

    def _unwanted(self, current: Versioned | None) -> bool:
        if self.not_generation is not None and self.not_generation == (current.generation if current else 0):
            return True
        if current and self.not_metageneration == current.metageneration:
            return True
        return _named(self.not_etags, current)

    def _unchanged(self, current: Versioned | None) -> bool:
        """Tell whether a reader has this version by its time; an etag counts more than a time."""
        if current is None or self.modified_since is None or self.not_etags:
            return False
        return _seconds(current) <= self.modified_since


NONE = Preconditions()


def from_query(request: Request) -> Preconditions:
    """Read the JSON API's conditions: `ifGenerationMatch`, If-Match, If-Modified-Since and so on. Raises ApiError."""
    return Preconditions(
        _number(request.params.get, "ifGenerationMatch"),
        _number(request.params.get, "ifGenerationNotMatch"),
        _number(request.params.get, "ifMetagenerationMatch"),
        _number(request.params.get, "ifMetagenerationNotMatch"),
        *_etags(request),
        *_dates(request),
    )


def source_from_query(request: Request) -> Preconditions:
    """Read the conditions on the source of a copy: `ifSourceGenerationMatch` and the like. Raises ApiError."""
    return Preconditions(
        _number(request.params.get, "ifSourceGenerationMatch"),
        _number(request.params.get, "ifSourceGenerationNotMatch"),
        _number(request.params.get, "ifSourceMetagenerationMatch"),
        _number(request.params.get, "ifSourceMetagenerationNotMatch"),
    )


def source_from_headers(request: Request) -> Preconditions:
    """Read the conditions on the source of an XML copy: `x-goog-copy-source-if-...`. Raises ApiError."""
    prefix = "x-goog-copy-source-if-"
    return Preconditions(
        _number(request.header, prefix + "generation-match"),
        None,
        _number(request.header, prefix + "metageneration-match"),
        None,
        _tags(request.header(prefix + "match")),
        _tags(request.header(prefix + "none-match")),
        *_dates(request, prefix),
    )


def from_object(fields: JsonObject) -> Preconditions:
    """Read the `objectPreconditions` of one source of a composition. Raises ApiError."""
    given = {key: str(value) for key, value in fields.items()}
    return Preconditions(_number(given.get, "ifGenerationMatch"))


def from_headers(request: Request) -> Preconditions:
    """Read the XML API's conditions: `x-goog-if-...`, If-Match, If-Modified-Since and the like. Raises ApiError.

    Older clients for Go write the numbers into the query, as for the JSON API.
    """
    asked = from_query(request)
    prefix = "x-goog-if-"
    return replace(
        asked,
        generation=_first(_number(request.header, prefix + "generation-match"), asked.generation),
        not_generation=_first(_number(request.header, prefix + "generation-not-match"), asked.not_generation),
        metageneration=_first(_number(request.header, prefix + "metageneration-match"), asked.metageneration),
        not_metageneration=_first(
            _number(request.header, prefix + "metageneration-not-match"), asked.not_metageneration
        ),
    )


def _first(number: int | None, other: int | None) -> int | None:
    return other if number is None else number


def _number(get: Callable[[str], str | None], name: str) -> int | None:
    text = get(name)
    if not text:
        return None
    number = whole_number(text)
    if number is None:
        raise ApiError(INVALID, f"Invalid value for {name}: it must be a whole number.")
    return number


def _etags(request: Request) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _tags(request.header("if-match")), _tags(request.header("if-none-match"))


def _dates(request: Request, prefix: str = "if-") -> tuple[int | None, int | None]:
    return _date(request.header(prefix + "modified-since")), _date(request.header(prefix + "unmodified-since"))


def _date(text: str) -> int | None:
    """Read a date of HTTP; None if it is none, as RFC 9110 wants it."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except (ValueError, OverflowError):
        return None


def _seconds(current: Versioned) -> int:
    return int(datetime.fromisoformat(current.updated).timestamp())


def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag.strip().removeprefix("W/").strip('"') for tag in text.split(",") if tag.strip())


def _named(tags: tuple[str, ...], current: Versioned | None) -> bool:
    if not tags or current is None:
        return False
    return "*" in tags or any(tag in tags for tag in current.etags)
