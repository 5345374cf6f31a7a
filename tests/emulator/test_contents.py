"""Tests contents as files, without a server: where they are kept, what they are hashed to, and what is removed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from infra.emulator.store.files import Files, Incoming

SMALL = 32 * 1024  # bytes that the index holds at most
LONG = b"x" * (SMALL + 1)
DIGITS = b"123456789"  # its CRC32C, 0xE3069283, is the check value of that code


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_hashes_are_those_of_the_whole_content(files: Files) -> None:
    incoming = files.begin()
    incoming.hash_sha256 = True
    for piece in (DIGITS[:4], DIGITS[4:]):
        incoming.write(piece)
    assert (incoming.size, incoming.crc32c, incoming.md5) == (9, "4waSgw==", "JfnnlDI7RTiF9RgfG2JNCw==")
    assert incoming.sha256 == hashlib.sha256(DIGITS).hexdigest()


def test_a_content_is_in_memory_while_it_is_small(files: Files, tmp_path: Path) -> None:
    incoming = files.begin()
    incoming.write(LONG[:SMALL])
    assert incoming.small == LONG[:SMALL] and names(tmp_path / "incoming") == set()
    incoming.write(b"x")
    assert incoming.small is None
    incoming.sync()
    assert incoming.path.read_bytes() == LONG
    incoming.close()
    assert incoming.path.exists()


def test_what_is_dropped_leaves_no_file(files: Files, tmp_path: Path) -> None:
    for content in (DIGITS, LONG):
        incoming = files.begin()
        incoming.write(content)
        incoming.drop()
    assert names(tmp_path / "incoming") == set()


def test_a_session_goes_on_behind_what_was_acknowledged(files: Files) -> None:
    path = files.waiting("session")
    path.write_bytes(DIGITS + b"never acknowledged")
    incoming = files.resume("session", 9)
    assert (incoming.size, incoming.crc32c, incoming.small) == (9, "4waSgw==", None)
    incoming.write(b"0")
    incoming.sync_with_name()
    incoming.close()
    assert path.read_bytes() == DIGITS + b"0"
    again = Incoming.reopen(path, 10)
    assert again.size == 10
    again.close()


def test_a_session_that_has_lost_bytes_is_not_continued(files: Files) -> None:
    files.waiting("session").write_bytes(DIGITS)
    for name in ("session", "gone"):
        with pytest.raises(OSError, match="has lost acknowledged bytes"):
            files.resume(name, 10)
    assert not files.waiting("gone").exists()
    begun = files.resume("of no bytes", 0)
    assert (begun.size, begun.small) == (0, None)
    begun.drop()


@pytest.mark.parametrize("moved", [True, False])
def test_a_content_is_kept_under_a_name_of_its_own(files: Files, tmp_path: Path, moved: bool) -> None:
    incoming = files.begin()
    incoming.write(LONG)
    incoming.sync()
    os.utime(incoming.path, (0, 0))  # it was begun long ago
    name = files.keep(incoming, moved=moved)
    assert incoming.path.exists() is not moved
    with files.open(name) as file:
        assert file.read() == LONG
    assert (tmp_path / "objects" / name).stat().st_mtime > time.time() - 60


def test_a_copy_shares_the_content_and_outlives_it(files: Files, tmp_path: Path) -> None:
    incoming = files.begin()
    incoming.write(LONG)
    first = files.keep(incoming, moved=True)
    os.utime(tmp_path / "objects" / first, (0, 0))
    second = files.link(first)
    assert second != first and (tmp_path / "objects" / second).stat().st_mtime > time.time() - 60
    files.remove(first)
    files.remove(first)  # again changes nothing
    files.remove("")  # a content of the index
    assert names(tmp_path / "objects") == {second}
    with pytest.raises(FileNotFoundError):
        files.link(first)


def test_a_start_removes_what_was_being_received_but_for_sessions(files: Files, tmp_path: Path) -> None:
    for name in ("session", "request"):
        files.waiting(name).write_bytes(DIGITS)
    files.remove_unfinished({"session"})
    assert names(tmp_path / "incoming") == {"session"}
    files.drop("session")
    files.drop("session")
    assert names(tmp_path / "incoming") == set()


def test_contents_that_no_row_names_are_removed_where_they_are_old(files: Files, tmp_path: Path) -> None:
    for name, moment in (("known", 100), ("old", 100), ("new", 200)):
        path = tmp_path / "objects" / name
        path.write_bytes(DIGITS)
        os.utime(path, (moment, moment))
    files.remove_strays({"known"}, 200)
    assert names(tmp_path / "objects") == {"known", "new"}
