"""obstore, the Python face of Rust's object_store, by each of the ways in which it can reach an emulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import obstore
import pytest
import requests
from google.cloud import storage
from modelmail_emulator import GcsEmulator
from obstore.exceptions import AlreadyExistsError, NotModifiedError, PreconditionError
from obstore.store import GCSStore

from tests.clients.conftest import key_with, new_bucket

NAMES = ["a", "a/b/c.txt", "sp ace/ü&+%41.txt", "percent%20", "d?e#f", "日本/x", "dots../y", "~-_.", "a b+c=d"]
MIB = 1024 * 1024
WITHOUT_OAUTH = json.dumps({"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""})


@pytest.fixture(params=["without credentials", "key file", "token"])
def bucket_and_store(
    request: pytest.FixtureRequest, gcs_emulator: GcsEmulator, open_emulator: GcsEmulator
) -> Iterator[tuple[storage.Bucket, GCSStore]]:
    emulator = open_emulator if request.param == "without credentials" else gcs_emulator
    bucket = new_bucket(emulator)
    plain: Any = {"allow_http": True}
    if request.param == "without credentials":
        key = json.dumps({**json.loads(WITHOUT_OAUTH), "gcs_base_url": emulator.url})
    else:
        key = key_with(emulator, gcs_base_url=emulator.url)
    if request.param == "token":
        store = GCSStore(
            bucket.name, service_account_key=key, client_options=plain,
            credential_provider=lambda: {"token": "anything", "expires_at": None},
        )  # fmt: skip
    else:
        store = GCSStore(bucket.name, service_account_key=key, client_options=plain)
    yield bucket, store
    bucket.client.close()


@pytest.fixture
def bucket(bucket_and_store: tuple[storage.Bucket, GCSStore]) -> storage.Bucket:
    return bucket_and_store[0]


@pytest.fixture
def store(bucket_and_store: tuple[storage.Bucket, GCSStore]) -> GCSStore:
    return bucket_and_store[1]


def emulator_of(bucket: storage.Bucket) -> str:
    """The address of the emulator that a bucket is in."""
    return str(bucket.client._connection.API_BASE_URL)


@pytest.mark.parametrize("name", NAMES)
def test_any_name(store: GCSStore, bucket: storage.Bucket, name: str) -> None:
    obstore.put(store, name, b"content")
    assert bytes(obstore.get(store, name).bytes()) == b"content"
    assert bucket.blob(name).download_as_bytes() == b"content"
    assert [item["path"] for page in obstore.list(store) for item in page] == [name]
    assert obstore.head(store, name)["size"] == 7
    obstore.copy(store, name, f"{name}-copy")
    obstore.delete(store, [name, f"{name}-copy"])
    assert list(bucket.list_blobs()) == []


def test_pages_of_a_listing(store: GCSStore, bucket: storage.Bucket) -> None:
    names = [f"{folder}/{number:04}" for folder in ("a", "b") for number in range(600)]
    for name in names:
        obstore.put(store, name, b"")
    assert [item["path"] for page in obstore.list(store) for item in page] == names
    after = obstore.list(store, prefix="b", offset="b/0590")
    assert [item["path"] for page in after for item in page] == names[-9:]
    listed = obstore.list_with_delimiter(store)
    assert (list(listed["common_prefixes"]), list(listed["objects"])) == (["a", "b"], [])
    assert len(obstore.list_with_delimiter(store, "a")["objects"]) == 600


def test_a_missing_object(store: GCSStore) -> None:
    for ask in (obstore.get, obstore.head):
        with pytest.raises(FileNotFoundError):
            ask(store, "none")
    with pytest.raises(FileNotFoundError):
        obstore.copy(store, "none", "other")


def test_ranges(store: GCSStore) -> None:
    obstore.put(store, "a", b"0123456789")
    assert bytes(obstore.get_range(store, "a", start=2, end=5)) == b"234"
    assert bytes(obstore.get_range(store, "a", start=8, length=100)) == b"89"
    assert [bytes(part) for part in obstore.get_ranges(store, "a", starts=[0, 8], ends=[2, 10])] == [b"01", b"89"]
    assert bytes(obstore.get(store, "a", options={"range": {"offset": 7}}).bytes()) == b"789"
    assert bytes(obstore.get(store, "a", options={"range": {"suffix": 3}}).bytes()) == b"789"


def test_conditions_of_reading(store: GCSStore) -> None:
    etag = obstore.put(store, "a", b"x")["e_tag"]
    modified = obstore.head(store, "a")["last_modified"]
    assert bytes(obstore.get(store, "a", options={"if_match": etag}).bytes()) == b"x"
    with pytest.raises(PreconditionError):
        obstore.get(store, "a", options={"if_match": '"other"'})
    with pytest.raises(NotModifiedError):
        obstore.get(store, "a", options={"if_none_match": etag})
    later, earlier = modified + timedelta(seconds=5), modified - timedelta(seconds=5)
    with pytest.raises(NotModifiedError):
        obstore.get(store, "a", options={"if_modified_since": later})
    with pytest.raises(PreconditionError):
        obstore.get(store, "a", options={"if_unmodified_since": earlier})
    assert bytes(obstore.get(store, "a", options={"if_modified_since": earlier}).bytes()) == b"x"
    assert bytes(obstore.get(store, "a", options={"if_unmodified_since": later}).bytes()) == b"x"


def test_conditions_of_writing(store: GCSStore) -> None:
    first = obstore.put(store, "a", b"1", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "a", b"2", mode="create")
    second = obstore.put(store, "a", b"2", mode=first)
    with pytest.raises(PreconditionError):
        obstore.put(store, "a", b"3", mode=first)
    obstore.put(store, "a", b"3", mode=second)
    assert bytes(obstore.get(store, "a").bytes()) == b"3"


def test_copies_and_renames(store: GCSStore) -> None:
    obstore.put(store, "a", b"a")
    obstore.put(store, "b", b"b")
    for change in (obstore.copy, obstore.rename):
        with pytest.raises(AlreadyExistsError):
            change(store, "a", "b", overwrite=False)
    obstore.copy(store, "a", "c", overwrite=False)
    obstore.rename(store, "c", "b")
    assert bytes(obstore.get(store, "b").bytes()) == b"a"
    with pytest.raises(FileNotFoundError):
        obstore.get(store, "c")


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1, 16 * MIB])
def test_parts(store: GCSStore, bucket: storage.Bucket, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    obstore.put(store, "parts", content[:size], use_multipart=True, chunk_size=5 * MIB, max_concurrency=4)
    assert bucket.blob("parts").download_as_bytes() == content[:size]
    uploads, owner = f"{emulator_of(bucket)}/{bucket.name}?uploads", {"authorization": "Bearer x"}
    left = requests.get(uploads, headers=owner, timeout=10)
    assert left.status_code == 200 and "<Upload>" not in left.text


def test_a_writer_and_a_reader(store: GCSStore) -> None:
    with obstore.open_writer(store, "lines", buffer_size=5 * MIB) as writer:
        for _ in range(20):
            writer.write(b"x" * MIB)
    reader = obstore.open_reader(store, "lines", buffer_size=MIB)
    assert len(reader.read()) == 20 * MIB
    reader.seek(20 * MIB - 3)
    assert bytes(reader.read()) == b"xxx"


def test_attributes(store: GCSStore, bucket: storage.Bucket) -> None:
    attributes: Any = {
        "Content-Type": "text/plain", "Cache-Control": "no-cache", "Content-Disposition": "attachment",
        "Content-Language": "de", "Content-Encoding": "identity", "note": "mine",
    }  # fmt: skip
    obstore.put(store, "a", b"x", attributes=attributes)
    blob = bucket.get_blob("a")
    assert blob is not None and (blob.content_type, blob.cache_control, blob.metadata) == (
        "text/plain", "no-cache", {"note": "mine"},
    )  # fmt: skip
    found = obstore.get(store, "a").attributes
    assert (found["Content-Type"], found["note"], found["Content-Language"]) == ("text/plain", "mine", "de")


def test_many_deletions_at_once(store: GCSStore, bucket: storage.Bucket) -> None:
    names = [f"many/{number}" for number in range(250)]
    for name in names:
        obstore.put(store, name, b"")
    obstore.delete(store, names)
    assert list(bucket.list_blobs()) == []


def test_many_tasks_at_once(store: GCSStore) -> None:
    async def all_of_them() -> list[bytes]:
        await asyncio.gather(*(obstore.put_async(store, f"t/{number}", b"%d" % number) for number in range(100)))
        answers = await asyncio.gather(*(obstore.get_async(store, f"t/{number}") for number in range(100)))
        return [bytes(await answer.bytes_async()) for answer in answers]

    assert asyncio.run(all_of_them()) == [b"%d" % number for number in range(100)]


def test_a_stream(store: GCSStore) -> None:
    obstore.put(store, "a", b"x" * 3 * MIB)
    pieces = obstore.get(store, "a").stream(min_chunk_size=MIB)
    assert sum(len(piece) for piece in pieces) == 3 * MIB
