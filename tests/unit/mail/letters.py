"""A job and a letterhead for the tests of mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jobs.job import Job, JobError, Status
from jobs.mail.letters import Letterhead, compose
from jobs.mail.message import Mail

HEAD = Letterhead(
    sender="modelmail <models@example.org>",
    operator="ops@example.org",
    public_url="https://photos.example.org",
    secret="not a secret in tests",
)
JOB = Job(
    id="Qm3xT9aZ_0123456789abc",
    email="ada@example.net",
    email_hmac="0" * 64,
    created_at=datetime(2026, 3, 3, 13, 55, tzinfo=UTC),
    status=Status.DONE,
    delete_after=datetime(2026, 4, 2, 14, 20, tzinfo=UTC),
)
PNG = b"\x89PNG\r\n\x1a\n not really"
PICTURES = {"curves.png": PNG, "confusion.png": PNG}


def report_mail(report: Mapping[str, Any], pictures: Mapping[str, bytes] | None = None) -> Mail:
    """The mail of a job that is done."""
    return compose(JOB, "report", HEAD, report, PICTURES if pictures is None else pictures)


def error_mail(kind: str, code: str, message: str, file: str | None = None) -> Mail:
    """The mail of a job that was rejected or failed."""
    job = replace(JOB, status=Status.FAILED, error=JobError(code, message, file or ""))
    return compose(job, kind, HEAD, None, {})
