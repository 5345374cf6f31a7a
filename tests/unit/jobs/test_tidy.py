"""What an ended job leaves behind, and when it goes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from jobs.clock import FakeClock
from jobs.errors import UserError
from jobs.job import FileEntry, Status
from jobs.queue import Queue, Waiting
from jobs.records import Record
from jobs.sweep import sweep
from tests.unit.jobs.queues import claimed, status, submit, upload

HOUR = 3600.0
FILE = "artifacts/1/model.h5"
MANIFESTS = ("stages/intake.json", "trials/" + "ab" * 20 + ".json")


def filled(queue: Queue) -> Record:
    """A running job with a file, manifests, and what a lost attempt left."""
    record = claimed(queue)
    for name in (FILE, *MANIFESTS, "artifacts/1/head.npz", "artifacts/2/model.h5"):
        queue.buckets.models.put(f"{record.job.id}/{name}", b"x")
    return record


def left(queue: Queue, record: Record) -> set[str]:
    return {stat.name.removeprefix(f"{record.job.id}/") for stat in queue.buckets.models.list()}


def done(queue: Queue, record: Record) -> Record:
    entry = FileEntry(f"{record.job.id}/{FILE}", 1, "t")
    return queue.finish(record, {"model.h5": entry})


def test_a_finished_job_keeps_its_files_and_manifests_only(queue: Queue) -> None:
    record = filled(queue)
    queue.tidy(done(queue, record).job)
    assert left(queue, record) == {FILE, *MANIFESTS}
    assert queue.uploaded(record.job.id) is None


@pytest.mark.parametrize("task", ["", "classification"])
def test_what_later_jobs_need_is_kept_where_one_can_continue(queue: Queue, task: str) -> None:
    record = filled(queue)
    files = {"seen": {"object": f"{record.job.id}/artifacts/1/head.npz"}}
    queue.buckets.models.put(f"{record.job.id}/base.json", json.dumps({"files": files}).encode())
    queue.tidy(queue.finish(record, {}, task).job)
    assert left(queue, record) == {*MANIFESTS, *({"base.json", "artifacts/1/head.npz"} if task else ())}


def test_a_mark_without_a_record_is_closed_too(queue: Queue) -> None:
    queue.buckets.emails.put("open/" + "a" * 22, b"")
    queue.close("a" * 22)
    assert list(queue.buckets.emails.list()) == []


@pytest.mark.parametrize("ending", ["rejected", "failed", "deleted"])
def test_any_other_end_keeps_nothing(queue: Queue, ending: str) -> None:
    record = filled(queue)
    if ending == "rejected":
        queue.reject(record, UserError("one_class", "m"))
    elif ending == "failed":
        queue.fail(record, "internal", "m")
    else:
        queue.update(record.job.id, lambda job: replace(job, status=Status.DELETED, files={}))  # and then it stopped
    after = queue.read(record.job.id)
    assert after is not None
    queue.tidy(after.job)
    assert left(queue, record) == set()
    assert queue.uploaded(record.job.id) is None


def test_a_sweep_cleans_up_after_a_worker_that_died_between_the_outcome_and_its_mail(queue: Queue) -> None:
    record = filled(queue)
    done(queue, record)
    sweep(queue, lambda job_id: None)  # the mail provider is down
    assert left(queue, record) == {FILE, *MANIFESTS}
    assert queue.uploaded(record.job.id) is None  # photos do not wait for a mail


def test_the_open_mark_goes_last(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    record = filled(queue)
    done(queue, record)

    monkeypatch.setattr(queue.buckets.models, "delete", interrupted)
    with pytest.raises(KeyboardInterrupt):
        queue.close(record.job.id)
    assert [stat.name for stat in queue.buckets.emails.list("open/")] == [f"open/{record.job.id}"]


def test_a_job_that_has_not_ended_is_not_closed(queue: Queue) -> None:
    record = filled(queue)
    queue.close(record.job.id)
    assert queue.uploaded(record.job.id) is not None
    assert len(left(queue, record)) == 5
    assert len(list(queue.buckets.emails.list("open/"))) == 1


def test_photos_that_come_while_their_job_expires_are_kept_where_a_worker_was_quicker(
    queue: Queue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(queue)
    clock.advance(25 * HOUR)
    late: list[Waiting] = []
    ask = queue.uploaded

    def uploaded(job_id: str) -> object:
        found = ask(job_id)
        if not late:  # the upload and the claim happen right after the look
            late.append(upload(queue, job))
            assert queue.claim(late[0], "w") is not None
        return found

    monkeypatch.setattr(queue, "uploaded", uploaded)
    assert sweep(queue, lambda job_id: None).expired == 0
    assert status(queue, job.id) is Status.RUNNING
    assert ask(job.id) is not None
    assert len(list(queue.buckets.emails.list("open/"))) == 1


def test_one_broken_record_does_not_stop_the_sweep(queue: Queue) -> None:
    for _ in range(4):
        record = claimed(queue)
        queue.fail(record, "internal", "m")
    queue.buckets.emails.put(f"jobs/{record.job.id}.json", b"{")
    delivered: list[str] = []
    sweep(queue, delivered.append)
    assert len(delivered) == 3


def test_photos_that_cannot_be_deleted_keep_no_mail_back(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    record = claimed(queue)
    queue.fail(record, "internal", "m")

    def forbidden(*args: object, **kwargs: object) -> bool:
        raise PermissionError

    monkeypatch.setattr(queue.buckets.datasets, "delete", forbidden)
    delivered: list[str] = []
    sweep(queue, delivered.append)
    assert delivered == [record.job.id]


def test_a_deletion_leaves_the_models_of_a_job_whose_id_begins_alike(queue: Queue) -> None:
    record = filled(queue)
    other = f"{record.job.id[:-1]}~/{FILE}"
    queue.buckets.models.put(other, b"x")
    queue.delete(record.job.id)
    assert left(queue, record) == {other}


@pytest.mark.parametrize("bucket", ["datasets", "models"])
def test_a_deletion_that_breaks_off_is_finished_by_a_sweep(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    record = filled(queue)
    queue.close(done(queue, record).job.id)  # its open mark is gone
    store = getattr(queue.buckets, bucket)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "delete", interrupted)
        queue.delete(record.job.id)
    assert left(queue, record) and status(queue, record.job.id) is Status.DELETED
    sweep(queue, lambda job_id: None)
    assert left(queue, record) == set()
    assert list(queue.buckets.emails.list("open/")) == []


@pytest.mark.parametrize("writes", [0, 1])
def test_a_deletion_that_breaks_off_before_its_record_is_not_begun(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    record = filled(queue)
    queue.close(done(queue, record).job.id)
    calls = [queue.buckets.emails.put] * writes + [interrupted]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(queue.buckets.emails, "put", lambda *given, **more: calls.pop(0)(*given, **more))
        queue.delete(record.job.id)
    assert status(queue, record.job.id) is Status.DONE
    assert left(queue, record) == {FILE, *MANIFESTS}


def interrupted(*args: object, **kwargs: object) -> bool:
    raise KeyboardInterrupt
