"""The text of each mail, made from a job's record and its report. This module sends nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from jobs import tokens, trying, wording
from jobs.errors import CODES, Bug, Code
from jobs.job import Job, JobError
from jobs.mail.message import Mail, Picture
from jobs.render import render
from jobs.tasks import row_of

# Most mail programs show the first 102 KB of a mail and hide the rest; long tables are cut for that.
ROWS = {"candidates": 12, "classes": 25, "pairs": 5, "skipped": 5, "warnings": 6, "trials": 6, "layers": 9}


@dataclass(frozen=True)
class Letterhead:
    """The parts that are the same in every mail of an installation."""

    sender: str
    operator: str  # the address that is told of failed jobs
    public_url: str  # address of the service, without a slash at its end
    secret: str  # the key of the links that delete a job, and that refuse further mail


@dataclass(frozen=True)
class Letter:
    """The parts that one mail is made of."""

    job: Job
    head: Letterhead
    report: Mapping[str, Any] | None
    pictures: Mapping[str, bytes]  # file name -> PNG

    def template(self, kind: str) -> str:
        """Return the name of a mail's template, without its ending. Reports have a template for each task."""
        return row_of(self.report).mail if kind == "report" and self.report else f"mail/{kind}"


def compose(
    job: Job, kind: str, head: Letterhead, report: Mapping[str, Any] | None, pictures: Mapping[str, bytes]
) -> Mail:
    """Return the mail of that kind: started, report, rejected, failed (to the user) or operator.

    Raises Bug for an unknown kind, a mail without recipient, or a report mail without a report.
    """
    if kind not in _KINDS:
        raise Bug(f"there is no mail of kind {kind}")
    to = head.operator if kind == "operator" else job.email
    if not to:
        raise Bug(f"the {kind} mail of job {job.short_id} has no address")
    return _KINDS[kind](Letter(job, head, report, pictures), to)


def _report(letter: Letter, to: str) -> Mail:
    report = letter.report
    if report is None:
        raise Bug(f"job {letter.job.short_id} is done but has no report")
    shown = tuple(
        Picture(PurePosixPath(name).stem, name, letter.pictures[name])
        for name in report["mail_pictures"]
        if name in letter.pictures
    )
    values: dict[str, object] = {
        "report": report,
        "settings": row_of(report).settings,
        "links": _links(letter),
        "cids": {picture.cid for picture in shown},
        "rows": ROWS,
        "delete_after": letter.job.delete_after or report["retention"]["delete_after"],
    }
    mail = _mail(letter, "report", to, _subject(report), values)
    return replace(mail, pictures=shown)


def _subject(report: Mapping[str, Any]) -> str:
    """Return the subject that the report gives. A report of the version before has none, and gets the same text."""
    if "subject" in report:
        return str(report["subject"])
    share, photos = wording.percent(report["test"]["accuracy"]), wording.plural(report["test"]["images"], "new photo")
    return f"Your model is ready: right on {share} of {photos}"


def _started(letter: Letter, to: str) -> Mail:
    values = {"links": _links(letter), "minutes": letter.job.options.minutes}
    return _mail(letter, "started", to, "The training of your model has started", values)


def _rejected(letter: Letter, to: str) -> Mail:
    return _mail(letter, "rejected", to, "Your photos could not be used", _error(letter))


def _failed(letter: Letter, to: str) -> Mail:
    return _mail(letter, "failed", to, "Your model could not be trained", _error(letter))


def _operator(letter: Letter, to: str) -> Mail:
    code = _row(letter).code
    return _mail(letter, "operator", to, f"modelmail: job {letter.job.short_id} failed ({code})", _error(letter))


_KINDS: Mapping[str, Callable[[Letter, str], Mail]] = {
    "started": _started,
    "report": _report,
    "rejected": _rejected,
    "failed": _failed,
    "operator": _operator,
}


def _row(letter: Letter) -> Code:
    """Return the error's row of the table. An unknown code, from a newer worker, counts as `internal`."""
    return CODES.get(letter.job.error.code if letter.job.error else "", CODES["internal"])


def _error(letter: Letter) -> dict[str, object]:
    row = _row(letter)
    error = letter.job.error or JobError(row.code)
    return {
        "error": replace(error, code=row.code),
        "title": row.title,
        "advice": row.advice,
        "links": _links(letter),
        "short_id": letter.job.short_id,
    }


def _links(letter: Letter) -> dict[str, str]:
    """Return the absolute addresses; a file's name must follow that of `files`."""
    page = f"{letter.head.public_url}/jobs/{letter.job.id}"
    token = tokens.delete_token(letter.head.secret, letter.job.id)
    return {
        "home": f"{letter.head.public_url}/",
        "page": page,
        "try": f"{page}#try" if _can_be_tried(letter) else "",
        "files": f"{page}/files/",
        "delete": f"{page}/delete?token={token}",
        "continue": _continue_link(letter),
        "refuse": _refuse_link(letter),
    }


def _can_be_tried(letter: Letter) -> bool:
    report = letter.report
    return report is not None and trying.offered(report) and not trying.obstacle(report, letter.job.files)


def _continue_link(letter: Letter) -> str:
    """Return the link by which a later job continues from the model; empty: none can."""
    job, head = letter.job, letter.head
    return tokens.continue_link(head.public_url, head.secret, job.id) if job.continues else ""


def _refuse_link(letter: Letter) -> str:
    token = tokens.refusal_token(letter.head.secret, letter.job.email_hmac)
    return f"{letter.head.public_url}/refuse/{token}"


def _headers(letter: Letter, kind: str) -> dict[str, str]:
    """Return the headers of the "unsubscribe" button of mail programs (RFC 8058).

    The operator's mails have none, as a setting asks for them.
    """
    if kind == "operator":
        return {}
    return {
        "List-Unsubscribe": f"<{_refuse_link(letter)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _mail(letter: Letter, kind: str, to: str, subject: str, values: Mapping[str, object]) -> Mail:
    return Mail(
        kind=kind,
        to=to,
        sender=letter.head.sender,
        subject=subject,
        text=render(f"{letter.template(kind)}.txt", subject=subject, **values),
        html=render(f"{letter.template(kind)}.html", subject=subject, **values),
        message_id=_message_id(letter.job.id, kind),
        headers=_headers(letter, kind),
    )


def _message_id(job_id: str, kind: str) -> str:
    """Return the same id for every try, so that a mail that is sent twice shows once.

    It does not hold the secret job id.
    """
    digest = hashlib.sha256(f"mail:{job_id}".encode()).hexdigest()[:32]
    return f"<{kind}.{digest}@modelmail>"
