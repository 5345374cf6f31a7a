"""Read the keys of a TOML table one by one; each mistake becomes a sentence that names the file and the key."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from pathlib import Path

from jobs import wording
from jobs.errors import ModelmailError

KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}
UNSET = object()  # the mark of a key that must be given
KEY_SHOWN, REASON_SHOWN = 60, 700  # characters of a message, at most: a stranger's plan may hold anything
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 40


class PlanError(ModelmailError):
    """A plan that cannot be run; the message says in which file, at which key, why, and what to do."""


class Fields:
    """One table of a plan. Each key is taken once, and `end` refuses those that nobody took."""

    def __init__(self, file: Path, place: str, table: dict[str, object]) -> None:
        """`place` is how messages name the table, such as "stage 2"; empty for the whole file."""
        self._file, self._place, self._table = file, place, table
        self._known: list[str] = []

    def error(self, key: str, reason: str) -> PlanError:
        """Return the error of one key; `reason` is a sentence."""
        place = ": ".join(
            filter(None, (str(self._file), self._place, wording.shortened(wording.clean(key), KEY_SHOWN)))
        )
        return PlanError(f"{place}: {wording.shortened(wording.clean(reason), REASON_SHOWN)}")

    def has(self, key: str) -> bool:
        """Return whether the key is given."""
        return key in self._table

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty; the key must be given where there is no default. Raises PlanError."""
        value = self.value(key, UNSET if default is None else default)
        if isinstance(value, str) and (value.strip() or not self.has(key)):
            return value
        raise self.error(key, f"{_shown(value)} is {_kind(value)}. Write a text in quotation marks.")

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false. Raises PlanError."""
        value = self.value(key, default)
        if isinstance(value, bool):
            return value
        raise self.error(key, f"{_shown(value)} is {_kind(value)}. Write true or false, without quotation marks.")

    def whole(self, key: str, bounds: tuple[int, int], default: int) -> int:
        """Return a whole number within the bounds, both included. Raises PlanError."""
        value = self.value(key, default)
        low, high = bounds
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, f"{_shown(value)} is {_kind(value)}. Write a whole number from {low} to {high:,}.")
        if not low <= value <= high:
            raise self.error(key, f"{_shown(value)} is out of bounds. Write a whole number from {low} to {high:,}.")
        return value

    def number(self, key: str, most: float, default: float) -> float:
        """Return a number above 0, `most` at the utmost. Raises PlanError."""
        value = self.value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"{_shown(value)} is {_kind(value)}. Write a number above 0, up to {most:,g}.")
        if not 0 < value <= most:  # no number that is none is
            raise self.error(key, f"{_shown(value)} is out of bounds. Write a number above 0, up to {most:,g}.")
        return float(value)

    def value(self, key: str, default: object) -> object:
        """Return whatever is given. Raises PlanError where a key without default is missing."""
        self._known.append(key)
        if key in self._table:
            return self._table[key]
        if default is UNSET:
            near = difflib.get_close_matches(key, self._table, 1)
            raise self.error(key, f"it is missing.{f' Is it written as {near[0]}?' if near else ''}")
        return default

    def end(self) -> None:
        """Raise PlanError for the first key that is none."""
        for key in self._table:
            if key not in self._known:
                raise self.error(key, f"there is no such key here.{meant(key, self._known)}")


def meant(word: str, known: Iterable[str]) -> str:
    """Return a sentence with the nearest of the known words, and else with all of them; it begins with a space."""
    words = list(known)
    near = difflib.get_close_matches(word, words, 1)
    return f" Did you mean {near[0]}?" if near else f" Known: {', '.join(words)}."


def _shown(value: object) -> str:
    return _SHORT.repr(value)


def _kind(value: object) -> str:
    return "empty" if isinstance(value, str) and not value.strip() else KINDS.get(type(value), "a date or time")
