"""Links that nobody uses neither close the service nor use up an address's day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs import job as jobs
from jobs import quota
from jobs.clock import FakeClock
from jobs.errors import Transient, UserError
from jobs.job import Job, Status
from jobs.limits import Limits
from jobs.open_jobs import open_jobs
from jobs.options import Options
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from jobs.sweep import give_slot_back, sweep
from tests.unit.jobs.queues import status, upload

HOUR = 3600.0
LIMITS = Limits(open_jobs=10, jobs_per_address_per_day=2)


@pytest.fixture
def queue(clock: FakeClock) -> Queue:
    return Queue(Buckets(MemoryStore(clock), MemoryStore(clock), MemoryStore(clock)), clock, LIMITS)


def submit(queue: Queue, who: str = "a") -> Job:
    """A job of an address that has taken one of its slots."""
    hmac = who * 64
    slot = quota.take(queue.buckets.emails, queue.clock.now().date(), hmac, LIMITS.jobs_per_address_per_day)
    assert slot
    return queue.submit(jobs.new_id(), f"{who}@example.org", hmac, Options(), slot)


def free(queue: Queue, who: str = "a") -> bool:
    """Whether the address has a slot left today; it is not taken."""
    slot = quota.take(queue.buckets.emails, queue.clock.now().date(), who * 64, LIMITS.jobs_per_address_per_day)
    if slot:
        quota.give_back(queue.buckets.emails, slot)
    return bool(slot)


def no_mail(job_id: str) -> None:
    raise AssertionError("no mail before an upload")


def test_links_alone_take_half_of_the_places(queue: Queue) -> None:
    for who in "abcdefghijkl":
        submit(queue, who)
    assert open_jobs(queue) == 5
    for who in "mnopq":
        upload(queue, submit(queue, who))
    assert open_jobs(queue) == 10


def test_several_links_of_one_address_count_once_and_each_upload_counts(queue: Queue) -> None:
    submit(queue)
    second = submit(queue)
    assert open_jobs(queue) == 1
    upload(queue, second)
    assert open_jobs(queue) == 2


def test_a_fresh_link_does_not_hold_the_place(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(0.75 * HOUR)
    queue.renew_link(job.id)
    assert open_jobs(queue) == 1
    clock.advance(0.25 * HOUR)
    assert open_jobs(queue) == 0


def test_the_slot_of_a_link_that_nobody_used_comes_back(queue: Queue, clock: FakeClock) -> None:
    unused, used = submit(queue), submit(queue)
    upload(queue, used)
    sweep(queue, no_mail)
    clock.advance(0.9 * HOUR)
    sweep(queue, no_mail)
    assert not free(queue)
    clock.advance(0.1 * HOUR)  # the link ends
    sweep(queue, no_mail)
    sweep(queue, no_mail)
    assert free(queue)
    submit(queue)
    assert not free(queue)  # one came back, not two
    assert status(queue, unused.id) is Status.AWAITING_UPLOAD


def test_a_fresh_link_takes_a_slot_again(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(1.1 * HOUR)
    sweep(queue, no_mail)
    queue.renew_link(job.id)
    submit(queue)
    assert not free(queue)
    clock.advance(1.1 * HOUR)
    sweep(queue, no_mail)
    submit(queue), submit(queue)
    with pytest.raises(UserError) as refused:
        queue.renew_link(job.id)
    assert refused.value.code == "too_many_jobs"


def test_photos_that_come_late_take_a_slot_or_are_deleted(queue: Queue, clock: FakeClock) -> None:
    late = [submit(queue), submit(queue)]
    clock.advance(1.1 * HOUR)
    sweep(queue, no_mail)  # both slots are free
    submit(queue)
    first, second = [upload(queue, job) for job in late]  # resumable uploads that were begun in time
    assert queue.claim(first, "w1") is not None
    assert not free(queue)
    assert queue.claim(second, "w1") is None  # or links would be a way around the limit
    assert status(queue, late[1].id) is Status.EXPIRED
    assert [one.record.job.id for one in queue.waiting()] == [late[0].id]
    assert [stat.name for stat in queue.buckets.datasets.list()] == [f"{late[0].id}.zip"]


def test_a_link_that_is_renewed_at_that_moment_keeps_its_slot(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(1.1 * HOUR)
    before = queue.read(job.id)
    assert before is not None
    queue.renew_link(job.id)
    give_slot_back(queue, before)
    submit(queue)
    assert not free(queue)


def test_a_slot_that_is_freed_while_its_link_is_renewed_is_taken_again(
    queue: Queue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(queue)
    clock.advance(1.1 * HOUR)
    before = queue.read(job.id)
    assert before is not None
    before_the_next_write(queue, monkeypatch, lambda: give_slot_back(queue, before))  # by a sweep
    queue.renew_link(job.id)
    submit(queue)
    assert not free(queue)


def before_the_next_write(queue: Queue, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen between the read of a record and the write."""
    put = queue.buckets.emails.put

    def beaten(name: str, *given: Any, **more: Any) -> int:
        if name.startswith("jobs/"):
            monkeypatch.setattr(queue.buckets.emails, "put", put)
            happens()
        return put(name, *given, **more)

    monkeypatch.setattr(queue.buckets.emails, "put", beaten)


def down() -> None:
    raise Transient("503")


def test_a_fresh_link_takes_one_slot_although_its_first_write_fails(
    queue: Queue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(queue)
    clock.advance(1.1 * HOUR)
    sweep(queue, no_mail)
    before_the_next_write(queue, monkeypatch, down)
    queue.renew_link(job.id)
    assert free(queue)


def test_a_job_that_is_deleted_before_its_upload_gives_its_slot_back_once(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused, used = submit(queue), submit(queue)
    upload(queue, used)
    queue.delete(used.id)
    assert not free(queue)
    queue.delete(unused.id)
    again = submit(queue)
    queue.delete(unused.id)
    assert not free(queue)

    def another() -> None:
        queue.delete(again.id)
        submit(queue)  # takes the slot before the first deletion goes on

    before_the_next_write(queue, monkeypatch, another)
    queue.delete(again.id)
    assert not free(queue)


def test_a_job_that_ran_keeps_its_slot_after_its_deletion(queue: Queue) -> None:
    job, _ = submit(queue), submit(queue)
    record = queue.claim(upload(queue, job), "w1")
    assert record is not None
    queue.tidy(queue.finish(record, {}).job)  # its photos are gone, too
    queue.delete(job.id)
    assert not free(queue)


def test_photos_that_come_late_take_one_slot_however_many_workers_want_them(queue: Queue, clock: FakeClock) -> None:
    late = submit(queue)
    clock.advance(1.1 * HOUR)
    sweep(queue, no_mail)
    waiting = upload(queue, late)
    assert queue.claim(waiting, "w1") is not None
    assert queue.claim(waiting, "w2") is None
    assert free(queue)
    waiting = upload(queue, submit(queue))
    assert queue.claim(waiting, "w1") is not None
    assert queue.claim(waiting, "w2") is None  # that slot is not the second worker's to free
    assert not free(queue)
