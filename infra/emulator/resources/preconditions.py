"""Conditions that a request puts on what is there now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.emulator.protocol.errors import INVALID, NOT_MODIFIED, PRECONDITION, ApiError
from infra.emulator.protocol.messages import Request


class Versioned(Protocol):
    """A bucket or an object, as far as conditions go."""

    @property
    def generation(self) -> int:
        """Changes when the content does."""
        ...

    @property
    def metageneration(self) -> int:
        """From 1, one more with each patch."""
        ...

    @property
    def etags(self) -> tuple[str, ...]:
        """What If-Match may name."""
        ...


@dataclass(frozen=True)
class Preconditions:
    """All conditions of one request; None and () = not asked for. Generation 0 = must not exist."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None
    etags: tuple[str, ...] = ()
    not_etags: tuple[str, ...] = ()

    def check(self, current: Versioned | None, *, reading: bool = False) -> None:
        """Raises ApiError: 412, or 304 where a reader already has what is there."""
        if self == NONE:
            return
        if not self._match(current):
            raise ApiError(PRECONDITION)
        if self._unwanted(current):
            raise ApiError(NOT_MODIFIED if reading else PRECONDITION)

    def _match(self, current: Versioned | None) -> bool:
        if self.generation is not None and self.generation != (current.generation if current else 0):
            return False
        if self.metageneration is not None and self.metageneration != (current.metageneration if current else None):
            return False
        return not self.etags or _named(self.etags, current)

    def _unwanted(self, current: Versioned | None) -> bool:
        if self.not_generation is not None and self.not_generation == (current.generation if current else 0):
            return True
        if current and self.not_metageneration == current.metageneration:
            return True
        return _named(self.not_etags, current)


NONE = Preconditions()


def from_query(request: Request) -> Preconditions:
    """The JSON API's `ifGenerationMatch` and its kin, If-Match and If-None-Match."""
    return Preconditions(
        _number(request.params.get, "ifGenerationMatch"),
        _number(request.params.get, "ifGenerationNotMatch"),
        _number(request.params.get, "ifMetagenerationMatch"),
        _number(request.params.get, "ifMetagenerationNotMatch"),
        *_etags(request),
    )


def source_from_query(request: Request) -> Preconditions:
    """`ifSourceGenerationMatch` and its kin: what a copy's source must be."""
    return Preconditions(
        _number(request.params.get, "ifSourceGenerationMatch"),
        _number(request.params.get, "ifSourceGenerationNotMatch"),
        _number(request.params.get, "ifSourceMetagenerationMatch"),
        _number(request.params.get, "ifSourceMetagenerationNotMatch"),
    )


def source_from_headers(request: Request) -> Preconditions:
    """`x-goog-copy-source-if-generation-match` and its kin: what an XML copy's source must be."""
    prefix = "x-goog-copy-source-if-"
    return Preconditions(
        _number(request.header, prefix + "generation-match"),
        None,
        _number(request.header, prefix + "metageneration-match"),
        None,
        _tags(request.header(prefix + "match")),
        _tags(request.header(prefix + "none-match")),
    )


def from_object(fields: Mapping[str, Any]) -> Preconditions:
    """The `objectPreconditions` of one source of a composition."""
    given = {key: str(value) for key, value in fields.items()}
    return Preconditions(_number(given.get, "ifGenerationMatch"))


def from_headers(request: Request) -> Preconditions:
    """The XML API's `x-goog-if-generation-match` and its kin, If-Match and If-None-Match."""
    return Preconditions(
        _number(request.header, "x-goog-if-generation-match"),
        _number(request.header, "x-goog-if-generation-not-match"),
        _number(request.header, "x-goog-if-metageneration-match"),
        _number(request.header, "x-goog-if-metageneration-not-match"),
        *_etags(request),
    )


def _number(get: Callable[[str], str | None], name: str) -> int | None:
    text = get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ApiError(INVALID, f"Invalid value for {name}: it must be a whole number.")
    return int(text)


def _etags(request: Request) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _tags(request.header("if-match")), _tags(request.header("if-none-match"))


def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag.strip().removeprefix("W/").strip('"') for tag in text.split(",") if tag.strip())


def _named(tags: tuple[str, ...], current: Versioned | None) -> bool:
    if not tags or current is None:
        return False
    return "*" in tags or any(tag in tags for tag in current.etags)
