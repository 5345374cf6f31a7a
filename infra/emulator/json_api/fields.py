"""Partial answers: the JSON API's `fields` parameter, as the API's documentation of partial responses has it.

`a,b` are two fields, `a/b` is a field of a field, `a(b,c)` are two fields of a field, `*` is every field.
A list is passed through: the rest of the selector goes for each of its items.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from infra.emulator.protocol.errors import INVALID, ApiError

Tree = Mapping[str, Any]  # field -> Tree; {} = the whole field


@lru_cache(maxsize=64)
def parse_fields(text: str) -> Tree:
    """Which fields are wanted. Raises ApiError for text that is no selector."""
    reader = _Reader(text.replace(" ", ""))
    tree = reader.fields()
    if reader.rest:
        raise _invalid(text)
    return tree


def pick(value: Any, tree: Tree) -> Any:
    """The wanted part of a JSON value."""
    if not tree:
        return value
    if isinstance(value, list):
        return [pick(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    wanted = {key: _below(tree, key) for key in value}
    return {key: pick(item, wanted[key]) for key, item in value.items() if wanted[key] is not None}


def _below(tree: Tree, key: str) -> Any:
    found = tree.get(key)
    return tree.get("*") if found is None else found


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.rest = text

    def fields(self) -> dict[str, Any]:
        """`path,path,...`"""
        tree: dict[str, Any] = {}
        while True:
            self._path(tree)
            if not self._took(","):
                return tree

    def _path(self, tree: dict[str, Any]) -> None:
        name = self._name()
        whole = tree.get(name) == {}  # named before without a part: it stays whole
        below = tree.setdefault(name, {})
        into: dict[str, Any] = {} if whole else below
        if self._took("/"):
            self._path(into)
        elif self._took("("):
            for key, value in self.fields().items():
                into[key] = value
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
