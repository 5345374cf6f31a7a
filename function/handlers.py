"""The handlers of the routes. Each takes the parts of the service and a request, and returns a response."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import flask
from werkzeug.http import dump_options_header

from function import answers, assets, bases, pages, reports, submissions
from function.addresses import JobAddresses
from function.identity import Identity
from function.machines import Capacity
from function.statuses import gone, status_answer
from function.uploads import offered
from function.wire import SubmissionAnswer, Upload
from jobs import catalogue, quota
from jobs.clock import Clock
from jobs.errors import Transient, UserError
from jobs.job import Job, Status, new_id, valid_id
from jobs.mail.postman import Postman
from jobs.mail.refusals import refuse
from jobs.open_jobs import ahead, oldest_waiting_seconds, open_jobs
from jobs.options import CANDIDATES
from jobs.queue import Queue
from jobs.settings import Settings
from jobs.storage.links import Download, Links
from jobs.tokens import address_hmac, check_delete_token, client_hmac, refusing

_log = logging.getLogger(__name__)

# Longest wait for a worker that is normal; after more, /health writes a warning for the operator's alert.
OVERDUE_SECONDS = 1800.0
# Browsers show these types; other results are saved to a file.
SHOWN_INLINE = ("text/html", "text/plain", "image/png", "image/jpeg")
ALWAYS_SAVED = ("try.html",)  # it runs scripts, which the storage's address must not show


def no_capacity(queue: Queue) -> Capacity | None:
    """Start no machine: other programs start the workers of this installation."""
    return None


@dataclass(frozen=True)
class Parts:
    """The parts that the handlers use; built once, in `function.main` or by a test."""

    settings: Settings
    queue: Queue
    links: Links
    clock: Clock
    identity: Identity | None = None  # None: no caller is allowed to run the tasks
    postman: Postman | None = None  # None: only the workers send mails
    # Called at the end of a sweep: it starts workers for waiting jobs; its result goes into the answer.
    capacity: Callable[[Queue], Capacity | None] = no_capacity

    @cached_property
    def addresses(self) -> JobAddresses:
        """The addresses of the jobs of this installation."""
        return JobAddresses(self.settings.public_url, self.settings.secret)


def home(parts: Parts, request: flask.Request) -> flask.Response:
    """Answer with the page that explains the service and has the upload form."""
    if answers.wants_html(request):
        return pages.home(parts.settings, parts.links.origin, _offered(parts))
    return answers.data(pages.description(parts.settings, _offered(parts)))


def submit(parts: Parts, request: flask.Request) -> flask.Response:
    """Make a new job, and answer with the link that receives its zip."""
    submissions.check_page(request, parts.settings.public_url)
    wanted = submissions.parse(request, parts.settings.limits)
    if wanted.options.candidates:
        catalogue.check(wanted.options.candidates, catalogue.offered(parts.queue.buckets.emails))
    options = bases.resolved(parts.queue, parts.settings.secret, wanted.options)
    slot = _admit(parts, wanted.email, submissions.client_address(request))
    job_id = new_id()
    # The links are signed before the job is made, so that no job is left behind when that fails.
    try:
        upload = _upload(parts, job_id)
    except Exception:
        quota.give_back(parts.queue.buckets.emails, slot)
        raise
    pseudonym = address_hmac(parts.settings.secret, wanted.email)
    parts.queue.submit(job_id, wanted.email, pseudonym, options, slot)
    _log.info("job %s submitted", job_id[:8])
    answer = SubmissionAnswer(job_id, upload, parts.addresses.status(job_id), parts.addresses.delete(job_id))
    return answers.data(answer.to_json(), 201)


def renew(parts: Parts, request: flask.Request, job_id: str) -> flask.Response:
    """Answer with a fresh upload link, for a job that still waits for its zip."""
    _existing(parts, job_id)
    parts.queue.renew_link(job_id)
    upload = _upload(parts, job_id).to_json()
    return answers.data({"job_id": job_id, "upload": upload, "status_url": parts.addresses.status(job_id)})


def status(parts: Parts, request: flask.Request, job_id: str) -> flask.Response:
    """Answer with the job's status."""
    job = _existing(parts, job_id)
    # After the claim the record holds the whole status; before it, only the zip shows that it was uploaded.
    waits = job.status in (Status.AWAITING_UPLOAD, Status.AWAITING_WORKER)
    dataset = parts.queue.uploaded(job_id) if waits else None
    before = ahead(parts.queue, dataset) if dataset else None
    answer = status_answer(job, dataset, parts.addresses, before)
    if not answers.wants_html(request):
        return answers.data(answer.to_json())
    report = reports.read(job, parts.queue.buckets.models, parts.addresses)
    return pages.status(answer, report, parts.links.origin)


def file(parts: Parts, request: flask.Request, job_id: str, name: str) -> flask.Response:
    """Redirect to one result, by a link that is signed now."""
    row = _existing(parts, job_id).files.get(name)
    if row is None:
        raise UserError("not_found", "This job has no such file.")
    inline = row.content_type.partition(";")[0] in SHOWN_INLINE and name not in ALWAYS_SAVED
    shown = "inline" if inline else "attachment"
    wanted = Download(
        name=row.object,
        seconds=parts.settings.limits.download_seconds,
        disposition=dump_options_header(shown, {"filename": name.rpartition("/")[2]}),
        content_type=row.content_type,
    )
    return answers.redirect(parts.links.download(wanted))


def ask_delete(parts: Parts, request: flask.Request, job_id: str) -> flask.Response:
    """Show the page with the delete button. It changes nothing: mail programs open links on their own."""
    job = _existing(parts, job_id)
    token = request.args.get("token", "")
    _check_token(parts, job_id, token)
    if answers.wants_html(request):
        return pages.ask_delete(job, token)
    return answers.data({"job_id": job_id, "message": "Send DELETE to this address to delete the job."})


def delete(parts: Parts, request: flask.Request, job_id: str) -> flask.Response:
    """Delete everything the service holds of the job."""
    if not valid_id(job_id):
        raise _unknown()
    record = parts.queue.read(job_id)
    if record is None:
        raise _unknown()
    was_gone = gone(record.job, parts.clock.now())
    token = request.values.get("token", "")
    if was_gone and not check_delete_token(parts.settings.secret, job_id, token):
        raise _unknown()
    _check_token(parts, job_id, token)
    # This also runs for a job that is gone: an earlier try may have ended after the tombstone, before the data was
    # deleted.
    parts.queue.delete(job_id)
    if was_gone:
        raise _unknown()
    _log.info("job %s deleted", job_id[:8])
    return pages.deleted() if answers.wants_html(request) else answers.data({"job_id": job_id, "status": "deleted"})


def asset(parts: Parts, request: flask.Request, version: str, name: str) -> flask.Response:
    """Serve one of the pages' scripts, their icon, or a part of the program that runs models in a browser."""
    return assets.serve(request, version, name)


def ask_refusal(parts: Parts, request: flask.Request, token: str) -> flask.Response:
    """Show the page with the button behind a mail's "no more mails". It changes nothing."""
    _refusing(parts, token)
    if answers.wants_html(request):
        return pages.ask_refusal()
    return answers.data({"message": "Send POST to this address, and it gets no more mails."})


def refuse_mail(parts: Parts, request: flask.Request, token: str) -> flask.Response:
    """Stop all mail to the token's address, for the page's button or a mail program's (RFC 8058)."""
    refuse(parts.queue.buckets.emails, _refusing(parts, token))
    _log.info("an address refuses mail")
    return pages.refused() if answers.wants_html(request) else answers.data({"status": "refused"})


def health(parts: Parts, request: flask.Request) -> flask.Response:
    """Answer that the service runs and reaches its buckets, and how long the oldest upload has waited for a worker."""
    waited = oldest_waiting_seconds(parts.queue)
    overdue = waited is not None and waited > OVERDUE_SECONDS
    return answers.data({"status": "ok", "oldest_waiting_seconds": waited, "overdue": overdue})


def _offered(parts: Parts) -> tuple[str, ...]:
    """Return the networks that the workers have; all while the storage does not answer, as a page needs none else."""
    try:
        return catalogue.offered(parts.queue.buckets.emails)
    except Transient:
        return CANDIDATES


def _admit(parts: Parts, email: str, client: str) -> str:
    """Check the limits; return the slot that the address has taken.

    Raises UserError `not_allowed`, `busy` or `too_many_jobs`.

    The client's slot is taken before the address's, so that a client that has used up its own slots cannot use up those
    of another person. The address gets its slot back when nobody uses the link, the client never.
    """
    settings, limits = parts.settings, parts.settings.limits
    if not submissions.allowed(email, settings.allowed_addresses):
        raise UserError("not_allowed", "This address may not use this service. Ask the person who runs it.")
    if _is_full(parts.queue, limits.open_jobs):
        raise UserError("busy", "Too many jobs are waiting. Try again in an hour.")
    emails, today = parts.queue.buckets.emails, parts.clock.now().date()
    if not quota.take(emails, today, client_hmac(settings.secret, client), limits.jobs_per_client_per_day):
        raise UserError("too_many_jobs", f"{limits.jobs_per_client_per_day} jobs a day from one place is the limit.")
    slot = quota.take(emails, today, address_hmac(settings.secret, email), limits.jobs_per_address_per_day)
    if not slot:
        raise UserError("too_many_jobs", f"{limits.jobs_per_address_per_day} jobs a day for one address is the limit.")
    return slot


def _is_full(queue: Queue, most: int) -> bool:
    """Return whether `most` jobs are open. Usually there are fewer open marks than that, and no record is read."""
    marks = sum(1 for _ in queue.buckets.emails.list("open/"))
    return marks >= most and open_jobs(queue) >= most


def _existing(parts: Parts, job_id: str) -> Job:
    """Return the job. Unknown, malformed, expired and deleted ids all raise the same UserError `not_found`."""
    record = parts.queue.read(job_id) if valid_id(job_id) else None
    if record is None or gone(record.job, parts.clock.now()):
        raise _unknown()
    return record.job


def _unknown() -> UserError:
    return UserError("not_found", "There is no such job. Jobs that expired or were deleted are gone for good.")


def _check_token(parts: Parts, job_id: str, token: str) -> None:
    if not check_delete_token(parts.settings.secret, job_id, token):
        raise UserError("bad_token", "The delete link is not valid. Use the one from your mail.")


def _refusing(parts: Parts, token: str) -> str:
    """Return the pseudonym of the token's address. Raises UserError `not_found`."""
    pseudonym = refusing(parts.settings.secret, token)
    if pseudonym is None:
        raise UserError("not_found", "This link is not valid. Use the one from your mail, whole.")
    return pseudonym


def _upload(parts: Parts, job_id: str) -> Upload:
    return offered(parts.links, job_id, parts.settings.limits, parts.clock.now())
