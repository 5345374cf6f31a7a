"""Frozen dataclasses that turn into JSON values and back: manifests, tasks of child processes, their results.

The conversion is done by cattrs. A tuple becomes a list, a path a string, an enumeration its value. A field that an
older version did not write gets its default; one that only a newer version knows is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.json import JsonConverter, make_converter


class AsJson:
    """A base class that gives a frozen dataclass `to_json` and `from_json`.

    The fields are plain values or such dataclasses in turn.
    """

    def to_json(self) -> dict[str, Any]:
        """Return the fields as values that `json.dumps` takes."""
        plain: dict[str, Any] = _converter().unstructure(self)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Return the object that `to_json` turned into `plain`.

        Raises cattrs.BaseValidationError for values of other types or missing fields.
        """
        return _converter().structure(plain, cls)


def named(name: str) -> Any:
    """Return a field that has another name in JSON, such as "class", which is no valid name in Python."""
    return field(metadata={"json": name})


def only_if_known() -> Any:
    """Return a field that is None by default, and that is not written to JSON while it is None."""
    return field(default=None, metadata={"omit": True})


@cache
def _converter() -> JsonConverter:
    converter = make_converter(unstruct_collection_overrides={tuple: list})
    converter.register_unstructure_hook_func(lambda kind: _is_path(kind), str)
    converter.register_structure_hook_func(lambda kind: _is_path(kind), lambda text, _: Path(text))
    converter.register_unstructure_hook_factory(is_dataclass, lambda kind: _writer(kind, converter))
    converter.register_structure_hook_factory(is_dataclass, lambda kind: _reader(kind, converter))
    return converter


def _is_path(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Path)


def _writer(kind: type, converter: JsonConverter) -> Callable[[Any], dict[str, Any]]:
    """Return the function that turns an object of one dataclass into a dict."""
    overrides: Any = {one.name: override(rename=_name(one), omit_if_default=_omits(one)) for one in fields(kind)}
    return make_dict_unstructure_fn(kind, converter, **overrides)


def _reader(kind: type, converter: JsonConverter) -> Callable[[Mapping[str, Any], Any], Any]:
    """Return the function that makes an object of one dataclass from a dict."""
    overrides: Any = {one.name: override(rename=_name(one)) for one in fields(kind)}
    return make_dict_structure_fn(kind, converter, **overrides)


def _name(one: Field[Any]) -> str | None:
    name = one.metadata.get("json")
    return None if name is None else str(name)


def _omits(one: Field[Any]) -> bool:
    return bool(one.metadata.get("omit")) and one.default is not MISSING
