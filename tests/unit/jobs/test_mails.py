"""The postman under faults: what is sent twice, what waits, and what is given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from jobs.clock import FakeClock
from jobs.errors import ModelmailError, Transient, UserError
from jobs.job import FileEntry, Job, MailState, PendingMail
from jobs.mail.letters import Letterhead
from jobs.mail.message import ListMailer, Mail, Misconfigured, Undeliverable
from jobs.mail.postman import Postman
from jobs.options import Options
from jobs.queue import Queue, Release, Waiting
from jobs.sweep import sweep
from tests.unit.jobs.queues import FlakyStore, claimed, submit, upload

PREEMPTED = Release("preemptions", "worker_lost", "the machine was taken back")
HEAD = Letterhead("modelmail@example.org", "operator@example.org", "http://here", "secret")


class EventfulMailer(ListMailer):
    """Something happens to the world before or after each mail."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Callable[[], object]] = []
        self.after: list[Callable[[], object]] = []

    def send(self, mail: Mail) -> None:
        for event in self.before:
            event()
        super().send(mail)
        for event in self.after:
            event()


@pytest.fixture
def mailer() -> EventfulMailer:
    return EventfulMailer()


def postman(queue: Queue, mailer: ListMailer, owner: str = "w1") -> Postman:
    return Postman(queue, mailer, HEAD, owner)


def rejected(queue: Queue) -> str:
    return queue.reject(claimed(queue), UserError("one_class", "Only cats.")).job.id


def with_mail(job: Job, mail: PendingMail) -> Job:
    return replace(job, mails={"rejected": mail})


def state(queue: Queue, job_id: str, kind: str = "rejected") -> MailState:
    record = queue.read(job_id)
    assert record is not None
    return record.job.mails[kind].state


def unwritable(queue: Queue) -> str:
    """A job that is done but whose report is gone: its mail cannot be composed."""
    return queue.finish(claimed(queue), {}).job.id


def test_a_mail_that_cannot_be_written_is_tried_three_times_and_then_given_up(
    queue: Queue, mailer: EventfulMailer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = unwritable(queue)
    postman(queue, mailer).deliver(job_id)
    assert state(queue, job_id, "report") is MailState.PENDING  # its claim is over at once, not after ten minutes
    for _ in range(20):
        clock.advance(3600)
        postman(queue, mailer).deliver(job_id)
    assert state(queue, job_id, "report") is MailState.UNDELIVERABLE
    assert mailer.sent == []
    assert len([r for r in caplog.records if r.message.endswith("the report mail could not be written")]) == 3
    assert any("hears nothing by mail" in record.message for record in caplog.records)


def test_a_mark_waits_through_an_outage_so_that_the_mail_goes_once(
    queue: Queue, mailer: EventfulMailer, emails: FlakyStore, clock: FakeClock
) -> None:
    job_id = rejected(queue)

    def outage() -> None:
        emails.faults, emails.unreadable = ["refuse"] * 5, 3

    mailer.after.append(outage)
    postman(queue, mailer).deliver(job_id)
    assert state(queue, job_id) is MailState.SENT
    clock.advance(3600)
    postman(queue, mailer, "w2").deliver(job_id)
    assert len(mailer.sent) == 1


def test_storage_that_fails_before_the_mail_is_written_costs_no_ten_minutes(
    queue: Queue, mailer: EventfulMailer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = queue.finish(claimed(queue), {"report.json": FileEntry("gone")}).job.id

    def down(*args: object) -> None:
        raise Transient("503")

    monkeypatch.setattr(queue.buckets.models, "get", down)
    postman(queue, mailer).deliver(job_id)
    assert state(queue, job_id, "report") is MailState.PENDING


def test_a_sender_that_was_held_up_leaves_the_mail_to_whoever_may_have_taken_it(
    queue: Queue, mailer: EventfulMailer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = rejected(queue)
    first = postman(queue, mailer)
    written = first._written

    def stopped(job: Job, kind: str) -> Mail | None:
        clock.advance(700)  # the process stands still
        postman(queue, mailer, "w2").deliver(job_id)
        return written(job, kind)

    monkeypatch.setattr(first, "_written", stopped)
    first.deliver(job_id)
    assert len(mailer.sent) == 1
    assert state(queue, job_id) is MailState.SENT


@pytest.mark.parametrize("error", [Transient("time out"), Undeliverable("550")])
def test_a_late_failure_does_not_take_back_what_another_has_sent(
    queue: Queue, mailer: EventfulMailer, clock: FakeClock, error: ModelmailError
) -> None:
    job_id = rejected(queue)

    def fails_late() -> None:
        mailer.before.clear()
        clock.advance(700)
        postman(queue, mailer, "w2").deliver(job_id)
        raise error

    mailer.before.append(fails_late)
    postman(queue, mailer).deliver(job_id)
    assert state(queue, job_id) is MailState.SENT
    clock.advance(7200)
    postman(queue, mailer).deliver(job_id)
    assert len(mailer.sent) == 1


def test_of_two_senders_that_take_a_mail_at_once_one_sends(
    queue: Queue, mailer: EventfulMailer, emails: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = rejected(queue)
    put, second = emails.put, postman(queue, mailer, "w2")

    def beaten(*given: Any, **more: Any) -> int:
        monkeypatch.setattr(emails, "put", put)
        assert second._take(job_id, "rejected")  # between the first one's read and write; it sends a little later
        return put(*given, **more)

    monkeypatch.setattr(emails, "put", beaten)
    postman(queue, mailer).deliver(job_id)
    assert mailer.sent == []


def test_what_another_has_settled_stays(queue: Queue, mailer: EventfulMailer) -> None:
    job_id = rejected(queue)
    refused = PendingMail(MailState.REFUSED)
    mailer.after.append(lambda: queue.update(job_id, partial(with_mail, mail=refused)))
    postman(queue, mailer).deliver(job_id)
    assert state(queue, job_id) is MailState.REFUSED


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(hours=-3)])
def test_a_clock_that_was_wrong_holds_no_mail_back(
    queue: Queue, mailer: EventfulMailer, clock: FakeClock, jump: timedelta
) -> None:
    wrong = clock.now() - jump
    waiting = PendingMail(MailState.PENDING, retry_at=wrong)
    taken = PendingMail(MailState.SENDING, owner="dead", since=wrong)
    for mail in (waiting, taken):
        job_id = rejected(queue)
        queue.update(job_id, partial(with_mail, mail=mail))
        postman(queue, mailer).deliver(job_id)
    assert len(mailer.sent) == 2


def test_a_job_that_is_deleted_while_its_mail_goes_out_stays_deleted(queue: Queue, mailer: EventfulMailer) -> None:
    job_id = rejected(queue)
    mailer.after.append(lambda: queue.delete(job_id))
    postman(queue, mailer).deliver(job_id)
    record = queue.read(job_id)
    assert record is not None and dict(record.job.mails) == {}


def test_an_address_that_may_be_read_as_another_is_not_mailed(queue: Queue, mailer: EventfulMailer) -> None:
    job_id = rejected(queue)
    address = "=?utf-8?q?=76ictim?=@example.org"  # in a record of a version that accepted it
    queue.update(job_id, lambda job: replace(job, email=address))
    postman(queue, mailer).deliver(job_id)
    assert (mailer.sent, state(queue, job_id)) == ([], MailState.UNDELIVERABLE)


def test_a_mail_waits_for_the_operator_as_long_as_its_job_is_kept(
    queue: Queue, mailer: EventfulMailer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def misconfigured() -> None:
        raise Misconfigured("the provider does not accept the key")

    mailer.before = [misconfigured]
    job_id = rejected(queue)
    for _ in range(5):  # days, of which another outage is given one
        postman(queue, mailer).deliver(job_id)
        assert state(queue, job_id) is MailState.PENDING
        clock.advance(86400)
    record = queue.read(job_id)
    assert record is not None and record.job.email
    told = [line for line in caplog.records if line.levelname == "ERROR"]
    assert len(told) == 5 and "waits for the operator" in told[0].getMessage()
    mailer.before = []  # the key is mended
    postman(queue, mailer).deliver(job_id)
    record = queue.read(job_id)
    assert (state(queue, job_id), record and record.job.email) == (MailState.SENT, None)


def starting(queue: Queue) -> Waiting:
    """An uploaded job whose user asked for a mail at its start."""
    return upload(queue, submit(queue, options=Options(start_mail=True)))


def test_the_start_is_told_once_however_often_the_job_is_claimed(queue: Queue, mailer: EventfulMailer) -> None:
    first = queue.claim(starting(queue), "w1")
    assert first is not None
    postman(queue, mailer).deliver(first.job.id)
    queue.let_go(first, PREEMPTED)
    second = queue.claim(next(queue.waiting()), "w2")
    assert second is not None
    postman(queue, mailer, "w2").deliver(first.job.id)
    queue.reject(second, UserError("one_class", "Only cats."))
    postman(queue, mailer, "w2").deliver(first.job.id)
    assert [mail.kind for mail in mailer.sent] == ["started", "rejected"]
    assert "takes 60 minutes at most" in mailer.sent[0].text and mailer.sent[0].to == "ada@example.org"


def test_a_start_that_could_not_be_told_is_told_by_a_sweep_and_not_after_the_end(
    queue: Queue, mailer: EventfulMailer, clock: FakeClock
) -> None:
    def busy() -> None:
        raise Transient("the mail server is busy")

    records = [queue.claim(starting(queue), "w1") for _ in range(2)]
    mailer.before.append(busy)
    for record in records:
        assert record is not None
        postman(queue, mailer).deliver(record.job.id)
    assert records[1] is not None
    queue.reject(records[1], UserError("one_class", "Only cats."))
    mailer.before.clear()
    clock.advance(3600)
    sweep(queue, postman(queue, mailer).try_to_deliver)
    sweep(queue, postman(queue, mailer).try_to_deliver)
    assert sorted(mail.kind for mail in mailer.sent) == ["rejected", "started"]


def test_without_the_wish_nothing_is_told_of_the_start(queue: Queue) -> None:
    assert claimed(queue).job.mails == {}


def test_an_installation_without_an_operator_mails_its_users(queue: Queue, mailer: EventfulMailer) -> None:
    job_id = rejected(queue)
    Postman(queue, mailer, replace(HEAD, operator=""), "w1").deliver(job_id)
    assert state(queue, job_id) is MailState.SENT
    assert [mail.to for mail in mailer.sent] == ["ada@example.org"]
