"""What the operator does to jobs, at each state of a job."""

from __future__ import annotations

import pytest

from jobs import operator
from jobs.clock import FakeClock
from jobs.errors import LeaseLost, UserError
from jobs.job import Progress, Status, new_id
from jobs.limits import Limits
from jobs.options import Options
from jobs.queue import Queue, Release
from jobs.records import Record
from jobs.storage.store import Buckets, MemoryStore

CRASH = Release("crashes", "crashed", "it died")


@pytest.fixture
def queue() -> Queue:
    clock = FakeClock()
    return Queue(Buckets(MemoryStore(clock), MemoryStore(clock), MemoryStore(clock)), clock, Limits())


def _submitted(queue: Queue, uploaded: bool = True) -> str:
    job_id = new_id()
    queue.submit(job_id, "ada@example.org", "hmac", Options())
    if uploaded:
        queue.buckets.datasets.put(f"{job_id}.zip", b"PK")
    return job_id


def _claimed(queue: Queue) -> Record:
    job_id = _submitted(queue)
    waiting = next(one for one in queue.waiting() if one.record.job.id == job_id)
    record = queue.claim(waiting, "worker")
    assert record is not None
    return record


def test_a_job_is_found_by_the_beginning_of_its_id(queue: Queue) -> None:
    job_id, _ = _submitted(queue), _submitted(queue)
    assert operator.find(queue, job_id).job.id == job_id
    assert operator.find(queue, job_id[:8]).job.id == job_id
    for wrong in (job_id[:7], "nothing-x", new_id()):
        with pytest.raises(UserError, match=r"8 characters|0 jobs"):
            operator.find(queue, wrong)


def test_what_is_looked_for_is_told_by_its_beginning(queue: Queue) -> None:
    with pytest.raises(UserError, match=f"^0 jobs have an id that begins with '{'x' * 22}'"):
        operator.find(queue, "x" * 23)


def test_ids_that_begin_alike_are_not_guessed(queue: Queue) -> None:
    for end in "ab":
        queue.submit("Qm3xT9aZ" + 14 * end, "ada@example.org", "hmac", Options())
    with pytest.raises(UserError, match="2 jobs") as caught:
        operator.find(queue, "Qm3xT9aZ")
    assert caught.value.code == "not_found"
    assert operator.find(queue, "Qm3xT9aZa").job.id == "Qm3xT9aZ" + 14 * "a"


def test_retry_takes_a_running_job_from_its_worker(queue: Queue) -> None:
    record = _claimed(queue)
    job = operator.retry(queue, record.job.id)
    assert job.status is Status.AWAITING_WORKER and job.lease is not None and record.job.lease is not None
    assert job.lease.token > record.job.lease.token
    with pytest.raises(LeaseLost):
        queue.beat(record, Progress())
    (waiting,) = queue.waiting()
    again = queue.claim(waiting, "other")
    assert again is not None and again.job.lease is not None and again.job.lease.token > job.lease.token


def test_retry_forgives_crashes_and_their_wait(queue: Queue) -> None:
    crashed = queue.let_go(_claimed(queue), CRASH)
    assert crashed.job.retry_at is not None and crashed.job.crashes == 1
    job = operator.retry(queue, crashed.job.id)
    assert (job.status, job.retry_at, job.crashes) == (Status.AWAITING_WORKER, None, 0)


def test_a_job_that_has_ended_or_not_begun_cannot_be_tried_again(queue: Queue) -> None:
    with pytest.raises(UserError, match="awaiting_upload"):
        operator.retry(queue, _submitted(queue, uploaded=False))
    done = queue.finish(_claimed(queue), {})
    with pytest.raises(UserError, match="done"):
        operator.retry(queue, done.job.id)


def test_cancel_ends_a_running_job_with_a_mail_that_says_so(queue: Queue) -> None:
    record = _claimed(queue)
    job = operator.cancel(queue, record.job.id)
    assert job.status is Status.FAILED and set(job.mails) == {"failed", "operator"}
    assert job.error is not None and job.error.code == "cancelled"
    with pytest.raises(LeaseLost):
        queue.finish(record, {})
    with pytest.raises(UserError, match="failed already"):
        operator.cancel(queue, record.job.id)


def test_cancel_before_an_upload_mails_nobody(queue: Queue) -> None:
    job = operator.cancel(queue, _submitted(queue, uploaded=False))
    assert job.status is Status.EXPIRED and job.mails == {} and job.email is None


def test_cancel_of_a_job_that_waits_for_a_worker_mails_its_user(queue: Queue) -> None:
    job = operator.cancel(queue, _submitted(queue))
    assert job.status is Status.FAILED and set(job.mails) == {"failed", "operator"}


def test_cancel_tries_again_where_a_worker_was_faster(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = _submitted(queue)
    ask = queue.cancel

    def slow(record: Record) -> Record | None:
        monkeypatch.setattr(queue, "cancel", ask)
        (waiting,) = queue.waiting()
        assert queue.claim(waiting, "worker") is not None
        return ask(record)

    monkeypatch.setattr(queue, "cancel", slow)
    assert operator.cancel(queue, job_id).status is Status.FAILED


def test_retry_of_a_running_job_is_told_in_its_history(queue: Queue) -> None:
    job = operator.retry(queue, _claimed(queue).job.id)
    assert job.history[-1].event == "taken back by the operator"
    crashed = queue.let_go(_claimed(queue), CRASH)
    assert operator.retry(queue, crashed.job.id).history == crashed.job.history


def test_everything_is_every_record(queue: Queue) -> None:
    ids = {_submitted(queue), _submitted(queue, uploaded=False), _claimed(queue).job.id}
    assert {record.job.id for record in operator.everything(queue)} == ids
