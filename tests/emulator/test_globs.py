"""Tests glob patterns over object names."""

from __future__ import annotations

import pytest

from infra.emulator.protocol.errors import ApiError
from infra.emulator.store.globs import compile_glob, literal_start

NAMES = ["foo/bar", "foo/baz", "foo/foobar", "foobar", "a[1]", "a,b", "x/y/z.txt", "z.txt"]


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("foo*bar", ["foobar"]),  # a star stops at a slash
        ("foo**bar", ["foo/bar", "foo/foobar", "foobar"]),
        ("**/foobar", ["foo/foobar", "foobar"]),  # no folder at all is a folder too
        ("**.txt", ["x/y/z.txt", "z.txt"]),
        ("x/**/z.txt", ["x/y/z.txt"]),
        ("*/ba[rz]", ["foo/bar", "foo/baz"]),
        ("*/ba[!a-y]", ["foo/baz"]),
        ("foo/b[a]r", ["foo/bar"]),
        ("foo/ba?", ["foo/bar", "foo/baz"]),
        ("foo?bar", []),  # a question mark is no slash
        ("**/{foobar,baz}", ["foo/baz", "foo/foobar", "foobar"]),
        ("foo/{foo*,*baz}", ["foo/baz", "foo/foobar"]),
        ("{foo/{bar,baz},z.txt}", ["foo/bar", "foo/baz", "z.txt"]),
        (r"a\[1\]", ["a[1]"]),
        ("a,b", ["a,b"]),  # a comma means something in braces only
        ("foo**/bar", ["foo/bar"]),  # behind a name two stars are no folder
        ("{z,**/foobar}", ["foo/foobar", "foobar"]),
        ("{**/foobar,z}", ["foo/foobar", "foobar"]),
        ("foo/***", ["foo/bar", "foo/baz", "foo/foobar"]),
        ("*/ba[^a-y]", ["foo/baz"]),
        ("foo[!a]bar", []),  # one character, but no slash
        ("a[[]1[]]", ["a[1]"]),
        ("foo", []),
        ("**", NAMES),
    ],
)
def test_what_a_glob_matches(glob: str, names: list[str]) -> None:
    assert [name for name in NAMES if compile_glob(glob).fullmatch(name)] == names


@pytest.mark.parametrize("glob", ["[a", "{a", "{a,b", "a\\", "[]"])
def test_a_glob_that_does_not_close_is_refused(glob: str) -> None:
    with pytest.raises(ApiError):
        compile_glob(glob)


def test_a_wrong_glob_is_told_by_its_beginning() -> None:
    with pytest.raises(ApiError, match=r"matchGlob: \[x{199}$"):
        compile_glob("[" + "x" * 300)


@pytest.mark.parametrize(("glob", "start"), [("foo/b*", "foo/b"), ("**", ""), ("a{b,c}", "a"), ("plain", "plain")])
def test_what_every_match_begins_with(glob: str, start: str) -> None:
    assert literal_start(glob) == start
