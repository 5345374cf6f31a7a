"""One worker and one job, with a scripted child in place of the trainer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import LeaseLost, Transient
from jobs.job import JobError, Progress, Stage, Status
from tests.unit.worker.world import LEASE, STAGES, World
from vm_worker.events import Answer, Failed, ProgressEvent, Rejected
from vm_worker.job_run import Preempted


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def progress(fraction: float) -> ProgressEvent:
    return ProgressEvent(Stage.SELECT, fraction, "Trying")


def test_all_stages_and_a_clean_end_are_an_outcome_with_its_files(world: World) -> None:
    world.run(*(world.stage(stage, public=stage is not Stage.SELECT) for stage in STAGES))
    job = world.now()
    assert job.status is Status.DONE
    assert set(job.files) == {f"{stage}.txt" for stage in STAGES if stage is not Stage.SELECT} | {"all.zip"}
    assert set(job.mails) == {"report"}
    assert world.child is not None and world.child.answers == [Answer(go=stage) for stage in STAGES]


def test_an_end_without_a_report_is_a_crash(world: World) -> None:
    world.run(world.stage(Stage.INTAKE))
    assert (world.now().status, world.now().crashes) == (Status.AWAITING_WORKER, 1)


def test_a_child_that_was_killed_is_a_crash_although_all_was_committed(world: World) -> None:
    world.run(*(world.stage(stage) for stage in STAGES), exit_status=-9)
    assert (world.now().status, world.now().crashes) == (Status.AWAITING_WORKER, 1)


def test_a_rejected_dataset_is_an_outcome_with_its_code(world: World) -> None:
    world.run(Rejected("one_class", "Only cats."), exit_status=1)
    job = world.now()
    assert job.error == JobError("one_class", "Only cats.")
    assert (job.status, set(job.mails)) == (Status.REJECTED, {"rejected"})


def test_an_error_of_ours_is_told_to_the_user_and_the_operator_without_its_text(world: World) -> None:
    world.run(Failed("ZeroDivisionError: secret path"), exit_status=1)
    job = world.now()
    assert (job.status, set(job.mails)) == (Status.FAILED, {"failed", "operator"})
    assert "secret" not in str(job.error)


def test_a_committed_stage_is_adopted_and_not_paid_again(world: World) -> None:
    world.run(world.stage(Stage.INTAKE, result={"n": 1}), world.stage(Stage.SELECT, result={"n": 2}))
    world.clock.advance(1000)
    (world.home / "artifacts" / "select.txt").unlink()
    world.run(*(world.stage(stage, text="new") for stage in STAGES[2:]))
    spec = world.specs[1]
    assert {stage: done.result for stage, done in spec.done.items()} == {"intake": {"n": 1}, "select": {"n": 2}}
    assert spec.seconds == world.job.options.minutes * 60 - 4.0
    assert (world.home / "artifacts" / "select.txt").read_text() == "x"
    assert world.now().status is Status.DONE
    assert world.now().files["select.txt"].object.startswith(f"{world.job.id}/artifacts/1/")


def test_a_manifest_that_another_wrote_first_is_adopted(world: World) -> None:
    def other() -> None:
        world.queue.buckets.models.put(f"{world.job.id}/artifacts/9/intake.txt", b"theirs")
        entry = {"object": f"{world.job.id}/artifacts/9/intake.txt", "bytes": 6, "sha256": "", "public": True}
        files = {"intake.txt": entry | {"content_type": "text/plain"}}
        theirs = {"stage": "intake", "token": 9, "seconds": 1.0, "result": {"theirs": True}, "files": files}
        world.queue.buckets.models.put(f"{world.job.id}/stages/intake.json", json.dumps(theirs).encode())

    world.run(other, world.stage(Stage.INTAKE, text="mine"))
    assert world.child is not None and world.child.answers == [Answer(adopt={"theirs": True})]
    assert (world.home / "artifacts" / "intake.txt").read_text() == "theirs"
    assert world.manifest(Stage.INTAKE)["token"] == 9


def test_progress_reaches_the_record(world: World) -> None:
    world.run(progress(0.3), lambda: world.clock.advance(3), lambda: None, progress(0.3))
    assert world.now().progress == Progress("select", 0.3, "Trying")


def test_progress_is_not_written_more_often_than_the_gap(world: World) -> None:
    writes: list[int] = []
    before = world.queue.buckets.emails.put

    def put(*args: Any, **kwargs: Any) -> int:
        writes.append(1)
        return before(*args, **kwargs)

    world.queue.buckets.emails.put = put  # type: ignore[method-assign]
    world.run(*(progress(n / 100) for n in range(100)))  # 0.1 s apart
    assert 4 <= len(writes) <= 8  # claim, one in two seconds, the crash


def test_a_told_stop_kills_the_child_and_hands_the_job_back(world: World) -> None:
    def stop() -> None:
        world.stopping = True

    with pytest.raises(Preempted):
        world.run(stop, progress(0.5))
    assert world.child is not None and world.child.stopped
    assert (world.now().status, world.now().preemptions, world.now().retry_at) == (Status.AWAITING_WORKER, 1, None)


def test_an_owner_that_cannot_renew_stops_itself_before_its_lease_is_dead(world: World) -> None:
    def storage_dies() -> None:
        def put(*args: Any, **kwargs: Any) -> int:
            raise Transient("503")

        world.queue.buckets.emails.put = put  # type: ignore[method-assign]

    began = world.clock.monotonic()
    with pytest.raises(LeaseLost):
        world.run(storage_dies, *([lambda: None] * 2000))
    assert world.child is not None and world.child.stopped
    assert world.clock.monotonic() - began < LEASE


def test_a_deleted_job_stops_its_worker(world: World) -> None:
    with pytest.raises(LeaseLost):
        world.run(lambda: world.queue.delete(world.job.id), lambda: world.clock.advance(20), progress(0.5))
    assert world.child is not None and world.child.stopped
    assert world.now().status is Status.DELETED


def test_an_error_in_the_worker_itself_fails_the_job_and_not_the_worker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> int:
        raise KeyError("ours")

    monkeypatch.setattr(world.queue.buckets.models, "upload", broken)
    world.run(world.stage(Stage.INTAKE))
    assert world.now().status is Status.FAILED


def test_an_attempt_that_hangs_is_a_crash(world: World) -> None:
    limits = world.queue.limits
    minutes = world.job.options.minutes + limits.intake_minutes + limits.attempt_slack_minutes
    world.run(*[lambda: world.queue.clock.sleep(5)] * (minutes * 12 + 12))
    assert (world.now().status, world.now().crashes) == (Status.AWAITING_WORKER, 1)
    assert world.child is not None and world.child.stopped
    assert world.child.lines  # it was stopped before its own end
    assert world.clock.monotonic() > minutes * 60


def test_a_job_whose_deadline_passes_while_it_runs_is_ended_by_its_own_worker(world: World) -> None:
    claimed = world.claim()
    world.clock.advance(24 * 3600 - 100)
    world.claim = lambda owner="w": claimed  # type: ignore[method-assign]
    world.run(*[lambda: world.clock.advance(5)] * 60)
    job = world.now()
    assert job.error is not None
    assert (job.status, job.error.code, set(job.mails)) == (Status.FAILED, "deadline", {"failed", "operator"})


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError(), TimeoutError("a read that hung")]
)
def test_a_machine_without_means_is_a_crash_and_no_fault_of_the_job(
    world: World, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(name: str, path: Path) -> int:
        raise error

    monkeypatch.setattr(world.queue.buckets.datasets, "download", full)
    world.run()
    assert (world.now().status, world.now().crashes) == (Status.AWAITING_WORKER, 1)


def test_an_owner_that_was_stopped_for_long_commits_nothing_more(world: World) -> None:
    offer = world.stage(Stage.INTAKE)

    def wake_late(*args: Any, **kwargs: Any) -> int:
        world.clock.advance(2 * LEASE)  # the process stood still within the upload
        return 1

    world.queue.buckets.models.upload = wake_late  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        world.run(offer)
    assert world.queue.buckets.models.get(f"{world.job.id}/stages/intake.json") is None


def test_a_child_that_was_ended_because_the_lease_is_lost_is_no_crash(world: World) -> None:
    def storage_hangs(*args: Any, **kwargs: Any) -> int:
        world.clock.advance(0.8 * LEASE)
        assert world.child is not None
        world.child.lines.clear()  # the guard ends it
        raise Transient("time out")

    def begin() -> None:
        world.queue.buckets.emails.put = storage_hangs  # type: ignore[method-assign]

    with pytest.raises(LeaseLost):
        world.run(begin, *([lambda: None] * 2000), exit_status=-9)
    assert (world.now().status, world.now().crashes) == (Status.RUNNING, 0)


def test_the_child_is_stopped_although_the_write_that_would_renew_the_lease_hangs(world: World) -> None:
    stopped: list[bool] = []

    def storage_hangs(*args: Any, **kwargs: Any) -> int:
        world.clock.advance(0.8 * LEASE)
        child = world.child
        assert child is not None
        end = time.monotonic() + 5
        while not child.stopped and time.monotonic() < end:
            time.sleep(0.01)
        stopped.append(child.stopped)
        raise Transient("time out")

    def begin() -> None:
        world.queue.buckets.emails.put = storage_hangs  # type: ignore[method-assign]

    with pytest.raises(LeaseLost):
        world.run(begin, *([lambda: None] * 2000))
    assert stopped == [True]
