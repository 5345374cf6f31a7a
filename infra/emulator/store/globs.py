"""Glob patterns over object names: the `matchGlob` parameter of listings.

`*` and `?` stop at a slash, `**` does not, and `**/` may also stand for no folder at all;
`[a-z]` and `[!a-z]` are one character, `{a,b}` is either text, a backslash takes the next character as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from infra.emulator.protocol.errors import INVALID, ApiError


@lru_cache(maxsize=64)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """Turn a pattern into a regular expression for `fullmatch`. Raises ApiError if a bracket or brace is not closed."""
    try:
        return re.compile(_Reader(pattern).read(), re.DOTALL)
    except (re.error, IndexError):
        raise ApiError(INVALID, f"Invalid value for matchGlob: {pattern[:200]}") from None


def literal_start(pattern: str) -> str:
    """Get the text that every match begins with; a listing reads only names that begin so."""
    found = re.match(r"[^*?\[{\\]*", pattern)
    return found[0] if found else ""


class _Reader:
    """A reader of a pattern from left to right. Raises IndexError if it ends too early."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def read(self) -> str:
        """Turn the whole pattern into a regular expression."""
        return self._sequence("")

    def _sequence(self, stops: str) -> str:
        parts = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in stops:
            parts.append(self._one(self._pattern[self._at], stops))
        return "".join(parts)

    def _one(self, character: str, stops: str) -> str:
        if character == "*":
            return self._stars()
        self._at += 1
        if character == "?":
            return "[^/]"
        if character == "[":
            return self._set()
        if character == "{":
            return self._choice()
        if character == "\\":
            self._at += 1
            return re.escape(self._pattern[self._at - 1])
        return re.escape(character)

    def _stars(self) -> str:
        at_start = self._at == 0 or self._pattern[self._at - 1] in "/{,"
        count = 0
        while self._pattern[self._at : self._at + 1] == "*":
            self._at, count = self._at + 1, count + 1
        if count == 1:
            return "[^/]*"
        if at_start and self._pattern[self._at : self._at + 1] == "/":
            self._at += 1
            return "(?:.*/)?"
        return ".*"

    def _set(self) -> str:
        end = self._pattern.index("]", self._at + 1) if "]" in self._pattern[self._at + 1 :] else -1
        if end < 0:
            raise IndexError
        inside, self._at = self._pattern[self._at : end], end + 1
        negated = inside[:1] in ("!", "^")
        escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside[1:] if negated else inside)
        return f"[^/{escaped}]" if negated else f"[{escaped}]"

    def _choice(self) -> str:
        options = [self._sequence(",}")]
        while self._pattern[self._at] == ",":
            self._at += 1
            options.append(self._sequence(",}"))
        self._at += 1
        return f"(?:{'|'.join(options)})"
