"""Links that nobody uses neither close the service nor use up an address's day."""

from __future__ import annotations

import pytest

from jobs import job as jobs
from jobs import quota
from jobs.clock import FakeClock
from jobs.errors import UserError
from jobs.job import Job, Status
from jobs.limits import Limits
from jobs.open_jobs import open_jobs
from jobs.options import Options
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from jobs.sweep import sweep
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
    from jobs.open_jobs import give_slot_back

    job = submit(queue)
    clock.advance(1.1 * HOUR)
    before = queue.read(job.id)
    assert before is not None
    queue.renew_link(job.id)
    give_slot_back(queue, before)
    submit(queue)
    assert not free(queue)
