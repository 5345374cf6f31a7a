"""Writers who meet: one wins, whoever began first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest, api


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


def test_of_fifty_conditional_patches_one_wins(bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("x")
    start = threading.Barrier(50)

    def patch(number: int) -> int:
        with requests.Session() as session:
            start.wait()
            return session.patch(
                api(bucket, "/o/a?ifMetagenerationMatch=1"), json={"metadata": {"by": str(number)}}, timeout=30
            ).status_code

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(patch, range(50)))
    assert sorted(statuses) == [200] + [412] * 49
    resource = requests.get(api(bucket, "/o/a"), timeout=10).json()
    assert (resource["metageneration"], resource["metadata"]) == ("2", {"by": str(statuses.index(200))})


def test_a_slow_writer_loses_to_one_who_finished_meanwhile(bucket: storage.Bucket) -> None:
    """The condition held when its upload began, and is checked again when it is whole."""
    url = api(bucket, "/o?uploadType=media&name=a&ifGenerationMatch=0", prefix="/upload/storage/v1")
    half, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b"slow"
        half.set()
        assert go_on.wait(10)
        yield b"er"

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(requests.post, url, data=slowly(), timeout=30)
        assert half.wait(10)
        assert requests.post(url, data=b"fast", timeout=10).status_code == 200
        go_on.set()
        assert slow.result().status_code == 412
    assert bucket.blob("a").download_as_bytes() == b"fast"
