"""What anyone idle does."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from jobs.clock import FakeClock
from jobs.errors import UserError
from jobs.job import Status
from jobs.queue import Queue, Release
from jobs.sweep import Swept, retire, sweep
from tests.unit.jobs.queues import claimed, status, submit, upload

HOUR = 3600.0


def no_mail(job_id: str) -> None:
    raise AssertionError("no mail before an upload")


def counts(swept: Swept) -> dict[str, int]:
    """Those that are not 0."""
    return {name: count for name, count in asdict(swept).items() if count}


def test_the_sweep_expires_what_was_never_uploaded_without_a_mail(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(23 * HOUR)
    assert counts(sweep(queue, no_mail)) == {"seen": 1}
    assert status(queue, job.id) is Status.AWAITING_UPLOAD
    clock.advance(2 * HOUR)
    assert counts(sweep(queue, no_mail)) == {"seen": 1, "expired": 1}
    assert status(queue, job.id) is Status.EXPIRED
    assert list(queue.buckets.emails.list("open/")) == []


def test_photos_may_come_until_the_wait_has_passed(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(queue.limits.upload_wait_hours * HOUR)
    assert counts(sweep(queue, no_mail)) == {"seen": 1}
    clock.advance(0.001)
    assert counts(sweep(queue, no_mail)) == {"seen": 1, "expired": 1}
    assert status(queue, job.id) is Status.EXPIRED


def test_a_broken_record_stops_no_sweep_and_is_told_by_eight_characters(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = submit(queue), queue.finish(claimed(queue), {}).job
    queue.buckets.emails.put(f"jobs/{broken.id}.json", b"[]")
    delivered: list[str] = []
    assert counts(sweep(queue, delivered.append)) == {"seen": 2, "delivered": 1}
    assert delivered == [whole.id]
    assert caplog.messages == [f"job {broken.id[:8]} cannot be swept"]


def test_a_fresh_link_is_good_for_its_whole_hour(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(23.9 * HOUR)
    queue.renew_link(job.id)
    clock.advance(0.5 * HOUR)
    sweep(queue, no_mail)
    assert status(queue, job.id) is Status.AWAITING_UPLOAD
    with pytest.raises(UserError) as refused:
        queue.renew_link(job.id)  # or a job without photos would never end
    assert refused.value.code == "not_found"
    clock.advance(0.6 * HOUR)
    sweep(queue, no_mail)
    assert status(queue, job.id) is Status.EXPIRED


def test_the_sweep_delivers_what_is_pending_and_closes_what_is_settled(queue: Queue) -> None:
    record = queue.finish(claimed(queue), {})
    delivered: list[str] = []
    assert counts(sweep(queue, delivered.append)) == {"seen": 1, "delivered": 1}
    assert delivered == [record.job.id]


def test_the_sweep_removes_an_old_orphaned_mark_only(queue: Queue, clock: FakeClock) -> None:
    queue.buckets.emails.put("open/" + "a" * 22, b"")
    assert counts(sweep(queue, no_mail)) == {"seen": 1}
    assert len(list(queue.buckets.emails.list("open/"))) == 1  # its submission may still be under way
    clock.advance(2 * HOUR)
    assert counts(sweep(queue, no_mail)) == {"seen": 1, "orphans": 1}
    assert list(queue.buckets.emails.list("open/")) == []


def test_the_sweep_ends_what_is_overdue_with_a_mail(queue: Queue, clock: FakeClock) -> None:
    waiting, running = upload(queue, submit(queue)).record.job, claimed(queue).job
    clock.advance(25 * HOUR)
    delivered: list[str] = []
    sweep(queue, delivered.append)
    assert sorted(delivered) == sorted([waiting.id, running.id])
    assert {status(queue, job.id) for job in (waiting, running)} == {Status.FAILED}


def test_the_age_of_the_oldest_waiting_job(queue: Queue, clock: FakeClock) -> None:
    upload(queue, submit(queue))
    clock.advance(90)
    upload(queue, submit(queue))
    queue.buckets.datasets.put("a" * 22 + ".zip", b"PK")
    assert queue.oldest_waiting_seconds() == 90
    assert len(list(queue.buckets.datasets.list())) == 3  # asking changes nothing


def test_models_are_deleted_after_the_retention(queue: Queue, clock: FakeClock) -> None:
    job_id = queue.finish(claimed(queue), {}).job.id
    queue.buckets.models.put(f"{job_id}/stages/intake.json", b"{}")
    retire(queue)
    assert status(queue, job_id) is Status.DONE
    clock.advance(31 * 24 * HOUR)
    retire(queue)
    assert status(queue, job_id) is Status.DELETED
    assert list(queue.buckets.models.list()) == []


def test_a_job_that_was_let_go_waits_from_then_on(queue: Queue, clock: FakeClock) -> None:
    record = claimed(queue)
    clock.advance(7200)
    queue.let_go(record, Release("preemptions", "worker_lost", "the machine was taken back"))
    clock.advance(60)
    assert queue.oldest_waiting_seconds() == 60
