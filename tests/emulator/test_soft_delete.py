"""Tests that what was deleted can be restored for a while, by the real client, and then leaves the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from google.cloud import storage

from infra.emulator.store.files import SMALL_BYTES
from tests.emulator.on_disk import missing, strays
from tests.servers import EmulatorUnderTest, api, running_emulator

WEEK = 7 * 86400


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("soft") / "data"


@pytest.fixture(scope="module")
def started(data: Path, emulator: EmulatorUnderTest) -> Iterator[EmulatorUnderTest]:
    with running_emulator(data, emulator.key, "--admin") as own:
        yield own


@pytest.fixture
def own(started: EmulatorUnderTest) -> Iterator[EmulatorUnderTest]:
    """An emulator whose clock shows the right time."""
    yield started
    started.tell("clock", {"offset_seconds": 0})


def deleted(bucket: storage.Bucket, **more: Any) -> list[tuple[str, int]]:
    return [(blob.name, blob.generation) for blob in bucket.list_blobs(soft_deleted=True, **more)]


def test_a_new_bucket_keeps_what_is_deleted_for_a_week(own: EmulatorUnderTest) -> None:
    bucket = own.bucket()
    policy = bucket.soft_delete_policy
    assert policy.retention_duration_seconds == WEEK
    assert abs((policy.effective_time - bucket.time_created).total_seconds()) < 1
    assert bucket.generation > 1_700_000_000_000_000
    before = bucket.generation
    policy.retention_duration_seconds = 10 * 86400
    bucket.patch()
    bucket.reload()
    assert bucket.soft_delete_policy.retention_duration_seconds == 10 * 86400
    assert bucket.soft_delete_policy.effective_time > bucket.time_created
    assert bucket.generation == before


@pytest.mark.parametrize("seconds", [1, WEEK - 1, 90 * 86400 + 1, -1, "a week"])
def test_a_policy_is_off_or_from_a_week_to_ninety_days(own: EmulatorUnderTest, seconds: object) -> None:
    bucket = own.bucket()
    change = {"softDeletePolicy": {"retentionDurationSeconds": seconds}}
    assert requests.patch(api(bucket), json=change, timeout=10).status_code == 400


@pytest.mark.parametrize("size", [7, SMALL_BYTES + 1])
def test_an_object_is_deleted_and_restored(own: EmulatorUnderTest, data: Path, size: int) -> None:
    bucket = own.bucket()
    blob = bucket.blob("ü/a")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"1" * size, content_type="a/b")
    first = blob.generation
    blob.upload_from_string(b"2" * size)  # what it replaces is kept too
    second = blob.generation
    blob.delete()
    assert list(bucket.list_blobs()) == [] and not bucket.blob("ü/a").exists()
    assert deleted(bucket) == [("ü/a", first), ("ü/a", second)]
    shown = bucket.get_blob("ü/a", generation=first, soft_deleted=True)
    assert shown is not None
    assert (shown.hard_delete_time - shown.soft_delete_time).total_seconds() == WEEK
    restored = bucket.restore_blob("ü/a", generation=first)
    assert restored.generation > second
    assert (restored.metageneration, restored.metadata, restored.content_type) == (1, {"k": "v"}, "a/b")
    assert restored.soft_delete_time is None and restored.download_as_bytes() == b"1" * size
    with pytest.raises(PreconditionFailed):
        bucket.restore_blob("ü/a", generation=second, if_generation_match=0)
    bucket.restore_blob("ü/a", generation=second)
    assert bucket.blob("ü/a").download_as_bytes() == b"2" * size
    assert ("ü/a", restored.generation) in deleted(bucket)  # the restored one was replaced
    assert missing(data) | strays(data) == set()


def test_a_version_is_deleted_and_restored(own: EmulatorUnderTest) -> None:
    bucket = own.bucket(versioning_enabled=True)
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2")
    assert deleted(bucket) == []  # it is a noncurrent version
    bucket.blob("a", generation=first).delete()
    assert deleted(bucket) == [("a", first)]
    bucket.restore_blob("a", generation=first)
    assert bucket.blob("a").download_as_bytes() == b"1"
    assert len(list(bucket.list_blobs(versions=True))) == 2


def test_what_is_deleted_is_listed_in_pages(own: EmulatorUnderTest) -> None:
    bucket = own.bucket()
    for name in ("a/1", "a/2", "b/1", "c"):
        for _ in range(2):
            bucket.blob(name).upload_from_string(name)
        bucket.blob(name).delete()
    names = [name for name, _ in deleted(bucket)]
    assert names == [name for name in ("a/1", "a/2", "b/1", "c") for _ in range(2)]
    assert [name for name, _ in deleted(bucket, page_size=3)] == names
    assert [name for name, _ in deleted(bucket, prefix="a/", page_size=1)] == names[:4]
    assert [name for name, _ in deleted(bucket, match_glob="*/1")] == ["a/1", "a/1", "b/1", "b/1"]
    folders = bucket.list_blobs(soft_deleted=True, delimiter="/")
    assert [blob.name for blob in folders] == ["c", "c"] and folders.prefixes == {"a/", "b/"}
    with pytest.raises(BadRequest):
        list(bucket.list_blobs(soft_deleted=True, versions=True))


def test_requests_must_name_a_generation_that_was_deleted(own: EmulatorUnderTest) -> None:
    bucket = own.bucket()
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    assert requests.get(api(bucket, "/o/a?softDeleted=true"), timeout=10).status_code == 400
    assert requests.post(api(bucket, "/o/a/restore"), timeout=10).status_code == 400
    with pytest.raises(NotFound):  # it is live
        bucket.restore_blob("a", generation=blob.generation)
    assert requests.get(api(bucket) + "?softDeleted=true", timeout=10).status_code == 400


def test_without_a_policy_nothing_is_kept(own: EmulatorUnderTest) -> None:
    bucket = own.bucket()
    bucket.soft_delete_policy.retention_duration_seconds = 0
    bucket.patch()
    bucket.blob("a").upload_from_string("x")
    bucket.blob("a").delete()
    assert deleted(bucket) == []
    bucket.delete()
    assert own.client.lookup_bucket(bucket.name) is None
    assert bucket.name not in {one.name for one in own.client.list_buckets(soft_deleted=True)}


def test_the_list_of_rights_comes_back_on_demand(own: EmulatorUnderTest) -> None:
    bucket = own.bucket()
    for name, asked in (("a", True), ("b", False)):
        blob = bucket.blob(name)
        blob.upload_from_string("x", predefined_acl="publicRead")
        blob.delete()
        bucket.restore_blob(name, generation=blob.generation, copy_source_acl=asked)
        blob.acl.reload()
        assert ("allUsers" in {entry["entity"] for entry in blob.acl}) is asked


def test_a_bucket_is_deleted_and_restored_with_its_objects(own: EmulatorUnderTest) -> None:
    bucket = own.bucket(labels={"a": "b"})
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    blob.delete()
    bucket.delete()
    assert own.client.lookup_bucket(bucket.name) is None
    assert bucket.name in {one.name for one in own.client.list_buckets(soft_deleted=True)}
    shown = own.client.get_bucket(bucket.name, generation=bucket.generation, soft_deleted=True)
    assert (shown.generation, shown.labels) == (bucket.generation, {"a": "b"})
    assert shown.soft_delete_time is not None and shown.hard_delete_time > shown.soft_delete_time
    second = own.client.create_bucket(bucket.name)
    assert second.generation > bucket.generation and deleted(second) == []  # those were of the first
    with pytest.raises(Conflict):
        own.client.restore_bucket(bucket.name, generation=bucket.generation)
    second.delete()
    restored = own.client.restore_bucket(bucket.name, generation=bucket.generation)
    assert (restored.generation, restored.labels, restored.soft_delete_time) == (bucket.generation, {"a": "b"}, None)
    restored.restore_blob("a", generation=blob.generation)
    assert restored.blob("a").download_as_bytes() == b"x"
    with pytest.raises(NotFound):
        own.client.restore_bucket(bucket.name, generation=bucket.generation)


@pytest.mark.parametrize("size", [7, SMALL_BYTES + 1])
def test_after_its_time_it_is_gone_from_the_disk(tmp_path: Path, emulator: EmulatorUnderTest, size: int) -> None:
    data = tmp_path / "data"
    with running_emulator(data, emulator.key, "--admin") as own:
        bucket = own.bucket()
        for name in ("a", "b"):
            bucket.blob(name).upload_from_string(b"x" * size)
        blob = bucket.get_blob("a")
        assert blob is not None
        blob.delete()
        own.tell("clock", {"offset_seconds": WEEK - 10})
        assert deleted(bucket) == [("a", blob.generation)]
        own.tell("clock", {"offset_seconds": WEEK + 10})
        assert deleted(bucket) == []
        with pytest.raises(NotFound):
            bucket.restore_blob("a", generation=blob.generation)
        own.tell("lifecycle", {}, "POST")
        held = len(list((data / "objects").iterdir()))
        assert missing(data) | strays(data) == set()
        assert held == (1 if size > SMALL_BYTES else 0)
        bucket.blob("b").delete()
        bucket.delete()
        own.tell("clock", {"offset_seconds": 3 * WEEK})
        assert bucket.name not in {one.name for one in own.client.list_buckets(soft_deleted=True)}
        own.tell("lifecycle", {}, "POST")
        assert list((data / "objects").iterdir()) == []
    with closing(sqlite3.connect(data / "index.sqlite")) as index:  # nor does its index grow for ever
        tables = ("soft_objects", "soft_buckets", "contents")
        assert [index.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables] == [0, 0, 0]  # noqa: S608


def test_a_restart_keeps_what_was_deleted(tmp_path: Path, emulator: EmulatorUnderTest) -> None:
    data = tmp_path / "data"
    with running_emulator(data, emulator.key) as first:
        bucket = first.bucket()
        blob = bucket.blob("a")
        blob.upload_from_string(b"x" * 100_000)
        blob.delete()
    with running_emulator(data, emulator.key) as second:
        again = second.client.bucket(bucket.name)
        again.restore_blob("a", generation=blob.generation)
        assert again.blob("a").download_as_bytes() == b"x" * 100_000
