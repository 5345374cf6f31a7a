"""The mails of a record: claim one, send it, mark it. At least once, always with the same Message-ID.

The outcome's write promises the mails (`pending`). Whoever delivers takes one over by
compare-and-swap (`sending`), sends it and marks it `sent`. A sender that dies between the provider's
yes and the mark is the one ambiguous window: after `STALE` another sends the same mail again.
An address that refuses mail gets none of any kind; its result stands on the status page.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jobs.errors import Transient
from jobs.job import Job, MailState, PendingMail, Status
from jobs.letters import Letterhead, compose
from jobs.mail import Mail, Mailer, Undeliverable
from jobs.queue import Queue
from jobs.refusals import is_refused
from jobs.retries import MAIL

STALE = timedelta(minutes=10)  # a sender that has not marked its mail by then is dead
GIVE_UP = timedelta(hours=24)

log = logging.getLogger(__name__)


class Postman:
    """Sends what records promise."""

    def __init__(self, queue: Queue, mailer: Mailer, head: Letterhead, owner: str) -> None:
        self._queue = queue
        self._mailer = mailer
        self._head = head
        self._owner = owner

    def deliver(self, job_id: str) -> None:
        """Send every mail of the job that is due; forget the address once all are settled. Raises Transient."""
        record = self._queue.read(job_id)
        if record is None:
            return
        for kind in record.job.mails:
            self._deliver_one(job_id, kind)
        record = self._queue.read(job_id)
        if record is not None and record.job.settled:
            self._queue.close(job_id)

    def _deliver_one(self, job_id: str, kind: str) -> None:
        job = self._take(job_id, kind)
        if job is None:
            return
        try:
            mail = self._written(job, kind)
            if mail is not None:
                self._mailer.send(mail)
        except Transient as error:
            log.warning("job %s: the %s mail waits: %s", job.short_id, kind, error)
            self._postpone(job_id, kind, job)
        except Undeliverable as error:
            log.error("job %s: the %s mail cannot be delivered: %s", job.short_id, kind, error)
            self._mark(job_id, kind, MailState.UNDELIVERABLE)
        else:
            state = MailState.SENT if mail is not None else MailState.REFUSED
            log.info("job %s: the %s mail is %s", job.short_id, kind, state)
            self._mark(job_id, kind, state)

    def _written(self, job: Job, kind: str) -> Mail | None:
        """The mail; None for an address that refuses mail. Raises Transient, Undeliverable."""
        if self._recipient(job, kind) is None:
            raise Undeliverable("there is no address")
        if kind != "operator" and is_refused(self._queue.buckets.emails, job.email_hmac):
            return None
        report = self._report(job)
        return compose(job, kind, self._head, report, self._pictures(job, report))

    def _recipient(self, job: Job, kind: str) -> str | None:
        return (self._head.operator or None) if kind == "operator" else job.email

    def _take(self, job_id: str, kind: str) -> Job | None:
        """`pending` -> `sending`; None when it is not due or another has it."""
        now = self._queue.clock.now()
        taken = False

        def change(job: Job) -> Job:
            nonlocal taken
            mail = job.mails.get(kind)
            taken = mail is not None and self._due(mail)
            if mail is None or not taken:
                return job
            mine = replace(mail, state=MailState.SENDING, owner=self._owner, since=now, tries=mail.tries + 1)
            return replace(job, mails={**job.mails, kind: mine})

        job = self._queue.update(job_id, change).job
        return job if taken else None

    def _due(self, mail: PendingMail) -> bool:
        now = self._queue.clock.now()
        if mail.state is MailState.SENDING:
            return mail.since is None or now - mail.since > STALE
        return mail.state is MailState.PENDING and (mail.retry_at is None or mail.retry_at <= now)

    def _mark(self, job_id: str, kind: str, state: MailState) -> None:
        def change(job: Job) -> Job:
            if job.status is Status.DELETED:
                return job
            mails = {**job.mails, kind: replace(job.mails[kind], state=state)}
            changed = replace(job, mails=mails)
            # The address is needed no longer; its hmac stays, for the limits.
            return replace(changed, email=None) if changed.settled else changed

        self._queue.update(job_id, change)

    def _postpone(self, job_id: str, kind: str, job: Job) -> None:
        now = self._queue.clock.now()
        if job.finished_at is not None and now - job.finished_at > GIVE_UP:
            self._mark(job_id, kind, MailState.UNDELIVERABLE)
            return

        def change(job: Job) -> Job:
            if kind not in job.mails:
                return job
            mail = job.mails[kind]
            later = replace(mail, state=MailState.PENDING, retry_at=now + timedelta(seconds=MAIL.wait(mail.tries)))
            return replace(job, mails={**job.mails, kind: later})

        self._queue.update(job_id, change)

    def _report(self, job: Job) -> Mapping[str, Any] | None:
        data = self._file(job, "report.json")
        return None if data is None else json.loads(data)

    def _pictures(self, job: Job, report: Mapping[str, Any] | None) -> dict[str, bytes]:
        names = report["mail_pictures"] if report is not None else []
        found = {name: self._file(job, name) for name in names}
        return {name: data for name, data in found.items() if data is not None}

    def _file(self, job: Job, name: str) -> bytes | None:
        entry = job.files.get(name)
        blob = self._queue.buckets.models.get(entry["object"]) if entry else None
        return blob.data if blob else None
