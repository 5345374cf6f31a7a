"""What a worker stands: other workers' deaths, wrong clocks, errors of its own, and being asked to stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.errors import Transient
from jobs.job import Status
from jobs.mail.message import Mail
from jobs.queue import Release, Waiting
from jobs.records import Record
from jobs.storage.store import Blob
from tests.unit.worker.house import LEASE, House, Refuser
from vm_worker.events import Answer, Rejected
from vm_worker.spec import Spec


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_mail_that_another_left_pending_does_not_wait_for_a_long_queue(house: House) -> None:
    record = house.claim_elsewhere(house.submit("a" * 64))
    house.queue.fail(record, "internal", "m")
    for n in range(5):
        house.submit(f"{n}" * 64)
    assert house.worker("w").step()
    assert sorted(mail.kind for mail in house.mailer.sent[:2]) == ["failed", "operator"]


def test_a_wait_that_a_wrong_clock_ordered_does_not_count(house: House) -> None:
    job_id = house.submit()
    house.queue.let_go(house.claim_elsewhere(job_id), Release("crashes", "crashed", "it died"))
    far = house.clock.now() + timedelta(days=3)
    house.queue.update(job_id, lambda job: replace(job, retry_at=far))
    assert house.worker("w").step()


def test_nothing_that_a_job_does_ends_the_worker(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.submit()
    worker = house.worker("w")
    errors: list[Exception] = [RuntimeError("ours"), KeyError("ours"), Transient("theirs")]

    def claim(waiting: object, owner: str) -> None:
        if errors:
            raise errors.pop()
        house.stopping = True

    monkeypatch.setattr(house.queue, "claim", claim)
    worker.forever(1.0)
    assert errors == []


def test_a_lost_job_that_has_ended_gets_its_mail_and_what_was_uploaded_for_it_goes(house: House) -> None:
    job_id = house.submit()

    def ends_elsewhere(spec: Spec, home: Path) -> Refuser:
        record = house.queue.read(job_id)
        assert record is not None
        house.queue.fail(record, "internal", "m")
        house.queue.buckets.models.put(f"{job_id}/artifacts/1/late.h5", b"x")
        return Refuser()

    house.launch = ends_elsewhere
    house.worker("w").step()
    assert sorted(mail.kind for mail in house.mailer.sent) == ["failed", "operator"]
    assert list(house.queue.buckets.models.list()) == []


def test_an_owner_that_hears_late_of_its_claim_does_not_begin(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = house.submit()
    claim = house.queue.claim

    def slow(waiting: Waiting, owner: str) -> Record | None:
        record = claim(waiting, owner)
        house.clock.advance(2 * LEASE)  # the process stood still: another may own the job by now
        return record

    monkeypatch.setattr(house.queue, "claim", slow)
    assert house.worker("w").step()
    assert house.launched == []
    assert house.status(job_id) is Status.RUNNING  # its lease dies, and then anyone may take it


def test_a_step_reads_no_more_of_a_long_queue_than_it_needs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(40):
        house.submit(f"{n:064x}")
    worker = house.worker("w")
    worker.step()  # with its first sweep, which looks at every job
    read: list[str] = []
    get = house.queue.buckets.emails.get

    def counted(name: str, known: Blob | None = None) -> Blob | None:
        read.append(name)
        return get(name, known)

    monkeypatch.setattr(house.queue.buckets.emails, "get", counted)
    worker.step()
    assert len(read) < 20


def test_a_worker_that_is_asked_to_stop_sweeps_no_further(house: House) -> None:
    for n in range(5):
        house.queue.fail(house.claim_elsewhere(house.submit(f"{n}" * 64)), "internal", "m")
    worker = house.worker("w")
    send = house.mailer.send

    def stops(mail: Mail) -> None:
        send(mail)
        house.stopping = True

    house.mailer.send = stops  # type: ignore[method-assign]
    worker.forever(1.0)
    assert len(house.mailer.sent) == 2  # to the user and the operator of the job in hand


@pytest.mark.parametrize("error", [KeyError("a template of ours"), Transient("the provider")])
def test_a_mail_that_cannot_be_written_does_not_stop_the_next_job(house: House, error: Exception) -> None:
    def broken(mail: Mail) -> None:
        raise error

    house.mailer.send = broken  # type: ignore[method-assign]
    jobs = [house.submit("a" * 64), house.submit("b" * 64)]
    worker = house.worker("w")
    assert [worker.step(), worker.step()] == [True, True]
    assert [house.status(job) for job in jobs] == [Status.REJECTED] * 2


def test_a_worker_whose_machine_goes_hands_its_job_back_and_ends(house: House) -> None:
    job_id = house.submit()

    class Stopped(Refuser):
        def answer(self, answer: Answer) -> None:
            raise AssertionError("nothing was offered")

        def next_event(self, timeout: float) -> Rejected:
            house.stopping = True
            return super().next_event(timeout)

    house.launch = lambda spec, home: Stopped()
    house.worker("w").forever(1.0)
    assert house.status(job_id) is Status.AWAITING_WORKER


def test_an_idle_worker_leaves_when_it_is_told_so(house: House) -> None:
    idle: list[float] = []

    def leave(seconds: float) -> bool:
        idle.append(seconds)
        return seconds > 3

    house.submit()
    house.worker("w").forever(1.0, leave)
    assert len(house.launched) == 1
    assert idle == sorted(idle) and idle[-1] > 3 >= idle[-2]


def test_the_end_of_an_attempts_log_is_kept_for_the_operator(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def writes(spec: Spec, home: Path) -> Refuser:
        (home / "attempt.log").write_bytes(b"".join(b"line %d \xff\n" % n for n in range(100)))
        return Refuser()

    house.launch = writes
    house.submit()
    with caplog.at_level("INFO"):
        house.worker("w").step()
    kept = [line for line in caplog.messages if "| line" in line]
    assert len(kept) == 30 and "line 99" in kept[-1]


def test_a_record_that_is_gone_after_its_run_needs_no_mail(house: House) -> None:
    job_id = house.submit()

    def vanishes(spec: Spec, home: Path) -> Refuser:
        for stat in list(house.queue.buckets.emails.list()):
            house.queue.buckets.emails.delete(stat.name)
        return Refuser()

    house.launch = vanishes
    assert house.worker("w").step()
    assert house.queue.read(job_id) is None and house.mailer.sent == []
