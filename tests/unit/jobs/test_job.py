"""The job itself: ids, the transition table, the record's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from jobs import job as jobs
from jobs.errors import Bug
from jobs.job import FileEntry, HistoryLine, Job, JobError, Lease, MailState, PendingMail, Progress, Status
from jobs.json_values import JsonObject
from jobs.options import Options
from jobs.queue import BROKEN
from jobs.shown import CandidateShown, PointShown

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def make(status: Status = Status.AWAITING_UPLOAD) -> Job:
    return Job(jobs.new_id(), "ada@example.org", "h" * 64, NOW, status=status)


def test_an_id_is_22_url_safe_characters_and_never_the_same() -> None:
    ids = {jobs.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(jobs.valid_id(one) for one in ids)


@pytest.mark.parametrize("text", ["", "a" * 21, "a" * 23, "../" + "a" * 19, "a" * 21 + "\n", "a" * 21 + "é"])
def test_what_is_no_id_is_refused_before_any_read(text: str) -> None:
    assert not jobs.valid_id(text)


def test_a_full_record_survives_json() -> None:
    job = replace(
        make(Status.RUNNING),
        options=Options(minutes=5, candidates=("vgg16",), mirror=False, trials=3),
        lease=Lease("worker-1", 4),
        progress=Progress("select", 0.25, "Trying", 60.0, 30.5, (CandidateShown("vgg16"),), (PointShown(epoch=1),)),
        uploaded_at=NOW,
        retry_at=NOW,
        error=JobError("one_class", "m"),
        files={"model.h5": FileEntry("x", 3, "t")},
        mails={"report": PendingMail(MailState.SENDING, "w", NOW, 2, NOW)},
        history=(HistoryLine("2026", "claimed"),),
        write_id="abc",
    )
    assert jobs.from_bytes(jobs.to_bytes(job)) == job


def test_a_newer_programs_record_can_be_read() -> None:
    job = make()
    data = jobs.to_bytes(job).replace(b'"write_id"', b'"colour": "blue",\n "write_id"')
    assert jobs.from_bytes(data) == job


def test_a_record_of_the_version_before_can_be_read_and_written() -> None:
    """It has no scores and no task; what it has keeps its keys, so that the version before reads it again."""
    data = json.loads((Path(__file__).parent / "record_before.json").read_text())
    job = jobs.from_bytes(json.dumps(data).encode())
    (candidate, absent), (point,) = job.progress.candidates, job.progress.curve
    assert (candidate.validation_accuracy, candidate.validation_score, candidate.metric) == (0.975, 0.975, "accuracy")
    assert (absent.state, absent.validation_score) == ("no_weights", None)
    assert (point.epoch, point.validation_score, point.metric) == (3, 0.95, "accuracy")
    assert (job.error, job.files["model.h5"].bytes, job.options.task) == (JobError("internal", "It broke."), 7, "")
    written = json.loads(jobs.to_bytes(job))
    scores = {"validation_score", "metric"}
    for before, after in zip(data["progress"]["candidates"], written["progress"]["candidates"], strict=True):
        assert {key: after[key] for key in after if key not in scores} == before
    for before, after in zip(data["progress"]["curve"], written["progress"]["curve"], strict=True):
        assert {key: after[key] for key in after if key not in scores} == before
    assert written["options"] == data["options"]
    same = set(data) - {"progress", "options"}
    assert {key: written[key] for key in same} == {key: data[key] for key in same}


@pytest.mark.parametrize(
    "broken", [{"progress": 3}, {"progress": {"candidates": [1]}}, {"files": {"a": 1}}, {"lease": 1}]
)
def test_what_is_no_record_is_an_error_that_the_queue_knows(broken: dict[str, object]) -> None:
    data = json.loads(jobs.to_bytes(make())) | broken
    with pytest.raises(BROKEN):
        jobs.from_bytes(json.dumps(data).encode())


ALLOWED = [
    (Status.AWAITING_UPLOAD, Status.RUNNING),  # claimed
    (Status.AWAITING_UPLOAD, Status.EXPIRED),  # no upload in a day
    (Status.RUNNING, Status.RUNNING),  # takeover
    (Status.RUNNING, Status.AWAITING_WORKER),  # preempted, crashed
    (Status.RUNNING, Status.DONE),
    (Status.RUNNING, Status.REJECTED),
    (Status.RUNNING, Status.FAILED),
    (Status.DONE, Status.DELETED),
    (Status.RUNNING, Status.DELETED),  # DELETE while it runs
]


@pytest.mark.parametrize(("before", "after"), ALLOWED)
def test_a_move_of_the_table_writes_history(before: Status, after: Status) -> None:
    moved = jobs.moved(make(before), after, NOW, "why")
    assert moved.status is after
    assert moved.history[-1] == HistoryLine("2026-03-01T12:30:00Z", "why")


FORBIDDEN = [
    (Status.AWAITING_UPLOAD, Status.DONE),  # nothing ends before it ran
    (Status.EXPIRED, Status.RUNNING),
    *[(Status.DELETED, after) for after in Status],  # a tombstone stays
    *[(end, Status.RUNNING) for end in (Status.DONE, Status.REJECTED, Status.FAILED)],  # an outcome stays
]


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_any_other_move_is_a_bug(before: Status, after: Status) -> None:
    with pytest.raises(Bug):
        jobs.moved(make(before), after, NOW, "why")


def test_history_is_bounded() -> None:
    job = make(Status.RUNNING)
    for number in range(200):
        job = jobs.moved(job, Status.RUNNING, NOW, str(number))
    assert [line.event for line in job.history] == [str(number) for number in range(150, 200)]


def test_a_new_job_has_no_past() -> None:
    job = make()
    assert (job.takeovers, job.preemptions, job.crashes, job.lease, job.history, job.mails) == (0, 0, 0, None, (), {})
    assert (job.progress, job.progress.fraction, PendingMail().tries) == (Progress("intake"), 0.0, 0)
    assert job.moved_at == NOW


def test_a_job_has_moved_when_its_history_says_so() -> None:
    later = NOW + timedelta(hours=1)
    job = jobs.moved(jobs.moved(make(), Status.RUNNING, NOW, "claimed"), Status.RUNNING, later, "taken over")
    assert job.moved_at == later


def test_a_record_can_be_read_by_people() -> None:
    job = replace(make(), error=JobError("one_class", "玻璃"))
    lines = jobs.to_bytes(job).decode().splitlines()
    assert ' "status": "awaiting_upload",' in lines
    assert '  "message": "玻璃",' in lines


def test_only_the_first_characters_of_an_id_are_for_logs() -> None:
    job = make()
    assert job.short_id == job.id[:8]


def test_types_of_json_values_can_be_read_at_run_time() -> None:
    @dataclass
    class Held:
        value: JsonObject

    assert get_type_hints(Held, localns={"JsonObject": JsonObject}) == {"value": Mapping[str, Any]}


def test_settled_means_terminal_and_every_mail_settled() -> None:
    done = make(Status.DONE)
    assert done.settled
    assert not replace(done, mails={"report": PendingMail()}).settled
    assert replace(done, mails={"report": PendingMail(MailState.UNDELIVERABLE)}).settled
    assert not make(Status.RUNNING).settled
