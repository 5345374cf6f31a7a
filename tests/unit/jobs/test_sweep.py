"""What anyone idle does."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from jobs.clock import FakeClock
from jobs.errors import Transient, UserError
from jobs.job import Status
from jobs.open_jobs import oldest_waiting_seconds
from jobs.queue import Queue, Release
from jobs.sweep import Swept, clear, retire, sweep
from tests.unit.jobs.queues import FlakyStore, claimed, status, submit, upload

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
    clock.advance(0.5 * HOUR)  # it ends
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
    clock.advance(HOUR)
    assert counts(sweep(queue, no_mail)) == {"seen": 1}
    clock.advance(0.001)
    assert counts(sweep(queue, no_mail)) == {"seen": 1, "orphans": 1}
    assert list(queue.buckets.emails.list("open/")) == []


def test_the_sweep_ends_what_is_overdue_with_a_mail(queue: Queue, clock: FakeClock) -> None:
    waiting, running = upload(queue, submit(queue)).record.job, claimed(queue).job
    clock.advance(25 * HOUR)
    delivered: list[str] = []
    assert counts(sweep(queue, delivered.append)) == {"seen": 2, "failed": 2, "delivered": 2}
    assert sorted(delivered) == sorted([waiting.id, running.id])
    assert {status(queue, job.id) for job in (waiting, running)} == {Status.FAILED}


def test_the_age_of_the_oldest_waiting_job(queue: Queue, clock: FakeClock) -> None:
    upload(queue, submit(queue))
    clock.advance(90)
    upload(queue, submit(queue))
    queue.buckets.datasets.put("a" * 22 + ".zip", b"PK")
    assert oldest_waiting_seconds(queue) == 90
    assert len(list(queue.buckets.datasets.list())) == 3  # asking changes nothing


def test_models_are_deleted_after_the_retention(queue: Queue, clock: FakeClock) -> None:
    job_id = queue.finish(claimed(queue), {}).job.id
    queue.buckets.models.put(f"{job_id}/stages/intake.json", b"{}")
    retire(queue)
    assert status(queue, job_id) is Status.DONE
    clock.advance(queue.limits.model_days * 24 * HOUR - 1)
    assert retire(queue) == 0
    clock.advance(1)
    assert retire(queue) == 1
    assert status(queue, job_id) is Status.DELETED
    assert list(queue.buckets.models.list()) == []
    clock.advance(queue.limits.model_days * 24 * HOUR)
    assert retire(queue) == 0  # what is deleted stays so, and is not counted again


def test_a_job_that_never_ends_has_no_retention(queue: Queue, clock: FakeClock) -> None:
    job_id = claimed(queue).job.id
    clock.advance(99 * 24 * HOUR)
    assert retire(queue) == 0
    assert status(queue, job_id) is Status.RUNNING


def test_records_are_read_for_their_retention_from_two_days_before_its_end_on(
    queue: Queue, emails: FlakyStore, clock: FakeClock
) -> None:
    queue.finish(claimed(queue), {})
    clock.advance((queue.limits.model_days - 2) * 24 * HOUR - 1)
    emails.unreadable = 1
    assert retire(queue) == 0
    clock.advance(1)
    with pytest.raises(Transient):
        retire(queue)


def test_uploads_are_cleared_and_jobs_swept_while_there_is_time(queue: Queue) -> None:
    for letter in "abc":
        queue.buckets.datasets.put(f"{letter * 22}.zip", b"PK")
    times = [True, True, False]
    assert clear(queue, lambda: times.pop(0)) == 2
    assert clear(queue) == 1
    submit(queue)
    assert counts(sweep(queue, no_mail, lambda: False)) == {}


def test_models_past_their_retention_are_deleted_while_there_is_time(queue: Queue, clock: FakeClock) -> None:
    for _ in range(3):
        queue.finish(claimed(queue), {})
    clock.advance(queue.limits.model_days * 24 * HOUR)
    times = [True, True, False]
    assert retire(queue, lambda: times.pop(0)) == 2
    assert retire(queue) == 1


def test_photos_of_jobs_that_go_on_are_not_cleared(queue: Queue) -> None:
    waiting, running = upload(queue, submit(queue)).record.job, claimed(queue).job
    queue.buckets.datasets.put("a" * 22 + ".zip", b"PK")
    assert clear(queue) == 1
    assert {stat.name for stat in queue.buckets.datasets.list()} == {f"{waiting.id}.zip", f"{running.id}.zip"}


def test_a_sweep_that_the_storage_does_not_answer_says_so(queue: Queue, emails: FlakyStore) -> None:
    submit(queue)
    emails.unreadable = 1
    with pytest.raises(Transient):
        sweep(queue, no_mail)


def test_a_job_that_was_let_go_waits_from_then_on(queue: Queue, clock: FakeClock) -> None:
    record = claimed(queue)
    clock.advance(7200)
    queue.let_go(record, Release("preemptions", "worker_lost", "the machine was taken back"))
    clock.advance(60)
    assert oldest_waiting_seconds(queue) == 60
