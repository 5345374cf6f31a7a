"""A queue on buckets in memory and a clock that does as it is told."""

from __future__ import annotations

import pytest

from jobs.clock import FakeClock
from jobs.limits import Limits
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from tests.unit.jobs.queues import FlakyStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def emails(clock: FakeClock) -> FlakyStore:
    return FlakyStore(clock)


@pytest.fixture
def queue(clock: FakeClock, emails: FlakyStore) -> Queue:
    return Queue(Buckets(emails, MemoryStore(clock), MemoryStore(clock)), clock, Limits())
