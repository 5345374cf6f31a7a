"""What is kept for later jobs, by the manifest that names it."""

from __future__ import annotations

import json

import pytest

from jobs.storage.kept import for_later, manifest_name
from jobs.storage.store import MemoryStore

JOB = "a" * 22


def test_a_manifest_keeps_itself_and_what_it_names() -> None:
    models = MemoryStore()
    files = {"photos": {"object": f"{JOB}/photos.zip"}, "seen": {"object": f"{JOB}/seen.bin"}}
    models.put(manifest_name(JOB), json.dumps({"files": files}).encode())
    assert for_later(models, JOB) == {f"{JOB}/base.json", f"{JOB}/photos.zip", f"{JOB}/seen.bin"}


def test_without_a_manifest_its_place_alone_is_kept() -> None:
    assert for_later(MemoryStore(), JOB) == {f"{JOB}/base.json"}


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"{", b'{"files": 3}', b'{"files": {"photos": {}}}', b"\xff"])
def test_a_broken_manifest_keeps_nothing(data: bytes) -> None:
    models = MemoryStore()
    models.put(manifest_name(JOB), data)
    assert for_later(models, JOB) == frozenset()
