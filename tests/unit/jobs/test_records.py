"""Writes whose answers are lost, and storage that does not answer for a while."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs import job as jobs
from jobs.errors import Transient
from jobs.job import Job, Progress, Status
from jobs.open_jobs import oldest_waiting_seconds, open_jobs
from jobs.queue import Queue, Release
from jobs.retries import RECORD
from jobs.storage.store import Blob
from tests.unit.jobs.queues import FlakyStore, claimed, submit


def test_an_outcome_that_was_done_but_not_heard_of_counts_although_nothing_could_be_read(
    queue: Queue, emails: FlakyStore
) -> None:
    record = claimed(queue)
    emails.faults, emails.unreadable = ["lose"], 3
    done = queue.finish(record, {})
    assert done == queue.read(record.job.id)
    assert [line.event for line in done.job.history] == ["claimed by w1", "done"]


def test_a_job_that_was_let_go_without_an_answer_is_not_counted_twice(queue: Queue, emails: FlakyStore) -> None:
    record = claimed(queue)
    emails.faults = ["lose", "refuse"]
    after = queue.let_go(record, Release("crashes", "crashed", "it died")).job
    assert (after.status, after.crashes) == (Status.AWAITING_WORKER, 1)


def test_a_beat_goes_on_after_a_beat_whose_answer_was_lost(queue: Queue, emails: FlakyStore) -> None:
    record = claimed(queue)
    emails.faults = ["lose"]
    with pytest.raises(Transient):
        queue.beat(record, Progress(fraction=0.1))
    again = queue.beat(record, Progress(fraction=0.2))  # from the generation that its owner knows
    assert again == queue.read(record.job.id)
    assert again.job.progress.fraction == 0.2


def test_a_change_waits_through_an_outage_for_the_patient_only(queue: Queue, emails: FlakyStore) -> None:
    job_id = submit(queue).id

    def change(job: Job) -> Job:
        return replace(job, crashes=job.crashes + 1)

    emails.unreadable = 3
    with pytest.raises(Transient):
        queue.update(job_id, change)
    emails.unreadable = 3
    assert queue.update(job_id, change, patient=True).job.crashes == 1


def test_a_change_whose_answer_was_lost_is_not_made_twice(queue: Queue, emails: FlakyStore) -> None:
    job_id = submit(queue).id
    emails.faults = ["lose"]
    queue.update(job_id, lambda job: replace(job, crashes=job.crashes + 1))
    record = queue.read(job_id)
    assert record is not None and record.job.crashes == 1


def test_a_record_that_nobody_can_read_keeps_no_other_from_its_turn(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    record = claimed(queue)
    broken = submit(queue).id
    for data in (b"{", b"{}", b"[]"):
        queue.buckets.emails.put(f"jobs/{broken}.json", data)
        queue.buckets.datasets.put(f"{broken}.zip", b"PK")
        assert [one.record.job.id for one in queue.waiting()] == [record.job.id]
        assert open_jobs(queue) == 1
        assert oldest_waiting_seconds(queue) is None
    assert queue.uploaded(broken) is not None
    assert set(caplog.messages) == {f"the record of job {broken[:8]} cannot be read"}


def test_an_owner_waits_between_its_tries(queue: Queue, emails: FlakyStore) -> None:
    record = claimed(queue)
    emails.faults = ["refuse"] * 3
    began = queue.clock.monotonic()
    queue.finish(record, {})
    assert queue.clock.monotonic() - began > 3 * RECORD.first * (1 - RECORD.jitter)


def remembered(emails: FlakyStore) -> list[bool]:
    """Whether each record that is asked for from now on is one that the queue remembers."""
    held, get = list[bool](), emails.get

    def asked(name: str, known: Blob | None = None) -> Blob | None:
        held.append(known is not None)
        return get(name, known)

    emails.get = asked  # type: ignore[method-assign]
    return held


def test_records_that_have_not_changed_are_not_transferred_again(queue: Queue, emails: FlakyStore) -> None:
    ids = [claimed(queue).job.id for _ in range(3)]
    first = [queue.read(job_id) for job_id in ids]
    held = remembered(emails)
    assert [queue.read(job_id) for job_id in ids] == first
    assert held == [True] * 3


def test_a_record_that_is_closed_or_gone_is_not_remembered(queue: Queue, emails: FlakyStore) -> None:
    closed, gone = queue.finish(claimed(queue), {}).job, submit(queue)
    for job in (closed, gone):
        assert queue.read(job.id) is not None
    queue.close(closed.id)
    emails.delete(f"jobs/{gone.id}.json")
    assert queue.read(gone.id) is None
    held = remembered(emails)
    for job in (closed, gone):
        queue.read(job.id)
    assert held == [False, False]


def test_an_owner_that_storage_never_answers_hears_of_it(queue: Queue, emails: FlakyStore) -> None:
    record = claimed(queue)
    emails.faults = ["refuse"] * 100
    with pytest.raises(Transient, match="cannot be written"):
        queue.finish(record, {})
    emails.faults = []
    assert queue.read(record.job.id) == record


def test_a_record_is_tried_twelve_times(queue: Queue, emails: FlakyStore) -> None:
    owned = claimed(queue)
    emails.faults = ["refuse"] * 11
    owned = queue.finish(owned, {})
    emails.faults = ["refuse"] * 11
    queue.update(owned.job.id, lambda job: replace(job, crashes=1))
    emails.faults = ["refuse"] * 12
    with pytest.raises(Transient, match=f"job {owned.job.short_id} is too busy"):
        queue.update(owned.job.id, lambda job: replace(job, crashes=2))
    emails.faults = []
    owned = claimed(queue)
    emails.faults = ["refuse"] * 12
    with pytest.raises(Transient, match="cannot be written"):
        queue.finish(owned, {})


def test_a_submission_is_tried_three_times_with_waits(queue: Queue, emails: FlakyStore) -> None:
    emails.faults = ["refuse", "refuse"]
    began = queue.clock.monotonic()
    job = submit(queue)
    assert queue.clock.monotonic() - began > 2 * RECORD.first * (1 - RECORD.jitter)
    assert queue.read(job.id) is not None


def test_a_change_waits_between_its_tries(queue: Queue, emails: FlakyStore) -> None:
    job_id = submit(queue).id
    emails.faults = ["refuse"] * 3
    began = queue.clock.monotonic()
    queue.update(job_id, lambda job: replace(job, crashes=1))
    assert queue.clock.monotonic() - began > 3 * RECORD.first * (1 - RECORD.jitter)


def test_a_change_that_changes_nothing_is_not_written(queue: Queue) -> None:
    job_id = submit(queue).id
    before = queue.read(job_id)
    assert queue.update(job_id, lambda job: job) == before == queue.read(job_id)


def test_a_thousand_records_are_remembered_and_no_more(queue: Queue, emails: FlakyStore) -> None:
    data = jobs.to_bytes(submit(queue))
    ids = [f"{number:022}" for number in range(1001)]
    held = set[str]()
    get = emails.get

    def asked(name: str, known: Blob | None = None) -> Blob | None:
        if known is not None:
            held.add(name)
        return get(name, known)

    emails.get = asked  # type: ignore[method-assign]
    for job_id in ids:
        emails.put(f"jobs/{job_id}.json", data)
        if job_id != ids[-1]:
            queue.read(job_id)
    queue.read(ids[0])
    assert held == {f"jobs/{ids[0]}.json"}
    queue.read(ids[-1])
    queue.read(ids[1])
    assert held == {f"jobs/{ids[0]}.json"}
