"""Which job a worker takes, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import job as jobs
from jobs.clock import FakeClock
from jobs.errors import Transient
from jobs.job import Progress, Status
from jobs.letters import Letterhead
from jobs.limits import Limits
from jobs.mail import ListMailer
from jobs.mails import Postman
from jobs.options import Options
from jobs.queue import Buckets, Dismissal, Queue, Waiting
from jobs.records import Record
from jobs.store import Blob, MemoryStore
from vm_worker.spec import Spec
from vm_worker.tenure import Launch, Terms
from vm_worker.worker import Worker

LEASE = 60.0
REJECTION = {"event": "rejected", "code": "one_class", "message": "There is only the class cats.", "file": "cats/"}


@dataclass
class Refuser:
    """A child that finds every dataset wanting."""

    said: bool = False

    def next_event(self, timeout: float) -> Mapping[str, Any] | None:
        return REJECTION

    def answer(self, message: Mapping[str, Any]) -> None:
        raise AssertionError("there is no stage to answer")

    def stop(self) -> int:
        return 0

    def wait(self) -> int:
        return 1


class House:
    """Buckets in memory and workers on them."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.queue = Queue(Buckets(*(MemoryStore(self.clock) for _ in range(3))), self.clock, Limits())
        self.mailer = ListMailer()
        self.folder = folder
        self.launched: list[str] = []
        self.launch: Launch = self._launch
        self.stopping = False

    def _launch(self, spec: Spec, home: Path) -> Refuser:
        self.launched.append(spec.job)
        return Refuser()

    def worker(self, name: str) -> Worker:
        head = Letterhead("modelmail@example.org", "operator@example.org", "http://here", "secret")
        postman = Postman(self.queue, self.mailer, head, name)
        terms = Terms(self.queue, lambda spec, home: self.launch(spec, home), LEASE, stopping=lambda: self.stopping)
        return Worker(terms, postman, name, self.folder / name)

    def submit(self, hmac: str = "a" * 64) -> str:
        job_id = self.queue.submit(jobs.new_id(), "ada@example.org", hmac, Options()).id
        self.clock.advance(1)
        self.queue.buckets.datasets.put(f"{job_id}.zip", b"PK")
        return job_id

    def claim_elsewhere(self, job_id: str) -> Record:
        waiting = next(one for one in self.queue.waiting() if one.record.job.id == job_id)
        record = self.queue.claim(waiting, "elsewhere")
        assert record is not None
        return record

    def status(self, job_id: str) -> Status:
        record = self.queue.read(job_id)
        assert record is not None
        return record.job.status


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_oldest_upload_goes_first_and_each_gets_one_mail(house: House) -> None:
    first, second = house.submit("a" * 64), house.submit("b" * 64)
    worker = house.worker("w")
    assert [worker.step(), worker.step(), worker.step()] == [True, True, False]
    assert house.launched == [first[:8], second[:8]]
    assert [mail.kind for mail in house.mailer.sent] == ["rejected", "rejected"]
    assert list(house.queue.buckets.datasets.list()) == []
    assert list(house.folder.rglob("*.json")) == []  # nothing of the job stays on the disk


def test_the_address_leaves_the_record_with_its_last_mail(house: House) -> None:
    job_id = house.submit()
    house.worker("w").step()
    record = house.queue.read(job_id)
    assert record is not None
    assert (record.job.email, record.job.email_hmac) == (None, "a" * 64)


def test_a_live_job_is_left_alone_and_a_dead_one_taken_over(house: House) -> None:
    job_id = house.submit()
    record = house.claim_elsewhere(job_id)
    worker = house.worker("w")
    for _ in range(8):  # it beats: alive, however long it takes
        assert not worker.step()
        house.clock.advance(LEASE / 4)
        record = house.queue.beat(record, Progress())
    assert not worker.step()
    house.clock.advance(LEASE - 1)
    assert not worker.step()
    house.clock.advance(2)
    assert worker.step()
    assert house.status(job_id) is Status.REJECTED


def test_a_new_worker_waits_a_whole_lease_whatever_the_record_says(house: House) -> None:
    house.claim_elsewhere(house.submit())
    house.clock.advance(10 * LEASE)
    worker = house.worker("late")
    assert not worker.step()
    house.clock.advance(LEASE + 1)
    assert worker.step()


def test_one_address_has_one_running_job(house: House) -> None:
    running, second, other = house.submit("a" * 64), house.submit("a" * 64), house.submit("b" * 64)
    record = house.claim_elsewhere(running)
    worker = house.worker("w")
    assert [worker.step(), worker.step()] == [True, False]
    assert house.launched == [other[:8]]
    house.queue.finish(record, {})
    assert worker.step()
    assert house.launched[-1] == second[:8]


def test_a_crashed_job_waits_for_its_time(house: House) -> None:
    record = house.claim_elsewhere(house.submit())
    house.queue.let_go(record, Dismissal("crashes", "crashed", "it died"))
    worker = house.worker("w")
    assert not worker.step()
    house.clock.advance(60)
    assert worker.step()


def test_an_overdue_job_fails_with_a_mail_and_the_operator_hears_of_it(house: House) -> None:
    job_id = house.submit()
    house.clock.advance(25 * 3600)
    house.worker("w").step()
    assert house.status(job_id) is Status.FAILED
    assert sorted(mail.kind for mail in house.mailer.sent) == ["failed", "operator"]
    assert {mail.to for mail in house.mailer.sent} == {"ada@example.org", "operator@example.org"}


def test_an_idle_worker_sends_what_another_left_pending(house: House) -> None:
    record = house.claim_elsewhere(house.submit())
    house.queue.fail(record, "internal", "m")
    house.worker("w").step()
    assert sorted(mail.kind for mail in house.mailer.sent) == ["failed", "operator"]
    assert list(house.queue.buckets.emails.list("open/")) == []


def test_a_provider_that_is_down_is_tried_again_later(house: House) -> None:
    class Down(ListMailer):
        down = True

        def send(self, mail: Any) -> None:
            if self.down:
                raise Transient("503")
            super().send(mail)

    house.mailer = Down()
    house.submit()
    worker = house.worker("w")
    worker.step()
    assert house.mailer.sent == []
    Down.down = False
    house.clock.advance(61)
    worker.step()
    house.clock.advance(61)
    worker.step()
    assert [mail.kind for mail in house.mailer.sent] == ["rejected"]


def test_a_sender_that_died_is_taken_over_with_the_same_message_id(house: House) -> None:
    class Dies(ListMailer):
        def send(self, mail: Any) -> None:
            super().send(mail)
            if len(self.sent) == 1:
                raise KeyboardInterrupt  # after the provider's yes, before the mark

    house.mailer = Dies()
    house.submit()
    with pytest.raises(KeyboardInterrupt):
        house.worker("w").step()
    other = house.worker("other")
    other.step()
    assert len(house.mailer.sent) == 1  # within ten minutes the first may still be at it
    house.clock.advance(601)
    other.step()
    assert len(house.mailer.sent) == 2
    assert len({mail.message_id for mail in house.mailer.sent}) == 1
    house.clock.advance(601)
    other.step()
    assert len(house.mailer.sent) == 2


def test_mail_that_another_left_pending_does_not_wait_for_a_long_queue(house: House) -> None:
    record = house.claim_elsewhere(house.submit("a" * 64))
    house.queue.fail(record, "internal", "m")
    for n in range(5):
        house.submit(f"{n}" * 64)
    assert house.worker("w").step()
    assert sorted(mail.kind for mail in house.mailer.sent[:2]) == ["failed", "operator"]


def test_a_wait_that_a_wrong_clock_ordered_does_not_count(house: House) -> None:
    job_id = house.submit()
    house.queue.let_go(house.claim_elsewhere(job_id), Dismissal("crashes", "crashed", "it died"))
    far = house.clock.now() + timedelta(days=3)
    house.queue.update(job_id, lambda job: replace(job, retry_at=far))
    assert house.worker("w").step()


def test_nothing_that_a_job_does_ends_the_worker(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.submit()
    worker = house.worker("w")
    errors: list[Exception] = [RuntimeError("ours"), KeyError("ours"), Transient("theirs")]
    monkeypatch.setattr(worker, "_rest", lambda seconds: None)

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
