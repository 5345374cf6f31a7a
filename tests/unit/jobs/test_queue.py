"""What may happen to a job, on buckets in memory and a clock that does as it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs import job as jobs
from jobs.clock import FakeClock
from jobs.errors import LeaseLost, Transient, UserError
from jobs.job import FileEntry, Job, JobError, Progress, Status
from jobs.limits import Limits
from jobs.open_jobs import oldest_waiting_seconds, open_jobs
from jobs.queue import Queue, Release
from jobs.records import Record
from jobs.storage.store import PreconditionFailed
from tests.unit.jobs.queues import FlakyStore, claimed, status, submit, upload

HOUR = 3600.0
CRASH = Release("crashes", "crashed", "it died")
PREEMPTION = Release("preemptions", "worker_lost", "taken back")


def test_a_submission_makes_a_record_and_an_open_mark(queue: Queue) -> None:
    job = submit(queue)
    record = queue.read(job.id)
    assert record is not None and record.job.email == "ada@example.org"
    assert [stat.name for stat in queue.buckets.emails.list("open/")] == [f"open/{job.id}"]


def test_a_submission_that_is_repeated_changes_nothing_that_came_after_its_first_try(queue: Queue) -> None:
    record = claimed(queue)
    name = f"jobs/{record.job.id}.json"
    queue.records.create(name, b"as it was submitted")  # the answer of the first try was lost for long
    assert queue.read(record.job.id) == record


def test_a_submission_that_fails_leaves_no_record_without_its_open_mark(queue: Queue, emails: FlakyStore) -> None:
    emails.faults = ["", "refuse", "refuse", "refuse"]
    with pytest.raises(Transient):
        submit(queue)
    (left,) = emails.list()  # a sweep finds it
    assert left.name.startswith("open/")


def test_nothing_waits_before_the_upload(queue: Queue) -> None:
    submit(queue)
    assert list(queue.waiting()) == []
    assert oldest_waiting_seconds(queue) is None


def test_only_one_of_two_claims_wins(queue: Queue) -> None:
    waiting = upload(queue, submit(queue))
    first, second = queue.claim(waiting, "w1"), queue.claim(waiting, "w2")
    assert first is not None and first.job.lease is not None
    assert (first.job.status, first.job.lease.token) == (Status.RUNNING, 1)
    assert second is None


def test_a_claim_whose_answer_was_lost_still_counts(queue: Queue, emails: FlakyStore) -> None:
    waiting = upload(queue, submit(queue))
    emails.faults = ["lose"]
    assert queue.claim(waiting, "w1") is not None


@pytest.mark.parametrize("owner", ["w1", "w2"])  # also one that has forgotten that it was the owner
def test_a_takeover_raises_the_token_and_fences_the_old_owner_off(queue: Queue, owner: str) -> None:
    old = claimed(queue, "w1")
    new = queue.claim(next(queue.waiting()), owner)
    assert new is not None and new.job.lease is not None
    assert (new.job.lease.token, new.job.takeovers) == (2, 1)
    writes: list[Callable[[], Record]] = [
        lambda: queue.beat(old, Progress()),
        lambda: queue.finish(old, {}),
        lambda: queue.reject(old, UserError("one_class", "m")),
        lambda: queue.fail(old, "internal", "m"),
        lambda: queue.let_go(old, CRASH),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    assert status(queue, old.job.id) is Status.RUNNING


def test_a_claim_that_was_not_written_is_none_and_is_made_again(queue: Queue, emails: FlakyStore) -> None:
    waiting = upload(queue, submit(queue))
    emails.faults = ["refuse"]
    assert queue.claim(waiting, "w1") is None
    assert queue.claim(waiting, "w1") is not None


def test_a_takeover_keeps_the_times_of_the_first_claim(queue: Queue, clock: FakeClock) -> None:
    waiting = upload(queue, submit(queue))
    clock.advance(60)
    first = queue.claim(waiting, "w1")
    clock.advance(60)
    queue.buckets.datasets.put(waiting.dataset.name, b"PK")  # its link is good for an hour
    second = queue.claim(next(queue.waiting()), "w2")
    assert first is not None and second is not None
    assert first.job.started_at == clock.now() - timedelta(seconds=60)
    assert first.job.uploaded_at == waiting.dataset.created
    assert (second.job.started_at, second.job.uploaded_at) == (first.job.started_at, first.job.uploaded_at)


def test_the_eleventh_takeover_is_a_lost_worker(queue: Queue) -> None:
    job_id = claimed(queue).job.id
    for _ in range(Limits().takeovers_max):
        assert queue.claim(next(queue.waiting()), "w") is not None
    assert queue.claim(next(queue.waiting()), "w") is None
    record = queue.read(job_id)
    assert record is not None and record.job.error is not None
    assert (record.job.status, record.job.error.code) == (Status.FAILED, "worker_lost")
    assert set(record.job.mails) == {"failed", "operator"}


@pytest.mark.parametrize("faults", [["refuse"], ["lose"], ["refuse", "lose"]])
def test_an_outcome_goes_in_once_through_hiccups(queue: Queue, emails: FlakyStore, faults: list[str]) -> None:
    record = claimed(queue)
    emails.faults = faults
    done = queue.finish(record, {"model.h5": FileEntry("o", 1, "t")})
    assert queue.read(record.job.id) == done
    assert set(done.job.mails) == {"report"}
    assert len([line for line in done.job.history if line.event == "done"]) == 1


def test_a_beat_does_not_wait_for_a_dead_storage(queue: Queue, emails: FlakyStore, clock: FakeClock) -> None:
    record = claimed(queue)
    emails.faults = ["refuse"] * 100
    before = clock.monotonic()
    with pytest.raises(Transient):
        queue.beat(record, Progress())
    assert clock.monotonic() - before < 5


def test_a_job_is_let_go_with_a_wait_after_a_crash_and_at_once_after_a_preemption(queue: Queue) -> None:
    crashed = queue.let_go(claimed(queue), CRASH).job
    assert (crashed.status, crashed.crashes) == (Status.AWAITING_WORKER, 1)
    assert crashed.retry_at is not None and crashed.retry_at > queue.clock.now()
    preempted = queue.let_go(claimed(queue), PREEMPTION).job
    assert (preempted.preemptions, preempted.retry_at) == (1, None)


def test_the_third_crash_fails_the_job(queue: Queue) -> None:
    record = claimed(queue)
    for _ in range(2):
        queue.let_go(record, CRASH)
        again = queue.claim(next(queue.waiting()), "w")
        assert again is not None and again.job.retry_at is None
        assert again.job.lease and record.job.lease and again.job.lease.token == record.job.lease.token + 1
        record = again
    failed = queue.let_go(record, CRASH).job
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "crashed")


def test_what_was_wrong_is_in_the_record(queue: Queue) -> None:
    rejected = queue.reject(claimed(queue), UserError("damaged_zip", "It ends too early.", file="a.jpg")).job
    assert rejected.error == JobError("damaged_zip", "It ends too early.", "a.jpg")
    late = queue.fail_overdue(claimed(queue)).job
    assert (late.status, late.error) == (
        Status.FAILED,
        JobError("deadline", "The job did not end within its deadline."),
    )
    assert late.finished_at == queue.clock.now() and late.delete_after == queue.clock.now() + timedelta(days=30)


def test_what_changed_meanwhile_is_not_ended_by_whoever_read_it_before(queue: Queue) -> None:
    alive, ended = claimed(queue), claimed(queue)
    queue.beat(alive, Progress(fraction=0.5))
    queue.finish(ended, {})
    for record, stays in ((alive, Status.RUNNING), (ended, Status.DONE)):
        assert queue.overdue(record) is None
        assert queue.cancel(record) is None
        assert queue.expire(replace(record, job=replace(record.job, status=Status.AWAITING_UPLOAD))) is None
        assert status(queue, record.job.id) is stays


def test_a_terminal_or_unknown_dataset_is_deleted(queue: Queue) -> None:
    queue.reject(claimed(queue), UserError("one_class", "m"))
    queue.buckets.datasets.put("a" * 22 + ".zip", b"PK")
    assert list(queue.waiting()) == []
    assert list(queue.buckets.datasets.list()) == []


def test_delete_leaves_a_tombstone_without_address(queue: Queue) -> None:
    record = claimed(queue)
    job_id = record.job.id
    queue.buckets.models.put(f"{job_id}/artifacts/1/model.h5", b"m")
    queue.delete(job_id)
    queue.delete(job_id)  # again changes nothing
    tombstone = queue.read(job_id)
    assert tombstone is not None
    assert (tombstone.job.status, tombstone.job.email) == (Status.DELETED, None)
    for store in (queue.buckets.datasets, queue.buckets.models):
        assert list(store.list()) == []
    assert list(queue.buckets.emails.list("open/")) == []
    with pytest.raises(LeaseLost):
        queue.beat(record, Progress())


def test_a_broken_record_keeps_no_other_job_from_the_workers(queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = (upload(queue, submit(queue)).record.job for _ in range(2))
    queue.buckets.emails.put(f"jobs/{broken.id}.json", b"[]")
    assert [one.record.job.id for one in queue.waiting()] == [whole.id]
    assert caplog.messages == [f"the record of job {broken.id[:8]} cannot be read"]
    assert queue.uploaded(broken.id) is not None  # its photos are no one's to delete


def test_a_deletion_that_cannot_be_recorded_removes_nothing(queue: Queue, emails: FlakyStore) -> None:
    job = submit(queue)
    upload(queue, job)
    emails.unreadable = 1
    with pytest.raises(Transient):
        queue.delete(job.id)
    assert queue.uploaded(job.id) is not None  # its user is told to ask again, and a worker would miss the photos


def test_delete_of_nobodys_job_is_not_found(queue: Queue) -> None:
    with pytest.raises(UserError) as caught:
        queue.delete("a" * 22)
    assert caught.value.code == "not_found"


def test_a_link_is_renewed_until_the_upload(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(2 * HOUR)
    renewed = queue.renew_link(job.id)
    assert renewed.link_expires_at is not None and renewed.link_expires_at > clock.now()
    upload(queue, job)
    with pytest.raises(UserError) as caught:
        queue.renew_link(job.id)
    assert caught.value.code == "already_uploaded"
    with pytest.raises(UserError) as caught:
        queue.renew_link("a" * 22)
    assert caught.value.code == "not_found"


def test_a_link_of_a_job_that_runs_or_is_gone_is_not_renewed(queue: Queue) -> None:
    running, deleted = claimed(queue).job, submit(queue)
    queue.buckets.datasets.delete(f"{running.id}.zip")
    queue.delete(deleted.id)
    for job, code in ((running, "already_uploaded"), (deleted, "not_found")):
        with pytest.raises(UserError) as caught:
            queue.renew_link(job.id)
        assert caught.value.code == code


def test_a_link_is_renewed_in_the_last_moment_and_not_after_it(queue: Queue, clock: FakeClock) -> None:
    job = submit(queue)
    clock.advance(queue.limits.upload_wait_hours * HOUR)
    assert queue.renew_link(job.id).link_expires_at is not None
    clock.advance(1)
    with pytest.raises(UserError) as caught:
        queue.renew_link(job.id)
    assert caught.value.code == "not_found"


def test_open_jobs_are_the_uploaded_and_those_with_a_young_link(queue: Queue, clock: FakeClock) -> None:
    stale, running = submit(queue), claimed(queue).job
    clock.advance(2 * HOUR)
    uploaded, fresh = submit(queue), submit(queue)
    upload(queue, uploaded)
    assert open_jobs(queue) == 3
    queue.delete(fresh.id)
    assert open_jobs(queue) == 2
    assert {stale.id, running.id} & {stat.name[5:] for stat in queue.buckets.emails.list("open/")}


def changes_forever(queue: Queue) -> Callable[[Job], Job]:
    def change(job: Job) -> Job:
        # Somebody else is always faster.
        queue.buckets.emails.put(f"jobs/{job.id}.json", jobs.to_bytes(job))
        return jobs.moved(job, Status.EXPIRED, queue.clock.now(), "mine")

    return change


def test_a_record_that_others_keep_changing_is_given_up(queue: Queue) -> None:
    job = submit(queue)
    with pytest.raises(Transient):
        queue.update(job.id, changes_forever(queue))


def test_a_swap_on_an_old_generation_is_refused(queue: Queue) -> None:
    job = submit(queue)
    old = queue.read(job.id)
    assert old is not None
    queue.renew_link(job.id)
    with pytest.raises(PreconditionFailed):
        queue.records.swap(old, old.job)
