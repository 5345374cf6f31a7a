"""Large uploads from a client that never holds the whole content, and the memory that the emulator takes for them."""

from __future__ import annotations

import hashlib
import http.client
import threading
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from urllib.parse import urlsplit

import psutil
import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest, api

MIB = 1024 * 1024
CHUNK_MIB = 8
_PIECE = bytes(range(256)) * (MIB // 256)


class Growth:
    """`with Growth(pid) as growth:` ...; then `growth.bytes`, from the start of the block to the highest point."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._first: int = self._process.memory_info().rss
        self._most: int = self._first
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def bytes(self) -> int:
        """How much more it was."""
        return self._most - self._first

    def __enter__(self) -> Growth:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self._most = max(self._most, self._process.memory_info().rss)


def signed_put(emulator: EmulatorUnderTest, bucket: storage.Bucket, mib: int) -> storage.Blob:
    """So many MiB through a signed link, in one request; the object."""
    blob = bucket.blob("big")
    path = emulator.sign(blob, "PUT").removeprefix(emulator.url)
    with closing(http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=120)) as connection:
        connection.request("PUT", path, _pieces(mib), {"content-length": str(mib * MIB)})
        assert connection.getresponse().status == 200
    return _checked(blob, mib)


def resumable(emulator: EmulatorUnderTest, bucket: storage.Bucket, mib: int) -> storage.Blob:
    """So many MiB in chunks of 8; the object."""
    start = api(bucket, "/o?uploadType=resumable&name=big", prefix="/upload/storage/v1")
    location = requests.post(start, timeout=20).headers["location"]
    chunk, total = _PIECE * CHUNK_MIB, mib * MIB
    with requests.Session() as session:
        for first in range(0, total, len(chunk)):
            last = min(first + len(chunk), total) - 1
            headers = {"content-range": f"bytes {first}-{last}/{total}"}
            answer = session.put(location, data=chunk[: last - first + 1], headers=headers, timeout=120)
            assert answer.status_code == (200 if last == total - 1 else 308), answer.text
    return _checked(bucket.blob("big"), mib)


def _pieces(mib: int) -> Iterator[bytes]:
    for _ in range(mib):
        yield _PIECE


def _checked(blob: storage.Blob, mib: int) -> storage.Blob:
    blob.reload()
    assert blob.size == mib * MIB
    return blob


def md5_of(mib: int) -> bytes:
    """Of so many MiB as they are sent here."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in _pieces(mib):
        digest.update(piece)
    return digest.digest()
