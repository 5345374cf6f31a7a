"""Tests that what is acknowledged was synced to the disk before: a machine may lose its power at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from infra.emulator.store.files import SMALL_BYTES
from infra.emulator.store.index import Index
from tests.emulator.synced import Recorded, recorded
from tests.servers import EmulatorUnderTest, api

WAL = "index.sqlite-wal"
QUARTER_MIB = 256 * 1024
FULL = 2  # of PRAGMA synchronous


@pytest.fixture(scope="module")
def running(emulator: EmulatorUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with recorded(tmp_path_factory.mktemp("synced") / "data", emulator.key) as own:
        yield own


@pytest.fixture(scope="module")
def bucket(running: Recorded) -> Iterator[storage.Bucket]:
    with storage.Client("some-project", AnonymousCredentials(), client_options={"api_endpoint": running.url}) as client:
        yield client.create_bucket("synced-bucket")


def in_order(wanted: Sequence[str], found: Sequence[str]) -> bool:
    """Whether all wanted entries are there, in this order."""
    rest = iter(found)
    return all(entry in rest for entry in wanted)


def test_every_small_write_is_synced_before_it_is_acknowledged(running: Recorded, bucket: storage.Bucket) -> None:
    changes: list[Callable[[], object]] = [
        lambda: bucket.blob("a").upload_from_string("x"),
        lambda: bucket.blob("a").upload_from_string("y", if_generation_match=bucket.get_blob("a").generation),
        lambda: bucket.copy_blob(bucket.blob("a"), bucket, "b"),
        lambda: bucket.blob("a").compose([bucket.blob("a"), bucket.blob("b")]),
        lambda: requests.patch(api(bucket, "/o/a"), json={"metadata": {"k": "v"}}, timeout=10).raise_for_status(),
        lambda: bucket.blob("a").delete(),
        lambda: bucket.blob("b").create_resumable_upload_session(),
        lambda: bucket.client.create_hmac_key("a@example.org"),
        lambda: bucket.client.create_bucket("synced-too"),
        lambda: bucket.client.bucket("synced-too").delete(),
    ]
    for number, change in enumerate(changes):
        mark = running.mark()
        change()
        assert WAL in running.synced_since(mark), number


def test_a_large_content_is_synced_before_its_row(running: Recorded, bucket: storage.Bucket) -> None:
    mark = running.mark()
    bucket.blob("large").upload_from_string(b"x" * (SMALL_BYTES + 1))
    assert in_order(["incoming/*", "objects", WAL], running.synced_since(mark))
    mark = running.mark()
    bucket.copy_blob(bucket.blob("large"), bucket, "copied")
    assert in_order(["objects", WAL], running.synced_since(mark))


def test_a_chunk_is_synced_before_it_counts_as_received(running: Recorded, bucket: storage.Bucket) -> None:
    session = bucket.blob("chunked").create_resumable_upload_session()
    mark = running.mark()
    span = {"content-range": f"bytes 0-{QUARTER_MIB - 1}/*"}
    assert requests.put(session, data=b"x" * QUARTER_MIB, headers=span, timeout=10).status_code == 308
    synced = running.synced_since(mark)
    assert in_order(["incoming/*", "incoming", WAL], synced)
    assert WAL not in synced[: synced.index("incoming")]  # nothing is written of bytes that may be lost


def test_a_part_is_synced_before_it_is_acknowledged(running: Recorded, bucket: storage.Bucket) -> None:
    url, owner = f"{running.url}/{bucket.name}/parts", {"authorization": "Bearer x"}
    begun = requests.post(f"{url}?uploads", headers=owner, timeout=10).text
    upload = begun.partition("<UploadId>")[2].partition("<")[0]
    mark = running.mark()
    query = {"partNumber": "1", "uploadId": upload}
    assert requests.put(url, params=query, data=b"x", headers=owner, timeout=10).status_code == 200
    assert in_order(["incoming/*", "incoming", WAL], running.synced_since(mark))


def test_the_index_syncs_every_commit(tmp_path_factory: pytest.TempPathFactory) -> None:
    index = Index(tmp_path_factory.mktemp("index") / "index.sqlite")
    with index._write() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (FULL,)
