"""Uploads after a deletion go although the worker trains."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from jobs.clock import FakeClock
from jobs.errors import Transient
from jobs.limits import Limits
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore, Stat
from tests.unit.jobs.queues import submit, upload
from vm_worker.strays import clearing


def gone(store: MemoryStore, name: str) -> bool:
    end = time.monotonic() + 10
    while store.stat(name) is not None and time.monotonic() < end:
        time.sleep(0.01)
    return store.stat(name) is None


class Stumbling(MemoryStore):
    """A bucket whose first listing fails."""

    fails = 1

    def list(self, prefix: str = "") -> Iterator[Stat]:
        if self.fails:
            self.fails -= 1
            raise Transient("503")
        return super().list(prefix)


def test_an_upload_after_the_deletion_does_not_stay(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    datasets = Stumbling(clock)
    queue = Queue(Buckets(MemoryStore(clock), datasets, MemoryStore(clock)), clock, Limits())
    deleted, waits = submit(queue), submit(queue)
    datasets.fails = 0
    upload(queue, waits)
    queue.delete(deleted.id)
    datasets.fails = 1
    with clearing(queue, 0.01):
        datasets.put(f"{deleted.id}.zip", b"PK")
        assert gone(datasets, f"{deleted.id}.zip")
    assert "could not be deleted: Transient" in caplog.text
    assert datasets.stat(f"{waits.id}.zip") is not None
