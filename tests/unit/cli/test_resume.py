"""What a cut-off upload leaves behind, and when it is no longer believed."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from function.wire import SubmissionAnswer, Upload
from infra.cli.resume import LIFE, Cut, Memory, key_of

CUT = Cut(SubmissionAnswer("id", Upload("u"), "s", "d"), "session")


def test_what_is_kept_is_found_again_by_its_owner_alone(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "uploads")
    memory.keep("key", CUT)
    assert memory.find("key") == CUT and memory.find("other") is None
    assert stat.S_IMODE((tmp_path / "uploads" / "key.json").stat().st_mode) == 0o600
    memory.drop("key")
    memory.drop("key")
    assert memory.find("key") is None


def test_an_old_or_broken_memory_is_none(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.keep("key", CUT)
    old = time.time() - LIFE - 1
    os.utime(tmp_path / "key.json", (old, old))
    assert memory.find("key") is None
    for text in ("{", "[]", '{"submission": {}, "session": "s"}', '{"submission": 1}'):
        (tmp_path / "key.json").write_text(text)
        assert memory.find("key") is None


def test_a_folder_that_cannot_be_made_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Memory(tmp_path / "file" / "uploads").keep("key", CUT)
    assert Memory(tmp_path / "file" / "uploads").find("key") is None


@pytest.mark.parametrize("changed", ["zip", "email"])
def test_another_zip_or_order_is_another_upload(tmp_path: Path, changed: str) -> None:
    one, two = tmp_path / "1.zip", tmp_path / "2.zip"
    one.write_bytes(b"same")
    two.write_bytes(b"other" if changed == "zip" else b"same")
    assert key_of(one, "a@example.org") == key_of(one, "a@example.org")
    assert key_of(one, "a@example.org") != key_of(two, "a@example.org" if changed == "zip" else "b@example.org")
