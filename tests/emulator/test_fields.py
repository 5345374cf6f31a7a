"""Tests partial answers: the `fields` parameter of the JSON API."""

from __future__ import annotations

from typing import Any

import pytest

from infra.emulator.json_api.fields import parse_fields, pick
from infra.emulator.protocol.errors import ApiError
from jobs.json_values import Json

PAGE: dict[str, Json] = {
    "kind": "storage#objects",
    "nextPageToken": "t",
    "items": [{"name": "a", "size": "1", "metadata": {"k": "v", "l": "w"}}, {"name": "b", "size": "2"}],
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("kind", {"kind": "storage#objects"}),
        ("items/name", {"items": [{"name": "a"}, {"name": "b"}]}),
        ("items(name,size),nextPageToken", {
            "nextPageToken": "t", "items": [{"name": "a", "size": "1"}, {"name": "b", "size": "2"}],
        }),
        ("items(metadata/k)", {"items": [{"metadata": {"k": "v"}}, {}]}),
        ("items/metadata(l)", {"items": [{"metadata": {"l": "w"}}, {}]}),
        ("*/name", {"kind": "storage#objects", "nextPageToken": "t", "items": [{"name": "a"}, {"name": "b"}]}),
        ("*", PAGE),
        ("items, items/name", {"items": PAGE["items"]}),  # the whole of it was asked for as well
        ("nothing", {}),
    ],
)  # fmt: skip
def test_what_is_picked(fields: str, expected: Any) -> None:
    assert pick(PAGE, parse_fields(fields)) == expected


@pytest.mark.parametrize("fields", ["a(b", "a)", ",", "a/", "(a)"])
def test_no_selector_is_refused(fields: str) -> None:
    with pytest.raises(ApiError):
        parse_fields(fields)
