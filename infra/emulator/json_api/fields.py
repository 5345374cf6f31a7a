"""The `fields` parameter of the JSON API: the part of an answer that a client wants.

`a,b` are two fields, `a/b` is a field of a field, `a(b,c)` are two fields of a field, `*` is every field.
For a list, the rest of the selector applies to each of its items.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from infra.emulator.protocol.errors import INVALID, ApiError
from jobs.json_values import Json

Tree = Mapping[str, "Tree"]  # field -> its wanted fields; {} = the whole field
_Growing = dict[str, "_Growing"]


@lru_cache(maxsize=64)
def parse_fields(text: str) -> Tree:
    """Parse a selector. Raises ApiError."""
    reader = _Reader(text.replace(" ", ""))
    tree = reader.fields()
    if reader.rest:
        raise _invalid(text)
    return tree


def pick(value: Json, tree: Tree) -> Json:
    """Take the wanted part of a JSON value."""
    if not tree:
        return value
    if isinstance(value, list):
        return [pick(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    wanted = ((key, item, _below(tree, key)) for key, item in value.items())
    return {key: pick(item, below) for key, item, below in wanted if below is not None}


def _below(tree: Tree, key: str) -> Tree | None:
    found = tree.get(key)
    return tree.get("*") if found is None else found


class _Reader:
    """A reader of a selector from left to right. `rest` is the part that is not read yet."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.rest = text

    def fields(self) -> _Growing:
        """Read `path,path,...`."""
        tree: _Growing = {}
        while True:
            self._path(tree)
            if not self._took(","):
                return tree

    def _path(self, tree: _Growing) -> None:
        name = self._name()
        whole = tree.get(name) == {}  # the whole field was requested before
        below = tree.setdefault(name, {})
        into: _Growing = {} if whole else below
        if self._took("/"):
            self._path(into)
        elif self._took("("):
            into.update(self.fields())
            if not self._took(")"):
                raise _invalid(self._text)
        else:
            below.clear()

    def _name(self) -> str:
        end = next((at for at, character in enumerate(self.rest) if character in ",/()"), len(self.rest))
        name, self.rest = self.rest[:end], self.rest[end:]
        if not name:
            raise _invalid(self._text)
        return name

    def _took(self, mark: str) -> bool:
        if not self.rest.startswith(mark):
            return False
        self.rest = self.rest[1:]
        return True


def _invalid(text: str) -> ApiError:
    return ApiError(INVALID, f"Invalid field selection {text[:200]}")
