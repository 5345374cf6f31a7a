"""When a mail is due, how long it is tried, and what is left of a job whose mail waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from jobs.clock import FakeClock
from jobs.errors import Transient
from jobs.job import Job, MailState, PendingMail
from jobs.mail.message import ListMailer, Mail
from jobs.mail.postman import Postman
from jobs.options import Options
from jobs.queue import Queue
from tests.unit.jobs.queues import FlakyStore, claimed, submit, upload
from tests.unit.jobs.test_mails import HEAD, EventfulMailer, postman, rejected, state, with_mail


class Down(ListMailer):
    """A mailer whose provider never answers."""

    def send(self, mail: Mail) -> None:
        raise Transient("503")


def delivers(queue: Queue, mail: PendingMail) -> bool:
    """Whether a mail of that state is sent now."""
    job_id, mailer = rejected(queue), ListMailer()
    queue.update(job_id, partial(with_mail, mail=mail))
    postman(queue, mailer).deliver(job_id)
    return bool(mailer.sent)


# An hour and a fifth is the longest wait: a time further ahead comes from a wrong clock.
@pytest.mark.parametrize(
    ("ahead", "due"), [(-1.0, True), (0.0, True), (0.5, False), (60.0, False), (4319.0, False), (4321.0, True)]
)
def test_a_mail_is_due_when_its_wait_is_over(queue: Queue, ahead: float, due: bool) -> None:
    retry_at = queue.clock.now() + timedelta(seconds=ahead)
    assert delivers(queue, PendingMail(retry_at=retry_at)) is due


@pytest.mark.parametrize(("ago", "due"), [(0.0, False), (600.0, False), (601.0, True), (-600.0, False), (-601.0, True)])
def test_a_mail_that_another_sends_is_due_after_ten_minutes(queue: Queue, ago: float, due: bool) -> None:
    since = queue.clock.now() - timedelta(seconds=ago)
    assert delivers(queue, PendingMail(MailState.SENDING, "w2", since)) is due


def test_a_mail_that_another_sends_since_nobody_knows_when_is_due(queue: Queue) -> None:
    assert delivers(queue, PendingMail(MailState.SENDING, "w2"))


def test_waits_grow_with_each_try(queue: Queue, clock: FakeClock) -> None:
    job_id = rejected(queue)
    for tries, wait in ((1, 30), (2, 60), (3, 120)):
        postman(queue, Down()).deliver(job_id)
        record = queue.read(job_id)
        assert record is not None
        mail = record.job.mails["rejected"]
        assert (mail.state, mail.tries) == (MailState.PENDING, tries) and mail.retry_at is not None
        assert 0.8 * wait <= (mail.retry_at - clock.now()).total_seconds() <= 1.2 * wait
        clock.advance(1.2 * wait)


def test_a_mail_is_tried_for_a_day_after_the_jobs_end(queue: Queue, clock: FakeClock) -> None:
    job_id = rejected(queue)
    clock.advance(24 * 3600)
    postman(queue, Down()).deliver(job_id)
    assert state(queue, job_id) is MailState.PENDING
    clock.advance(60)
    postman(queue, Down()).deliver(job_id)
    assert state(queue, job_id) is MailState.UNDELIVERABLE


@pytest.mark.parametrize(("seconds", "sent"), [(300.0, 1), (301.0, 0)])
def test_a_sender_that_was_held_up_for_half_of_its_time_sends_nothing(
    queue: Queue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seconds: float, sent: int
) -> None:
    job_id, mailer = rejected(queue), EventfulMailer()
    sender = postman(queue, mailer)
    written = sender._written

    def slow(job: Job, kind: str) -> Mail | None:
        clock.advance(seconds)
        return written(job, kind)

    monkeypatch.setattr(sender, "_written", slow)
    sender.deliver(job_id)
    assert len(mailer.sent) == sent


def test_photos_do_not_wait_for_a_mail_and_a_start_deletes_none(queue: Queue) -> None:
    ended = rejected(queue)
    running = queue.claim(upload(queue, submit(queue, options=Options(start_mail=True))), "w1")
    assert running is not None
    queue.buckets.datasets.put(f"{ended}.zip", b"PK")
    for job_id in (ended, running.job.id):
        postman(queue, Down()).deliver(job_id)
    assert [stat.name for stat in queue.buckets.datasets.list()] == [f"{running.job.id}.zip"]
    assert {stat.name for stat in queue.buckets.emails.list("open/")} == {f"open/{ended}", f"open/{running.job.id}"}


def test_a_job_whose_mails_are_settled_is_closed(queue: Queue) -> None:
    job_id = rejected(queue)
    assert [stat.name for stat in queue.buckets.emails.list("open/")] == [f"open/{job_id}"]
    postman(queue, ListMailer()).deliver(job_id)
    assert list(queue.buckets.emails.list("open/")) == []


def test_nothing_is_delivered_for_nobody(queue: Queue) -> None:
    postman(queue, Down()).deliver("a" * 22)


def test_a_delivery_that_fails_stops_nobody_and_is_told(
    queue: Queue, emails: FlakyStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = rejected(queue)
    sender = postman(queue, ListMailer())
    emails.unreadable = 1
    sender.try_to_deliver(job_id)
    monkeypatch.setattr(sender, "_take", lambda *_: 1 / 0)
    sender.try_to_deliver(job_id)
    told = f"job {job_id[:8]}: its mail"
    assert caplog.messages == [f"{told} waits: 503", f"{told} could not be written"]
    assert state(queue, job_id) is MailState.PENDING


def failed(queue: Queue) -> str:
    return queue.fail(claimed(queue), "internal", "It broke.").job.id


def test_the_operator_is_told_whatever_the_users_address_is(queue: Queue) -> None:
    job_id, mailer = failed(queue), ListMailer()
    queue.update(job_id, lambda job: replace(job, email="=?utf-8?q?=76ictim?=@example.org"))
    postman(queue, mailer).deliver(job_id)
    assert [mail.to for mail in mailer.sent] == [HEAD.operator]


def test_a_mail_to_no_operator_is_given_up_at_once(queue: Queue) -> None:
    job_id, mailer = failed(queue), ListMailer()
    Postman(queue, mailer, replace(HEAD, operator=""), "w1").deliver(job_id)
    assert [mail.to for mail in mailer.sent] == ["ada@example.org"]
    assert state(queue, job_id, "operator") is MailState.UNDELIVERABLE
