"""The delivery of the mails that records promise: at least once, always with the same Message-ID.

The write of the outcome promises the mails (`pending`). A sender claims a mail by compare-and-swap (`sending`), sends
it and marks it `sent`. When a sender dies after the provider's answer and before the mark, nobody knows whether the
mail was sent: after `mail_stale_seconds` another sender sends the same mail again. An address that refuses mail gets
none of any kind; the status page shows its result.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jobs.errors import Transient
from jobs.job import Job, MailState, PendingMail
from jobs.mail.addresses import is_plain
from jobs.mail.letters import Letterhead, compose
from jobs.mail.message import Mail, Mailer, Misconfigured, Undeliverable
from jobs.mail.refusals import is_refused
from jobs.queue import Queue
from jobs.retries import MAIL

GIVE_UP = timedelta(hours=24)
WRITE_TRIES = 3  # tries of a mail that cannot be composed: more would not help, and each writes an error to the log
LONGEST_WAIT = MAIL.most * (1 + MAIL.jitter)  # the longest wait in seconds before another try

log = logging.getLogger(__name__)


class Postman:
    """A sender of the mails that records promise."""

    def __init__(self, queue: Queue, mailer: Mailer, head: Letterhead, owner: str) -> None:
        self._queue = queue
        self._mailer = mailer
        self._head = head
        self._owner = owner
        self._stale = timedelta(seconds=queue.limits.mail_stale_seconds)

    def deliver(self, job_id: str) -> None:
        """Send every mail of the job that is due, then delete what the job no longer needs. Raises Transient."""
        record = self._queue.read(job_id)
        if record is None:
            return
        for kind in record.job.mails:
            self._deliver_one(job_id, kind)
        record = self._queue.read(job_id)
        if record is not None and record.job.settled:
            self._queue.close(job_id)
        elif record is not None and record.job.status.terminal:
            self._queue.tidy(record.job)

    def try_to_deliver(self, job_id: str) -> None:
        """Deliver like `deliver`, but raise no error: a mail that fails must not stop the caller.

        A later sweep tries it again.
        """
        try:
            self.deliver(job_id)
        except Transient as error:
            log.warning("job %s: its mail waits: %s", job_id[:8], error)
        except Exception:
            log.exception("job %s: its mail could not be written", job_id[:8])

    def _deliver_one(self, job_id: str, kind: str) -> None:
        began = self._queue.clock.monotonic()
        job = self._take(job_id, kind)
        if job is None:
            return
        try:
            mail = self._written(job, kind)
            if self._late(began):
                raise Transient("its sender was held up for so long that another may have taken it over")
            if mail is not None:
                self._mailer.send(mail)
        except Transient as error:
            self._kept(job, kind, error)
        except Undeliverable as error:
            log.error("job %s: the %s mail cannot be delivered: %s", job.short_id, kind, error)
            self._give_up(job, kind)
        except Exception:
            self._unwritten(job, kind)
        else:
            state = MailState.SENT if mail is not None else MailState.REFUSED
            log.info("job %s: the %s mail is %s", job.short_id, kind, state)
            self._mark(job, kind, state)

    def _kept(self, job: Job, kind: str, error: Transient) -> None:
        """Keep a mail for another try: for a day, or where the operator must act, for as long as the job is kept."""
        if isinstance(error, Misconfigured):
            log.error("job %s: the %s mail waits for the operator: %s", job.short_id, kind, error)
            self._wait(job, kind)
        else:
            log.warning("job %s: the %s mail waits: %s", job.short_id, kind, error)
            self._postpone(job, kind)

    def _late(self, began: float) -> bool:
        return self._queue.clock.monotonic() - began > self._stale.total_seconds() / 2

    def _unwritten(self, job: Job, kind: str) -> None:
        """Postpone a mail that could not be composed, a few times, as a template may be repaired; then give it up."""
        log.exception("job %s: the %s mail could not be written", job.short_id, kind)
        if job.mails[kind].tries < WRITE_TRIES:
            self._postpone(job, kind)
            return
        log.error("job %s: the %s mail is given up; its user hears nothing by mail", job.short_id, kind)
        self._give_up(job, kind)

    def _written(self, job: Job, kind: str) -> Mail | None:
        """Return the composed mail, or None for an address that refuses mail. Raises Transient, Undeliverable."""
        if self._recipient(job, kind) is None:
            raise Undeliverable("there is no address")
        if kind != "operator" and not is_plain(job.email or ""):
            raise Undeliverable("its address may be read as another")  # from a version that accepted such addresses
        if kind != "operator" and is_refused(self._queue.buckets.emails, job.email_hmac):
            return None
        report = self._report(job)
        return compose(job, kind, self._head, report, self._pictures(job, report))

    def _recipient(self, job: Job, kind: str) -> str | None:
        return (self._head.operator or None) if kind == "operator" else job.email

    def _take(self, job_id: str, kind: str) -> Job | None:
        """Claim the mail, from `pending` to `sending`; return None when it is not due or another sender has it."""
        taken = False

        def change(job: Job) -> Job:
            nonlocal taken
            mail = job.mails.get(kind)
            taken = mail is not None and self._due(mail)
            if mail is None or not taken:
                return job
            now = self._queue.clock.now()  # of this try: a storage that did not answer must not make the claim old
            mine = replace(mail, state=MailState.SENDING, owner=self._owner, since=now, tries=mail.tries + 1)
            return replace(job, mails={**job.mails, kind: mine})

        job = self._queue.update(job_id, change).job
        return job if taken else None

    def _due(self, mail: PendingMail) -> bool:
        """Return whether the mail may be tried now. Times too far ahead come from a wrong clock and do not count."""
        now = self._queue.clock.now()
        if mail.state is MailState.SENDING:
            return mail.since is None or abs(now - mail.since) > self._stale
        if mail.state is not MailState.PENDING:
            return False
        wait = 0.0 if mail.retry_at is None else (mail.retry_at - now).total_seconds()
        return wait <= 0 or wait > LONGEST_WAIT

    def _mark(self, job: Job, kind: str, state: MailState) -> None:
        """Settle a mail that was sent or refused, even when another sender has claimed it meanwhile."""
        self._change(job, kind, lambda mail: mail if mail.state.settled else replace(mail, state=state))

    def _give_up(self, job: Job, kind: str) -> None:
        self._change_mine(job, kind, lambda mail: replace(mail, state=MailState.UNDELIVERABLE))

    def _postpone(self, job: Job, kind: str) -> None:
        now = self._queue.clock.now()
        if job.finished_at is not None and now - job.finished_at > GIVE_UP:
            log.error("job %s: the %s mail is given up after a day", job.short_id, kind)
            self._give_up(job, kind)
        else:
            self._wait(job, kind)

    def _wait(self, job: Job, kind: str) -> None:
        retry_at = self._queue.clock.now() + timedelta(seconds=MAIL.wait(job.mails[kind].tries))
        self._change_mine(job, kind, lambda mail: replace(mail, state=MailState.PENDING, retry_at=retry_at))

    def _change_mine(self, taken: Job, kind: str, change: Callable[[PendingMail], PendingMail]) -> None:
        """Change a mail unless another sender has claimed it since: that sender may have sent it."""
        self._change(taken, kind, lambda mail: change(mail) if mail == taken.mails[kind] else mail)

    def _change(self, taken: Job, kind: str, change: Callable[[PendingMail], PendingMail]) -> None:
        def changed(job: Job) -> Job:
            if kind not in job.mails or change(job.mails[kind]) == job.mails[kind]:
                return job  # deleted, or settled by another sender
            after = replace(job, mails={**job.mails, kind: change(job.mails[kind])})
            # The address is not needed any more; its hmac is kept for the limits.
            return replace(after, email=None) if after.settled else after

        self._queue.update(taken.id, changed, patient=True)

    def _report(self, job: Job) -> Mapping[str, Any] | None:
        data = self._file(job, "report.json")
        return None if data is None else json.loads(data)

    def _pictures(self, job: Job, report: Mapping[str, Any] | None) -> dict[str, bytes]:
        names = report["mail_pictures"] if report is not None else []
        found = {name: self._file(job, name) for name in names}
        return {name: data for name, data in found.items() if data is not None}

    def _file(self, job: Job, name: str) -> bytes | None:
        entry = job.files.get(name)
        blob = self._queue.buckets.models.get(entry.object) if entry else None
        return blob.data if blob else None
