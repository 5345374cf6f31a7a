"""A lease that is kept, and one that cannot be kept while a request hangs."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import pytest

from jobs.clock import FakeClock
from jobs.errors import LeaseLost, Transient
from jobs.job import Progress
from jobs.limits import Limits
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from tests.unit.jobs.queues import claimed
from vm_worker.lease_keeper import LeaseKeeper, LeasePolicy

LEASE = 60.0


@pytest.fixture
def queue() -> Queue:
    clock = FakeClock()
    return Queue(Buckets(*(MemoryStore(clock) for _ in range(3))), clock, Limits())


def test_a_lease_is_renewed_four_times_in_its_life(queue: Queue) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    seen = set()
    for _ in range(600):
        queue.clock.sleep(0.1)
        lease.pulse(Progress())
        seen.add(lease.record.generation)
    assert 4 <= len(seen) <= 6


def test_the_child_is_ended_in_time_although_a_write_hangs(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    ended = threading.Event()

    def hangs(*args: object, **kwargs: object) -> int:
        queue.clock.sleep(0.76 * LEASE)
        assert ended.wait(20)  # while this thread still waits for the storage
        raise Transient("time out")

    monkeypatch.setattr(queue.buckets.emails, "put", hangs)
    queue.clock.sleep(0.3 * LEASE)
    with lease.guarding(ended.set):
        lease.pulse(Progress())
    with pytest.raises(LeaseLost):
        lease.check()


def test_the_guard_lets_a_child_live_whose_lease_is_kept(queue: Queue) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    ended = threading.Event()
    with lease.guarding(ended.set):
        assert not ended.wait(0.5)
    queue.clock.sleep(LEASE)
    assert not ended.wait(0.5)  # it does not watch longer than it was asked to


def test_a_renewal_that_comes_through_after_the_child_was_ended_changes_nothing(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    ended = threading.Event()
    put = queue.buckets.emails.put

    def slow(*args: Any, **kwargs: Any) -> int:
        queue.clock.sleep(0.76 * LEASE)
        assert ended.wait(20)
        queue.clock.sleep(-0.5 * LEASE)  # as if the write had begun late
        return put(*args, **kwargs)

    monkeypatch.setattr(queue.buckets.emails, "put", slow)
    queue.clock.sleep(0.3 * LEASE)
    with lease.guarding(ended.set):
        lease.pulse(Progress())
    with pytest.raises(LeaseLost):  # or the end of the child would pass for a crash
        lease.check()


def test_a_lease_counts_from_before_the_write_that_renewed_it(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    put = queue.buckets.emails.put

    def slow(*args: Any, **kwargs: Any) -> int:
        generation = put(*args, **kwargs)
        queue.clock.sleep(0.4 * LEASE)  # the answer comes late
        return generation

    monkeypatch.setattr(queue.buckets.emails, "put", slow)
    queue.clock.sleep(0.3 * LEASE)
    lease.pulse(Progress())
    lease.check()
    queue.clock.sleep(0.4 * LEASE)
    with pytest.raises(LeaseLost):
        lease.check()


def test_who_has_lost_the_lease_writes_nothing(queue: Queue) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    before = lease.record.generation
    queue.clock.sleep(0.8 * LEASE)
    with pytest.raises(LeaseLost):
        lease.pulse(Progress())
    assert queue.read(lease.record.job.id) == lease.record
    assert lease.record.generation == before


def test_an_owner_stops_after_three_quarters_of_its_lease(queue: Queue) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    queue.clock.sleep(0.75 * LEASE)
    lease.check()
    queue.clock.sleep(0.01)
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_beat_that_fails_is_no_renewal_and_is_tried_again_soon(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = LeaseKeeper(queue, claimed(queue), LeasePolicy(LEASE), queue.clock.monotonic())
    tried: list[float] = []

    def down(*args: object, **kwargs: object) -> int:
        tried.append(queue.clock.monotonic())
        raise Transient("503")

    monkeypatch.setattr(queue.buckets.emails, "put", down)
    with pytest.raises(LeaseLost):
        for _ in range(80):
            queue.clock.sleep(LEASE / 100)
            lease.pulse(Progress())
    assert queue.clock.monotonic() == pytest.approx(0.75 * LEASE, abs=0.01 * LEASE)
    assert max(later - earlier for earlier, later in pairwise(tried)) < 3
