"""Frozen values that go through JSON and come back as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import cattrs
import pytest

from vm_worker.as_json import AsJson, named, only_if_known


class Kind(StrEnum):
    """Two kinds of shape."""

    ROUND = "round"
    SQUARE = "square"


@dataclass(frozen=True)
class Shape(AsJson):
    """Something with a field that is called otherwise in JSON."""

    label: str = named("class")
    size: float | None = None
    path: Path = Path("x")


@dataclass(frozen=True)
class Drawing(AsJson):
    """Holds every sort of field."""

    shapes: tuple[Shape, ...]
    span: tuple[float, float] | None
    settings: Mapping[str, float | int | str | bool]
    kind: Kind
    by_name: Mapping[str, tuple[Shape, ...]]
    extra: Shape | None = only_if_known()


FULL = Drawing(
    (Shape("dot", 1.5, Path("a/b")),),
    (0.25, 1.0),
    {"number": 1, "text": "x", "share": 0.5, "flag": True},
    Kind.SQUARE,
    {"all": (Shape("line"),)},
    Shape("frame"),
)


def _through_json(plain: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(plain))


def test_every_tuple_becomes_a_list() -> None:
    plain = FULL.to_json()
    assert plain == _through_json(plain) and plain["span"] == [0.25, 1.0]


def test_what_goes_in_comes_out() -> None:
    assert Drawing.from_json(_through_json(FULL.to_json())) == FULL


def test_json_has_the_names_that_were_given() -> None:
    assert FULL.to_json()["shapes"] == [{"class": "dot", "size": 1.5, "path": "a/b"}]


def test_what_is_not_known_is_not_written() -> None:
    plain = Drawing((), None, {}, Kind.ROUND, {}).to_json()
    assert plain == {"shapes": [], "span": None, "settings": {}, "kind": "round", "by_name": {}}
    assert Drawing.from_json(plain).extra is None


def test_a_field_that_an_older_version_did_not_write_gets_its_default() -> None:
    assert Shape.from_json({"class": "dot"}) == Shape("dot")


def test_a_field_of_a_newer_version_is_left_out() -> None:
    assert Shape.from_json({"class": "dot", "colour": "red"}) == Shape("dot")


@pytest.mark.parametrize("plain", [{}, {"class": "dot", "size": "large"}])
def test_values_that_do_not_fit_are_refused(plain: dict[str, Any]) -> None:
    with pytest.raises(cattrs.BaseValidationError):
        Shape.from_json(plain)
