"""Tests rewrite, copy, move, compose, and the versions that a bucket may keep."""

from __future__ import annotations

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage

from tests.servers import EmulatorUnderTest, api

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


def make(bucket: storage.Bucket, name: str, content: bytes = b"content", **fields: object) -> storage.Blob:
    blob = bucket.blob(name)
    for field, value in fields.items():
        setattr(blob, field, value)
    blob.upload_from_string(content, content_type="text/plain")
    return blob


def test_a_copy_has_the_content_and_what_was_said_of_it(bucket: storage.Bucket) -> None:
    source = make(bucket, "copy/source", b"x" * 100_000, metadata={"a": "b"}, cache_control="no-store")
    copied = bucket.copy_blob(source, bucket, "copy/ä target")
    assert copied.download_as_bytes() == b"x" * 100_000
    assert (copied.metadata, copied.cache_control, copied.content_type) == ({"a": "b"}, "no-store", "text/plain")
    assert copied.md5_hash == source.md5_hash and copied.generation > source.generation
    source.delete()
    assert copied.download_as_bytes() == b"x" * 100_000


def test_a_rewrite_with_new_metadata_and_another_class(bucket: storage.Bucket) -> None:
    source = make(bucket, "rewrite/source", metadata={"a": "b"})
    target = bucket.blob("rewrite/target")
    target.metadata = {"c": "d"}
    token, done, size = target.rewrite(source)
    assert (token, done, size) == (None, 7, 7)
    target.reload()
    assert target.metadata == {"c": "d"}
    source.update_storage_class("NEARLINE")
    assert source.storage_class == "NEARLINE"


def test_a_rewrite_in_steps(bucket: storage.Bucket) -> None:
    make(bucket, "steps/source", b"s" * (2 * 1024 * 1024 + 5))
    path = api(bucket, f"/o/steps%2Fsource/rewriteTo/b/{bucket.name}/o/steps%2Ftarget")
    asked = {"storageClass": "NEARLINE"}
    token, seen = "", []
    for _ in range(5):
        query = f"?maxBytesRewrittenPerCall=1048576&rewriteToken={token}"
        answer = requests.post(path + query, json=asked, timeout=10).json()
        seen.append((answer["done"], int(answer["totalBytesRewritten"])))
        token = answer.get("rewriteToken", "")
        if answer["done"]:
            break
    assert seen == [(False, 1048576), (False, 2097152), (True, 2097157)]
    assert answer["resource"]["storageClass"] == "NEARLINE"
    foreign = path.replace("target", "other") + "?maxBytesRewrittenPerCall=1048576&rewriteToken=MTA0ODU3Ng=="
    assert requests.post(foreign, json=asked, timeout=10).status_code == 400
    assert requests.post(path + "?maxBytesRewrittenPerCall=7", json=asked, timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("conditions", "works"),
    [
        ({"if_generation_match": 0}, True),
        ({"if_generation_match": 1}, False),
        ({"if_source_generation_match": 1}, False),
        ({"if_source_metageneration_match": 1}, True),
        ({"if_source_metageneration_match": 2}, False),
    ],
)
def test_conditions_of_a_copy(bucket: storage.Bucket, conditions: dict[str, int], works: bool) -> None:
    source = make(bucket, "conditions/source")
    target = bucket.blob("conditions/target")
    if works:
        bucket.copy_blob(source, bucket, target.name, **conditions)
        target.delete()
    else:
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.copy_blob(source, bucket, target.name, **conditions)
        assert not target.exists()


def test_a_move_takes_the_old_name_away(bucket: storage.Bucket) -> None:
    source = make(bucket, "move/a b", b"m" * 100_000)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.move_blob(source, "move/c", if_source_generation_match=1)
    moved = bucket.move_blob(source, "move/c", if_generation_match=0)
    assert moved.download_as_bytes() == b"m" * 100_000
    assert not source.exists()


def test_a_composed_object(bucket: storage.Bucket) -> None:
    parts = [make(bucket, f"compose/{number}", b"part %d," % number) for number in range(32)]
    whole = bucket.blob("compose/whole")
    whole.content_type = "text/csv"
    whole.compose(parts)
    expected = b"".join(b"part %d," % number for number in range(32))
    assert whole.download_as_bytes() == expected
    assert (whole.component_count, whole.md5_hash, whole.content_type) == (32, None, "text/csv")
    whole.compose([whole, parts[0]], if_generation_match=whole.generation)
    assert whole.component_count == 33 and whole.size == len(expected) + 7
    with pytest.raises(exceptions.PreconditionFailed):
        whole.compose(parts[:2], if_source_generation_match=[parts[0].generation, 1])
    with pytest.raises(exceptions.BadRequest):
        whole.compose([*parts, parts[0]])
    with pytest.raises(exceptions.NotFound):
        whole.compose([bucket.blob("compose/none")])


def test_a_customer_s_key_is_needed_to_read_and_to_copy(bucket: storage.Bucket) -> None:
    locked = bucket.blob("key/locked", encryption_key=KEY)
    locked.upload_from_string(b"secret")
    assert bucket.blob("key/locked", encryption_key=KEY).download_as_bytes() == b"secret"
    for key in (None, OTHER_KEY):
        with pytest.raises(exceptions.BadRequest):
            bucket.blob("key/locked", encryption_key=key).download_as_bytes()
    rotated = bucket.blob("key/locked", encryption_key=OTHER_KEY)
    rotated.rewrite(locked)
    assert rotated.download_as_bytes() == b"secret"
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("key/locked", encryption_key=KEY).download_as_bytes()


def test_a_bucket_with_versions_keeps_them(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket(versioning_enabled=True)
    first = make(bucket, "a", b"1" * 100_000).generation
    second = make(bucket, "a", b"2").generation
    make(bucket, "b", b"3")
    assert bucket.blob("a", generation=first).download_as_bytes() == b"1" * 100_000
    assert bucket.blob("a").download_as_bytes() == b"2"
    bucket.blob("a").delete()
    assert not bucket.blob("a").exists()
    assert [blob.name for blob in bucket.list_blobs()] == ["b"]
    found = [(blob.name, blob.generation) for blob in bucket.list_blobs(versions=True, page_size=1)]
    assert found[:2] == [("a", first), ("a", second)] and len(found) == 3
    archived = bucket.get_blob("a", generation=first)
    assert archived is not None and archived.time_deleted is not None
    archived.metadata = {"k": "v"}
    archived.update()
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.blob("a", generation=first).delete()
    assert len(list(bucket.list_blobs(versions=True))) == 2
    bucket.delete(force=True)


def test_without_versions_only_the_live_generation_is_there(bucket: storage.Bucket) -> None:
    first = make(bucket, "live", b"1").generation
    make(bucket, "live", b"2")
    assert bucket.get_blob("live", generation=first) is None
    assert [blob.name for blob in bucket.list_blobs(prefix="live", versions=True)] == ["live"]


def test_held_objects_stay(bucket: storage.Bucket) -> None:
    held = make(bucket, "held")
    held.temporary_hold = True
    held.patch()
    for write in (held.delete, lambda: held.upload_from_string(b"new")):
        with pytest.raises(exceptions.Forbidden):
            write()
    held.temporary_hold = False
    held.patch()
    held.delete()
