"""Tests that exactly one of several simultaneous writers succeeds."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from google.cloud import storage

from tests.emulator.racers import Ask, Racers, racers
from tests.emulator.signed import Signed
from tests.servers import EmulatorUnderTest, api


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


THREADS, ROUNDS = 50, 20


@pytest.fixture(scope="module")
def field(emulator: EmulatorUnderTest) -> Iterator[Racers]:
    with racers(emulator.url, THREADS) as field:
        yield field


def insert(bucket: storage.Bucket, generation: int) -> list[Ask]:
    """The same name for all, each with a content of its own."""
    path = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=a&ifGenerationMatch={generation}"
    return [Ask("POST", path, str(number).encode()) for number in range(THREADS)]


def one_wins(statuses: list[int], won: int = 200, lost: tuple[int, ...] = (412,)) -> int:
    """Who; nobody else did, and everybody was answered."""
    assert statuses.count(won) == 1, statuses
    assert sum(statuses.count(status) for status in lost) == THREADS - 1, statuses
    return statuses.index(won)


def test_of_fifty_creates_one_wins(bucket: storage.Bucket, field: Racers) -> None:
    for _ in range(ROUNDS):
        winner = one_wins(field.race(insert(bucket, 0)))
        assert bucket.blob("a").download_as_bytes() == str(winner).encode()
        bucket.blob("a").delete()


def test_of_fifty_overwrites_of_one_generation_one_wins(bucket: storage.Bucket, field: Racers) -> None:
    bucket.blob("a").upload_from_string("first")
    for _ in range(ROUNDS):
        before = bucket.get_blob("a")
        assert before is not None
        winner = one_wins(field.race(insert(bucket, before.generation)))
        now = bucket.get_blob("a")
        assert now is not None
        assert (now.generation > before.generation, now.download_as_bytes()) == (True, str(winner).encode())


def test_of_fifty_conditional_patches_one_wins(bucket: storage.Bucket, field: Racers) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    for number in range(1, ROUNDS + 1):
        path = f"/storage/v1/b/{bucket.name}/o/a?ifMetagenerationMatch={number}"
        bodies = [json.dumps({"metadata": {"by": str(thread)}}).encode() for thread in range(THREADS)]
        winner = one_wins(field.race([Ask("PATCH", path, body) for body in bodies]))
        blob.reload()
        assert (blob.metageneration, blob.metadata) == (number + 1, {"by": str(winner)})


def test_of_fifty_conditional_deletes_one_wins(bucket: storage.Bucket, field: Racers) -> None:
    blob = bucket.blob("a")
    for _ in range(ROUNDS):
        blob.upload_from_string("x")
        path = f"/storage/v1/b/{bucket.name}/o/a?ifGenerationMatch={blob.generation}"
        one_wins(field.race([Ask("DELETE", path)] * THREADS), won=204, lost=(404, 412))
        assert not blob.exists()


def test_of_creates_by_both_apis_one_wins(emulator: EmulatorUnderTest, bucket: storage.Bucket, field: Racers) -> None:
    """Signed links and the JSON API race for one name."""
    headers = {"x-goog-if-generation-match": "0"}
    link = Signed(emulator.sign(bucket.blob("a"), "PUT", headers=dict(headers)), headers=headers, body=b"link")
    with ThreadPoolExecutor(10) as pool:
        links = [pool.submit(link.send) for _ in range(10)]
        statuses = field.race(insert(bucket, 0)) + [link.result().status_code for link in links]
    assert sorted(statuses) == [200] + [412] * (THREADS + 9)


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
